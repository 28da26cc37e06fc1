"""What passes that saw nothing propose of a defect, and what people make of it: repairs verified, things gone."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.accounts.permissions import Permission
from service.core.api import paginate
from service.core.errors import Conflict
from service.core.events import SYSTEM, Actor
from service.core.tables import JsonObject
from service.defects.access import get_defect, lock_defects, permit, visible_defects
from service.defects.models import Absence, Defect, Visit
from service.defects.service import move_defect, record_defect, resolve_defect
from service.defects.states import PERMISSIONS, DefectAction, DefectState, machine_may_confirm
from service.identity.absence import Presence, Visited, presence
from service.work_orders.doubts import doubts_of
from service.work_orders.families import (
    REPAIRED,
    cancel_order,
    finish_members,
    is_repaired,
    may_cancel,
    mended_ids,
    mending,
)
from service.work_orders.models import Inspection, VerifiedBy, WorkOrder
from service.work_orders.moves import move_order
from service.work_orders.repairs import verify_repair
from service.work_orders.states import WorkOrderAction, WorkOrderState

GONE = "passes looked and saw nothing: gone without a repair"
_UNDECIDED = (DefectState.CANDIDATE, DefectState.CONFIRMED)
_FOLLOWED = (*_UNDECIDED, DefectState.RESOLVED)


class Decision(StrEnum):
    CONFIRM = "confirm"  # it is not there any more
    OVERRULE = "overrule"  # it is there


def propose_absences(
    session: Session, defect_ids: Collection[int], now: datetime, *, close_verified: bool = False
) -> list[Defect]:
    """Works out anew whether these defects are there, and proposes those as fixed or gone that their visits make sure
    of; returns the defects whose proposal appeared, changed or fell. Safe to run twice.

    Call it in the transaction that wrote the visits. `close_verified`: a verified repair of a class that the machine
    may confirm, and that leaves no doubt open, closes its order here and now; otherwise, and for all that are gone, a
    person decides.
    """
    ids = sorted(set(defect_ids))
    if not ids:
        return []
    session.flush()
    defects = [one for one in lock_defects(session, Defect.id.in_(ids)) if one.state in _FOLLOWED]
    visits, orders = visits_of(session, ids), live_orders(session, ids)
    changed = []
    for defect in defects:
        order = orders.get(defect.id)
        if _propose(session, defect, order, visits.get(defect.id, []), now):
            changed.append(defect)
        may_close = close_verified and machine_may_confirm(defect.class_key)
        may_close = may_close and defect.absence is Absence.FIXED and defect.state is DefectState.CONFIRMED
        if may_close and not _in_doubt(session, defect):
            _pass_repair(session, defect, SYSTEM, now)
    session.flush()
    return changed


def decide_absence(
    session: Session, caller: Caller, defect_id: int, decision: Decision, note: str | None, now: datetime
) -> Defect:
    """A person's word on a proposal; the same word again changes nothing.

    Confirmed, a reported repair passes its inspection and its order closes; a defect without one ends as resolved, and
    an order that was still to be done is cancelled. Overruled, the proposal goes and the passes so far make no new one.
    Raises Forbidden, NotFound, and Conflict where nothing is proposed.
    """
    permit(caller, {PERMISSIONS[DefectAction.VANISH]})
    seen = get_defect(session, caller, defect_id)
    (defect,) = lock_defects(session, Defect.id == seen.id)
    if _is_decided(defect, decision):
        return defect
    if defect.absence is None or defect.state not in _UNDECIDED:
        raise Conflict(
            "absence.none", f"expected a defect proposed as fixed or gone, {defect.id} is not; reload the list"
        )
    if decision is Decision.CONFIRM:
        _confirm(session, defect, caller.actor, note, now)
    else:
        _overrule(session, defect, caller.actor, note, now)
    session.flush()
    return defect


def list_absences(
    session: Session, caller: Caller, *, kind: Absence | None = None, municipality_id: int | None = None,
    after: int | None = None, limit: int = 100,
) -> tuple[list[Defect], int | None]:  # fmt: skip
    """One page of the defects that wait for a person's word, and the id to go on after."""
    permit(caller, {Permission.VIEW_DEFECTS})
    statement = visible_defects(caller).options(selectinload(Defect.best_detection))
    statement = statement.where(Defect.absence.is_not(None), Defect.state.in_(_UNDECIDED))
    if kind is not None:
        statement = statement.where(Defect.absence == kind)
    if municipality_id is not None:
        statement = statement.where(Defect.municipality_id == municipality_id)
    return paginate(session, statement, Defect.id, after, limit)


def visits_of(session: Session, defect_ids: Collection[int]) -> dict[int, list[Visited]]:
    """By defect, oldest first."""
    columns = select(Visit.defect_id, Visit.last_at, Visit.sightings, Visit.looks, Visit.unseen_log, Visit.score_log)
    own = columns.where(Visit.defect_id.in_(defect_ids)).order_by(Visit.last_at, Visit.id)
    found: dict[int, list[Visited]] = defaultdict(list)
    for defect_id, at, sightings, looks, unseen_log, score_log in session.execute(own):
        found[defect_id].append(Visited(at, sightings, looks, unseen_log, score_log))
    return found


def live_orders(session: Session, defect_ids: Collection[int]) -> dict[int, WorkOrder]:
    """By defect the order that mends it; of several parts the one that is furthest from done."""
    return {key: min(own, key=_progress) for key, own in mending(session, defect_ids).items() if own}


def chance_absent(defect: Defect) -> float:
    """0..1, by all passes until now."""
    return Presence(defect.presence, 0, None).absent


def _propose(
    session: Session, defect: Defect, order: WorkOrder | None, visits: Sequence[Visited], now: datetime
) -> bool:
    """True where the proposal changed."""
    found = _presence(defect, order, visits)
    defect.presence, defect.real_log_odds = found.log_odds, found.real_log_odds
    if defect.state not in _UNDECIDED:
        return False
    kind = Absence(found.proposal) if found.proposal else None
    if kind and order and order.state is WorkOrderState.DONE:
        kind = Absence.FIXED  # whenever it was done, it is the unit's work that is to be judged
    if kind is defect.absence:
        return False
    defect.absence, defect.absence_at = kind, now if kind else None
    action = f"propose_{kind.value}" if kind else "withdraw_absence"
    data: JsonObject = {"unseen_visits": found.unseen_visits_since, "chance_absent": round(found.absent, 4)}
    record_defect(session, defect, action, SYSTEM, now, from_state=defect.state, data=data)
    return True


def _presence(defect: Defect, order: WorkOrder | None, visits: Sequence[Visited]) -> Presence:
    return presence(
        visits,
        defect.class_key,
        repaired_at=order.done_at if order and order.state in REPAIRED else None,
        overruled_at=defect.absence_overruled_at,
        score=defect.score if defect.state is DefectState.CANDIDATE else None,
    )


def _progress(order: WorkOrder) -> tuple[int, float]:
    """Of repaired ones the last that was reported is the one by which the repair is judged."""
    reported_s = order.done_at.timestamp() if order.done_at else 0.0
    if order.state not in REPAIRED:
        return 0, reported_s
    return (1 if order.state is WorkOrderState.DONE else 2), -reported_s


def _is_decided(defect: Defect, decision: Decision) -> bool:
    if decision is Decision.CONFIRM:
        return defect.state is DefectState.RESOLVED and defect.absence is not None
    return defect.state in _UNDECIDED and defect.absence is None and defect.absence_overruled_at is not None


def _confirm(session: Session, defect: Defect, actor: Actor, note: str | None, now: datetime) -> None:
    orders = mending(session, [defect.id]).get(defect.id, [])
    if is_repaired(orders) and any(one.state is WorkOrderState.DONE for one in orders):
        _pass_repair(session, defect, actor, now, note)
        return
    if defect.absence is Absence.FIXED:
        raise Conflict("absence.order", "expected a repair that is reported done, it went back to the unit; reload")
    for order in orders:
        if may_cancel(order) and not _mends_others(session, order, defect):
            cancel_order(session, order, actor, now, GONE)
    if defect.state is DefectState.RESOLVED:  # its other parts were closed before
        return
    told: JsonObject = {"note": note} if note else {}
    move_defect(session, defect, DefectAction.VANISH, actor, now, told | {"reason": Absence.GONE.value})
    defect.resolved_at = now


def _in_doubt(session: Session, defect: Defect) -> bool:
    orders = mending(session, [defect.id]).get(defect.id, [])
    return any(doubts_of(session, order) for order in orders)


def _pass_repair(session: Session, defect: Defect, actor: Actor, now: datetime, note: str | None = None) -> None:
    """The order passes by what passes did not see; with the inspection of the person who agrees, if one does."""
    orders = mending(session, [defect.id]).get(defect.id, [])
    if not is_repaired(orders) or all(one.state is WorkOrderState.CLOSED for one in orders):
        return
    for order in orders:
        if order.state is WorkOrderState.DONE and not _mends_others(session, order, defect):
            _pass_order(session, order, actor, now, note)
    resolve_defect(session, defect, actor, now)
    defect.absence, defect.absence_at = Absence.FIXED, defect.absence_at or now


def _pass_order(session: Session, order: WorkOrder, actor: Actor, now: datetime, note: str | None) -> None:
    told: JsonObject = {"note": note} if note else {}
    move_order(session, order, WorkOrderAction.PASS, actor, now, told | {"by": VerifiedBy.PASS.value})
    if actor.kind == "user" and actor.id is not None:
        session.add(Inspection(work_order_id=order.id, user_id=actor.id, passed=True, by=VerifiedBy.PASS, note=note))
    order.state_reason, order.closed_at = None, now
    verify_repair(session, order, VerifiedBy.PASS, now)
    session.flush()
    finish_members(session, order, VerifiedBy.PASS, now)


def _mends_others(session: Session, order: WorkOrder, defect: Defect) -> bool:
    """Whether a defect of another order that was merged into this one still waits for the repair."""
    others = [one for one in mended_ids(session, order) if one != defect.id]
    waiting = select(Defect.id).where(Defect.id.in_(others), Defect.state == DefectState.CONFIRMED)
    return session.scalar(waiting.limit(1)) is not None


def _overrule(session: Session, defect: Defect, actor: Actor, note: str | None, now: datetime) -> None:
    assert defect.absence is not None
    visits = visits_of(session, [defect.id])[defect.id]
    data: JsonObject = {"proposed": defect.absence.value} | ({"note": note} if note else {})
    defect.absence, defect.absence_at = None, None
    defect.absence_overruled_at = max(one.at for one in visits)  # by the passes, whenever they were processed
    defect.presence = _presence(defect, live_orders(session, [defect.id]).get(defect.id), visits).log_odds
    record_defect(session, defect, "overrule_absence", actor, now, from_state=defect.state, data=data)

"""Proof rules as data: who may set them, what they demand of an order, and the refusal of a repair without it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.permissions import Permission
from service.core.errors import Forbidden, NotFound, Unprocessable
from service.core.events import Event, record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.defects.models import Defect
from service.work_orders.demands import Choice, Demand, Rule, choose
from service.work_orders.models import Proof, ProofKind, ProofRule, WorkOrder
from service.work_orders.service_levels_calendars import check_place, was_deleted
from service.work_orders.states import WorkOrderAction

_PHOTO = "POST /api/v1/work-orders/{id}/photos with kind={kind}, or rasid proof photo {id} FILE --kind {kind}"
_HOW = {
    Demand.PHOTO_BEFORE: f"a photo from before the repair ({_PHOTO.replace('{kind}', 'before')})",
    Demand.PHOTO_AFTER: f"a photo of this repair ({_PHOTO.replace('{kind}', 'after')})",
    Demand.QUANTITY: "the quantity measured on site (`quantity` of the same request)",
}


def choose_for(session: Session, municipality_id: int, class_key: str) -> Choice:
    """The rule that decides on such orders now, and why."""
    near = select(ProofRule).where(
        shared_or_of(municipality_id), or_(ProofRule.class_key.is_(None), ProofRule.class_key == class_key)
    )
    return choose([rule_of(row) for row in session.scalars(near.order_by(ProofRule.id))], municipality_id, class_key)


def given(session: Session, order: WorkOrder, but: str | None = None) -> set[Demand]:
    """What is there of an order's present repair; `but`: the digest of a photo that does not count as one before."""
    before = select(Proof.id).where(
        Proof.work_order_id == order.id, Proof.kind == ProofKind.BEFORE, Proof.sha256 != (but or "")
    )
    seen = session.get_one(Defect, order.defect_id).best_detection_id is not None
    found = {
        Demand.PHOTO_BEFORE: seen or session.scalar(before.limit(1)) is not None,
        Demand.PHOTO_AFTER: _has_photo_after(session, order),
        Demand.QUANTITY: order.done_at is not None and order.quantity_measured is not None,
    }
    return {demand for demand, holds in found.items() if holds}


def require_proof(
    session: Session, order: WorkOrder, now_given: Collection[Demand], photo_sha256: str | None = None
) -> None:
    """Raises Unprocessable for a repair without what the rule demands; `photo_sha256`: the photo that it comes with."""
    rule = choose_for(session, order.municipality_id, order.class_key).rule
    if not rule.demands:
        return
    missing = sorted(rule.demands - given(session, order, photo_sha256) - set(now_given))
    if missing:
        how = " and ".join(_HOW[one].format(id=order.id) for one in missing)
        raise Unprocessable(
            "proof.missing",
            f"expected {how}, as proof rule {rule.id} demands of {order.class_key}, got none; report it done with that",
            missing=[one.value for one in missing], rule_id=rule.id,
        )  # fmt: skip


def visible_rules(caller: Caller) -> Select[ProofRule]:
    """Those of the caller's municipalities, and those that all share."""
    statement = select(ProofRule)
    if caller.municipality_ids is None:
        return statement
    own = ProofRule.municipality_id.in_(caller.municipality_ids)
    return statement.where(or_(own, ProofRule.municipality_id.is_(None)))


def set_rule(
    session: Session, caller: Caller, municipality_id: int | None, class_key: str | None, demands: Collection[Demand],
    now: datetime,
) -> ProofRule:  # fmt: skip
    """The rule of that scope, new or changed; it holds for repairs that are reported from now on.

    Raises Forbidden for a shared rule by anyone who does not see all municipalities.
    """
    _check_scope(session, caller, municipality_id)
    scope = {"municipality_id": municipality_id, "class_key": class_key}
    wanted = [one.value for one in sorted(set(demands))]
    new = insert(ProofRule).values(scope | {"demands": wanted}).on_conflict_do_nothing().returning(ProofRule.id)
    made = session.scalar(new)
    same = [getattr(ProofRule, name).is_not_distinct_from(value) for name, value in scope.items()]
    row = session.scalars(select(ProofRule).where(*same).with_for_update()).one()
    if made is not None or row.demands != wanted:
        before, row.demands = None if made else row.demands, wanted
        _record(session, caller, row, "set", now, scope | {"before": before, "demands": wanted})
    return row


def delete_rule(session: Session, caller: Caller, rule_id: int, now: datetime) -> None:
    """The next most specific one decides; safe to send twice. Raises NotFound for one never seen."""
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    row = session.scalar(visible_rules(caller).where(ProofRule.id == rule_id).with_for_update())
    if row is None:
        if was_deleted(session, caller, "proof_rule", rule_id):
            return
        raise NotFound("proof_rule.unknown", f"expected a proof rule of your municipalities, got id {rule_id}")
    _check_scope(session, caller, row.municipality_id)
    _record(session, caller, row, "delete", now, {"class_key": row.class_key, "demands": row.demands})
    session.delete(row)


def rule_of(row: ProofRule) -> Rule:
    return Rule(row.id, row.municipality_id, row.class_key, frozenset(Demand(one) for one in row.demands))


def shared_or_of(municipality_id: int) -> ColumnElement[bool]:
    return or_(ProofRule.municipality_id == municipality_id, ProofRule.municipality_id.is_(None))


def _has_photo_after(session: Session, order: WorkOrder) -> bool:
    """One that came after the order was last sent back or taken up again."""
    own = (Event.subject_kind == "work_order", Event.subject_id == order.id)
    anew = select(Event.id).where(*own, Event.action.in_([WorkOrderAction.FAIL, WorkOrderAction.REOPEN]))
    since = session.scalar(anew.order_by(Event.id.desc()).limit(1)) or 0
    beside = (Event.action == "photo") & (Event.data["kind"].astext == ProofKind.AFTER.value)
    showing = or_(beside, Event.action == WorkOrderAction.REPORT_DONE)
    return session.scalar(select(Event.id).where(*own, Event.id > since, showing).limit(1)) is not None


def _check_scope(session: Session, caller: Caller, municipality_id: int | None) -> None:
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    if municipality_id is not None:
        check_place(session, caller, municipality_id, Permission.MANAGE_WORK_ORDERS)
    elif caller.municipality_ids is not None:
        raise Forbidden("proof_rule.shared", "expected an administrator for a rule that all share; name a municipality")


def _record(session: Session, caller: Caller, row: ProofRule, action: str, now: datetime, data: JsonObject) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="proof_rule", subject_id=row.id, action=action,
        municipality_id=row.municipality_id, data=data,
    )  # fmt: skip

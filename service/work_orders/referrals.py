"""Refers work to another agency and follows its answer.

The clock of the municipality's own service level stands still from the referral to the answer: when the work comes back
the due time moves by that time. Until when the agency should answer is a date of its own.
"""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller, visible
from service.accounts.permissions import Permission
from service.core.api import paginate
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.work_orders.access import lock_order, visible_orders
from service.work_orders.demands import Demand
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order, restart_clock, stop_clock
from service.work_orders.operations import check_municipality
from service.work_orders.proof_rules import require_proof
from service.work_orders.referral_models import Agency, Referral, ReferralOutcome
from service.work_orders.repairs import report_repair
from service.work_orders.states import WorkOrderAction

_ACTIONS = {
    ReferralOutcome.DONE: WorkOrderAction.AGENCY_DONE,
    ReferralOutcome.DECLINED: WorkOrderAction.AGENCY_BACK,
    ReferralOutcome.RETURNED: WorkOrderAction.AGENCY_BACK,
}


def visible_agencies(caller: Caller) -> Select[Agency]:
    return visible(select(Agency), Agency.municipality_id, caller)


def put_agency(session: Session, caller: Caller, municipality_id: int, key: str, values: JsonObject,
               now: datetime) -> Agency:  # fmt: skip
    """The agency of that key with these names, contact and whether it is active; safe to run twice."""
    check_municipality(session, caller, municipality_id)
    place = {"municipality_id": municipality_id, "key": key}
    made = session.scalar(insert(Agency).values(place | values).on_conflict_do_nothing().returning(Agency.id))
    agency = session.scalars(select(Agency).filter_by(**place).with_for_update()).one()
    if made is not None or any(getattr(agency, name) != value for name, value in values.items()):
        for name, value in values.items():
            setattr(agency, name, value)
        record(
            session, at=now, actor=caller.actor, subject_kind="agency", subject_id=agency.id,
            action="create" if made else "change", municipality_id=municipality_id, data={"key": key, **values},
        )  # fmt: skip
    return agency


def refer(
    session: Session, caller: Caller, order_id: int, agency_id: int, *, number: str, answer_due_at: datetime,
    note: str | None, now: datetime,
) -> Referral:  # fmt: skip
    """Hands the order to an agency; no unit has it then. The same agency and number again change
    nothing: another referral has its own number."""
    order = lock_order(session, caller, order_id, WorkOrderAction.REFER)
    same = {"work_order_id": order.id, "agency_id": agency_id, "number": number}
    known = session.scalar(select(Referral).filter_by(**same))
    if known is not None:
        return known
    agency = session.get(Agency, agency_id)
    if agency is None or agency.municipality_id != order.municipality_id or not agency.active:
        raise Unprocessable(
            "referral.agency", f"expected an active agency of municipality {order.municipality_id}, got id {agency_id}"
        )
    if answer_due_at <= now:
        raise Unprocessable("referral.answer_due_at", f"expected a time to come, got {answer_due_at.isoformat()}")
    told: JsonObject = {"agency_id": agency.id, "number": number, "answer_due_at": answer_due_at.isoformat(),
                        "unit_id": order.unit_id}  # fmt: skip
    move_order(session, order, WorkOrderAction.REFER, caller.actor, now, told)
    stop_clock(order, now, f"{agency.name_en}: {number}", None)
    order.unit_id = None
    referral = Referral(
        work_order_id=order.id, municipality_id=order.municipality_id, agency_id=agency.id, number=number, note=note,
        user_id=caller.actor.id if caller.actor.kind == "user" else None, sent_at=now, answer_due_at=answer_due_at,
    )  # fmt: skip
    session.add(referral)
    session.flush()
    return referral


def answer(
    session: Session, caller: Caller, order_id: int, referral_id: int, outcome: ReferralOutcome, *,
    text: str | None, quantity: float | None, now: datetime,
) -> Referral:  # fmt: skip
    """What the agency answered: done, and the repair waits for its inspection; declined or returned, and the order is
    open again. The same answer again changes nothing. Raises Unprocessable for one that is done without what the proof
    rule demands."""
    if outcome not in _ACTIONS:
        raise Unprocessable("referral.outcome", f"expected {', '.join(_ACTIONS)}, got {outcome.value}")
    action = _ACTIONS[outcome]
    order = lock_order(session, caller, order_id, action)
    referral = session.scalar(select(Referral).where(Referral.id == referral_id, Referral.work_order_id == order.id))
    if referral is None:
        raise NotFound("referral.unknown", f"expected a referral of work order {order_id}, got id {referral_id}")
    if referral.outcome is outcome:
        return referral
    if referral.outcome is not None:
        raise Conflict("referral.answered", f"expected a referral without answer, it is {referral.outcome.value}")
    if outcome is ReferralOutcome.DONE:
        require_proof(session, order, {Demand.QUANTITY} if quantity is not None else ())
    told: JsonObject = {"referral_id": referral.id, "outcome": outcome.value, "answer": text, "quantity": quantity}
    move_order(session, order, action, caller.actor, now, told)
    restart_clock(order)
    referral.outcome, referral.answered_at, referral.answer = outcome, now, text
    if outcome is ReferralOutcome.DONE:
        order.done_at, order.quantity_measured = now, quantity
        report_repair(session, order)
    else:
        order.state_reason = text or outcome.value
    return referral


def list_referrals(
    session: Session, caller: Caller, now: datetime, *, waiting: bool | None = None, overdue: bool | None = None,
    agency_id: int | None = None, municipality_id: int | None = None, after: int | None = None, limit: int = 100,
) -> tuple[list[Referral], int | None]:  # fmt: skip
    """One page in order of id, and the id to go on after."""
    permit(caller, {Permission.VIEW_WORK_ORDERS})
    own = visible_orders(caller).with_only_columns(WorkOrder.id)
    statement = visible(select(Referral), Referral.municipality_id, caller).where(Referral.work_order_id.in_(own))
    statement = statement.options(selectinload(Referral.agency))
    if waiting is not None:
        statement = statement.where(Referral.outcome.is_(None) if waiting else Referral.outcome.is_not(None))
    if overdue is not None:
        late = Referral.outcome.is_(None) & (Referral.answer_due_at < now)
        statement = statement.where(late if overdue else ~late)
    if agency_id is not None:
        statement = statement.where(Referral.agency_id == agency_id)
    if municipality_id is not None:
        statement = statement.where(Referral.municipality_id == municipality_id)
    return paginate(session, statement, Referral.id, after, limit)


def referrals_of(session: Session, order_id: int) -> list[Referral]:
    own = select(Referral).where(Referral.work_order_id == order_id).order_by(Referral.id)
    return list(session.scalars(own.options(selectinload(Referral.agency))))

"""Parts and merged orders: which orders mend a defect, which defects an order mends, and when that is done.

An order that was split off another mends the same defect, and the defect is repaired when all parts are. An order that
was merged into another has its defect mended by that one.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from service.core.events import Actor
from service.defects.models import Defect
from service.defects.service import resolve_defect
from service.defects.states import DefectState
from service.work_orders.models import VerifiedBy, WorkOrder
from service.work_orders.moves import move_order
from service.work_orders.referral_models import Referral, ReferralOutcome
from service.work_orders.repairs import verify_repair
from service.work_orders.sharing import record_shares
from service.work_orders.states import MOVES, WorkOrderAction, WorkOrderState

GONE_STATES = (WorkOrderState.CANCELLED, WorkOrderState.MERGED)
REPAIRED = (WorkOrderState.DONE, WorkOrderState.CLOSED)


def mended_ids(session: Session, order: WorkOrder) -> list[int]:
    """Ids of the defects that the order mends, in order: its own and those of orders merged into it."""
    own = select(WorkOrder.defect_id).where(_of_family(order.part_of_id or order.id)).distinct()
    return list(session.scalars(own.order_by(WorkOrder.defect_id)))


def mended(session: Session, order: WorkOrder) -> list[Defect]:
    """The defects themselves, which `lock_order` has locked."""
    return [session.get_one(Defect, defect_id) for defect_id in mended_ids(session, order)]


def mending(session: Session, defect_ids: Collection[int]) -> dict[int, list[WorkOrder]]:
    """By defect the orders that mend it, as they are now, its main one first; none that was cancelled or merged. Where
    the defects are locked no one else changes them: every action on an order locks its defects first."""
    found = _fresh(session, WorkOrder.defect_id.in_(defect_ids), WorkOrder.state != WorkOrderState.CANCELLED)
    mains = [one for one in found if one.part_of_id is None]
    if elsewhere := {one.merged_into_id for one in mains if _is_merged(one)}:
        found += _fresh(session, or_(WorkOrder.id.in_(elsewhere), WorkOrder.part_of_id.in_(elsewhere)))
    main_ids = {one.defect_id: one.merged_into_id if _is_merged(one) else one.id for one in mains}
    live = {one.id: one for one in found if one.state not in GONE_STATES}
    return {
        defect_id: sorted(
            (one for one in live.values() if main_id in (one.id, one.part_of_id)),
            key=lambda one: (one.part_of_id is not None, one.id),
        )
        for defect_id, main_id in main_ids.items()
    }


def is_repaired(orders: Collection[WorkOrder]) -> bool:
    """Whether all of the orders of a defect were reported done."""
    return bool(orders) and all(one.state in REPAIRED for one in orders)


def settle(session: Session, order: WorkOrder, actor: Actor, by: VerifiedBy, now: datetime) -> None:
    """An order was closed: defects all of whose orders are closed are resolved, and orders that were merged into it
    have their repairs."""
    session.flush()
    defects = mended(session, order)
    orders = mending(session, [defect.id for defect in defects])
    for defect in defects:
        own = orders.get(defect.id, [])
        if defect.state is DefectState.CONFIRMED and own and all(_is_closed(one) for one in own):
            resolve_defect(session, defect, actor, now)
    finish_members(session, order, by, now)


def finish_members(session: Session, order: WorkOrder, by: VerifiedBy, now: datetime) -> None:
    """Orders that were merged into one whose every part is closed have been repaired with it, by its unit."""
    family = session.scalars(select(WorkOrder).where(_root_or_part(order.part_of_id or order.id))).all()
    if not all(_is_closed(one) or one.state in GONE_STATES for one in family):
        return
    new = [one for one in members_of(session, order) if one.closed_at is None]
    if new:
        record_shares(session, [one for one in family if _is_closed(one)], new, now)
    for member in new:
        member.done_at, member.closed_at, member.unit_id = order.done_at or now, now, order.unit_id
        verify_repair(session, member, by, now)


def members_of(session: Session, order: WorkOrder) -> list[WorkOrder]:
    """Orders of other defects that were merged into this one; not parts of it that were taken back."""
    root_id = order.part_of_id or order.id
    return _fresh(session, WorkOrder.merged_into_id == root_id, WorkOrder.state == WorkOrderState.MERGED,
                  WorkOrder.part_of_id.is_(None))  # fmt: skip


def cancel_order(session: Session, order: WorkOrder, actor: Actor, now: datetime, reason: str) -> None:
    """Ends an order without a repair. Its parts go on, the first of them in its place; without parts the orders that
    were merged into it end too. The order and its defects must be locked."""
    move_order(session, order, WorkOrderAction.CANCEL, actor, now, {"reason": reason})
    order.state_reason, order.held_from, order.held_at = reason, None, None
    _withdraw(session, order, now)
    session.flush()
    rest = _rest(session, order)
    if not rest:
        for member in members_of(session, order):
            cancel_order(session, member, actor, now, reason)
        return
    if order.part_of_id is None:
        _succeed(session, order, rest[0])
    settle(session, rest[0], actor, VerifiedBy.PERSON, now)


def may_cancel(order: WorkOrder) -> bool:
    return (order.state, WorkOrderAction.CANCEL) in MOVES


def has_family(session: Session, order: WorkOrder) -> bool:
    """Whether it was split or merged with another that is not over."""
    return bool(_rest(session, order) or members_of(session, order))


def _rest(session: Session, order: WorkOrder) -> list[WorkOrder]:
    """The other live orders of the same defect."""
    family = _root_or_part(order.part_of_id or order.id)
    found = _fresh(session, family, WorkOrder.id != order.id, WorkOrder.state.not_in(GONE_STATES))
    return sorted(found, key=lambda one: one.id)


def _succeed(session: Session, order: WorkOrder, heir: WorkOrder) -> None:
    heir.part_of_id, heir.part_key = None, None
    session.flush()
    for column in (WorkOrder.part_of_id, WorkOrder.merged_into_id):
        session.execute(update(WorkOrder).where(column == order.id).values({column.key: heir.id}))
    session.expire_all()


def _withdraw(session: Session, order: WorkOrder, now: datetime) -> None:
    waiting = (Referral.work_order_id == order.id, Referral.outcome.is_(None))
    session.execute(update(Referral).where(*waiting).values(outcome=ReferralOutcome.WITHDRAWN, answered_at=now))


def _of_family(root_id: int) -> ColumnElement[bool]:
    merged = and_(WorkOrder.merged_into_id == root_id, WorkOrder.state == WorkOrderState.MERGED)
    return or_(WorkOrder.id == root_id, merged)


def _root_or_part(root_id: int) -> ColumnElement[bool]:
    return or_(WorkOrder.id == root_id, WorkOrder.part_of_id == root_id)


def _fresh(session: Session, *where: ColumnElement[bool]) -> list[WorkOrder]:
    session.flush()
    statement = select(WorkOrder).where(*where).order_by(WorkOrder.id)
    return list(session.scalars(statement, execution_options={"populate_existing": True}))


def _is_merged(order: WorkOrder) -> bool:
    return order.state is WorkOrderState.MERGED


def _is_closed(order: WorkOrder) -> bool:
    return order.state is WorkOrderState.CLOSED

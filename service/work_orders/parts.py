"""Splits an order in two, and merges orders into one. Each may arrive twice and then changes nothing."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import Unit as UnitOfWork
from service.accounts.caller import Caller
from service.core.errors import Conflict, NotFound, Unprocessable
from service.defects.access import lock_defects, permit
from service.defects.models import Defect
from service.defects.sizes import size_class
from service.work_orders.access import lock_order, unit_for, visible_orders
from service.work_orders.families import mended_ids
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order, record_order
from service.work_orders.service_levels import adopt_order
from service.work_orders.service_levels_changes import follow_due
from service.work_orders.states import PERMISSIONS, WorkOrderAction, WorkOrderState

MAX_MERGED = 100
_MERGING_INTO = (WorkOrderState.OPEN, WorkOrderState.ASSIGNED, WorkOrderState.IN_PROGRESS)


def split(
    session: Session, caller: Caller, order_id: int, *, key: str, quantity: float, unit_id: int | None, now: datetime
) -> WorkOrder:
    """The part of that key, with so much of the estimated quantity; the order keeps the rest. Both are due when the
    order was, and the defect is repaired when both are. Where nothing is estimated the rest stays unknown."""
    order = lock_order(session, caller, order_id, WorkOrderAction.SPLIT)
    root_id = order.part_of_id or order.id
    known = session.scalar(select(WorkOrder).where(WorkOrder.part_of_id == root_id, WorkOrder.part_key == key))
    if known is not None:
        if known.quantity_estimated != quantity:
            raise Conflict("work_order.part", f"expected a new key, {key!r} is the part {known.id}; choose another one")
        return known
    _check_quantity(order, quantity)
    unit = unit_for(session, order, unit_id) if unit_id is not None else None
    told = {"key": key, "quantity": quantity, "before": order.quantity_estimated}
    move_order(session, order, WorkOrderAction.SPLIT, caller.actor, now, told)
    part = _part(order, root_id, key, quantity, unit.id if unit else order.unit_id)
    if order.quantity_estimated is not None:
        _set_estimate(order, order.quantity_estimated - quantity)
    session.add(part)
    session.flush()
    adopt_order(session, part, part.state, now)
    data = {"defect_id": part.defect_id, "part_of_id": root_id, "quantity": quantity, "unit_id": part.unit_id}
    record_order(session, part, "open", caller.actor, now, from_state=None, data=data)
    return part


def merge(session: Session, caller: Caller, order_id: int, merged_ids: Collection[int], now: datetime) -> WorkOrder:
    """Orders of the same class are done with this one: it has their quantity and the earliest of their due times, and
    their defects are repaired when it is. A part goes back into the order that it was split off."""
    permit(caller, PERMISSIONS[WorkOrderAction.MERGE])
    ids = sorted(set(merged_ids))
    if not ids or order_id in ids or len(ids) > MAX_MERGED:
        raise Unprocessable("work_order.merge", f"expected 1 to {MAX_MERGED} other orders, got {len(ids)}")
    target, sources = _lock(session, caller, order_id, ids)
    new = [one for one in sources if one.merged_into_id != target.id or one.state is not WorkOrderState.MERGED]
    if not new:
        return target
    if target.state not in _MERGING_INTO:
        states = ", ".join(_MERGING_INTO)
        raise Conflict(
            "work_order.state", f"expected an order that is {states} to merge into, got {target.state.value}"
        )
    for source in new:
        _check_merge(session, source, target)
    told = {"merged_ids": [one.id for one in new], "quantity_before": target.quantity_estimated,
            "due_before": target.due_at.isoformat()}  # fmt: skip
    for source in new:
        move_order(session, source, WorkOrderAction.MERGE, caller.actor, now, {"merged_into_id": target.id})
        _take_in(session, source, target)
    follow_due(session, target, now)
    record_order(session, target, "absorb", caller.actor, now, from_state=target.state, data=told)
    return target


def _part(order: WorkOrder, root_id: int, key: str, quantity: float, unit_id: int | None) -> WorkOrder:
    return WorkOrder(
        defect_id=order.defect_id, municipality_id=order.municipality_id, district_id=order.district_id,
        class_key=order.class_key, size_class=size_class(order.class_key, quantity), source=order.source,
        unit_id=unit_id, state=WorkOrderState.OPEN, quantity_unit=order.quantity_unit, quantity_estimated=quantity,
        opened_at=order.opened_at, due_at=order.due_at, due_before_incident=order.due_before_incident,
        priority_set=order.priority_set, part_of_id=root_id, part_key=key,
    )  # fmt: skip


def _check_quantity(order: WorkOrder, quantity: float) -> None:
    whole = order.quantity_unit == UnitOfWork.COUNT.value
    estimated = order.quantity_estimated
    if (estimated is not None and quantity >= estimated) or (whole and quantity != int(quantity)):
        kind = "whole quantity" if whole else "quantity"
        raise Unprocessable(
            "work_order.quantity", f"expected a {kind} below {estimated} {order.quantity_unit}, got {quantity}"
        )


def _set_estimate(order: WorkOrder, quantity: float | None) -> None:
    order.quantity_estimated = quantity
    order.size_class = size_class(order.class_key, quantity)


def _lock(session: Session, caller: Caller, order_id: int, ids: Sequence[int]) -> tuple[WorkOrder, list[WorkOrder]]:
    """All orders and all of their defects, defects first."""
    seen = list(session.scalars(visible_orders(caller).where(WorkOrder.id.in_([order_id, *ids]))))
    missing = sorted({order_id, *ids} - {one.id for one in seen})
    if missing:
        raise NotFound("work_order.unknown", f"expected work orders that you may see, got ids {missing}")
    lock_defects(session, Defect.id.in_({key for one in seen for key in mended_ids(session, one)}))
    statement = visible_orders(caller).where(WorkOrder.id.in_([order_id, *ids])).order_by(WorkOrder.id)
    rows = session.scalars(statement.with_for_update(), execution_options={"populate_existing": True})
    orders = {one.id: one for one in rows}
    return orders[order_id], [orders[key] for key in ids]


def _check_merge(session: Session, source: WorkOrder, target: WorkOrder) -> None:
    if (source.municipality_id, source.class_key) != (target.municipality_id, target.class_key):
        raise Unprocessable(
            "work_order.merge", f"expected {target.class_key} of municipality {target.municipality_id}, order "
            f"{source.id} is {source.class_key} of {source.municipality_id}"
        )  # fmt: skip
    own = target.part_of_id or target.id
    if (source.part_of_id or source.id) != own and (source.part_of_id is not None or target.part_of_id is not None):
        raise Conflict(
            "work_order.part", "expected a part to go back into its own order, or whole orders; merge it first"
        )
    live = (
        WorkOrder.part_of_id == source.id,
        WorkOrder.state.not_in((WorkOrderState.CANCELLED, WorkOrderState.MERGED)),
    )
    if session.scalar(select(WorkOrder.id).where(*live).limit(1)) is not None:
        raise Conflict("work_order.part", f"expected an order without parts, {source.id} has some; merge those first")


def _take_in(session: Session, source: WorkOrder, target: WorkOrder) -> None:
    both = (target.quantity_estimated, source.quantity_estimated)
    _set_estimate(target, None if None in both else sum(one for one in both if one is not None))
    usual = min(one.due_before_incident or one.due_at for one in (target, source))
    target.due_at = min(target.due_at, source.due_at)
    target.due_before_incident = usual if usual != target.due_at else None
    source.merged_into_id, source.state_reason = target.id, None
    session.flush()
    for one in session.scalars(select(WorkOrder).where(WorkOrder.merged_into_id == source.id)):
        one.merged_into_id = target.id

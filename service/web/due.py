"""How an order stands against its due time, as a person asks: left, late, stopped, kept or missed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.work_orders.models import WorkOrder
from service.work_orders.sla import overdue
from service.work_orders.states import WorkOrderState


class Standing(StrEnum):
    LEFT = "left"
    LATE = "late"
    STOPPED = "stopped"  # on hold or referred: the clock stands still
    KEPT = "kept"
    MISSED = "missed"
    NONE = "none"  # cancelled or merged


@dataclass(frozen=True)
class Due:
    """`since` and `until` bound the span that the page tells, such as "late by 3 hours"."""

    standing: Standing
    since: datetime
    until: datetime


def read_due(order: WorkOrder, now: datetime) -> Due:
    if order.state in (WorkOrderState.CANCELLED, WorkOrderState.MERGED):
        return Due(Standing.NONE, now, now)
    if order.done_at is not None:
        return Due(Standing.KEPT if order.done_at <= order.due_at else Standing.MISSED, order.done_at, order.due_at)
    if overdue(order.state, order.due_at, order.held_at, now):
        return Due(Standing.LATE, order.due_at, order.held_at or now)
    if order.held_at is not None:
        return Due(Standing.STOPPED, order.held_at, order.due_at)
    return Due(Standing.LEFT, now, order.due_at)

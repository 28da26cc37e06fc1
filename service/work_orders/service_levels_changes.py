"""What a change of state, unit, priority or due time does to the clock of an order. The order must be locked."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.core.calendar import Calendar, add_working_time, working_time_between
from service.core.events import SYSTEM, record
from service.core.tables import JsonObject
from service.defects.models import Defect
from service.work_orders.models import WorkOrder
from service.work_orders.service_levels import (
    adopt_order,
    asked_of,
    clock_of,
    retime,
    set_due,
    set_steps,
    stamp,
    steps_of,
    used_time,
)
from service.work_orders.service_levels_calendars import calendar_of
from service.work_orders.service_levels_models import OrderClock
from service.work_orders.service_levels_policies import choose_for
from service.work_orders.sla import WAITING, OnTransfer, Step, StepKind, parse_level, plan, time_of, told_level
from service.work_orders.states import CLOCK_STOPPED, WorkOrderAction, WorkOrderState

_ZERO = timedelta(0)
_LATE = (StepKind.BREACH, StepKind.ESCALATE)


def follow_move(
    session: Session, order: WorkOrder, action: WorkOrderAction, before: WorkOrderState, now: datetime
) -> None:
    """Keeps the clock in step with a change of state that has just been made, before its event is recorded."""
    clock = clock_of(session, order) or adopt_order(session, order, before, now)
    if clock is None:
        return
    own = calendar_of(session, order.municipality_id)
    if before in WAITING:
        stamp(session, order, clock, now)
    if order.state in CLOCK_STOPPED:
        _stop(clock, own, now)
    elif clock.running_since is None and (order.state in WAITING or order.state is WorkOrderState.DONE):
        _go_on(order, clock, own, now)  # done by an agency too: while it had the order no time passed
    elif order.state in WAITING and before is WorkOrderState.DONE:  # it was not repaired after all
        stamp(session, order, clock, now)
    steps = [] if order.state is WorkOrderState.CLOSED else steps_of(clock)
    if order.state is WorkOrderState.IN_PROGRESS:
        steps = [step for step in steps if step.kind is not StepKind.LATE_START]
    set_steps(order, clock, steps)
    if action is WorkOrderAction.TRANSFER:
        after_transfer(session, order, now)


def after_transfer(session: Session, order: WorkOrder, now: datetime) -> bool:
    """By the rule of the order's policy the clock goes on or starts anew; returns whether the due time changed."""
    clock = clock_of(session, order)
    if clock is None or parse_level(clock.level).on_transfer is not OnTransfer.RESTART:
        return False
    level, own = parse_level(clock.level), calendar_of(session, order.municipality_id)
    clock.used_working, clock.used_elapsed = _ZERO, _ZERO
    clock.running_since = None if order.state is WorkOrderState.ON_HOLD else now
    steps = plan(level, own, now)
    if order.state is WorkOrderState.IN_PROGRESS:
        steps = tuple(step for step in steps if step.kind is not StepKind.LATE_START)
    _reschedule(session, order, clock, steps, "transfer", now)
    return True


def after_priority(session: Session, order: WorkOrder, defect: Defect, now: datetime) -> bool:
    """Call it when the priority of the order's defect has changed: a policy that holds now can bring the due time
    forward, never put it off, and not before now. Returns whether it did. Safe to run twice."""
    clock = clock_of(session, order)
    if clock is None or clock.running_since is None or order.state not in WAITING:
        return False
    stamp(session, order, clock, now)
    left = {step.key for step in steps_of(clock)}
    choice = choose_for(session, asked_of(order, defect))
    if choice.policy.id == clock.policy_id or (StepKind.BREACH, 0) not in left:
        return False
    own, level = calendar_of(session, order.municipality_id), choice.policy.level
    steps = plan(level, own, now, used_time(clock, level, own, now))
    due = time_of(steps, StepKind.BREACH)
    if due is None or due >= order.due_at:
        return False
    fired = {step.key for step in plan(parse_level(clock.level), own, now)} - left
    clock.policy_id, clock.level = choice.policy.id, told_level(level)
    _reschedule(session, order, clock, [step for step in steps if step.key not in fired], "priority", now)
    return True


def stamp_now(session: Session, order: WorkOrder, now: datetime) -> None:
    """Call it before setting the order's due time: what fell due until now did so by the old one."""
    clock = clock_of(session, order)
    if clock is not None and order.state in WAITING:
        stamp(session, order, clock, now)


def follow_due(session: Session, order: WorkOrder, now: datetime, back: Collection[tuple[StepKind, int]] = ()) -> None:
    """Call it after setting the order's due time (an incident, a merge): what falls due follows, once as ever.

    `back`: keys of steps that an earlier due time left no room for and that may fall due again.
    """
    stamp_now(session, order, now)
    clock = clock_of(session, order)
    if clock is None:
        return
    stopped_at = order.held_at if clock.running_since is None else None
    own = calendar_of(session, order.municipality_id)
    retime(order, clock, own, stopped_at or now, {step.key for step in steps_of(clock)} | set(back))


def _stop(clock: OrderClock, own: Calendar, now: datetime) -> None:
    if clock.running_since is not None:
        clock.used_working += working_time_between(clock.running_since, now, own)
        clock.used_elapsed += now - clock.running_since
    clock.running_since = None


def _go_on(order: WorkOrder, clock: OrderClock, own: Calendar, now: datetime) -> None:
    """What is left to fall due, as much working time away as it was; a due time that was missed stays missed."""
    level, left = parse_level(clock.level), {step.key for step in steps_of(clock)}
    planned = plan(level, own, now, used_time(clock, level, own, now))
    steps = tuple(step for step in planned if step.key in left and (step.at > now or step.kind in _LATE))
    clock.running_since = now
    if order.due_before_incident is not None and order.held_at is not None:
        hurried_until = _go_on_in_incident(order, order.due_before_incident, order.held_at, level.calendar(own), now)
        if hurried_until > order.due_at:
            order.due_at = hurried_until
            retime(order, clock, own, now, left)
            return
    set_steps(order, clock, steps)
    set_due(order, steps)
    if order.held_at is not None and order.due_at > order.held_at:  # told late in an incident that is over
        order.due_at = time_of(planned, StepKind.BREACH) or order.due_at


def _go_on_in_incident(
    order: WorkOrder, usual: datetime, held_at: datetime, calendar: Calendar, now: datetime
) -> datetime:
    """When it is due now by the incident, whose hours all count; the usual due times move by working time. What was
    missed stays missed."""

    def moved(at: datetime) -> datetime:
        return add_working_time(now, working_time_between(held_at, at, calendar), calendar) if at > held_at else at

    order.due_before_incident = moved(usual)
    if order.start_due_at is not None:
        order.start_due_at = moved(order.start_due_at)
    return min(order.due_at + (now - held_at), order.due_before_incident) if order.due_at > held_at else order.due_at


def _reschedule(
    session: Session, order: WorkOrder, clock: OrderClock, steps: Collection[Step], because: str, now: datetime
) -> None:
    before, order.due_before_incident = order.due_at, None  # an incident that lasts hurries it anew
    set_steps(order, clock, steps)
    set_due(order, steps)
    data: JsonObject = {
        "because": because, "policy_id": clock.policy_id, "before": before.isoformat(),
        "due_at": order.due_at.isoformat(),
    }  # fmt: skip
    record(
        session, at=now, actor=SYSTEM, subject_kind="work_order", subject_id=order.id, action="reschedule",
        municipality_id=order.municipality_id, data=data,
    )  # fmt: skip

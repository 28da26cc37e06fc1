"""The clock of an order: started when it is opened, stopped on hold, stamping what falls due, each thing once.

Whoever calls holds the order's lock, except for an order that is not stored yet.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.accounts.models import User, user_municipality
from service.accounts.permissions import Role
from service.core.calendar import ROUND_THE_CLOCK, Calendar, add_working_time, working_time_between
from service.core.errors import NotFound
from service.core.events import SYSTEM, record
from service.core.tables import JsonObject
from service.defects.models import Defect
from service.defects.sizes import SizeClass
from service.work_orders.models import WorkOrder
from service.work_orders.service_levels_calendars import calendar_of
from service.work_orders.service_levels_models import OrderClock
from service.work_orders.service_levels_policies import choose_for, policies_near
from service.work_orders.sla import (
    WAITING,
    Asked,
    Choice,
    ClockKind,
    Policy,
    ServiceLevel,
    Step,
    StepKind,
    choose_policy,
    parse_level,
    parse_step,
    plan,
    time_of,
    told_level,
    told_step,
)
from service.work_orders.states import CLOCK_STOPPED, WorkOrderState

_ZERO = timedelta(0)


@dataclass(frozen=True)
class Promise:
    """What an order opened now would be promised."""

    choice: Choice
    calendar: Calendar
    steps: tuple[Step, ...]

    @property
    def due_at(self) -> datetime:
        due = time_of(self.steps, StepKind.BREACH)
        assert due is not None  # of every plan
        return due

    @property
    def start_due_at(self) -> datetime | None:
        return time_of(self.steps, StepKind.LATE_START)


class Terms:
    """Policies and calendars as they are in one transaction, each read once: a sweep asks for thousands of orders."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._policies: dict[tuple[int, str], list[Policy]] = {}
        self._calendars: dict[int, Calendar] = {}

    def choose(self, asked: Asked) -> Choice:
        key = (asked.municipality_id, asked.class_key)
        if key not in self._policies:
            self._policies[key] = policies_near(self._session, *key)
        return choose_policy(self._policies[key], asked)

    def calendar(self, municipality_id: int) -> Calendar:
        if municipality_id not in self._calendars:
            self._calendars[municipality_id] = calendar_of(self._session, municipality_id)
        return self._calendars[municipality_id]


def due_for(session: Session, asked: Asked, at: datetime) -> Promise:
    """The due times of such an order opened at that moment, with the policy and why; changes nothing."""
    choice, own = choose_for(session, asked), calendar_of(session, asked.municipality_id)
    return Promise(choice, own, plan(choice.policy.level, own, at))


@dataclass(frozen=True)
class ClockReading:
    policy_id: int | None
    level: ServiceLevel
    running: bool
    used: timedelta  # by the clock of the level
    steps: tuple[Step, ...]


def read_clock(session: Session, order: WorkOrder, now: datetime) -> ClockReading:
    """How the order stands against its promise. Raises NotFound for one that has no clock (yet)."""
    clock = clock_of(session, order)
    if clock is None:
        raise NotFound("sla.no_clock", f"expected an order with a clock, {order.id} has none; ask again in a minute")
    level, running = parse_level(clock.level), clock.running_since is not None and order.state in WAITING
    until = now if running else order.done_at or order.held_at or now
    used = used_time(clock, level, calendar_of(session, order.municipality_id), until)
    return ClockReading(clock.policy_id, level, running, used, tuple(steps_of(clock)))


def start_clock(session: Session, order: WorkOrder, defect: Defect, now: datetime) -> None:
    """Promises anew from now: sets the order's due times and adds both to the session."""
    promise = due_for(session, asked_of(order, defect), now)
    order.due_at, order.start_due_at = promise.due_at, promise.start_due_at
    order.due_before_incident = None  # of an earlier promise; what lasts now hurries this one anew
    clock = None if order.id is None else clock_of(session, order)
    if clock is None:
        clock = OrderClock(order=order)
        session.add(clock)
    level = promise.choice.policy.level
    clock.policy_id, clock.level = promise.choice.policy.id, told_level(level)
    clock.running_since, clock.used_working, clock.used_elapsed = now, _ZERO, _ZERO
    set_steps(order, clock, promise.steps)


def stamp(session: Session, order: WorkOrder, clock: OrderClock, now: datetime) -> list[Step]:
    """Records what fell due until now, at the time when it fell due, and forgets it: nothing is recorded twice."""
    steps = steps_of(clock)
    due = [step for step in steps if step.at <= now]
    for step in due:
        record(
            session, at=step.at, actor=SYSTEM, subject_kind="work_order", subject_id=order.id,
            action=StepKind(step.kind).value, municipality_id=order.municipality_id,
            data=_told(session, order, clock, step, now),
        )  # fmt: skip
    set_steps(order, clock, steps[len(due) :])
    return due


def adopt_order(
    session: Session, order: WorkOrder, state: WorkOrderState, now: datetime, terms: Terms | None = None
) -> OrderClock | None:
    """A clock for an order that has none (of an earlier release, or split off another): its due time stays as it is.

    `state` is the one that its clock is to be read by. None for an order that nobody waits for.
    """
    if state not in WAITING and state not in CLOCK_STOPPED:
        return None
    terms = terms or Terms(session)
    choice = terms.choose(asked_of(order, session.get_one(Defect, order.defect_id)))
    level, own = choice.policy.level, terms.calendar(order.municipality_id)
    stopped_at = order.held_at if state in CLOCK_STOPPED else None
    clock = OrderClock(
        order=order, policy_id=choice.policy.id, level=told_level(level), running_since=None if stopped_at else now
    )
    session.add(clock)
    keys = {step.key for step in plan(level, own, now)} - {(StepKind.LATE_START, 0)}
    retime(order, clock, own, stopped_at or now, keys)
    return clock


def retime(
    order: WorkOrder, clock: OrderClock, own: Calendar, since: datetime, keys: Collection[tuple[StepKind, int]]
) -> None:
    """Fits the clock to the order's due time, whoever set it: what is left of the time to close is what lies between
    `since` and that time, and the steps of these keys fall due around it."""
    level = parse_level(clock.level)

    def used(calendar: Calendar) -> timedelta:
        to_go = working_time_between(since, order.due_at, calendar)
        return level.to_close - to_go + working_time_between(order.due_at, since, calendar)

    clock.used_working, clock.used_elapsed = used(own), used(ROUND_THE_CLOCK)
    if clock.running_since is not None:
        clock.running_since = since
    steps = _steps_around(order, level, own, since, used(level.calendar(own)))
    set_steps(order, clock, [step for step in steps if step.key in keys])


def clock_of(session: Session, order: WorkOrder) -> OrderClock | None:
    own = select(OrderClock).where(OrderClock.work_order_id == order.id)
    return session.scalar(own, execution_options={"populate_existing": True})


def steps_of(clock: OrderClock) -> list[Step]:
    return [parse_step(one) for one in clock.steps]


def set_steps(order: WorkOrder, clock: OrderClock, steps: Collection[Step]) -> None:
    """What is still to fall due; the sweep looks for it while the repair is waited for."""
    clock.steps = [told_step(step) for step in steps]
    clock.next_at = next(iter(steps)).at if steps and order.state in WAITING else None


def asked_of(order: WorkOrder, defect: Defect) -> Asked:
    named = None if order.size_class in (None, SizeClass.UNKNOWN) else order.size_class.value
    priority = defect.priority if order.priority_set is None else order.priority_set
    return Asked(order.municipality_id, order.class_key, named, priority or 0.0)


def used_time(clock: OrderClock, level: ServiceLevel, own: Calendar, now: datetime) -> timedelta:
    running = clock.running_since or now
    if level.clock is ClockKind.ROUND_THE_CLOCK:
        return clock.used_elapsed + (now - running)
    return clock.used_working + working_time_between(running, now, own)


def set_due(order: WorkOrder, steps: Iterable[Step]) -> None:
    steps = tuple(steps)
    order.due_at = time_of(steps, StepKind.BREACH) or order.due_at
    order.start_due_at = time_of(steps, StepKind.LATE_START) or order.start_due_at


def _steps_around(order: WorkOrder, level: ServiceLevel, own: Calendar, since: datetime, used: timedelta) -> list[Step]:
    """What falls due around the order's due time; a warning that is past helps nobody any more."""
    calendar = level.calendar(own)
    warn_in = level.to_close * level.warn_share - used
    warning = [Step(StepKind.WARN, add_working_time(since, warn_in, calendar))] if warn_in > _ZERO else []
    start = order.start_due_at
    begin = [Step(StepKind.LATE_START, start)] if start is not None and since < start < order.due_at else []
    late = [
        Step(
            StepKind.ESCALATE, add_working_time(order.due_at, timedelta(hours=one.after_hours), calendar),
            one.level, one.to_role, one.to_user_id,
        )
        for one in level.escalations
    ]  # fmt: skip
    return [*sorted([*begin, *warning], key=lambda step: step.at), Step(StepKind.BREACH, order.due_at), *late]


def _told(session: Session, order: WorkOrder, clock: OrderClock, step: Step, now: datetime) -> JsonObject:
    data: JsonObject = {
        "due_at": order.due_at.isoformat(), "noticed_at": now.isoformat(), "policy_id": clock.policy_id,
        "unit_id": order.unit_id,
    }  # fmt: skip
    if step.kind is StepKind.LATE_START and order.start_due_at:
        data["start_due_at"] = order.start_due_at.isoformat()
    if step.kind is StepKind.ESCALATE:
        data |= {"level": step.level, "to_role": step.to_role, "to_user_ids": _people(session, order, step)}
    return data


def _people(session: Session, order: WorkOrder, step: Step) -> list[int]:
    """Who is told now: the person named, else whoever has the role in the municipality."""
    if step.to_user_id is not None:
        return [step.to_user_id]
    known: dict[tuple[int, str | None], list[int]] = session.info.setdefault("escalated_to", {})  # a sweep asks often
    key = (order.municipality_id, step.to_role)
    if key not in known:
        here = user_municipality.c.municipality_id == order.municipality_id
        there = or_(User.role == Role.ADMIN, User.id.in_(select(user_municipality.c.user_id).where(here)))
        found = select(User.id).where(User.active, User.role == step.to_role, there)
        known[key] = list(session.scalars(found.order_by(User.id)))
    return known[key]

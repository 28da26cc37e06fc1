"""An order's life under a policy of thirty working hours and, beside it, what its clock should show."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, caller_of_user
from service.accounts.models import User
from service.core.calendar import Names, working_time_between
from service.core.events import Event
from service.work_orders import handing, service
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order
from service.work_orders.service_levels import clock_of, stamp
from service.work_orders.service_levels_calendars import calendar_of, set_period
from service.work_orders.service_levels_changes import follow_due
from service.work_orders.sla import WAITING, OnTransfer
from service.work_orders.states import CLOCK_STOPPED, WorkOrderAction, WorkOrderState, allowed
from tests.work_orders.orders import Town, unit_of

ZERO = timedelta(0)
TO_CLOSE = timedelta(hours=30)
STEPS = ("assign", "start", "report_done", "pass", "fail", "hold", "resume", "refuse", "transfer", "reopen")
STAMPS = ("late_start", "warn", "breach", "escalate")
LEVEL = {
    "clock": "working_hours", "hours_to_start": 4, "hours_to_close": 30, "warn_share": 0.5,
    "escalations": [{"level": number, "after_hours": 7 * number, "to_role": "supervisor"} for number in (1, 2)],
}  # fmt: skip


@dataclass
class Life:
    """An order and, beside it, what its clock should show."""

    session: Session
    caller: Caller
    order: WorkOrder
    units: tuple[int, int]
    on_transfer: OnTransfer
    now: datetime
    used: timedelta = ZERO  # of spans that have ended
    since: datetime | None = None  # the clock runs from here; a repair that is not found good has not stopped it
    given_due: bool = True  # by the calendar as it is now
    done_at: datetime | None = None
    episodes: list[int] = field(default_factory=lambda: [0])  # the last event before each

    def expected(self) -> timedelta:
        until = self.done_at or self.now
        return self.used + (self.working(self.since, until) if self.since else ZERO)

    def working(self, first: datetime, last: datetime) -> timedelta:
        return working_time_between(first, last, calendar_of(self.session, self.order.municipality_id))

    def do(self, action: str) -> bool:
        """Whether the state of the order allows it."""
        if action in STEPS and action not in allowed(self.order.state):
            return False
        getattr(self, f"do_{action}", self.move)(*([] if hasattr(self, f"do_{action}") else [action]))
        self.session.flush()
        return True

    def move(self, action: str) -> None:
        """What changes nothing of the clock."""
        own: dict[str, Any] = {
            "assign": lambda: service.assign(self.session, self.caller, self.order.id, self.units[0], self.now),
            "start": lambda: service.start(self.session, self.caller, self.order.id, self.now),
            "refuse": lambda: handing.refuse(self.session, self.caller, self.order.id, "not ours", self.now),
        }
        own[action]()

    def do_transfer(self) -> None:
        """The clock goes on or starts anew, as the policy says."""
        unit_id = self.units[self.order.unit_id == self.units[0]]
        handing.transfer(self.session, self.caller, self.order.id, unit_id, "nearer", self.now)
        if self.on_transfer is OnTransfer.RESTART:
            self.session.flush()
            anew = select(Event.id).where(Event.subject_id == self.order.id, Event.action == "reschedule")
            self.episodes.append(self.session.scalars(anew.order_by(Event.id.desc()).limit(1)).one())
            self.used, self.since, self.given_due = ZERO, self.now, True

    def do_report_done(self) -> None:
        move_order(self.session, self.order, WorkOrderAction.REPORT_DONE, self.caller.actor, self.now)
        self.order.done_at = self.done_at = self.now

    def do_pass(self) -> None:
        service.inspect(self.session, self.caller, self.order.id, passed=True, note=None, now=self.now)

    def do_fail(self) -> None:
        service.inspect(self.session, self.caller, self.order.id, passed=False, note="sank", now=self.now)
        self.done_at = None

    def do_hold(self) -> None:
        self.used, self.since = self.expected(), None
        service.hold(self.session, self.caller, self.order.id, "pipes", self.now)

    def do_resume(self) -> None:
        service.resume(self.session, self.caller, self.order.id, self.now)
        self.since, self.given_due = self.now, True

    def do_reopen(self) -> None:
        self.session.flush()
        last = select(Event.id).order_by(Event.id.desc()).limit(1)
        self.episodes.append(self.session.scalars(last).one())
        service.reopen(self.session, self.caller, self.order.id, "sank again", self.now)
        self.used, self.since, self.done_at, self.given_due = ZERO, self.now, None, True

    def do_holiday(self) -> None:
        """The municipality closes the next two days: due times that were given stay."""
        first = self.now.date() + timedelta(days=1)
        names, place = Names("Storm", "عاصفة"), self.order.municipality_id
        set_period(self.session, self.caller, place, first, first + timedelta(days=1), names, [], self.now)
        self.given_due = False

    def do_hurry(self) -> None:
        """As an incident sets it: what is left is what lies before the new due time."""
        if self.order.state in WAITING and self.order.due_at > self.now:
            self.order.due_at = min(self.order.due_at, self.now + timedelta(hours=3))
            follow_due(self.session, self.order, self.now)
            self.used, self.since = TO_CLOSE - self.working(self.now, self.order.due_at), self.now
            self.given_due = True


AnyLife = TypeVar("AnyLife", bound=Life)


def begin(
    town: Town,
    order: int,
    admin: User,
    on_transfer: OnTransfer,
    kind: type[AnyLife] = Life,  # type: ignore[assignment]
) -> AnyLife:
    session = town.session
    row = session.get_one(WorkOrder, order, populate_existing=True)
    units = [unit_of(session, town.municipality, key).id for key in ("pothole_machine", "cleaning")]
    return kind(session, caller_of_user(admin), row, (units[0], units[1]), on_transfer, town.now, since=town.now)


def check_stamps(life: Life) -> None:
    """After a long time in which nobody looked, in every episode each thing is there once at most, and in time."""
    clock = clock_of(life.session, life.order)
    assert clock is not None
    if life.order.state in WAITING:
        stamp(life.session, life.order, clock, life.now + timedelta(days=400))
    if life.order.state in CLOCK_STOPPED or life.order.state is WorkOrderState.CLOSED:
        assert clock.next_at is None
    life.session.flush()
    own = (Event.subject_kind == "work_order", Event.subject_id == life.order.id, Event.action.in_(STAMPS))
    events = life.session.scalars(select(Event).where(*own).order_by(Event.id)).all()
    bounds = [*life.episodes, 2**62]
    for first, last in pairwise(bounds):
        inside = [one for one in events if first < one.id <= last]
        told = Counter((one.action, one.data.get("level", 0)) for one in inside)
        assert all(count == 1 for count in told.values()), told
    if life.order.state in WAITING:
        assert ("breach", 0) in told and ("escalate", 1) in told and ("escalate", 2) in told

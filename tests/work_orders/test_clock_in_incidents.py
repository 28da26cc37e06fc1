"""Whatever becomes of an order while incidents begin and end: it is due by them, and by its own promise afterwards."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from service.core.calendar import add_working_time
from service.incidents import service as incidents
from service.incidents.models import Incident
from service.incidents.rules import IncidentKind
from service.work_orders.emergencies import apply_incidents
from service.work_orders.service_levels import clock_of, read_clock, stamp, steps_of
from service.work_orders.service_levels_calendars import calendar_of
from service.work_orders.sla import WAITING, OnTransfer, StepKind
from service.work_orders.states import CLOCK_STOPPED, allowed
from tests.work_orders.lives import STEPS, TO_CLOSE, ZERO, Life, begin, check_stamps
from tests.work_orders.orders import Town

minutes = st.one_of(st.integers(1, 300), st.integers(1, 4_000))
lives = st.lists(st.tuples(st.integers(0, 59), minutes), min_size=5, max_size=14)  # 60: by 1 to 6 without a rest


@dataclass
class LifeInRain(Life):
    """Beside its clock, when it should be due."""

    begun_at: datetime | None = None  # opened, opened again, or given to a unit with its whole time
    usual_due: datetime | None = None
    stopped_at: datetime | None = None
    stops: list[tuple[datetime, datetime]] = field(default_factory=list)
    stopped_late: bool = False
    rain: Incident | None = None
    hours: timedelta = ZERO

    def promise(self) -> None:
        self.begun_at, self.stops, self.stopped_late = self.now, [], False
        self.usual_due = self.add(self.now, TO_CLOSE)

    def add(self, at: datetime, working: timedelta) -> datetime:
        return add_working_time(at, working, calendar_of(self.session, self.order.municipality_id))

    def due(self) -> datetime:
        assert self.begun_at is not None and self.usual_due is not None
        if self.rain is None:
            return self.usual_due
        begun_at = max(self.begun_at, self.rain.starts_at)
        due = begun_at + self.hours
        for first, last in self.stops:
            if last > begun_at and max(first, begun_at) < due:
                due += last - max(first, begun_at)
        return min(due, self.usual_due)

    def do_hold(self) -> None:
        self.stopped_at, self.stopped_late = self.now, self.stopped_late or self.order.due_at < self.now
        super().do_hold()

    def do_resume(self) -> None:
        assert self.stopped_at is not None and self.usual_due is not None
        if self.usual_due > self.stopped_at:
            self.usual_due = self.add(self.now, self.working(self.stopped_at, self.usual_due))
        self.stops.append((self.stopped_at, self.now))
        self.stopped_at = None
        super().do_resume()

    def do_reopen(self) -> None:
        super().do_reopen()
        self.promise()

    def do_transfer(self) -> None:
        super().do_transfer()
        if self.on_transfer is OnTransfer.RESTART:
            self.promise()

    def choices(self) -> list[str]:
        """What can happen next; the weather changes often."""
        weather = "rain" if self.rain is None else "rain_ends"
        return [*(one for one in STEPS if one in allowed(self.order.state)), weather]

    def do_rain(self) -> None:
        """Lets potholes be closed within 3 to 15 hours, by when it begins."""
        if self.rain is None:
            self.hours = timedelta(hours=3 + 3 * (self.now.minute % 5))
            rules = {"close_hours": {"pothole": self.hours / timedelta(hours=1)}}
            self.rain = incidents.declare(
                self.session, self.caller, municipality_id=self.order.municipality_id, kind=IncidentKind.RAIN,
                name="Rain", starts_at=self.now, area=None, rules=rules, note=None, now=self.now,
            )  # fmt: skip

    def do_rain_ends(self) -> None:
        if self.rain is not None:
            incidents.end(self.session, self.caller, self.rain.id, self.now)
            self.rain = None

    def sweep(self) -> None:
        """As the worker does every minute."""
        apply_incidents(self.session, self.order.municipality_id, self.now)
        self.session.flush()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(lives)
def test_an_order_is_due_by_the_incident_and_afterwards_as_if_there_had_been_none(
    town: Town, level: dict[str, Any], steps: list[tuple[int, int]]
) -> None:
    session = town.session
    session.rollback()
    life = begin(town, **level, kind=LifeInRain)
    life.promise()
    for choice, passed in steps:
        life.now += timedelta(minutes=passed)
        action = life.choices()[choice % len(life.choices())]
        note(f"{life.now}: {action}")
        assert life.do(action)
        life.sweep()
        reading = read_clock(session, life.order, life.now)
        if life.order.state in WAITING or life.order.state in CLOCK_STOPPED:
            assert life.order.due_at == life.due(), action
        if not life.stopped_late:
            until = life.done_at or life.stopped_at or life.now
            late = life.working(life.order.due_at, until)
            assert reading.used == TO_CLOSE - life.working(until, life.order.due_at) + late, action
        if life.rain is None and life.order.state in WAITING and not life.stopped_late:
            assert reading.used == life.expected(), action
            assert life.order.due_before_incident is None
    check_stamps(life)
    session.rollback()


def test_what_an_incident_left_no_room_for_falls_due_after_it(town: Town, level: dict[str, Any]) -> None:
    life = begin(town, **level, kind=LifeInRain)
    life.promise()
    before = pending(life)
    assert {StepKind.WARN, StepKind.LATE_START} <= before.keys()
    life.do_rain()
    life.sweep()
    assert not {StepKind.WARN, StepKind.LATE_START} & pending(life).keys(), "the order is due before"
    life.now += timedelta(minutes=30)
    life.do_rain_ends()
    life.sweep()
    assert pending(life) == before


def test_what_came_to_pass_in_an_incident_does_not_fall_due_once_more_after_it(
    town: Town, level: dict[str, Any]
) -> None:
    life = begin(town, **level, kind=LifeInRain)
    life.promise()
    life.do("assign")
    life.now += timedelta(minutes=10)
    life.do("start")
    life.do_rain()
    life.sweep()
    life.now += timedelta(hours=16)
    clock = clock_of(life.session, life.order)
    assert clock is not None
    told = [step.kind for step in stamp(life.session, life.order, clock, life.now)]
    life.do_rain_ends()
    life.sweep()
    assert StepKind.BREACH in told
    assert not pending(life).keys() & {StepKind.BREACH, StepKind.LATE_START}


def pending(life: Life) -> dict[StepKind, datetime]:
    clock = clock_of(life.session, life.order)
    assert clock is not None
    return {step.kind: step.at for step in steps_of(clock)}

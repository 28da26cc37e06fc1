"""The rules of service levels: which policy holds, what falls due when, and who is late."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.core.calendar import OFFICE_HOURS, working_time_between
from service.work_orders.sla import (
    DEFAULT_LEVELS,
    SIZE_CLASSES,
    Asked,
    ClockKind,
    Escalation,
    Policy,
    ServiceLevel,
    Step,
    StepKind,
    choose_policy,
    overdue,
    parse_level,
    parse_step,
    plan,
    time_of,
    told_level,
    told_step,
)
from service.work_orders.states import WorkOrderState

OPENED = datetime(2026, 1, 11, 4, 30, tzinfo=UTC)  # Sunday, as the offices open
ROUND, OFFICE = ClockKind.ROUND_THE_CLOCK, ClockKind.WORKING_HOURS
LEVEL = ServiceLevel(ROUND, 4, 8)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
EVERYTHING = Policy(1, None, None, None, None, LEVEL)
hours = st.integers(1, 24 * 30)
minutes = st.integers(0, 50_000).map(lambda n: timedelta(minutes=n))
levels = st.builds(
    ServiceLevel, st.sampled_from(ClockKind), st.none() | hours, hours, st.floats(0.05, 0.95),
    st.lists(st.integers(0, 200), max_size=3).map(
        lambda found: tuple(Escalation(n + 1, after, "supervisor") for n, after in enumerate(sorted(found)))
    ),
)  # fmt: skip
policies = st.builds(
    Policy, st.integers(1, 99), st.sampled_from([None, 1, 2]), st.sampled_from([None, "pothole", "graffiti"]),
    st.sampled_from([None, *SIZE_CLASSES]), st.sampled_from([None, 0.0, 40.0, 80.0]), st.just(LEVEL),
)  # fmt: skip
asked = st.builds(
    Asked, st.just(1), st.sampled_from(["pothole", "graffiti"]), st.sampled_from([None, *SIZE_CLASSES]),
    st.floats(0, 100),
)  # fmt: skip


def chosen(policies: list[Policy], asked: Asked) -> int | None:
    return choose_policy(policies, asked).policy.id


def test_every_class_has_a_default_level_that_starts_before_it_ends() -> None:
    assert set(DEFAULT_LEVELS) == set(KEYS)
    assert all(0 < (level.hours_to_start or 0) < level.hours_to_close for level in DEFAULT_LEVELS.values())


def test_the_most_specific_policy_holds() -> None:
    own = replace(EVERYTHING, id=2, municipality_id=1)
    of_class = replace(own, id=3, class_key="pothole")
    shared_of_class = replace(EVERYTHING, id=4, class_key="pothole", size_class="large")
    of_size = replace(of_class, id=5, size_class="large")
    urgent = replace(of_size, id=6, min_priority=80)
    every = [EVERYTHING, own, of_class, shared_of_class, of_size, urgent]
    assert chosen(every, Asked(1, "pothole", "large", 90)) == 6
    assert chosen(every, Asked(1, "pothole", "large", 79)) == 5
    assert chosen(every, Asked(1, "pothole", None, 90)) == 3
    assert chosen(every, Asked(1, "graffiti", "large")) == 2
    assert chosen(every, Asked(7, "pothole", "large")) == 4
    assert chosen(every, Asked(7, "garbage", None)) == 1


def test_the_answer_says_why_each_other_policy_does_not_decide() -> None:
    small = replace(EVERYTHING, id=2, municipality_id=1, size_class="small")
    urgent = replace(EVERYTHING, id=3, municipality_id=1, min_priority=50)
    found = choose_policy([EVERYTHING, small, urgent], Asked(1, "pothole", None, 20))
    told = {one.policy.id: one.why for one in found.considered}
    assert found.considered[0].policy.id == 1 and told[1].startswith("holds for all municipalities")
    assert told[2] == "is for size small, the order's is unknown"
    assert told[3] == "is from priority 50, the order has 20"


def test_what_is_built_in_holds_where_nobody_has_said_anything() -> None:
    found = choose_policy([], Asked(1, "pothole", "large"))
    assert found.policy.id is None and found.policy.level == DEFAULT_LEVELS["pothole"]


@unhurried
@given(st.lists(policies, max_size=8), asked)
def test_the_choice_holds_for_the_order_and_not_by_the_order_of_the_rows(rows: list[Policy], question: Asked) -> None:
    scopes = {(p.municipality_id, p.class_key, p.size_class, p.min_priority): p for p in rows}  # one each, as stored
    rows = list(scopes.values())
    found = choose_policy(rows, question)
    assert choose_policy(rows[::-1], question).policy == found.policy
    assert found.policy.municipality_id in (None, 1) and found.policy.class_key in (None, question.class_key)
    assert found.policy.size_class in (None, question.size_class)
    assert (found.policy.min_priority or 0) <= question.priority
    assert len(found.considered) == len(rows) + (found.policy.id is None)


def test_a_working_hours_promise_ends_in_working_hours_and_an_urgent_one_at_night() -> None:
    office = plan(ServiceLevel(OFFICE, 7, 10, 0.5), OFFICE_HOURS, OPENED)
    assert [(one.kind, (one.at - OPENED) / timedelta(hours=1)) for one in office] == [
        (StepKind.WARN, 5), (StepKind.LATE_START, 7), (StepKind.BREACH, 27)
    ]  # fmt: skip
    assert time_of(plan(ServiceLevel(ROUND, None, 10), OFFICE_HOURS, OPENED), StepKind.BREACH) == OPENED + timedelta(
        hours=10
    )


@unhurried
@given(levels, minutes)
def test_a_plan_is_in_order_and_uses_the_time_it_allows(level: ServiceLevel, used: timedelta) -> None:
    steps = plan(level, OFFICE_HOURS, OPENED, used)
    assert [one.at for one in steps] == sorted(one.at for one in steps)
    assert len({one.key for one in steps}) == len(steps)
    due = time_of(steps, StepKind.BREACH)
    assert due is not None
    left = working_time_between(OPENED, due, level.calendar(OFFICE_HOURS))
    assert left == max(level.to_close - used, timedelta(0))


@unhurried
@given(levels)
def test_a_level_and_its_steps_are_stored_and_read_again(level: ServiceLevel) -> None:
    assert parse_level(told_level(level)) == level
    steps = plan(level, OFFICE_HOURS, OPENED)
    assert tuple(parse_step(told_step(step)) for step in steps) == steps


def test_who_is_told_is_kept_with_the_step() -> None:
    level = ServiceLevel(ROUND, None, 2, escalations=(Escalation(1, 3, "admin", 9),))
    assert plan(level, OFFICE_HOURS, OPENED)[-1] == Step(
        StepKind.ESCALATE, OPENED + timedelta(hours=5), 1, "admin", 9
    )  # fmt: skip


@unhurried
@given(minutes, minutes)
def test_an_order_in_time_when_held_is_never_overdue_while_on_hold(until_held: timedelta, later: timedelta) -> None:
    due, held_at = OPENED + timedelta(hours=48), OPENED + until_held
    was_late = overdue(WorkOrderState.OPEN, due, None, held_at)
    assert overdue(WorkOrderState.ON_HOLD, due, held_at, held_at + later) == was_late


@unhurried
@given(st.sampled_from(WorkOrderState), minutes)
def test_only_an_order_still_to_be_repaired_becomes_overdue(state: WorkOrderState, late_by: timedelta) -> None:
    waiting = {WorkOrderState.OPEN, WorkOrderState.ASSIGNED, WorkOrderState.IN_PROGRESS}
    assert overdue(state, OPENED, None, OPENED + late_by) == (state in waiting and late_by > timedelta(0))

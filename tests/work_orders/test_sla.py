from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.work_orders.sla import DEFAULT_HOURS, due_after_hold, due_at, overdue
from service.work_orders.states import WorkOrderState

OPENED = datetime(2026, 3, 1, 8, tzinfo=UTC)
hours = st.integers(1, 24 * 60)
minutes = st.integers(0, 100_000).map(lambda n: timedelta(minutes=n))


def test_every_class_has_default_hours() -> None:
    assert set(DEFAULT_HOURS) == set(KEYS)
    assert all(0 < hours <= 24 * 90 for hours in DEFAULT_HOURS.values())


@given(hours)
def test_an_order_is_due_the_policy_hours_after_it_was_opened(policy_hours: int) -> None:
    assert (due_at(OPENED, policy_hours) - OPENED).total_seconds() == policy_hours * 3600


@given(hours, minutes, minutes)
def test_the_time_left_when_held_is_the_time_left_when_resumed(
    policy_hours: int, until_held: timedelta, held: timedelta
) -> None:
    due, held_at = due_at(OPENED, policy_hours), OPENED + until_held
    moved_due = due_after_hold(due, held_at, held_at + held)
    assert moved_due - (held_at + held) == due - held_at


@given(hours, minutes, minutes)
def test_an_order_in_time_when_held_is_never_overdue_while_on_hold(
    policy_hours: int, until_held: timedelta, later: timedelta
) -> None:
    due, held_at = due_at(OPENED, policy_hours), OPENED + until_held
    was_late = overdue(WorkOrderState.OPEN, due, None, held_at)
    assert overdue(WorkOrderState.ON_HOLD, due, held_at, held_at + later) == was_late


@given(st.sampled_from(WorkOrderState), minutes)
def test_only_an_order_still_to_be_repaired_becomes_overdue(state: WorkOrderState, late_by: timedelta) -> None:
    due = due_at(OPENED, 24)
    waiting = {WorkOrderState.OPEN, WorkOrderState.ASSIGNED, WorkOrderState.IN_PROGRESS}
    assert overdue(state, due, None, due + late_by) == (state in waiting and late_by > timedelta(0))

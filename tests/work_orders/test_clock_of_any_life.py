"""Whatever becomes of an order, its clock is the sum of the time for which it ran, and everything falls due once."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.work_orders.service_levels import read_clock
from service.work_orders.sla import WAITING, OnTransfer
from tests.work_orders.lives import STEPS, TO_CLOSE, ZERO, begin, check_stamps
from tests.work_orders.orders import Town

lives = st.lists(
    st.tuples(st.sampled_from((*STEPS, *STEPS, "holiday", "hurry")), st.integers(1, 4_000)), min_size=4, max_size=14
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(lives)
def test_the_clock_is_the_sum_of_running_time_and_what_is_left_never_grows(
    town: Town, level: dict[str, Any], steps: list[tuple[str, int]]
) -> None:
    session = town.session
    session.rollback()
    life = begin(town, **level)
    left = TO_CLOSE
    renewing = {"reopen", "holiday"}  # a new promise; days that do not count after all
    if life.on_transfer is OnTransfer.RESTART:
        renewing.add("transfer")
    for action, minutes in steps:
        life.now += timedelta(minutes=minutes)
        if not life.do(action):
            continue
        reading = read_clock(session, life.order, life.now)
        assert reading.used == life.expected(), action
        assert reading.running == (life.order.state in WAITING)
        if action in renewing:
            left = TO_CLOSE - reading.used
        assert TO_CLOSE - reading.used <= left, action
        left = TO_CLOSE - reading.used
        if life.order.state in WAITING and life.given_due and left > ZERO:
            assert life.working(life.now, life.order.due_at) == left, action
    check_stamps(life)
    session.rollback()

"""How long the agent waits, how much it sends at once, and how fast."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.agent.answers import LinkError
from service.agent.pace import BackOff, ChunkSize, RateLimit, parse_rate, retry_after_s
from service.agent.waiting import Patience
from tests.agent.clocks import FakeClock

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 1))
def test_back_off_never_exceeds_minutes_and_never_vanishes(failures: int, chance: float) -> None:
    assert 0.5 <= BackOff().delay_s(failures, chance) <= 300.0


@settings(deadline=None)
@given(st.integers(1, 20))
def test_back_off_grows(failures: int) -> None:
    assert BackOff().delay_s(failures, 1.0) <= BackOff().delay_s(failures + 1, 1.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 22 Nov 2026 06:02:00 GMT", 120.0),
        ("Sun, 22 Nov 2026 05:00:00 GMT", 0.0),
        ("99999999999", 86_400.0),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_retry_after_breaks_the_agent(header: str) -> None:
    assert (retry_after_s(header, NOW) or 0.0) >= 0.0


def test_a_broken_request_halves_the_next_and_three_at_once_do_so_once() -> None:
    chunk = ChunkSize(1_000_000)
    for _ in range(3):
        chunk.broke(1_000_000)
    assert chunk.size_bytes == 500_000
    chunk.worked(500_000, 1.0)
    assert chunk.size_bytes == 1_000_000
    chunk.worked(1_000_000, 60.0)  # it passed, slowly: no reason for more
    assert chunk.size_bytes == 1_000_000


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**8))))
def test_a_chunk_stays_between_its_bounds(outcomes: list[tuple[bool, int]]) -> None:
    chunk = ChunkSize()
    for worked, size_bytes in outcomes:
        chunk.worked(size_bytes, 0.1) if worked else chunk.broke(size_bytes)
        assert ChunkSize.smallest <= chunk.size_bytes <= ChunkSize.largest


def test_the_rate_limit_holds_over_all_that_is_sent() -> None:
    clock = FakeClock()
    limit = RateLimit(1_000.0, clock)
    for _ in range(10):
        limit.wait_for(500)
    assert clock.now_s == pytest.approx(5.0)


@pytest.mark.parametrize(("text", "rate"), [("250k", 250_000.0), ("1.5M", 1_500_000.0), ("900", 900.0)])
def test_rates_are_read(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-1k", "10 MB/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected bytes a second"):
        parse_rate(text)


def test_the_servers_wish_counts_more_than_our_own_pause() -> None:
    patience = Patience(lambda: 1.0, 0.0)
    assert patience.failed(1, LinkError("busy", retry_after_s=600.0), False, 0.0) == 600.0
    assert patience.failed(2, LinkError("busy", retry_after_s=10.0), False, 1.0) == 599.0
    assert patience.failures == 1  # they failed together


def test_a_file_that_fails_alone_lets_the_others_go_first() -> None:
    patience = Patience(lambda: 1.0, 0.0)
    now_s = 0.0
    for _ in range(4):
        now_s += patience.failed(1, LinkError("server error"), False, now_s)
        patience.moved(now_s)  # another file got through
    assert patience.resting(now_s) == {1}
    assert patience.next_due_s(now_s) > now_s
    patience.ended(1)
    assert patience.resting(now_s) == set()


def test_a_file_that_moves_a_little_each_time_is_not_held_back() -> None:
    patience = Patience(lambda: 1.0, 0.0)
    now_s = 0.0
    for _ in range(9):
        patience.moved(now_s)
        now_s += patience.failed(1, LinkError("cut"), True, now_s)
    assert patience.resting(now_s) == set()
    assert now_s == pytest.approx(9.0)

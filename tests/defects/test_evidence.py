from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from service.defects.evidence import REOPEN_AFTER, Evidence, combine, seen_again

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
times = st.integers(0, 10_000).map(lambda minutes: NOON + timedelta(minutes=minutes))


@st.composite
def sightings(draw: st.DrawFn) -> Evidence:
    at = draw(times)
    size = draw(st.none() | st.floats(0.01, 50))
    return Evidence(
        sightings=1,
        score=draw(st.sampled_from([0.3, 0.5, 0.9])),
        best_detection_id=draw(st.integers(1, 1000)),
        size=size,
        size_sd=None if size is None else size / 4,
        size_distance_m=draw(st.none() | st.floats(1, 40)) if size is not None else None,
        first_seen_at=at,
        last_seen_at=at,
    )


some = st.lists(sightings(), min_size=2, max_size=8, unique_by=lambda e: e.best_detection_id)


@given(some, st.randoms())
def test_the_order_of_sightings_changes_nothing_of_what_they_say(seen: list[Evidence], random: object) -> None:
    shuffled = sorted(seen, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = reduce(combine, seen), reduce(combine, shuffled)
    assert one == other


@given(some, st.integers(1, 7))
def test_merging_two_defects_says_what_all_their_sightings_say(seen: list[Evidence], cut: int) -> None:
    left, right = seen[: min(cut, len(seen) - 1)], seen[min(cut, len(seen) - 1) :]
    merged, together = (combine(reduce(combine, left), reduce(combine, right)), reduce(combine, seen))
    assert merged == together


@given(some)
def test_the_size_is_the_one_measured_from_nearest_by(seen: list[Evidence]) -> None:
    together = reduce(combine, seen)
    located = [e for e in seen if e.size is not None and e.size_distance_m is not None]
    if located:
        assert together.size_distance_m == min(e.size_distance_m for e in located if e.size_distance_m is not None)
    else:
        assert together.size == min((e.size for e in seen if e.size is not None), default=None)


def test_a_sighting_a_day_after_the_repair_shows_that_it_did_not_last() -> None:
    assert seen_again(NOON, NOON + REOPEN_AFTER)
    assert not seen_again(NOON, NOON + REOPEN_AFTER - timedelta(seconds=1))
    assert not seen_again(NOON, NOON - timedelta(days=3))
    assert not seen_again(None, NOON)

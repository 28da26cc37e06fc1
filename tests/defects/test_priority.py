from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.defects.priority import (
    MOST,
    Facts,
    Waiting,
    most_important,
    parts,
    rank_for_day,
    score,
)
from service.defects.sizes import SizeClass, size_class
from tests.factories import NOW

PLAIN = Facts("pothole", 0.3, "residential", 0, 0, 3.0, 4.0)
facts = st.builds(
    Facts,
    st.sampled_from(KEYS),
    st.none() | st.floats(0, 500),
    st.none() | st.sampled_from(["motorway", "motorway_link", "residential", "service", "piste"]),
    st.integers(0, 20),
    st.integers(0, 500),
    st.floats(-2, 5000),
    st.floats(-800, 800),
)


def points(told: Facts) -> dict[str, float]:
    return {part.key: part.points for part in parts(told)}


def test_the_parts_at_most_make_a_hundred() -> None:
    assert sum(MOST.values()) == 100


@given(facts)
def test_the_score_is_the_sum_of_its_parts_and_none_goes_over_its_most(told: Facts) -> None:
    shown = parts(told)
    assert [part.key for part in shown] == list(MOST)
    assert all(0 <= part.points <= part.of == MOST[part.key] for part in shown)
    assert score(shown) == pytest.approx(sum(part.points for part in shown)) and 0 <= score(shown) <= 100


@given(facts, st.integers(1, 5), st.floats(0, 100), st.floats(0, 10))
def test_more_of_what_makes_a_defect_urgent_never_lowers_its_score(
    told: Facts, more: int, days: float, odds: float
) -> None:
    before = score(parts(told))
    for worse in (
        replace(told, recurrences=told.recurrences + more),
        replace(told, reports=told.reports + more),
        replace(told, age_days=told.age_days + days),
        replace(told, presence=told.presence + odds),
    ):
        assert score(parts(worse)) >= before


def test_a_large_hole_in_a_main_road_that_came_back_comes_before_a_new_small_one_in_a_side_street() -> None:
    worse = Facts("pothole", 1.2, "primary", 2, 3, 40.0, 4.0)
    gains = {key: points(worse)[key] - points(PLAIN)[key] for key in MOST}
    assert gains.pop("class") == gains.pop("presence") == 0
    assert min(gains.values()) > 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, "unknown"), (0.1, "small"), (0.16, "medium"), (0.43, "medium"), (0.44, "large"), (9, "large")],
)
def test_size_classes_of_potholes_follow_the_standards_diameters(size: float | None, expected: str) -> None:
    assert size_class("pothole", size) == expected


def test_a_thing_that_is_counted_has_no_size() -> None:
    assert size_class("bad_billboard", 1.0) is SizeClass.UNKNOWN


def test_an_unknown_road_is_neither_a_main_road_nor_nothing_and_a_ramp_counts_as_its_road() -> None:
    road = {
        name: points(replace(PLAIN, road_class=name))["road"] for name in ("primary", "primary_link", None, "track")
    }
    assert road["primary"] == road["primary_link"] > road[None] > road["track"] > 0


def test_a_thing_that_is_likely_gone_waits_longer() -> None:
    assert (
        points(replace(PLAIN, presence=-5.0))["presence"] < 0.1 < 9.9 < points(replace(PLAIN, presence=6.0))["presence"]
    )


def test_the_most_important_street_of_a_crossing_counts() -> None:
    assert most_important(["service", None, "secondary", "residential"]) == "secondary"
    assert most_important([None]) is None


def waiting(number: int, priority: float, unit_id: int | None = 1, since: datetime = NOW) -> Waiting:
    return Waiting(number, unit_id, priority, since)


def test_a_day_holds_the_most_urgent_and_queues_the_rest_in_order() -> None:
    older = NOW - timedelta(days=1)
    work = [waiting(1, 40), waiting(2, 90), waiting(3, 40, since=older), waiting(4, 60), waiting(5, 70, unit_id=2)]
    days = rank_for_day(work, {1: 2})
    assert (days[1].today, days[1].queued) == ((2, 4), (3, 1))
    assert (days[2].today, days[2].queued) == ((5,), ())


@given(
    st.lists(
        st.builds(waiting, st.integers(1, 99), st.floats(0, 100), st.none() | st.integers(1, 3)),
        unique_by=lambda one: one.id,
    ),
    st.integers(0, 5),
)
def test_no_unit_gets_more_than_it_can_do_and_no_work_is_lost(work: list[Waiting], most: int) -> None:
    days = rank_for_day(work, dict.fromkeys([None, 1, 2, 3], most))
    assert all(len(day.today) <= most for day in days.values())
    assert sorted(number for day in days.values() for number in day.today + day.queued) == sorted(
        one.id for one in work
    )
    by_id = {one.id: one for one in work}
    for day in days.values():
        urgency = [by_id[number].priority for number in day.today + day.queued]
        assert urgency == sorted(urgency, reverse=True)

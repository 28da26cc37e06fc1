"""The query of a request for features: what is understood, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import RasidError
from service.coverage.cells import Box
from service.geodata.asking import MAX_LIMIT, Asked, Times, read_asked, read_bbox, read_limit, read_times
from service.geodata.fields import Field, Kind

FILTERS = {
    "state": Field("state", Kind.TEXT, "", filters=True, choices=("open", "closed")),
    "unit_id": Field("unit_id", Kind.INTEGER, "", filters=True),
    "overdue": Field("overdue", Kind.BOOLEAN, "", filters=True),
}
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def asked(*query: tuple[str, str]) -> Asked:
    return read_asked(query, FILTERS)


def test_filters_have_the_types_of_their_properties() -> None:
    found = asked(("state", "open"), ("unit_id", "-7"), ("overdue", "true"), ("limit", "12"), ("f", "json"))
    assert found == Asked(limit=12, wanted={"state": "open", "unit_id": -7, "overdue": True})


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ([("crs", "x")], "crs"),
        ([("limit", "1"), ("limit", "2")], "limit"),
        ([("state", "ajar")], "state"),
        ([("unit_id", "7.5")], "unit_id"),
        ([("unit_id", "9" * 40)], "unit_id"),
        ([("overdue", "1")], "overdue"),
        ([("f", "html")], "f"),
        ([("State", "open")], "State"),
    ],
)
def test_what_is_unknown_or_wrong_is_refused_by_name(query: list[tuple[str, str]], named: str) -> None:
    with pytest.raises(RasidError) as refused:
        asked(*query)
    assert (refused.value.status, refused.value.extra["parameter"]) == (400, named)


@pytest.mark.parametrize("text", ["0", "00", "-1", "1.0", "", "ten", "١٢", "1e3"])
def test_a_limit_is_a_whole_number_from_one(text: str) -> None:
    with pytest.raises(RasidError):
        read_limit(text)


def test_a_limit_over_the_most_is_the_most() -> None:
    assert (read_limit("6"), read_limit("99999"), read_limit("9" * 5000)) == (6, MAX_LIMIT, MAX_LIMIT)


def test_a_box_has_four_or_six_numbers_and_may_cross_the_antimeridian() -> None:
    assert read_bbox("50, 26,50.5,26.5") == (Box(50, 26, 50.5, 26.5),)
    assert read_bbox("50,26,-100,50.5,26.5,9000") == (Box(50, 26, 50.5, 26.5),)
    assert read_bbox("170,-20,-170,20") == (Box(170, -20, 180, 20), Box(-180, -20, -170, 20))


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "50,27,51,26", "0,0,0,91", "-181,0,0,1", "nan,0,1,1", "0,0,inf,1",
     "1_0,0,11,1", "0,0,5,1,1,4", "0,0,1,1,", "1e999,0,1,1"],
)  # fmt: skip
def test_a_box_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RasidError):
        read_bbox(text)


def test_times_are_moments_days_and_intervals_of_which_an_end_may_be_open() -> None:
    assert read_times("2026-03-04T15:00:00+03:00") == Times(NOON, NOON)
    assert read_times("2026-03-04T12:00:00.000Z/..") == Times(NOON, None) == read_times("2026-03-04t12:00:00z/")
    assert read_times("../2026-03-04T12:00:00Z") == Times(None, NOON) == read_times("/2026-03-04T12:00:00Z")
    day = read_times("2026-03-04")
    assert day.start == NOON - timedelta(hours=12) and day.end == NOON + timedelta(hours=12) - timedelta(microseconds=1)
    assert read_times("2026-03-04/2026-03-05").end == NOON + timedelta(hours=36) - timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    ["", "..", "../..", "/", "yesterday", "2026", "2026-03", "2026-03-04T12:00:00", "2026-03-04T12:00:00 03:00",
     "2026-02-30T00:00:00Z", "2026-03-05T00:00:00Z/2026-03-04T00:00:00Z", "2026-03-04T12:00:00Z/2026-03-05/..",
     "0001-01-01T00:00:00+05:00", "20260304T120000Z", "2026-W10-3T00:00:00Z"],
)  # fmt: skip
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RasidError):
        read_times(text)


@given(st.lists(st.tuples(st.sampled_from(["bbox", "datetime", "limit", "after", "state", "unit_id", "x"]), st.text())))
def test_any_query_is_read_or_refused_with_400(query: list[tuple[str, str]]) -> None:
    try:
        asked(*query)
    except RasidError as refused:
        assert refused.status == 400


@given(st.floats(-180, 180), st.floats(-180, 180), st.floats(-90, 90), st.floats(-90, 90))
def test_boxes_never_have_their_west_beyond_their_east(west: float, east: float, a: float, b: float) -> None:
    boxes = read_bbox(f"{west},{min(a, b)},{east},{max(a, b)}")
    assert all(box.west <= box.east for box in boxes)
    assert len(boxes) == (1 if west <= east else 2)

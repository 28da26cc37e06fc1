"""Percentages, ages and gaps against streets whose metres can be added up by hand."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.errors import Unprocessable
from service.core.events import SYSTEM
from service.coverage.cells import Box
from service.coverage.figures import Coverage, StreetMetres, coverage_of, street_metres
from service.coverage.footprint import RESOLUTION
from service.coverage.maps import Gap, SeenCell, gaps_of, seen_cells
from service.coverage.models import Street
from service.coverage.period import Period, period_of
from service.coverage.street_lines import from_geojson, length_m, metres_by_cell
from service.coverage.streets import import_streets
from tests.coverage.streets_made import FIRST_CELL, LAT, LON, cells_in_a_row, collection, feature, make_street, see
from tests.factories import NOW, make_municipality

LAST = date(2026, 3, 4)
YEAR = Period(LAST - timedelta(days=364), LAST)


@pytest.fixture
def dammam(session: Session) -> Municipality:
    return make_municipality(session)


def before(days: int) -> date:
    """So many days before the last of the period."""
    return LAST - timedelta(days=days)


def figures(session: Session, place: Municipality, period: Period = YEAR) -> Coverage:
    return coverage_of(session, place.id, period)


def all_gaps(session: Session, place: Municipality, limit: int = 100, min_m: float = 0.0) -> list[Gap]:
    """Every page, one after another."""
    found: list[Gap] = []
    after = None
    while True:
        page, after = gaps_of(session, place.id, YEAR, min_m=min_m, after=after, limit=limit)
        found += page
        if after is None:
            return found


def test_the_percentage_is_of_metres_and_by_road_class(session: Session, dammam: Municipality) -> None:
    a, b, c, d = cells_in_a_row(4)
    make_street(session, dammam, {a: 60.0, b: 40.0}, "primary")
    make_street(session, dammam, {b: 50.0, c: 150.0}, "residential")
    make_street(session, dammam, {d: 100.0}, None)
    see(session, dammam, [b, d], LAST)
    got = figures(session, dammam)
    assert (got.street_m, got.seen_m, got.unseen_m) == (400.0, 190.0, 210.0)
    assert got.percent == pytest.approx(47.5)
    assert got.target_percent == 100.0
    rows = [(row.road_class, row.street_m, row.seen_m, row.percent) for row in got.by_road_class]
    assert rows == [("residential", 200.0, 50.0, 25.0), (None, 100.0, 100.0, 100.0), ("primary", 100.0, 40.0, 40.0)]


def test_all_of_it_seen_is_100_percent_and_none_of_it_0(session: Session, dammam: Municipality) -> None:
    cells = cells_in_a_row(5)
    make_street(session, dammam, dict.fromkeys(cells, 20.0))
    assert figures(session, dammam).percent == 0.0
    see(session, dammam, cells, LAST)
    assert figures(session, dammam).percent == 100.0


def test_without_streets_there_is_no_percentage_but_cells_and_area(session: Session, dammam: Municipality) -> None:
    cells = cells_in_a_row(10)
    see(session, dammam, cells, before(3), LAST)
    got = figures(session, dammam)
    assert (got.percent, got.mean_passes, got.by_road_class) == (None, None, [])
    assert got.percent_reason is not None and "no streets are imported" in got.percent_reason
    assert (got.cells, got.days_driven, got.last_driven) == (10, 2, LAST)
    assert got.area_km2 == pytest.approx(10 * 282e-6, rel=0.05)  # a cell at Dammam


def test_a_place_where_nobody_drove_has_no_cells(session: Session, dammam: Municipality) -> None:
    got = figures(session, dammam)
    assert (got.cells, got.area_km2, got.days_driven, got.last_driven) == (0, 0.0, 0, None)


def test_metres_stand_in_the_band_of_their_last_pass(session: Session, dammam: Municipality) -> None:
    ages = [0, 6, 7, 29, 30, 89, 90, 364, 365, 700]
    cells = cells_in_a_row(len(ages) + 1)
    make_street(session, dammam, dict.fromkeys(cells, 10.0))
    for cell, age in zip(cells, ages, strict=False):
        see(session, dammam, [cell], before(age), before(age + 800))
    got = figures(session, dammam, Period(date(2020, 1, 1), LAST))
    bands = {band.up_to_days: band.street_m for band in got.by_last_pass}
    assert bands == {7: 20.0, 30: 20.0, 90: 20.0, 365: 20.0, None: 20.0}
    assert got.unseen_m == 10.0


def test_passes_are_days_and_their_mean_is_over_all_metres(session: Session, dammam: Municipality) -> None:
    a, b = cells_in_a_row(2)
    make_street(session, dammam, {a: 100.0, b: 300.0})
    see(session, dammam, [a], LAST, before(1), before(2), frames=17)
    see(session, dammam, [b], LAST)
    assert figures(session, dammam).mean_passes == pytest.approx((3 * 100 + 1 * 300) / 400)


def test_both_ends_of_the_period_count_and_nothing_beyond(session: Session, dammam: Municipality) -> None:
    a, b, c, d = cells_in_a_row(4)
    make_street(session, dammam, dict.fromkeys([a, b, c, d], 25.0))
    period = Period(before(10), before(5))
    for cell, day in zip([a, b, c, d], [11, 10, 5, 4], strict=True):
        see(session, dammam, [cell], before(day))
    got = figures(session, dammam, period)
    assert (got.percent, got.cells, got.last_driven) == (50.0, 2, before(5))
    (gap,), _ = gaps_of(session, dammam.id, period)
    assert gap.gap_m == 50.0
    assert {seen.cell for seen in seen_cells(session, dammam.id, period)[0]} == {b, c}


def test_a_neighbours_streets_and_passes_do_not_count(session: Session, dammam: Municipality) -> None:
    khobar = make_municipality(session, "khobar")
    a, b = cells_in_a_row(2)
    make_street(session, dammam, {a: 100.0})
    make_street(session, khobar, {a: 300.0, b: 700.0})
    see(session, khobar, [a], LAST)
    assert figures(session, dammam).percent == 0.0
    assert figures(session, khobar).percent == 30.0
    assert [gap.gap_m for gap in all_gaps(session, dammam)] == [100.0]
    assert seen_cells(session, dammam.id, YEAR) == ([], None)


def test_many_municipalities_at_once_have_the_metres_that_each_has_alone(
    session: Session, dammam: Municipality
) -> None:
    khobar, bare = make_municipality(session, "khobar"), make_municipality(session, "bare")
    cells = cells_in_a_row(6)
    make_street(session, dammam, dict(zip(cells, (10.0, 20.0, 30.0, 40.0, 50.0, 60.0), strict=True)))
    make_street(session, khobar, dict.fromkeys(cells[:3], 100.0))
    for place, number, days in ((dammam, 0, 0), (dammam, 0, 8), (dammam, 1, 6), (dammam, 2, 7), (dammam, 3, 13),
                                (dammam, 4, 14), (khobar, 1, 7), (bare, 1, 0)):  # fmt: skip
        see(session, place, [cells[number]], before(days))
    week, week_before = Period(before(6), LAST), Period(before(13), before(7))
    found = street_metres(session, [dammam.id, khobar.id, bare.id], week, week_before)
    assert found[dammam.id] == StreetMetres(210.0, 30.0, 80.0) and found[khobar.id] == StreetMetres(300.0, 0.0, 100.0)
    assert found[bare.id] == StreetMetres()
    for place in (dammam, khobar):
        then, now = figures(session, place, week_before), figures(session, place, week)
        assert (now.seen_m, then.seen_m) == (found[place.id].seen_m, found[place.id].seen_before_m)
    apart = street_metres(session, [dammam.id], Period(LAST, LAST), Period(before(14), before(14)))
    assert apart == {dammam.id: StreetMetres(210.0, 10.0, 50.0)}  # nothing between the two counts


def test_gaps_come_longest_first_with_their_part_of_the_street(session: Session, dammam: Municipality) -> None:
    cells = cells_in_a_row(7)
    short = make_street(session, dammam, {cells[0]: 30.0}, name="short")
    partly = make_street(session, dammam, {cells[1]: 500.0, cells[2]: 80.0}, name="partly seen")
    make_street(session, dammam, {cells[3]: 900.0}, name="seen")
    whole = make_street(session, dammam, {cells[4]: 100.0, cells[5]: 100.0}, name="whole")
    see(session, dammam, [cells[1], cells[3]], LAST)
    gaps = all_gaps(session, dammam)
    assert [(gap.street_id, gap.gap_m) for gap in gaps] == [(whole.id, 200.0), (partly.id, 80.0), (short.id, 30.0)]
    assert gaps[1].street_m == 580.0
    (line,) = from_geojson(gaps[1].geometry)
    assert metres_by_cell([line]).keys() == {cells[2]}
    assert [gap.street_id for gap in all_gaps(session, dammam, min_m=50.0)] == [whole.id, partly.id]


def test_pages_of_gaps_hold_every_gap_once_also_among_equals(session: Session, dammam: Municipality) -> None:
    for number, cell in enumerate(cells_in_a_row(11)):
        make_street(session, dammam, {cell: 10.0 * (number // 4 + 1)}, source_id=str(number))
    whole = all_gaps(session, dammam)
    assert len(whole) == 11
    assert all_gaps(session, dammam, limit=2) == whole
    assert all_gaps(session, dammam, limit=11) == whole


def test_gaps_in_a_box_are_those_whose_unseen_part_lies_there(session: Session, dammam: Municipality) -> None:
    def road(east: float) -> dict[str, object]:
        return feature((LON + east, LAT), (LON + east + 0.005, LAT), source_id=str(east))

    import_streets(session, dammam, collection(road(0.0), road(0.02)), actor=SYSTEM, now=NOW)
    box = Box(LON + 0.004, LAT - 0.001, LON + 0.01, LAT + 0.001)
    (gap,), _ = gaps_of(session, dammam.id, YEAR, box=box)
    assert gap.source_id == "0.0"
    assert gap.gap_m == pytest.approx(499, abs=1)  # all of it, not its part in the box
    (line,) = from_geojson(gap.geometry)
    see(session, dammam, [cell for cell in metres_by_cell([line]) if cell not in cells_west_of(LON + 0.002)], LAST)
    assert gaps_of(session, dammam.id, YEAR, box=box) == ([], None)


def cells_west_of(lon: float) -> set[int]:
    (line,) = from_geojson({"type": "LineString", "coordinates": [[LON, LAT], [lon, LAT]]})
    return set(metres_by_cell([line]))


def test_gaps_of_an_imported_street_measure_what_its_line_measures(session: Session, dammam: Municipality) -> None:
    road = feature((LON, LAT), (LON + 0.002, LAT + 0.001), (LON + 0.002, LAT + 0.004), source_id="bent")
    import_streets(session, dammam, collection(road), actor=SYSTEM, now=NOW)
    metres = metres_by_cell(from_geojson(session.query(Street).one().line))
    see(session, dammam, sorted(metres)[::3], LAST)
    (gap,) = all_gaps(session, dammam)
    assert length_m(from_geojson(gap.geometry)) == pytest.approx(gap.gap_m, abs=0.5)
    assert 100 * (1 - gap.gap_m / gap.street_m) == pytest.approx(figures(session, dammam).percent or 0, abs=0.05)


def test_pages_of_cells_hold_every_cell_once_with_its_days_and_frames(session: Session, dammam: Municipality) -> None:
    cells = cells_in_a_row(9)
    see(session, dammam, cells, before(4), LAST, frames=3)
    found: list[SeenCell] = []
    after: int | None = 0
    while after is not None:
        page, after = seen_cells(session, dammam.id, YEAR, after=after, limit=4)
        found += page
    assert [seen.cell for seen in found] == sorted(cells)
    assert {(seen.last_day, seen.passes, seen.frames) for seen in found} == {(LAST, 2, 6)}


def test_cells_in_a_box_are_those_that_meet_it(session: Session, dammam: Municipality) -> None:
    see(session, dammam, cells_in_a_row(60), LAST)
    point = Box(LON, LAT, LON, LAT)
    assert [seen.cell for seen in seen_cells(session, dammam.id, YEAR, box=point)[0]] == [FIRST_CELL]
    everything = Box(LON - 1, LAT - 1, LON + 1, LAT + 1)
    assert len(seen_cells(session, dammam.id, YEAR, box=everything)[0]) == 60
    assert seen_cells(session, dammam.id, YEAR, box=Box(LON + 1, LAT, LON + 2, LAT + 1))[0] == []
    assert RESOLUTION == 12  # what is stored; another needs every day counted anew


def test_a_period_left_open_is_the_year_up_to_today() -> None:
    assert period_of(None, None, LAST) == Period(LAST - timedelta(days=364), LAST)
    assert period_of(None, before(30), LAST) == Period(before(394), before(30))


@given(st.dates(), st.dates(), st.none() | st.dates())
def test_a_period_never_ends_before_it_begins(today: date, last: date, first: date | None) -> None:
    try:
        period = period_of(first, last, today)
    except Unprocessable:
        assert first is not None and first > last
    else:
        assert period.first <= period.last == last

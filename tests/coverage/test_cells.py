"""Cells in a box of degrees are found by ranges of their numbers, and none in the box is missed."""

import h3.api.basic_int as h3
from hypothesis import given
from hypothesis import strategies as st

from service.coverage.cells import Box, area_m2, cell_name, cell_number, meets, outline, ranges_around
from service.coverage.footprint import RESOLUTION
from tests.factories import DAMMAM

shares = st.floats(0, 1)


@given(
    st.floats(-85, 85), st.floats(-170, 170), st.floats(-5, 1), st.floats(-5, 1), shares, shares
)  # sizes from a metre to ten degrees  # fmt: skip
def test_the_ranges_around_a_box_hold_every_cell_within_it(
    south: float, west: float, height: float, width: float, up: float, right: float
) -> None:
    box = Box(west, south, min(180.0, west + 10**width), min(89.0, south + 10**height))
    place = south + up * (box.north - south), west + right * (box.east - west)
    cell = h3.latlng_to_cell(*place, RESOLUTION)
    ranges = ranges_around(box)
    assert ranges is None or any(low <= cell <= high for low, high in ranges)
    assert meets(cell, box)


def test_a_quarter_of_a_town_needs_few_ranges_and_leaves_out_the_next_town() -> None:
    ranges = ranges_around(Box(50.08, 26.42, 50.10, 26.44))
    far = h3.latlng_to_cell(26.28, 50.20, RESOLUTION)
    assert ranges is not None
    assert len(ranges) <= 19
    assert not any(low <= far <= high for low, high in ranges)


def test_half_a_world_is_not_narrowed() -> None:
    assert ranges_around(Box(-180, -90, 180, 90)) is None


def test_a_cell_has_a_name_a_closed_outline_and_an_area() -> None:
    cell = h3.latlng_to_cell(*DAMMAM, RESOLUTION)
    assert cell_number(cell_name(cell)) == cell
    assert outline(cell)[0] == outline(cell)[-1]
    assert len(outline(cell)) == 7
    assert 250 < area_m2(cell) < 350


def test_what_is_no_cell_is_none() -> None:
    for name in ("", "8c", "zz", "-1", "ffffffffffffffff", "8c536ccb0690bff0", "１２"):
        assert cell_number(name) is None

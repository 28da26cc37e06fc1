"""The ground a frame looked at lies ahead of the lens, near enough to judge, and never where nobody looked."""

import math
from functools import partial

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.geodesy import moved
from service.core.plane import metres_per_degree
from service.coverage.footprint import FAR_M, HALF_WIDTH_M, NEAR_M, RESOLUTION, Camera, Sector, footprint, sector
from service.coverage.street_lines import metres_by_cell
from tests.factories import CAMERA, DAMMAM

lats, lons, headings = st.floats(-80, 80), st.floats(-180, 180), st.floats(0, 360)
UNKNOWN = Camera()


def looked_at(lat: float, lon: float, heading_deg: float | None, camera: Camera = UNKNOWN) -> list[int]:
    return footprint(lat, lon, heading_deg, camera, sector(camera, 1920, 1080))


def far_from(cell: int, other: int) -> float:
    return float(h3.great_circle_distance(h3.cell_to_latlng(cell), h3.cell_to_latlng(other)))


def ahead_and_aside_m(lat: float, lon: float, heading_deg: float, place: tuple[float, float]) -> tuple[float, float]:
    per_lat, per_lon = metres_per_degree(lat)
    north_m, east_m = (place[0] - lat) * per_lat, ((place[1] - lon + 180) % 360 - 180) * per_lon
    bearing = math.radians(heading_deg)
    along = north_m * math.cos(bearing) + east_m * math.sin(bearing)
    return float(along), float(east_m * math.cos(bearing) - north_m * math.sin(bearing))


@given(lats, lons, headings)
def test_every_cell_reaches_ahead_of_the_camera_and_none_lies_behind(
    lat: float, lon: float, heading_deg: float
) -> None:
    for cell in looked_at(lat, lon, heading_deg):
        corners = [ahead_and_aside_m(lat, lon, heading_deg, corner) for corner in h3.cell_to_boundary(cell)]
        assert max(ahead_m for ahead_m, _ in corners) > NEAR_M - 0.1
        assert min(ahead_m for ahead_m, _ in corners) < FAR_M + 0.1
        assert min(abs(aside_m) for _, aside_m in corners) < HALF_WIDTH_M + 12  # an edge is at most 12 m long


@given(lats, lons, headings)
def test_no_cell_is_farther_than_the_range_and_a_cell(lat: float, lon: float, heading_deg: float) -> None:
    for cell in looked_at(lat, lon, heading_deg):
        radius_m = max(h3.edge_length(edge, unit="m") for edge in h3.origin_to_directed_edges(cell))
        assert h3.great_circle_distance((lat, lon), h3.cell_to_latlng(cell), unit="m") < (FAR_M + radius_m) * 1.02


@given(lats, lons, headings, st.sampled_from([4.0, 10.0, 20.0]))
def test_the_road_straight_ahead_is_seen_from_near_to_far(
    lat: float, lon: float, heading_deg: float, by_m: float
) -> None:
    place = moved(lat, lon, heading_deg, by_m)  # on a sphere: up to 10 cm off
    around = [place, *(moved(*place, bearing, 0.15) for bearing in range(0, 360, 45))]
    seen = looked_at(lat, lon, heading_deg)
    assert any(h3.latlng_to_cell(*one, RESOLUTION) in seen for one in around)


def test_cells_turn_with_the_heading() -> None:
    middle = h3.latlng_to_cell(*DAMMAM, RESOLUTION)
    lat, lon = h3.cell_to_latlng(middle)
    ring = set(h3.grid_ring(middle, 1))
    for ahead in ring:
        to_lat, to_lon = h3.cell_to_latlng(ahead)
        heading_deg = math.degrees(math.atan2((to_lon - lon) * math.cos(math.radians(lat)), to_lat - lat))
        seen = set(looked_at(lat, lon, heading_deg))
        behind = max(ring, key=partial(far_from, ahead))
        assert ahead in seen
        assert behind not in seen


@given(lats, lons)
def test_without_a_heading_only_the_vehicles_own_cell_counts(lat: float, lon: float) -> None:
    assert looked_at(lat, lon, None) == [h3.latlng_to_cell(lat, lon, RESOLUTION)]


@given(lats, lons, headings, st.floats(-180, 180))
def test_a_camera_turned_aside_looks_aside(lat: float, lon: float, heading_deg: float, yaw_deg: float) -> None:
    assert looked_at(lat, lon, heading_deg, Camera(yaw_deg=yaw_deg)) == looked_at(lat, lon, heading_deg + yaw_deg)


@given(lats, lons, headings, st.floats(11, 169), st.floats(11, 169))
def test_a_wider_view_sees_all_that_a_narrower_one_sees(
    lat: float, lon: float, heading_deg: float, a_deg: float, b_deg: float
) -> None:
    narrow, wide = sorted((a_deg, b_deg))
    seen = set(looked_at(lat, lon, heading_deg, Camera(hfov_deg=narrow)))
    assert seen <= set(looked_at(lat, lon, heading_deg, Camera(hfov_deg=wide)))


@given(headings, st.floats(-4, 4), st.floats(3, 10))
def test_a_street_driven_along_is_seen_whole_and_one_behind_the_houses_not_at_all(
    heading_deg: float, beside_m: float, step_m: float
) -> None:
    def at(along_m: float, aside_m: float) -> tuple[float, float]:
        return moved(*moved(*DAMMAM, heading_deg, along_m), heading_deg + 90, aside_m)

    frames = (at(along_m, beside_m) for along_m in np.arange(-FAR_M - step_m, 200, step_m).tolist())
    seen = {cell for lat, lon in frames for cell in looked_at(lat, lon, heading_deg)}
    driven, left, right = (np.array([at(0, aside_m)[::-1], at(200, aside_m)[::-1]]) for aside_m in (0, -40, 40))
    assert metres_by_cell([driven]).keys() <= seen
    assert not metres_by_cell([left, right]).keys() & seen


def test_near_is_where_the_pictures_lower_edge_meets_the_road() -> None:
    seen = sector(Camera(**CAMERA), 640, 480)
    half_rise_deg = math.degrees(math.atan(math.tan(math.radians(35)) * 480 / 640))
    assert seen is not None
    assert seen.near_m == pytest.approx(1.6 / math.tan(math.radians(8 + half_rise_deg)))
    assert seen.near_m == pytest.approx(2.23, abs=0.01)
    assert seen.far_m == FAR_M


def test_a_camera_that_looks_down_sees_no_farther_than_its_upper_edge() -> None:
    seen = sector(Camera(height_m=2, pitch_deg=60, hfov_deg=60), 1000, 1000)
    assert seen is not None
    assert seen.near_m == 0.0
    assert seen.far_m == pytest.approx(2 / math.tan(math.radians(30)))


def test_a_camera_that_looks_over_the_road_sees_none_of_it() -> None:
    sky = Camera(height_m=2, pitch_deg=-30, hfov_deg=60)
    assert sector(sky, 1920, 1080) is None
    assert looked_at(*DAMMAM, 0.0, sky) == []


def test_without_the_mounting_the_stated_range_holds() -> None:
    assert sector(UNKNOWN, None, None) == Sector(NEAR_M, FAR_M, 30.0)


def test_metres_of_a_degree_are_those_of_the_ellipsoid() -> None:
    table = {0: (110.574, 111.320), 30: (110.852, 96.486), 60: (111.412, 55.800)}  # km, of WGS 84
    for lat, (per_lat_km, per_lon_km) in table.items():
        per_lat, per_lon = metres_per_degree(lat)
        assert float(per_lat) / 1000 == pytest.approx(per_lat_km, abs=0.001)
        assert float(per_lon) / 1000 == pytest.approx(per_lon_km, abs=0.001)

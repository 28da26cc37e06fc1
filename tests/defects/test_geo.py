"""Ellipses as outlines on a map, and places on the road as boxes on a frame."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LinearRing

from service.core.plane import LocalPlane
from service.defects.framing import box_of_place
from service.defects.geo import extent_of, line_feature, outline_95, point_feature
from service.identity.camera import Camera, meet_ground
from service.identity.gaussian import CHI2_95, Ellipse
from tests.factories import DAMMAM

ELLIPSES = st.builds(Ellipse.along, st.floats(0, 360), st.floats(0.3, 30), st.floats(0.3, 30))
CAMERAS = st.builds(Camera, st.floats(1, 3), st.floats(0, 20), st.floats(50, 110))


@given(ELLIPSES, st.floats(-60, 60), st.floats(-179, 179))
def test_every_point_of_an_outline_lies_on_the_edge_of_the_95_percent(ellipse: Ellipse, lat: float, lon: float) -> None:
    plane = LocalPlane(lat, lon)
    for east, north in outline_95(lat, lon, ellipse):
        inside = ellipse.mahalanobis2(*plane.to_m(north, east))
        assert inside == pytest.approx(CHI2_95, rel=0.15)  # coordinates are rounded to a centimetre


@given(ELLIPSES)
def test_an_outline_is_a_closed_ring_that_runs_counter_clockwise(ellipse: Ellipse) -> None:
    ring = outline_95(*DAMMAM, ellipse)
    assert ring[0] == ring[-1]
    assert LinearRing(ring).is_ccw


def test_the_long_axis_of_an_outline_points_where_the_error_is_large() -> None:
    ring = outline_95(*DAMMAM, Ellipse.along(90, 10.0, 1.0))
    lons, lats = zip(*ring, strict=True)
    assert (max(lons) - min(lons)) * math.cos(math.radians(DAMMAM[0])) > 8 * (max(lats) - min(lats))


def test_the_extent_holds_points_and_lines() -> None:
    line = line_feature([(26.0, 50.0), (26.5, 49.5)], {})
    assert extent_of([point_feature(25.9, 50.2, {}), line]) == [49.5, 25.9, 50.2, 26.5]
    assert extent_of([]) is None


@given(CAMERAS, st.floats(2.5, 40), st.floats(-15, 15))
def test_a_place_shows_where_its_pixel_looks(camera: Camera, ahead_m: float, right_m: float) -> None:
    width_px, height_px = 1920, 1080
    box = box_of_place(ahead_m, right_m, camera, width_px, height_px, 2.0)
    if box is None:
        return
    x0, y0, x1, y1 = box
    ray = camera.ray((x0 + x1) / 2, (y0 + y1) / 2, width_px, height_px)
    point = meet_ground(*ray, camera)
    if point is None:  # within half a degree of the horizon
        assert ahead_m > 100 * camera.height_m
        return
    assert (point.ahead_m, point.right_m) == pytest.approx((ahead_m, right_m), abs=1e-6)
    assert x1 - x0 == pytest.approx(2 * (y1 - y0))


def test_a_place_behind_or_beside_the_view_has_no_box() -> None:
    camera = Camera(1.6, 8.0, 70.0)
    assert box_of_place(10, 0, camera, 1920, 1080, 2.0) is not None
    assert box_of_place(-10, 0, camera, 1920, 1080, 2.0) is None
    assert box_of_place(10, 30, camera, 1920, 1080, 2.0) is None
    assert box_of_place(2.1, 0, camera, 1920, 1080, 2.0) is None  # below the lower edge

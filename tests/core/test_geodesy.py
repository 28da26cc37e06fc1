import math

from hypothesis import given
from hypothesis import strategies as st

from service.core.geodesy import EARTH_RADIUS_M, distance_m, moved

lats = st.floats(-84, 84)
lons = st.floats(-179.99, 179.99)
bearings = st.floats(0, 360)


@given(lats, lons, bearings, st.floats(0.01, 10_000))
def test_moving_some_metres_ends_that_many_metres_away(lat: float, lon: float, bearing_deg: float, by_m: float) -> None:
    assert math.isclose(distance_m(lat, lon, *moved(lat, lon, bearing_deg, by_m)), by_m, rel_tol=1e-5, abs_tol=1e-4)


@given(lats, lons, lats, lons)
def test_distance_is_the_same_both_ways(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> None:
    assert distance_m(lat_a, lon_a, lat_b, lon_b) == distance_m(lat_b, lon_b, lat_a, lon_a)


def test_a_degree_along_a_meridian_is_a_360th_of_the_circumference() -> None:
    assert math.isclose(distance_m(24, 46, 25, 46), 2 * math.pi * EARTH_RADIUS_M / 360, rel_tol=1e-12)


def test_moving_east_raises_the_longitude_and_moving_south_lowers_the_latitude() -> None:
    assert moved(24.7, 46.7, 90, 10)[1] > 46.7
    assert moved(24.7, 46.7, 180, 10)[0] < 24.7

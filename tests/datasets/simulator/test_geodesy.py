"""The town frame agrees with the sphere it lies on."""

from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.simulator.geodesy import TownFrame

DAMMAM = TownFrame(26.4236, 50.0862)
metres = st.floats(-5000, 5000)


@given(metres, metres)
def test_a_point_taken_to_wgs84_and_back_is_the_same_point(east_m: float, north_m: float) -> None:
    back = DAMMAM.to_metres(*DAMMAM.to_wgs84(east_m, north_m))
    assert hypot(back[0] - east_m, back[1] - north_m) < 1e-5


@given(metres, metres)
def test_metres_agree_with_the_distance_on_a_sphere(east_m: float, north_m: float) -> None:
    lat, lon = DAMMAM.to_wgs84(east_m, north_m)
    middle = radians((lat + DAMMAM.lat) / 2)
    on_sphere_m = 6_371_000 * hypot(radians(lat - DAMMAM.lat), radians(lon - DAMMAM.lon) * cos(middle))
    assert on_sphere_m == pytest.approx(hypot(east_m, north_m), rel=0.006, abs=0.01)


def test_the_kilometre_of_latitude_is_that_of_the_ellipsoid() -> None:
    """WGS 84 at 26.42 N: one degree of latitude is 110.79 km, one of longitude 99.76 km."""
    east_m, north_m = DAMMAM.to_metres(DAMMAM.lat + 1, DAMMAM.lon + 1)
    assert north_m == pytest.approx(110_790, abs=10)
    assert east_m == pytest.approx(99_757, abs=5)

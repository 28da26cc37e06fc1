import math

from hypothesis import given
from hypothesis import strategies as st

from service.identity.gaussian import Ellipse, Spot, ellipse_95, fuse

sds = st.floats(0.1, 20)
bearings = st.floats(0, 180)
ellipses = st.builds(Ellipse.along, bearings, sds, sds)
spots = st.builds(Spot, st.floats(-50, 50), st.floats(-50, 50), ellipses)


@given(bearings, st.floats(2, 20), st.floats(0.1, 1))
def test_the_ellipse_has_the_axes_it_was_made_of(bearing_deg: float, along_m: float, across_m: float) -> None:
    semi_major_m, semi_minor_m, azimuth_deg = ellipse_95(Ellipse.along(bearing_deg, along_m, across_m))
    assert math.isclose(semi_major_m, along_m * math.sqrt(5.991), rel_tol=1e-6)
    assert math.isclose(semi_minor_m, across_m * math.sqrt(5.991), rel_tol=1e-3)
    assert min(abs(azimuth_deg - bearing_deg), 180 - abs(azimuth_deg - bearing_deg)) < 1e-3


@given(st.lists(spots, min_size=2, max_size=6), st.randoms())
def test_the_order_of_measurements_changes_nothing(measured: list[Spot], random: object) -> None:
    shuffled = sorted(measured, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = fuse(measured), fuse(shuffled)
    assert math.isclose(one.east_m, other.east_m, abs_tol=1e-6)
    assert math.isclose(one.north_m, other.north_m, abs_tol=1e-6)


@given(spots, spots)
def test_two_measurements_together_are_surer_than_each(a: Spot, b: Spot) -> None:
    together = fuse((a, b)).ellipse.determinant_m4
    assert together <= min(a.ellipse.determinant_m4, b.ellipse.determinant_m4) * (1 + 1e-9)


def test_two_rays_that_cross_place_the_thing_where_they_cross() -> None:
    from_south = Spot(0.0, 12.0, Ellipse.along(0, 8.0, 0.3))
    from_west = Spot(9.0, 20.0, Ellipse.along(90, 8.0, 0.3))
    crossing = fuse((from_south, from_west))
    assert math.hypot(crossing.east_m - 0.0, crossing.north_m - 20.0) < 0.1


@given(ellipses, st.floats(-30, 30), st.floats(-30, 30))
def test_the_density_falls_with_the_distance_in_standard_deviations(error: Ellipse, east: float, north: float) -> None:
    assert error.log_density(east, north) <= error.log_density(east / 2, north / 2) + 1e-12
    assert error.mahalanobis2(east, north) >= 0

from hypothesis import given
from hypothesis import strategies as st

from service.core.geodesy import moved
from service.defects.grid import cells_within, h3_cell

lats = st.floats(-84, 84)
lons = st.floats(-179.99, 179.99)
bearings = st.floats(0, 360)


@given(lats, lons, bearings, st.floats(0.1, 60), st.floats(0, 1))
def test_cells_within_a_radius_cover_every_place_within_it(
    lat: float, lon: float, bearing_deg: float, radius_m: float, part: float
) -> None:
    place = moved(lat, lon, bearing_deg, radius_m * part)
    assert h3_cell(*place) in cells_within(lat, lon, radius_m)


def test_the_widest_class_needs_few_cells_at_riyadh() -> None:
    assert len(cells_within(24.71, 46.68, 15.0)) <= 19

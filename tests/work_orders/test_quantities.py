import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import BY_KEY, KEYS, Unit
from service.identity.locate import GroundPosition
from service.work_orders.quantities import estimate_quantity, shares_of

metres = st.none() | st.floats(0.05, 20)
positions = st.builds(
    GroundPosition,
    lat=st.just(24.7),
    lon=st.just(46.7),
    distance_m=metres,
    ground_width_m=metres,
    ground_length_m=metres,
    upright_height_m=metres,
)
SEEN = GroundPosition(24.7, 46.7, 10.0, ground_width_m=2.0, ground_length_m=3.0, upright_height_m=4.0)


def test_a_pothole_is_the_ellipse_within_its_box() -> None:
    assert math.isclose(estimate_quantity("pothole", SEEN) or 0, math.pi * 2 * 3 / 4)


def test_a_crack_is_the_rectangle_that_is_renewed() -> None:
    assert estimate_quantity("road_crack", SEEN) == 6.0


def test_a_facade_is_its_width_by_its_height() -> None:
    assert estimate_quantity("unkept_facade", SEEN) == 8.0


@given(positions)
def test_what_is_counted_is_one_for_each_defect_wherever_it_stands(position: GroundPosition) -> None:
    counted = [key for key in KEYS if BY_KEY[key].unit is Unit.COUNT]
    assert counted and all(estimate_quantity(key, position) == 1.0 for key in counted)


@given(positions)
def test_a_volume_is_left_to_the_unit_on_site(position: GroundPosition) -> None:
    volumes = [key for key in KEYS if BY_KEY[key].unit is Unit.CUBIC_METRE]
    assert volumes and all(estimate_quantity(key, position) is None for key in volumes)


@given(st.sampled_from(KEYS), positions)
def test_an_estimate_is_a_positive_amount_or_none(class_key: str, position: GroundPosition) -> None:
    quantity = estimate_quantity(class_key, position)
    assert quantity is None or quantity > 0


@given(st.sampled_from([key for key in KEYS if BY_KEY[key].unit is not Unit.COUNT]))
def test_a_box_without_a_place_on_the_ground_is_not_measured(class_key: str) -> None:
    assert estimate_quantity(class_key, GroundPosition(24.7, 46.7)) is None


@given(
    st.decimals("0.001", 1000, places=3, allow_nan=False),
    st.lists(st.none() | st.floats(0.01, 500, allow_nan=False), min_size=1, max_size=8),
)
def test_shares_of_a_common_repair_are_together_the_whole(whole: Decimal, estimates: list[float | None]) -> None:
    shares = shares_of(whole, estimates)
    assert sum(shares) == whole and min(shares) >= 0 and len(shares) == len(estimates)


def test_shares_are_by_the_estimates_and_alike_where_one_is_unknown() -> None:
    assert shares_of(Decimal(6), [1.0, 2.0]) == [2, 4]
    assert shares_of(Decimal(6), [None, 2.0]) == [3, 3]

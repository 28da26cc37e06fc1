import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.geodesy import moved
from service.core.plane import Floats
from service.crews.roads import MAX_SNAP_M, RoadGraph
from service.crews.travel import Measured, Travel, measured_by
from tests.factories import DAMMAM


def at(east_m: float, north_m: float) -> tuple[float, float]:
    lat, lon = moved(*moved(*DAMMAM, 0, north_m), 90, east_m)
    return lon, lat


def line(*places: tuple[float, float]) -> Floats:
    """East and north metres of DAMMAM."""
    return np.array([at(*place) for place in places])


GRID = [line(*((100.0 * x, 100.0 * y) for x in range(6))) for y in range(6)] + [
    line(*((100.0 * x, 100.0 * y) for y in range(6))) for x in range(6)
]


def test_the_way_follows_the_corner_of_the_streets() -> None:
    graph = RoadGraph([line((0, 0), (300, 0)), line((300, 0), (300, 400))], [at(0, 0), at(300, 400)])
    way = graph.way(0, 1)
    assert way is not None and way.metres == pytest.approx(700, rel=0.005)
    assert graph.metres_from(0)[1] == pytest.approx(700, rel=0.005)
    assert np.allclose(way.path[1:-1], [at(300, 0)], atol=1e-6)


def test_the_shorter_of_two_ways_is_taken() -> None:
    around = line((0, 0), (0, 500), (400, 500), (400, 0))
    places = [at(0, 0), at(400, 0)]
    assert RoadGraph([around], places).metres_from(0)[1] == pytest.approx(1400, rel=0.005)
    assert RoadGraph([around, line((0, 0), (400, 0))], places).metres_from(0)[1] == pytest.approx(400, rel=0.005)


def test_steps_from_a_place_to_its_street_count() -> None:
    graph = RoadGraph([line((0, 0), (300, 0))], [at(100, 20), at(200, -30)])
    assert graph.snap_m == pytest.approx([20, 30], rel=0.01)
    assert graph.metres_from(0) == pytest.approx([0, 150], rel=0.01)


def test_streets_that_only_cross_on_the_map_are_not_joined() -> None:
    graph = RoadGraph([line((-200, 0), (200, 0)), line((0, -200), (0, 200))], [at(-150, 0), at(0, 150)])
    assert graph.metres_from(0)[1] is None and graph.way(0, 1) is None


def test_a_place_far_from_every_street_is_not_reached() -> None:
    graph = RoadGraph([line((0, 0), (300, 0))], [at(0, 0), at(0, MAX_SNAP_M + 50)])
    assert graph.snap_m[1] is None and graph.metres_from(0)[1] is None and graph.metres_from(1) == [None, None]


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=2, max_size=6))
@settings(max_examples=30, deadline=None)
def test_on_a_grid_ways_are_the_same_both_ways_and_no_shorter_than_streets_allow(
    spots: list[tuple[float, float]],
) -> None:
    places = [at(*spot) for spot in spots]
    graph = RoadGraph(GRID, places)
    metres = [graph.metres_from(start) for start in range(len(places))]
    for a, (east_a, north_a) in enumerate(spots):
        for b, (east_b, north_b) in enumerate(spots):
            there, back, way = metres[a][b], metres[b][a], graph.way(a, b)
            assert there is not None and back is not None and way is not None
            assert there == pytest.approx(back, abs=1e-6) and way.metres == pytest.approx(there, abs=1e-6)
            straight = abs(east_a - east_b) + abs(north_a - north_b)
            if a != b:
                assert there >= np.hypot(east_a - east_b, north_a - north_b) * 0.99 - 1
                assert there <= straight + 2 * 100 + 200  # a block aside at most at each end, and the steps


def test_without_streets_distances_are_straight_lines_times_the_factor_and_said_so() -> None:
    travel = Travel([at(0, 0), at(300, 400)], [], 1.4)
    assert travel.metres[0][1] == pytest.approx(700, rel=0.005)
    assert measured_by([travel.leg(0, 1)]) is Measured.GREAT_CIRCLE
    assert travel.seconds(36.0)[0][1] == 70


def test_where_streets_lead_only_to_some_places_the_plan_says_mixed() -> None:
    travel = Travel([at(0, 0), at(300, 0), at(0, 2000)], [line((0, 0), (300, 0))], 1.5)
    assert [travel.leg(0, 1).by_road, travel.leg(1, 2).by_road] == [True, False]
    assert measured_by([travel.leg(0, 1), travel.leg(1, 2)]) is Measured.MIXED
    assert measured_by([travel.leg(0, 1)]) is Measured.ROADS
    assert travel.metres[0][2] == pytest.approx(3000, rel=0.005)

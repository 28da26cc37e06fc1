from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.crews.tour import (
    FIRST,
    START,
    Ending,
    Errand,
    Problem,
    cheapest_first,
    cost,
    drive_s,
    fits_alone,
    nearest_neighbour,
    solve,
)

HOUR = 3600


def town(places: list[tuple[float, float]], errands: list[Errand], shift_s: int = 8 * HOUR, **limits: int) -> Problem:
    """Travel in seconds is the distance; START and END lie at 0, 0."""
    points = np.array([(0.0, 0.0), (0.0, 0.0), *places])
    travel = np.rint(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))).astype(int)
    return Problem(travel.tolist(), tuple(errands), shift_s, **limits)


def spread(count: int, seed: int, shift_s: int = 8 * HOUR, side: float = 3000) -> Problem:
    numbers = np.random.default_rng(seed)
    errands = [Errand(int(numbers.integers(300, 900)), worth=float(numbers.uniform())) for _ in range(count)]
    return town([(x, y) for x, y in numbers.uniform(0, side, (count, 2)).tolist()], errands, shift_s)


@given(st.integers(1, 9), st.integers(0, 10_000), st.integers(1, 5), st.one_of(st.none(), st.integers(0, 6)))
@settings(max_examples=25, deadline=None)
def test_a_tour_visits_nothing_twice_and_keeps_to_shift_and_capacity(
    count: int, seed: int, hours: int, capacity: int | None
) -> None:
    problem = replace(spread(count, seed, hours * HOUR), capacity=capacity)
    for order in (solve(problem).order, nearest_neighbour(problem).order, cheapest_first(problem)):
        assert len(set(order)) == len(order)
        assert drive_s(problem, order) + sum(problem.errands[i].work_s for i in order) <= problem.shift_s
        assert capacity is None or len(order) <= capacity


@given(st.integers(1, 7), st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_tour_is_never_worse_than_that_of_the_nearest_neighbour(count: int, seed: int) -> None:
    problem = spread(count, seed, 2 * HOUR)
    assert cost(problem, solve(problem).order) <= cost(problem, nearest_neighbour(problem).order)


def test_the_same_problem_gives_the_same_tour() -> None:
    first = solve(spread(25, 7), time_limit_s=120)
    assert first.ending is Ending.SEARCHED
    assert solve(spread(25, 7), time_limit_s=120) == first


def test_a_tour_on_a_line_goes_there_and_back_once() -> None:
    places = [(float(x), 0.0) for x in (1000, -400, 600, -900, 200)]
    problem = town(places, [Errand(60)] * 5)
    assert drive_s(problem, solve(problem).order) == 2 * 1000 + 2 * 900
    assert drive_s(problem, nearest_neighbour(problem).order) >= 2 * 1000 + 2 * 900


def test_a_must_far_away_is_done_before_many_others_near_by() -> None:
    near = [(float(x), 0.0) for x in range(10, 200, 10)]
    errands = [Errand(600, worth=1.0)] * len(near)
    problem = town([*near, (3000.0, 0.0)], [*errands, Errand(600, must=True, due_s=HOUR)], 2 * HOUR)
    assert len(near) in solve(problem).order
    calm = town([*near, (3000.0, 0.0)], [*errands, Errand(600)], 2 * HOUR)
    assert len(near) not in solve(calm).order


def test_begun_work_comes_first_and_overdue_work_early() -> None:
    places = [(100.0, 0.0), (200.0, 0.0), (300.0, 0.0), (400.0, 0.0)]
    errands = [Errand(600), Errand(600), Errand(600, must=True, due_s=-HOUR), Errand(600, must=True, begun=True)]
    order = solve(town(places, errands)).order
    assert order[:2] == (3, 2) and len(order) == 4


def test_what_does_not_fit_alone_is_left_out_and_the_rest_is_done() -> None:
    problem = town([(100.0, 0.0), (20_000.0, 0.0), (200.0, 0.0)], [Errand(600)] * 3, 2 * HOUR)
    assert not fits_alone(problem, 1)
    assert set(solve(problem).order) == {0, 2}


def test_a_vehicle_carries_no_more_than_it_can() -> None:
    problem = town([(100.0, 0.0), (200.0, 0.0), (300.0, 0.0)], [Errand(60, load_kg=400)] * 3, carries_kg=900)
    assert len(solve(problem).order) == 2
    assert solve(replace(problem, carries_kg=300)).ending is Ending.NOTHING


def test_more_important_work_is_chosen_where_not_all_fits() -> None:
    places = [(float(x), 100.0) for x in range(0, 600, 100)]
    errands = [Errand(1200, worth=worth) for worth in (0.1, 0.9, 0.1, 0.9, 0.1, 0.9)]
    assert set(solve(town(places, errands, 2 * HOUR - 1200)).order) >= {1, 3, 5}


@pytest.mark.parametrize("problem", [town([], []), town([(10.0, 0.0)], [Errand(60)], 0)])
def test_nothing_to_do_and_a_shift_that_is_over_give_an_empty_tour(problem: Problem) -> None:
    assert solve(problem).order == () and solve(problem).ending is Ending.NOTHING


def test_cost_counts_the_wait_of_a_must_beyond_its_due_time_alone() -> None:
    problem = town([(100.0, 0.0)], [Errand(60, must=True, due_s=40)])
    assert problem.travel_s[START][FIRST] == 100
    assert cost(problem, (0,)) == 200 + 60
    assert cost(town([(100.0, 0.0)], [Errand(60, must=True, due_s=400)]), (0,)) == 200

"""In which order a crew drives to its work: one vehicle, a shift, what must be done and what is worth doing."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2  # type: ignore[import-untyped]

START, END, FIRST = 0, 1, 2  # rows of the travel matrix; errand i is row FIRST + i
MUST = 100  # a must outweighs so many of the others
WORTH_STEP = 1_000  # penalties are whole numbers: thousandths of a shift
SEARCH = 30_000  # tours that the search tries, times the number of errands: ends at the same one on every machine
LEAST_TRIED, MOST_TRIED = 150, 1_000


@dataclass(frozen=True)
class Errand:
    """Work at one place."""

    work_s: int
    must: bool = False
    worth: float = 0.0  # 0 to 1, among those that are no must
    due_s: int | None = None  # of a must, after the start; passed already: 0 or less
    begun: bool = False  # goes before everything else
    load_kg: int = 0


@dataclass(frozen=True)
class Problem:
    """`travel_s[i][j]`: START, END, then the errands."""

    travel_s: list[list[int]]
    errands: tuple[Errand, ...]
    shift_s: int
    capacity: int | None = None  # errands
    carries_kg: int | None = None


class Ending(StrEnum):
    """Why the search ended: only TIME may end elsewhere when the same is asked again."""

    SEARCHED = "searched"
    TIME = "time"
    NOTHING = "nothing"  # no errand to drive to


@dataclass(frozen=True)
class Tour:
    """Errands in the order of the drive; what is not named is not done."""

    order: tuple[int, ...]
    ending: Ending


def solve(problem: Problem, *, time_limit_s: float = 30.0) -> Tour:
    """Musts before worth, worth before driving; overdue musts early in the shift. A second that a must waits beyond
    its due time weighs as much as a second of driving.

    The same problem gives the same tour unless `time_limit_s` ends the search. It starts at the better of two plain
    tours and returns nothing worse.
    """
    feasible = [index for index in range(len(problem.errands)) if fits_alone(problem, index)]
    if len(feasible) < 2:  # the search would look for another tour until its time is over
        return Tour(tuple(feasible), Ending.SEARCHED if feasible else Ending.NOTHING)
    plain = min((nearest_neighbour(problem).order, cheapest_first(problem)), key=lambda order: cost(problem, order))
    found, ending = _search(problem, feasible, plain, time_limit_s)
    return Tour(min((found, plain), key=lambda order: cost(problem, order)), ending)


def nearest_neighbour(problem: Problem) -> Tour:
    """To the nearest place that still fits into the shift, again and again: what a crew does without a plan. Begun
    work and then musts are driven to first."""
    left = [index for index in range(len(problem.errands)) if fits_alone(problem, index)]
    order: list[int] = []
    here, spent_s, load_kg = START, 0, 0
    while left and (problem.capacity is None or len(order) < problem.capacity):
        fitting = [index for index in left if _fits_next(problem, index, here, spent_s, load_kg)]
        if not fitting:
            break
        nearest = min(fitting, key=lambda index: (_rank(problem.errands[index]), problem.travel_s[here][FIRST + index]))
        errand = problem.errands[nearest]
        spent_s += problem.travel_s[here][FIRST + nearest] + errand.work_s
        load_kg += errand.load_kg
        here = FIRST + nearest
        order.append(nearest)
        left.remove(nearest)
    return Tour(tuple(order), Ending.SEARCHED)


def cheapest_first(problem: Problem) -> tuple[int, ...]:
    """Puts in, again and again, the errand that is worth most for the time that it adds, where it adds least. Begun
    work stays in front, then musts come before the others."""
    travel = np.array(problem.travel_s)
    tour, spent_s, load_kg = [START, END], 0, 0
    left = {index for index in range(len(problem.errands)) if fits_alone(problem, index)}
    for rank in range(3):
        while group := sorted(index for index in left if _rank(problem.errands[index]) == rank):
            if problem.capacity is not None and len(tour) - 2 >= problem.capacity:
                break
            index, place, added_s = _best_place(problem, travel, tour, group)
            errand = problem.errands[index]
            left.discard(index)
            full = problem.carries_kg is not None and load_kg + errand.load_kg > problem.carries_kg
            if full or spent_s + added_s > problem.shift_s:
                continue
            tour.insert(place, FIRST + index)
            spent_s, load_kg = spent_s + added_s, load_kg + errand.load_kg
    return tuple(row - FIRST for row in tour[1:-1])


def fits_alone(problem: Problem, index: int) -> bool:
    """Whether a shift with nothing else in it has room for the errand."""
    errand = problem.errands[index]
    there_s, back_s = problem.travel_s[START][FIRST + index], problem.travel_s[FIRST + index][END]
    carried = problem.carries_kg is None or errand.load_kg <= problem.carries_kg
    return carried and problem.capacity != 0 and there_s + errand.work_s + back_s <= problem.shift_s


def drive_s(problem: Problem, order: tuple[int, ...]) -> int:
    stops = [START, *(FIRST + index for index in order), END]
    return sum(problem.travel_s[a][b] for a, b in pairwise(stops))


def cost(problem: Problem, order: tuple[int, ...]) -> int:
    """What `solve` makes small: driving, waiting of musts, and what is left undone."""
    done, total, at_s, here = set(order), drive_s(problem, order), 0, START
    for index in order:
        errand = problem.errands[index]
        at_s += problem.travel_s[here][FIRST + index]
        total += _wait_weight(errand) * max(0, at_s - max(0, errand.due_s or 0)) if errand.must else 0
        at_s += errand.work_s
        here = FIRST + index
    return total + sum(_penalty(problem, e) for index, e in enumerate(problem.errands) if index not in done)


def _search(
    problem: Problem, feasible: list[int], plain: tuple[int, ...], time_limit_s: float
) -> tuple[tuple[int, ...], Ending]:
    rows = [START, END, *(FIRST + index for index in feasible)]
    manager = pywrapcp.RoutingIndexManager(len(rows), 1, [START], [END])
    model = pywrapcp.RoutingModel(manager)
    errands = [problem.errands[index] for index in feasible]
    _add_driving(model, problem, rows, errands)
    _add_limits(model, problem, errands)
    time = model.GetDimensionOrDie("time")
    for place, errand in enumerate(errands):
        node = manager.NodeToIndex(FIRST + place)
        model.AddDisjunction([node], _penalty(problem, errand))
        if errand.must:
            time.SetCumulVarSoftUpperBound(node, max(0, errand.due_s or 0), _wait_weight(errand))
    parameters = _parameters(time_limit_s, len(feasible))
    model.CloseModelWithParameters(parameters)
    begin = model.ReadAssignmentFromRoutes(
        [[manager.NodeToIndex(FIRST + feasible.index(index)) for index in plain]], True
    )
    answer = model.SolveFromAssignmentWithParameters(begin, parameters)
    ending = Ending.TIME if model.solver().WallTime() >= time_limit_s * 1000 else Ending.SEARCHED
    if answer is None:
        return plain, ending
    order, index = [], answer.Value(model.NextVar(model.Start(0)))
    while not model.IsEnd(index):
        order.append(feasible[manager.IndexToNode(index) - FIRST])
        index = answer.Value(model.NextVar(index))
    return tuple(order), ending


def _add_driving(model: pywrapcp.RoutingModel, problem: Problem, rows: list[int], errands: list[Errand]) -> None:
    travel = [[problem.travel_s[a][b] for b in rows] for a in rows]
    work = [0, 0, *(errand.work_s for errand in errands)]
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(travel))
    taking = [[cell + work[a] for cell in line] for a, line in enumerate(travel)]
    model.AddDimension(model.RegisterTransitMatrix(taking), 0, problem.shift_s, True, "time")


def _add_limits(model: pywrapcp.RoutingModel, problem: Problem, errands: list[Errand]) -> None:
    if problem.capacity is not None:
        ones = model.RegisterUnaryTransitVector([0, 0, *(1 for _ in errands)])
        model.AddDimension(ones, 0, problem.capacity, True, "capacity")
    if problem.carries_kg is not None:
        loads = model.RegisterUnaryTransitVector([0, 0, *(errand.load_kg for errand in errands)])
        model.AddDimension(loads, 0, problem.carries_kg, True, "load")


def _best_place(problem: Problem, travel: NDArray[np.int64], tour: list[int], group: list[int]) -> tuple[int, int, int]:
    """(errand, where in the tour, seconds added)"""
    rows, before, after = FIRST + np.array(group), np.array(tour[:-1]), np.array(tour[1:])
    added = travel[before][:, rows] + travel[rows][:, after].T - travel[before, after][:, None]
    places = added.argmin(axis=0)
    work = np.array([problem.errands[index].work_s for index in group])
    costs = added[places, np.arange(len(group))] + work
    worth = np.array([_penalty(problem, problem.errands[index]) for index in group])
    best = int(np.argmax(worth / np.maximum(costs, 1)))
    return group[best], int(places[best]) + 1, int(costs[best])


def _parameters(time_limit_s: float, count: int) -> Any:
    found = pywrapcp.DefaultRoutingSearchParameters()
    found.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    found.solution_limit = min(MOST_TRIED, max(LEAST_TRIED, SEARCH // count))
    found.time_limit.FromMilliseconds(int(time_limit_s * 1000))
    return found


def _penalty(problem: Problem, errand: Errand) -> int:
    """More than any drive of the shift can save, so that no work is left out for a shorter way."""
    whole = MUST * 2 if errand.must else 1 + min(1.0, max(0.0, errand.worth))
    return int(problem.shift_s * round(whole * WORTH_STEP)) // WORTH_STEP


def _wait_weight(errand: Errand) -> int:
    return 100 if errand.begun else 1


def _rank(errand: Errand) -> int:
    return 0 if errand.begun else 1 if errand.must else 2


def _fits_next(problem: Problem, index: int, here: int, spent_s: int, load_kg: int) -> bool:
    errand, row = problem.errands[index], FIRST + index
    back_at_s = spent_s + problem.travel_s[here][row] + errand.work_s + problem.travel_s[row][END]
    return back_at_s <= problem.shift_s and (
        problem.carries_kg is None or load_kg + errand.load_kg <= problem.carries_kg
    )

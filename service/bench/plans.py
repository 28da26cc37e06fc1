"""How good crew plans are beside the tour to the nearest place, and how long they take."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from service.core.plane import Floats, metres_per_degree
from service.crews.roads import LonLat
from service.crews.tour import Ending, Errand, Problem, Tour, drive_s, nearest_neighbour, solve
from service.crews.travel import Travel

MIDDLE = (50.09, 26.43)  # lon, lat
SIDE_M, BLOCK_M = 10_000.0, 250.0  # of the town, and of a block between its streets
SPEED_KMH, DETOUR = 30.0, 1.35
SHIFT_S = 8 * 3600
WORK_S = (300, 600)  # a pothole machine
MUST_SHARE = 0.1
TIME_LIMIT_S = 300.0  # so that the search ends by its own measure, also on a busy machine


@dataclass(frozen=True)
class Run:
    """One town: `ratio` is driving of the plan over that of the nearest neighbour, all orders done by both; the rest is
    of a shift of eight hours, in which not all fit."""

    orders: int
    seed: int
    streets: bool
    ratio: float
    seconds: float  # of the search for all orders
    shift_seconds: float  # of the search for a shift
    travel_seconds: float  # of the table of distances
    done: int
    done_nearest: int
    worth: float  # of what is done, musts apart
    worth_nearest: float
    drive_per_order_s: float
    drive_per_order_nearest_s: float
    ended_by_time: bool


def measure(sizes: Sequence[int], seeds: Sequence[int], advance: Callable[[], None] = lambda: None) -> list[Run]:
    runs = []
    for size in sizes:
        for seed in seeds:
            for streets in (False, True):
                runs.append(measure_town(size, seed, streets=streets))
                advance()
    return runs


def measure_town(orders: int, seed: int, *, streets: bool) -> Run:
    numbers = np.random.default_rng(seed)
    places = [_place(*spot) for spot in numbers.uniform(0, SIDE_M, (orders + 1, 2)).tolist()]
    lines = _grid() if streets else []
    travel, travel_seconds = _timed(lambda: Travel([places[0], places[0], *places[1:]], lines, DETOUR))
    errands = tuple(
        Errand(int(numbers.integers(*WORK_S)), worth=float(numbers.uniform()), must=bool(must), due_s=SHIFT_S)
        for must in numbers.uniform(size=orders) < MUST_SHARE
    )
    shift = Problem(travel.seconds(SPEED_KMH), errands, SHIFT_S)
    alike = tuple(Errand(errand.work_s) for errand in errands)
    whole = Problem(shift.travel_s, alike, orders * 3600)
    best, seconds = _timed(lambda: solve(whole, time_limit_s=TIME_LIMIT_S))
    chosen, shift_seconds = _timed(lambda: solve(shift, time_limit_s=TIME_LIMIT_S))
    nearest = nearest_neighbour(shift)
    return Run(
        orders, seed, streets, drive_s(whole, best.order) / drive_s(whole, nearest_neighbour(whole).order), seconds,
        shift_seconds, travel_seconds, len(chosen.order), len(nearest.order), _worth(shift, chosen),
        _worth(shift, nearest), _per_order(shift, chosen), _per_order(shift, nearest),
        Ending.TIME in {best.ending, chosen.ending},
    )  # fmt: skip


def as_markdown(runs: Sequence[Run]) -> str:
    """Medians over the seeds, and the range of the ratio."""
    lines = [
        "| orders | distances | driving, all orders done: plan / nearest neighbour | search, s "
        "| shift of 8 h: orders done (nearest) | worth done (nearest) | driving an order, s (nearest) | search, s "
        "| distances, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for orders, streets in sorted({(run.orders, run.streets) for run in runs}):
        lines.append(_row(orders, streets, [run for run in runs if (run.orders, run.streets) == (orders, streets)]))
    late = sum(run.ended_by_time for run in runs)
    seeds = len({run.seed for run in runs})
    return "\n".join([*lines, "", f"{seeds} towns of each; {late} of {len(runs)} ended by the time limit."])


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    return {"speed_kmh": SPEED_KMH, "side_m": SIDE_M, "shift_s": SHIFT_S, "runs": [asdict(run) for run in runs]}


def _row(orders: int, streets: bool, runs: Sequence[Run]) -> str:
    def middle(name: str) -> float:
        return median(float(getattr(run, name)) for run in runs)

    ratios = sorted(run.ratio for run in runs)
    return (
        f"| {orders} | {'streets' if streets else 'straight x ' + str(DETOUR)} "
        f"| {middle('ratio'):.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}] | {middle('seconds'):.1f} "
        f"| {middle('done'):.0f} ({middle('done_nearest'):.0f}) "
        f"| {middle('worth'):.1f} ({middle('worth_nearest'):.1f}) "
        f"| {middle('drive_per_order_s'):.0f} ({middle('drive_per_order_nearest_s'):.0f}) "
        f"| {middle('shift_seconds'):.1f} | {middle('travel_seconds'):.2f} |"
    )


def _worth(problem: Problem, tour: Tour) -> float:
    return sum(problem.errands[index].worth for index in tour.order if not problem.errands[index].must)


def _per_order(problem: Problem, tour: Tour) -> float:
    return drive_s(problem, tour.order) / max(1, len(tour.order))


def _place(east_m: float, north_m: float) -> LonLat:
    per_lat, per_lon = metres_per_degree(MIDDLE[1])
    return MIDDLE[0] + east_m / float(per_lon), MIDDLE[1] + north_m / float(per_lat)


def _grid() -> list[Floats]:
    steps = np.arange(0, SIDE_M + 1, BLOCK_M).tolist()
    across = [np.array([_place(step, other) for step in steps]) for other in steps]
    return across + [np.array([_place(other, step) for step in steps]) for other in steps]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started

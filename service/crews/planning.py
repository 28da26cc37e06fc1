"""A shift as values: jobs, crew and streets in, ordered stops with their times and what is left undone out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from service.core.plane import Floats
from service.crews.rates import WorkTime, brought_kg, work_min
from service.crews.roads import LonLat
from service.crews.tour import END, FIRST, START, Ending, Errand, Problem, fits_alone, solve
from service.crews.travel import Leg, Measured, Travel, measured_by

BEST_PRIORITY = 100.0  # of `defects.priority` without incidents


@dataclass(frozen=True)
class Job:
    """One open order as the plan sees it."""

    order_id: int
    class_key: str
    quantity: float | None  # in the class's unit of work
    lat: float
    lon: float
    due_at: datetime
    priority: float
    begun: bool = False


@dataclass(frozen=True)
class Terms:
    """What a crew can do in a shift."""

    start: LonLat
    end: LonLat
    speed_kmh: float
    detour_factor: float
    break_after_min: int = 0
    break_min: int = 0
    capacity: int | None = None  # orders
    carries_kg: int | None = None
    work_times: Mapping[str, WorkTime] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """The part of a shift that is planned; `worked_min` lie behind it."""

    opens_at: datetime
    closes_at: datetime
    worked_min: int = 0
    break_taken: bool = False


@dataclass(frozen=True)
class Stop:
    job: Job
    leg: Leg  # from where the crew was before
    arrives_at: datetime
    leaves_at: datetime
    drive_s: int
    must: bool


class Why(StrEnum):
    """Why an order is not in the plan."""

    SHIFT_FULL = "shift_full"
    TOO_LONG = "too_long"  # alone it does not fit into what is left of the shift
    CAPACITY = "capacity"  # the unit does so many a day
    LOAD = "load"  # the vehicle does not carry what it needs


@dataclass(frozen=True)
class Skipped:
    job: Job
    why: Why
    must: bool


@dataclass(frozen=True)
class Planned:
    stops: tuple[Stop, ...]
    skipped: tuple[Skipped, ...]
    back: Leg | None  # None: no stop to come back from
    back_at: datetime
    break_at: datetime | None
    measured: Measured
    ending: Ending

    @property
    def drive_m(self) -> float:
        return sum(stop.leg.metres for stop in self.stops) + (self.back.metres if self.back else 0.0)


def plan_shift(
    jobs: Sequence[Job], terms: Terms, window: Window, lines: Sequence[Floats], *, time_limit_s: float = 30.0
) -> Planned:
    """Begun work first, then what is due before the window closes, then by priority and way; see `tour.solve`.

    The break begins when the stop is finished during which its time comes. The same jobs in any order give the same
    plan.
    """
    ordered = sorted(jobs, key=lambda job: job.order_id)
    travel = Travel([terms.start, terms.end, *((job.lon, job.lat) for job in ordered)], lines, terms.detour_factor)
    problem = _problem(ordered, terms, window, travel)
    tour = solve(problem, time_limit_s=time_limit_s)
    stops, break_at = _timed([ordered[index] for index in tour.order], list(tour.order), terms, window, travel)
    chosen = set(tour.order)
    left = [index for index in range(len(ordered)) if index not in chosen]
    skipped = tuple(Skipped(ordered[i], _why(problem, i, len(chosen)), is_must(ordered[i], window)) for i in left)
    back = travel.leg(FIRST + tour.order[-1], END) if stops else None
    back_at = stops[-1].leaves_at + _drive(back, terms) if stops and back else window.opens_at
    legs = [stop.leg for stop in stops] + ([back] if back else [])
    return Planned(tuple(stops), skipped, back, back_at, break_at, measured_by(legs), tour.ending)


def is_must(job: Job, window: Window) -> bool:
    """Begun, overdue, or due before the shift ends."""
    return job.begun or job.due_at <= window.closes_at


def _problem(jobs: Sequence[Job], terms: Terms, window: Window, travel: Travel) -> Problem:
    whole_s = max(0, int((window.closes_at - window.opens_at).total_seconds()))
    rest_s = terms.break_min * 60 if _break_due(terms, window, whole_s) else 0
    errands = tuple(
        Errand(
            work_s=_work_s(job, terms), must=is_must(job, window), worth=min(1.0, job.priority / BEST_PRIORITY),
            due_s=int((job.due_at - window.opens_at).total_seconds()), begun=job.begun,
            load_kg=round(brought_kg(job.class_key, job.quantity)),
        )
        for job in jobs
    )  # fmt: skip
    return Problem(travel.seconds(terms.speed_kmh), errands, max(0, whole_s - rest_s), terms.capacity, terms.carries_kg)


def _break_due(terms: Terms, window: Window, whole_s: int) -> bool:
    rest = (terms.break_after_min - window.worked_min) * 60
    return bool(terms.break_min) and not window.break_taken and rest < whole_s


def _timed(
    jobs: Sequence[Job], rows: Sequence[int], terms: Terms, window: Window, travel: Travel
) -> tuple[list[Stop], datetime | None]:
    now, here, break_at = window.opens_at, START, None
    whole_s = int((window.closes_at - window.opens_at).total_seconds())
    rest_after = window.opens_at + timedelta(minutes=terms.break_after_min - window.worked_min)
    owed = _break_due(terms, window, whole_s)
    stops: list[Stop] = []
    for job, row in zip(jobs, rows, strict=True):
        if owed and now >= rest_after:
            break_at, owed = now, False
            now += timedelta(minutes=terms.break_min)
        leg = travel.leg(here, FIRST + row)
        arrives_at = now + _drive(leg, terms)
        now = arrives_at + timedelta(seconds=_work_s(job, terms))
        stops.append(Stop(job, leg, arrives_at, now, int(_drive(leg, terms).total_seconds()), is_must(job, window)))
        here = FIRST + row
    return stops, break_at


def _why(problem: Problem, index: int, done: int) -> Why:
    errand = problem.errands[index]
    if problem.carries_kg is not None and errand.load_kg > problem.carries_kg:
        return Why.LOAD
    if problem.capacity is not None and done >= problem.capacity:
        return Why.CAPACITY
    return Why.SHIFT_FULL if fits_alone(problem, index) else Why.TOO_LONG


def _work_s(job: Job, terms: Terms) -> int:
    return round(work_min(job.class_key, job.quantity, terms.work_times) * 60)


def _drive(leg: Leg | None, terms: Terms) -> timedelta:
    return timedelta(seconds=round(leg.metres / terms.speed_kmh * 3.6) if leg else 0)

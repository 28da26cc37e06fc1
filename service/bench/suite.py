"""All that `rasid bench identity` measures, one condition after the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.progress import BarColumn, Progress, TextColumn

from service.bench.identity import Advance, Condition, Outcome, measure
from service.bench.repairs import RepairScores, measure_repairs
from service.bench.scale import measure_scale
from service.core.database import Database

# One thing changed against the reference; recall: mean within 20 m, camera: deviation of pitch and yaw as told.
VARIED = (
    Condition("gps 1 m", gps_sd_m=1.0), Condition("gps 5 m", gps_sd_m=5.0), Condition("gps 10 m", gps_sd_m=10.0),
    Condition("a frame every 2-4 m", spacing_m=(2.0, 4.0)), Condition("a frame every 8-10 m", spacing_m=(8.0, 10.0)),
    Condition("recall 0.5", recall=0.5), Condition("recall 0.7", recall=0.7), Condition("recall 0.9", recall=0.9),
    Condition("camera told wrong by 1 degree", camera_error_deg=1.0),
    Condition("camera told wrong by 2 degrees", camera_error_deg=2.0),
    Condition("one vehicle of three without camera", uncalibrated=1),
)  # fmt: skip
SCALE_FRAMES = 1500


@dataclass(frozen=True)
class Asked:
    """What to measure."""

    seeds: tuple[int, ...]
    km: float
    table: bool
    stored: tuple[int, ...]
    batch_frames: int


@dataclass(frozen=True)
class Suite:
    """What came out: outcomes by condition, in the order of the seeds."""

    asked: Asked
    outcomes: dict[str, list[Outcome]]
    repairs: RepairScores
    frames_per_s: dict[int, float]


def run_suite(database: Database, asked: Asked) -> Suite:
    """Everything in one database, each run in a municipality of its own, with a progress bar."""
    conditions = [Condition(streets_km=asked.km)]
    if asked.table:
        conditions += [replace(one, streets_km=asked.km) for one in VARIED]
    with _progress() as progress:
        frames_per_s = _scale(database, asked, progress) if asked.stored else {}
        outcomes: dict[str, list[Outcome]] = {}
        for condition in conditions:
            for seed in asked.seeds if condition.name == "reference" else asked.seeds[:1]:
                one, advance = replace(condition, seed=seed), _bar(progress, f"{condition.name}, city {seed}")
                outcomes.setdefault(condition.name, []).append(measure(database, one, asked.batch_frames, advance))
        repairs = RepairScores(0, 0, 0, 0)
        for seed in asked.seeds:
            one, advance = Condition("repairs", seed, streets_km=asked.km), _bar(progress, f"repairs, city {seed}")
            repairs += measure_repairs(database, one, asked.batch_frames, advance)
    return Suite(asked, outcomes, repairs, frames_per_s)


@contextmanager
def one_bar(name: str) -> Iterator[Advance]:
    """A progress bar for what is measured by itself."""
    with _progress() as progress:
        yield _bar(progress, name)


def _scale(database: Database, asked: Asked, progress: Progress) -> dict[int, float]:
    _bar(progress, "stored defects")
    one = Condition("scale", asked.seeds[0], streets_km=asked.km)
    return measure_scale(database, asked.stored, one, asked.batch_frames, SCALE_FRAMES)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} frames"), transient=True
    )


def _bar(progress: Progress, name: str) -> Advance:
    task = progress.add_task(name, total=None)
    return lambda frames: progress.advance(task, frames)

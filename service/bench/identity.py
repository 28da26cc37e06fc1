"""Measures identity and position on simulated surveys: our way and the peer's, on the same sightings."""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import select

from datasets.simulator.city import City, ObservedFrame, Rates, build_city, observe, plan_passes
from service.bench.peer import Cluster, PeerSight, cluster
from service.bench.surveys import DriveBook, drive_pass, found_city
from service.bench.truth import Filed, Placed, Scores, score
from service.core.database import Database
from service.defects.models import Defect, Detection, Sighting
from service.defects.schemas import real_of
from service.defects.sights import ellipse_of
from service.defects.states import DefectState

Advance: TypeAlias = Callable[[int], None]
COUNTED_FROM = 0.5  # a defect is counted that is rather real than not
COUNTED = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


@dataclass(frozen=True)
class Condition:
    """What a run is like; the defaults are the reference."""

    name: str = "reference"
    seed: int = 1
    passes: int = 4
    streets_km: float = 12.0
    gps_sd_m: float = 2.5
    spacing_m: tuple[float, float] = (2.0, 10.0)
    recall: float | None = None  # mean inside 20 m; None: as measured
    camera_error_deg: float = 0.0
    uncalibrated: int = 0


@dataclass(frozen=True)
class Outcome:
    """One condition measured both ways."""

    condition: Condition
    frames: int
    sightings: int
    false_alarms: int
    ours: Scores
    peer: Scores
    frames_per_s: float


def observe_passes(condition: Condition, city: City, rates: Rates) -> Iterator[list[ObservedFrame]]:
    """The frames of each pass, in the order of time."""
    passes = plan_passes(
        city, passes=condition.passes, seed=condition.seed, gps_sd_m=condition.gps_sd_m,
        spacing_m=condition.spacing_m, camera_error_deg=condition.camera_error_deg,
        uncalibrated=condition.uncalibrated,
    )  # fmt: skip
    for number, one in enumerate(passes):
        yield list(observe(city, one, rates, condition.seed * 1000 + number))


def rates_of(condition: Condition) -> Rates:
    measured = Rates.measured()
    return measured if condition.recall is None else measured.scaled(recall=condition.recall)


def near_recall(rates: Rates) -> dict[str, float]:
    """What a card would say of the simulated detector: its recall where it is best."""
    return {key: max(one.recall) for key, one in rates.classes.items()}


def measure(database: Database, condition: Condition, batch_frames: int, advance: Advance = lambda n: None) -> Outcome:
    """Drives all passes through the database, in a municipality of its own, and scores what became of them."""
    city, rates = build_city(condition.seed, streets_km=condition.streets_km), rates_of(condition)
    book = DriveBook(found_city(database, f"{condition.name}-{condition.seed}"[:40]))
    seconds, visible = 0.0, set[Hashable]()
    for frames in observe_passes(condition, city, rates):
        started = time.perf_counter()
        drive_pass(database, book, frames, condition.camera_error_deg, batch_frames, near_recall(rates), advance)
        seconds += time.perf_counter() - started
        visible.update(true_id for one in frames for true_id in one.truth.visible_ids)
    places_m: dict[Hashable, tuple[float, float]] = {one.id: (one.east_m, one.north_m) for one in city.defects}
    sightings, placed, counted = read_filed(database, book, city)
    peer_filed, peer_placed = peer_way(book, city)
    return Outcome(
        condition, len(book.frames), len(sightings), sum(one.truth is None for one in sightings),
        score(sightings, placed, counted, len(visible), places_m),
        score(peer_filed, peer_placed, len({one.filed for one in peer_filed}), len(visible), places_m),
        len(book.frames) / seconds,
    )  # fmt: skip


def read_filed(database: Database, book: DriveBook, city: City) -> tuple[list[Filed], dict[Hashable, Placed], int]:
    """What the database has of every sighting and defect, and how many defects it takes for real."""
    with database.transaction() as session:
        rows = session.execute(
            select(Detection.frame_id, Detection.x0_px, Detection.y0_px, Detection.class_key, Sighting.defect_id)
            .join(Sighting, Sighting.detection_id == Detection.id)
            .where(Detection.frame_id.in_(select(Detection.frame_id).where(Detection.frame_id >= min(book.frames))))
        ).all()
        defects = list(
            session.scalars(
                select(Defect).where(Defect.municipality_id == book.municipality_id, Defect.state.in_(COUNTED))
            )
        )
    truths = {
        (frame_id, *box.xyxy_px[:2], box.class_key): box.true_id
        for frame_id, one in book.frames.items()
        for box in one.boxes
    }
    sightings = [Filed(truths[row[:4]], row[4]) for row in rows if row[0] in book.frames]
    placed: dict[Hashable, Placed] = {
        one.id: Placed(*city.frame.to_metres(one.lat, one.lon), ellipse_of(one)) for one in defects
    }
    counted = sum((real_of(one) or 0.0) > COUNTED_FROM for one in defects)
    return sightings, placed, counted


def peer_way(book: DriveBook, city: City) -> tuple[list[Filed], dict[Hashable, Placed]]:
    """The same sightings filed as the peer does."""
    sights, truths = [], []
    for one in book.frames.values():
        east_m, north_m = city.frame.to_metres(one.lat, one.lon)
        for box in one.boxes:
            sights.append(PeerSight(one.captured_at.date(), box.class_key, east_m, north_m))
            truths.append(box.true_id)
    clusters = cluster(sights)
    members: dict[Cluster, list[PeerSight]] = {}
    for sight, label in zip(sights, clusters, strict=True):
        members.setdefault(label, []).append(sight)
    placed: dict[Hashable, Placed] = {label: _middle(found) for label, found in members.items()}
    return [Filed(truth, label) for truth, label in zip(truths, clusters, strict=True)], placed


def _middle(sights: Sequence[PeerSight]) -> Placed:
    return Placed(sum(one.east_m for one in sights) / len(sights), sum(one.north_m for one in sights) / len(sights))

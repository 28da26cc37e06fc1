"""Measures the same figures from pixels on: drawn passes through the real detector, then recorded as any survey is."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.simulator.city import ObservedBox, ObservedFrame
from datasets.simulator.frame import Truth
from datasets.simulator.survey import DrawnSurvey, survey_town
from inference.detections import Detections
from inference.detector import Detector
from inference.errors import ImageRefused
from inference.overlap import iou_matrix
from service.bench.identity import Advance, Condition, Outcome, peer_way, read_filed
from service.bench.report import HEAD, RULE, outcome_json, row_of
from service.bench.surveys import DriveBook, drive_pass, found_city
from service.bench.truth import score
from service.core.database import Database

NAME = "rendered frames"
FIRST_TOWN = 2100  # of `DEMO_SEEDS`: no training has seen them, no rate was measured on them
LEAST_IOU = 0.3  # of a box and what is drawn there: heaps and writing are boxed loosely
NEAR_M = 20.0


@dataclass(frozen=True)
class Recall:
    """Over all frames: visible drawn defects at most NEAR_M away, and those that a box belongs to."""

    shown: int = 0
    found: int = 0

    @property
    def share(self) -> float:
        return self.found / self.shown if self.shown else 0.0

    def __add__(self, other: "Recall") -> "Recall":
        return Recall(self.shown + other.shown, self.found + other.found)


@dataclass(frozen=True)
class Drawn:
    """What a drawn frame was, once its pixels are gone: all that the truth needs to know."""

    told: ObservedFrame
    truths: tuple[Truth, ...]
    glimpses: tuple[Truth, ...]


def measure_towns(
    database: Database, detector: Detector, seeds: Sequence[int], frames: int, batch_frames: int, advance: Advance,
    keep: Path | None = None,
) -> tuple[list[Outcome], Recall]:  # fmt: skip
    """A town for each seed, four passes through each, about so many frames in each; `keep`: a folder for the JPEGs."""
    condition = Condition(NAME)
    found = []
    for seed in seeds:
        a_pass = max(3, round(frames / condition.passes))
        survey = survey_town(
            FIRST_TOWN + seed, frames_a_pass=a_pass, passes=condition.passes, gps_sd_m=condition.gps_sd_m
        )
        folder = keep / f"town-{seed}" if keep else None
        one = replace(condition, seed=seed)
        found.append(measure_drawn(database, detector, survey, one, batch_frames, advance, folder))
    return [outcome for outcome, _ in found], sum((recall for _, recall in found), Recall())


def measure_drawn(
    database: Database, detector: Detector, survey: DrawnSurvey, condition: Condition, batch_frames: int,
    advance: Advance = lambda frames: None, keep: Path | None = None,
) -> tuple[Outcome, Recall]:  # fmt: skip
    """Draws, detects and records every pass of the survey, in a municipality of its own, and scores both methods.

    frames_per_s counts drawing and detecting too.
    """
    book = DriveBook(found_city(database, f"{condition.name}-{condition.seed}"[:40]))
    places_m, near = dict[Hashable, tuple[float, float]](), Recall()
    started = time.perf_counter()
    for one_pass in survey.passes:
        frames = []
        for drawn, boxes in _look(survey, one_pass.number, detector, keep):
            frames.append(replace(drawn.told, boxes=boxes))
            near += recall_of(drawn.truths, boxes)
            places_m.update(_places_m(survey, drawn))
            advance(1)
        if frames:  # none: a short drive without a fix
            recall = detector.model.near_recall
            drive_pass(database, book, frames, condition.camera_error_deg, batch_frames, recall)
    seconds = time.perf_counter() - started
    sightings, placed, counted = read_filed(database, book, survey.city)
    filed, peer_placed = peer_way(book, survey.city)
    outcome = Outcome(
        condition, len(book.frames), len(sightings), sum(one.truth is None for one in sightings),
        score(sightings, placed, counted, len(places_m), places_m),
        score(filed, peer_placed, len({one.filed for one in filed}), len(places_m), places_m),
        len(book.frames) / seconds,
    )  # fmt: skip
    return outcome, near


def as_markdown(outcomes: Sequence[Outcome], near: Recall) -> str:
    """The row beside those of the observed surveys, and what the detector found of what was drawn."""
    frames_per_s = sum(one.frames for one in outcomes) / sum(one.frames / one.frames_per_s for one in outcomes)
    return "\n".join(
        [
            HEAD, RULE, row_of(NAME, outcomes), "",
            f"Of the drawn defects within {NEAR_M:.0f} m the detector found {near.found} of {near.shown}: "
            f"{near.share:.2f}. {frames_per_s:.1f} frames a second, drawing included.",
        ]
    )  # fmt: skip


def as_json(outcomes: Sequence[Outcome], near: Recall) -> dict[str, Any]:
    return {
        "conditions": {NAME: [outcome_json(one) for one in outcomes]},
        f"recall_within_{NEAR_M:.0f}_m": asdict(near) | {"share": near.share},
    }


def told_boxes(found: Detections, truths: Sequence[Truth]) -> tuple[ObservedBox, ...]:
    """Each box with the drawn defect it covers best, whatever class it was given; None: it covers none enough."""
    drawn_px = np.array([one.xyxy_px for one in truths], float).reshape(-1, 4)
    overlap = iou_matrix(found.xyxy_px.astype(float), drawn_px)
    best = overlap.argmax(axis=1) if truths else []
    true_ids = [truths[i].defect_id if row[i] >= LEAST_IOU else None for i, row in zip(best, overlap, strict=False)]
    return tuple(
        ObservedBox(one.class_key, one.score, one.xyxy_px, true_id)
        for one, true_id in zip(found, true_ids or [None] * len(found), strict=True)
    )


def recall_of(truths: Sequence[Truth], boxes: Sequence[ObservedBox]) -> Recall:
    near, told = [one.defect_id for one in truths if one.distance_m <= NEAR_M], {box.true_id for box in boxes}
    return Recall(len(near), sum(true_id in told for true_id in near))


def _places_m(survey: DrawnSurvey, drawn: Drawn) -> dict[str, tuple[float, float]]:
    """Of what the frame shows well and near: what the drive sees only from afar it is not asked to place or count."""
    visible = set(drawn.told.truth.visible_ids)
    to_metres = survey.city.frame.to_metres
    return {one.defect_id: to_metres(one.lat, one.lon) for one in drawn.truths if one.defect_id in visible}


def _look(
    survey: DrawnSurvey, number: int, detector: Detector, keep: Path | None
) -> Iterator[tuple[Drawn, tuple[ObservedBox, ...]]]:
    """The frames of a pass with the detector's boxes; one is drawn while others are looked at."""

    def files() -> Iterator[tuple[Drawn, bytes]]:
        for one in survey.draw(survey.passes[number]):
            data = one.picture.jpeg()
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / one.picture.name).write_bytes(data)
            yield Drawn(one.told, one.picture.truths, one.glimpses), data

    for drawn, found in detector.stream(files()):
        if isinstance(found, ImageRefused):
            raise found
        yield drawn, told_boxes(found, drawn.truths + drawn.glimpses)

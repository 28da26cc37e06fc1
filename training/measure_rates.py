"""Measures on rendered frames what the detector misses, moves and makes up, for the simulator of observations.

    python -m training.measure_rates --out datasets/simulator/city/rates.json --rows FOLDER/rows.json

Frames come from the drives kept for measuring (`DEMO_SEEDS`); no training has seen them. The rates are of *drawn*
streets. What the card of the model says of real ones is put beside them, under "field".
"""

import json
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from datasets.simulator import DEMO_SEEDS, ROUTES, CameraModel, RenderedFrame, Truth, drive
from datasets.simulator.camera import View
from datasets.simulator.defects.placing import HARMLESS
from datasets.simulator.town.town import Town, build_town
from datasets.simulator.track import route_through
from inference.detections import Detection, Detections
from inference.detector import Detector
from inference.overlap import iou_matrix
from training.rates_summary import field_rates, summarise

LEAST_IOU = 0.4  # of a box and the truth it belongs to; the model suppresses at the same overlap
ECHO_IOU = 0.05  # a further box that covers a truth so far shows it too
AROUND = 0.25  # of its sides (at least AROUND_PX): so far around a spare box a defect's middle explains it
AROUND_PX, FAR_M = 10.0, 80.0
FIELD_CARD = Path("models/rasid-n-0.3.md")
FRAMES_A_DRIVE = 20  # neighbours, 5 to 8 m apart: how long a defect stays missed is read from them


@dataclass(frozen=True)
class Sighting:
    """A defect that a frame shows, and what the detector made of it; None: nothing. Edges as shares of the sides."""

    drive: str
    defect_id: str
    frame: int
    class_key: str
    distance_m: float
    said_class: str | None = None
    score: float | None = None
    edge_errors: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Spare:
    """A box that is no truth's own. shows: `echo` a truth that has a box already (its class and the edge errors are
    given), `unseen` a defect too hidden, small or far to be a truth, `harmless` a mark, `nothing`."""

    class_key: str
    score: float
    xyxy_px: tuple[float, float, float, float]
    shows: str
    true_class: str | None = None
    edge_errors: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Place:
    """A rendered town with the middles of its defects, to tell what a spare box shows."""

    name: str
    town: Town
    seed: int

    def shown_at(self, frame: RenderedFrame, box: tuple[float, float, float, float]) -> str:
        east_m, north_m = route_through(self.name).frame.to_metres(frame.lat, frame.lon)
        places_m = np.column_stack([self.town.defects_m, np.zeros(len(self.town.defects_m))])
        pixels, depth_m = View(CameraModel(), east_m, north_m, frame.heading_deg).project(places_m)
        low, high = np.array(box[:2]), np.array(box[2:])
        spare = np.maximum(AROUND * (high - low), AROUND_PX)
        inside = ((pixels >= low - spare) & (pixels <= high + spare)).all(axis=1) & (depth_m > 1) & (depth_m < FAR_M)
        keys = {self.town.defects.all[i].class_key for i in np.flatnonzero(inside)}
        return "unseen" if keys - {HARMLESS} else "harmless" if keys else "nothing"


def measure(
    out: Annotated[Path, typer.Option(help="Where the rates go, JSON.")],
    rows: Annotated[Path, typer.Option(help="Every sighting and spare box, kept; read back if it is there.")],
    frames: Annotated[int, typer.Option(help="Frames to render, 20 to a drive.")] = 240,
    model: Annotated[str, typer.Option(help="Name or file of the detector.")] = "default",
    field_card: Annotated[Path, typer.Option(help="The model's card, for its figures on real streets.")] = FIELD_CARD,
) -> None:
    """Render drives, run the detector over them and write its rates."""
    detector = Detector.open(model)
    if not rows.exists():
        rows.write_text(json.dumps(gather(detector, frames)), encoding="utf-8")
    card = detector.model
    summary = summarise(
        json.loads(rows.read_text("utf-8")), f"{card.name} {card.version}", card.sha256, card.thresholds
    )
    summary["field"] = field_rates(field_card)
    out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def gather(detector: Detector, frames: int) -> dict[str, object]:
    """Sightings and spare boxes of so many frames, from as many drives as that takes, towns in turn."""
    sightings: list[Sighting] = []
    spare: list[Spare] = []
    seeds = list(islice(DEMO_SEEDS, -(-frames // FRAMES_A_DRIVE)))
    for number, seed in enumerate(seeds):
        name = sorted(ROUTES)[number % len(ROUTES)]
        place = Place(name, build_town(route_through(name), seed), seed)
        for index, frame in enumerate(drive(seed, FRAMES_A_DRIVE, town=name)):
            found = detector.detect([frame.pixels])[0]
            seen, left_over = judge(frame, found, f"{name}_{seed}", index)
            sightings.extend(seen)
            spare.extend(_explained(one, frame, place) for one in left_over)
    return {
        "frames": len(seeds) * FRAMES_A_DRIVE,
        "seeds": seeds,
        "sightings": [asdict(one) for one in sightings],
        "spare": [asdict(one) for one in spare],
    }


def judge(
    frame: RenderedFrame, found: Detections, drive_name: str, index: int
) -> tuple[list[Sighting], list[Detection]]:
    """What became of each truth, and the boxes left over. Boxes choose by score, those of the right class first."""
    detections = list(found)
    overlap = _overlap(detections, frame.truths)
    taken = _pairs(overlap, detections, frame.truths)
    sightings = [
        _sighting(Sighting(drive_name, t.defect_id, index, t.class_key, t.distance_m), t, detections, taken.get(j))
        for j, t in enumerate(frame.truths)
    ]
    return sightings, [d for i, d in enumerate(detections) if i not in taken.values()]


def _overlap(detections: list[Detection], truths: tuple[Truth, ...]) -> NDArray[np.float64]:
    some, others = (np.array([one.xyxy_px for one in rows]).reshape(-1, 4) for rows in (detections, truths))
    return iou_matrix(some, others)


def _pairs(overlap: NDArray[np.float64], detections: list[Detection], truths: tuple[Truth, ...]) -> dict[int, int]:
    """truth -> detection, one-to-one."""
    found: dict[int, int] = {}
    for same_class in (True, False):
        for i, detection in enumerate(detections):
            fitting = [
                j
                for j, truth in enumerate(truths)
                if j not in found
                and overlap[i, j] >= LEAST_IOU
                and (truth.class_key == detection.class_key) is same_class
            ]
            if i not in found.values() and fitting:
                found[max(fitting, key=lambda j: float(overlap[i, j]))] = i
    return found


def _sighting(missed: Sighting, truth: Truth, detections: list[Detection], taken: int | None) -> Sighting:
    if taken is None:
        return missed
    box = detections[taken]
    return replace(missed, said_class=box.class_key, score=box.score, edge_errors=_edge_errors(box, truth))


def _edge_errors(detection: Detection, truth: Truth) -> tuple[float, ...]:
    x0, y0, x1, y1 = truth.xyxy_px
    sides = (x1 - x0, y1 - y0, x1 - x0, y1 - y0)
    edges = zip(detection.xyxy_px, truth.xyxy_px, sides, strict=True)
    return tuple((said - true) / side for said, true, side in edges)


def _explained(box: Detection, frame: RenderedFrame, place: Place) -> Spare:
    """What a box that is left over shows."""
    spare = Spare(box.class_key, box.score, box.xyxy_px, "nothing")
    overlap = _overlap([box], frame.truths)[0]
    if len(overlap) and overlap.max() >= ECHO_IOU:
        truth = frame.truths[int(overlap.argmax())]
        return replace(spare, shows="echo", true_class=truth.class_key, edge_errors=_edge_errors(box, truth))
    return replace(spare, shows=place.shown_at(frame, box.xyxy_px))


if __name__ == "__main__":
    typer.run(measure)

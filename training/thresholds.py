"""Chooses on val from which score a class is reported, and writes what was chosen into the model file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.records import Viewpoint
from datasets.sources import BY_NAME
from datasets.taxonomy import KEYS
from inference.calibration import Calibration, Platt
from inference.model import ModelCard, OperatingPoint, ThresholdRule, read_model_card
from inference.registry import load_model, released_folder
from training.errors import EvaluationError
from training.scoring import Cell, Outcome, best_threshold, judge, match_iou, rates_at, shown

LOWEST_THRESHOLD = 0.05
"""A calibrated class is best reported from half its best F1 on, so lower ones are for classes with an F1 below 0.1."""
DEFAULT_THRESHOLD = 0.3
ENOUGH_BOXES = 20
"""With fewer labelled boxes in val a best F1 would be chance: the false alarms alone decide, or the default."""
SOME_BOXES = 10
"""With fewer labelled boxes nothing shows that the class is found at all: it gets the default threshold."""
ENOUGH_FREE = 50
"""With fewer pictures free of a class, one false alarm is more than 2 % of them: no limit can be held."""
ALL_SOURCES = "all sources"
VEHICLE_SOURCES = "vehicle sources"
_DIGITS = 4


@dataclass(frozen=True)
class FalseAlarmLimit:
    """The largest share of pictures free of a class in which it may be reported: for all classes, and by class."""

    share: float = 0.02
    by_class: Mapping[str, float] | None = None

    def of(self, class_key: str) -> float:
        return (self.by_class or {}).get(class_key, self.share)


def decisive_cells(class_key: str, cells: Sequence[Cell]) -> tuple[str, list[Cell]]:
    """The class's cells its threshold and calibration rest on: vehicle-mounted sources when they show it enough."""
    own = [cell for cell in cells if cell.class_key == class_key]
    from_vehicles = [cell for cell in own if is_vehicle(cell.source)]
    enough = sum(len(cell.truth_xyxy_px) for cell in from_vehicles) >= ENOUGH_BOXES
    return (VEHICLE_SOURCES, from_vehicles) if enough else (ALL_SOURCES, own)


def is_vehicle(source: str) -> bool:
    return BY_NAME[source].viewpoint is Viewpoint.VEHICLE


def choose_operating_points(
    cells: Sequence[Cell], calibration: Calibration, limit: FalseAlarmLimit
) -> dict[str, OperatingPoint]:
    """Every class's threshold, on the scores people see, with what it does on the pictures it was chosen on."""
    return {key: _choose(key, cells, calibration.get(key), limit.of(key)) for key in KEYS}


def lowest_quiet_threshold(loudest_when_free: NDArray[np.float64], most: float) -> float:
    """The lowest threshold, in steps of 0.0001, at which at most this share of the free pictures has a detection."""
    loudest = np.sort(loudest_when_free)[::-1]
    allowed = math.floor(most * len(loudest) + 1e-9)
    if allowed >= len(loudest):
        return 0.0
    steps: int = 10**_DIGITS
    return min(1.0, (math.floor(float(loudest[allowed]) * steps + 1e-6) + 1) / steps)  # 0.286 * 10,000 is 2859.99…


def rewrite_card(model: Path, **changes: Any) -> ModelCard:
    """Replace fields of the card in a model file; it is checked before the file is touched. Returns the new card."""
    import onnx

    if model.resolve().parent == released_folder().resolve():
        raise EvaluationError(f"expected a model outside {released_folder()}, got {model}; released files never change")
    network = onnx.load_model_from_string(load_model(model).data)
    card = read_model_card({p.key: p.value for p in network.metadata_props}, sha256="")
    changed = ModelCard.model_validate({**card.model_dump(), **changes})
    del network.metadata_props[:]
    for key, value in changed.to_metadata().items():
        network.metadata_props.add(key=key, value=value)
    model.write_bytes(network.SerializeToString())
    return changed.model_copy(update={"sha256": load_model(model).sha256})


def moved_thresholds(card: ModelCard, calibration: Calibration) -> dict[str, float]:
    """The card's thresholds under another calibration: the same detections are reported."""
    return {
        key: _move(threshold, card.calibration.get(key), calibration.get(key))
        for key, threshold in card.thresholds.items()
    }


def _choose(class_key: str, cells: Sequence[Cell], curve: Platt | None, most: float) -> OperatingPoint:
    sources, decisive = decisive_cells(class_key, cells)
    outcome = shown(judge(decisive, match_iou(class_key)), curve)
    enough_free = len(outcome.loudest_when_free) >= ENOUGH_FREE
    threshold, rule = _threshold(outcome, most if enough_free else 1.0)
    rates = rates_at(outcome, threshold)
    return OperatingPoint(
        threshold=threshold,
        rule=rule,
        sources=sources,
        pictures=len(decisive),
        boxes=outcome.truths,
        free_pictures=len(outcome.loudest_when_free),
        most_false_alarms=most if enough_free else None,
        false_alarm_frames=rates.false_alarm_frames,
        precision=rates.precision,
        recall=rates.recall,
    )


def _threshold(outcome: Outcome, most: float) -> tuple[float, ThresholdRule]:
    quiet = lowest_quiet_threshold(outcome.loudest_when_free, most)
    wanted, rule = DEFAULT_THRESHOLD, ThresholdRule.DEFAULT
    if outcome.truths >= SOME_BOXES and most < 1:
        wanted, rule = LOWEST_THRESHOLD, ThresholdRule.FALSE_ALARMS
    if outcome.truths >= ENOUGH_BOXES:
        best = best_threshold(outcome, LOWEST_THRESHOLD)
        wanted, rule = math.floor(best * 10**_DIGITS + 1e-9) / 10**_DIGITS, ThresholdRule.BEST_F1
    return (quiet, ThresholdRule.FALSE_ALARMS) if quiet > wanted else (wanted, rule)


def _move(threshold: float, before: Platt | None, after: Platt | None) -> float:
    score = np.array([threshold])
    score = before.raw(score) if before else score
    return float((after.shown(score) if after else score)[0])

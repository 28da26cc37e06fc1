"""The one number a model is known by: the mean AP50 over eight pairs of source and class seen from a vehicle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.intervals import Floats, Interval, Resampling, interval, rank
from training.scoring import MATCH_IOU, Cell


@dataclass(frozen=True)
class HeadlinePart:
    """A class in the one source whose labels of it come from a survey vehicle."""

    source: str
    class_key: str


HEADLINE: tuple[HeadlinePart, ...] = (
    HeadlinePart("smartathon", "garbage"),
    HeadlinePart("smartathon", "graffiti"),
    HeadlinePart("smartathon", "construction_barrier"),
    HeadlinePart("smartathon", "neglected_sidewalk"),
    HeadlinePart("smartathon", "bad_billboard"),
    HeadlinePart("smartathon", "sand_rubble"),
    HeadlinePart("bianka_br_highway", "pothole"),
    HeadlinePart("bianka_br_highway", "road_crack"),
)


@dataclass(frozen=True)
class PartScore:
    """AP50 of one part; None without labelled boxes."""

    source: str
    class_key: str
    boxes: int
    ap_50: float | None
    ap_50_interval: Interval | None


@dataclass(frozen=True)
class HeadlineScore:
    """Mean AP50 of all parts, None when a part has no labelled box: a mean of fewer would be another number."""

    ap_50: float | None
    ap_50_interval: Interval | None
    parts: tuple[PartScore, ...]


Samples = Mapping[HeadlinePart, Floats]
"""AP50 of every part: first of the pictures as they are, then of each resample; nan where undefined."""


def headline_samples(cells: Sequence[Cell], resampling: Resampling) -> Samples:
    weights = np.concatenate([resampling.once, resampling.weights])
    return {
        part: rank(part_cells(cells, part), MATCH_IOU, resampling.column).average_precision(weights)
        for part in HEADLINE
    }


def part_cells(cells: Sequence[Cell], part: HeadlinePart) -> list[Cell]:
    return [cell for cell in cells if (cell.source, cell.class_key) == (part.source, part.class_key)]


def mean_samples(samples: Samples) -> Floats:
    """The headline as it is and of each resample; nan where a part is undefined."""
    return np.asarray(np.mean([samples[part] for part in HEADLINE], axis=0), dtype=np.float64)


def score_headline(cells: Sequence[Cell], resampling: Resampling) -> HeadlineScore:
    samples = headline_samples(cells, resampling)
    mean = mean_samples(samples)
    parts = tuple(
        PartScore(
            part.source,
            part.class_key,
            sum(len(cell.truth_xyxy_px) for cell in part_cells(cells, part)),
            defined(samples[part][0]),
            interval(samples[part][1:]),
        )
        for part in HEADLINE
    )
    return HeadlineScore(defined(mean[0]), interval(mean[1:]), parts)


def defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""Label rows that cannot be right or deserve a look, found by rule and named by file and line."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import Path

from datasets.label_corrections import LabelRow, read_box_corrections, read_leaks, read_verdicts
from datasets.reading import read_pictures
from datasets.records import XyxyFraction
from datasets.sources import Source

TINY_PX = 4.0
DOUBLED_IOU = 0.95
SAME_PLACE_IOU = 0.8
WHOLE_PICTURE = 0.9
EDGE_SLACK = 1e-4
"""Sources round to four decimals or more; what lies further outside is not rounding."""


class Problem(StrEnum):
    """What is wrong with a label row, a file or a correction."""

    OUTSIDE = "outside the picture"
    DEGENERATE = "no width or height"
    TINY = "side below 4 px"
    DOUBLED = "same class twice on one place (IoU > 0.95)"
    TWO_CLASSES = "two classes on one place (IoU > 0.8)"
    WHOLE_PICTURE = "covers more than 90 % of the picture"
    NO_LABEL_FILE = "picture without a label file"
    UNKNOWN_LABEL_FILE = "label file of an unknown picture"
    NO_PICTURE = "picture file missing"
    UNKNOWN_CORRECTED = "correction of an unknown picture"


@dataclass(frozen=True)
class Finding:
    """One problem; row is the line of the label file, None where it is about a file or an added box."""

    source: str
    split: str
    stem: str
    row: int | None
    problem: Problem
    detail: str


def find_problems(
    folder: Path, source: Source, sizes_px: Mapping[str, tuple[float, float]], corrected: bool = True
) -> Iterator[Finding]:
    """The problems left in one source after its corrections; sizes_px: stem -> width, height as stored."""
    pictures = list(read_pictures(folder, source, corrected))
    for picture in pictures:
        stem = picture.image_path.stem
        for row, problem, detail in row_problems(_named(picture.rows, source), sizes_px.get(stem)):
            yield Finding(source.name, picture.split, stem, row, problem, detail)
        if not picture.image_path.exists():
            yield Finding(source.name, picture.split, stem, None, Problem.NO_PICTURE, str(picture.image_path.name))
        if source.class_map and not (folder / "labels" / f"{stem}.txt").exists():
            yield Finding(source.name, picture.split, stem, None, Problem.NO_LABEL_FILE, "")
    known = {picture.image_path.stem for picture in pictures}
    for stem in sorted({path.stem for path in (folder / "labels").glob("*.txt")} - known):
        yield Finding(source.name, "", stem, None, Problem.UNKNOWN_LABEL_FILE, "not in groups.csv")
    for stem in sorted(_corrected_stems(source) - known):
        yield Finding(source.name, "", stem, None, Problem.UNKNOWN_CORRECTED, "not in groups.csv")


def row_problems(
    rows: Sequence[tuple[int | None, str, XyxyFraction]], size_px: tuple[float, float] | None
) -> Iterator[tuple[int | None, Problem, str]]:
    """Problems of one picture's (line, class, box as written) rows; sides are judged where size_px is known."""
    for line, _, box in rows:
        yield from ((line, problem, detail) for problem, detail in _box_problems(box, size_px))
    for (line, name, box), (other_line, other_name, other) in combinations(rows, 2):
        overlap = iou(box, other)
        if name == other_name and overlap > DOUBLED_IOU:
            yield other_line, Problem.DOUBLED, f"{name}, as row {line}"
        elif name != other_name and overlap > SAME_PLACE_IOU:
            yield other_line, Problem.TWO_CLASSES, f"{other_name}, row {line} says {name}"


def iou(first: XyxyFraction, second: XyxyFraction) -> float:
    """Shared area over covered area of two boxes, 0 to 1."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (_area(first) + _area(second) - across * down)


def _box_problems(box: XyxyFraction, size_px: tuple[float, float] | None) -> Iterator[tuple[Problem, str]]:
    x0, y0, x1, y1 = box
    if min(box) < -EDGE_SLACK or max(box) > 1 + EDGE_SLACK:
        yield Problem.OUTSIDE, " ".join(f"{edge:.4f}" for edge in box)
    if x1 <= x0 or y1 <= y0:
        yield Problem.DEGENERATE, " ".join(f"{edge:.4f}" for edge in box)
    elif size_px is not None and min((x1 - x0) * size_px[0], (y1 - y0) * size_px[1]) < TINY_PX:
        yield Problem.TINY, f"{(x1 - x0) * size_px[0]:.1f} x {(y1 - y0) * size_px[1]:.1f} px"
    if _area(box) > WHOLE_PICTURE:
        yield Problem.WHOLE_PICTURE, f"{_area(box):.0%}"


def _area(box: XyxyFraction) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _named(rows: Iterable[LabelRow], source: Source) -> list[tuple[int | None, str, XyxyFraction]]:
    """Rows by class key, or by the source's own name where the table gives none."""
    return [(r.line, r.class_key or source.class_map.get(r.name, r.name), r.xyxy_fraction) for r in rows]


def _corrected_stems(source: Source) -> set[str]:
    verdicts = {stem for stem, _ in read_verdicts(source.name)} if source.corrected else set()
    return verdicts | read_box_corrections(source.name).keys() | read_leaks(source.name).keys()

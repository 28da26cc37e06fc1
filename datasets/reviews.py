"""What inspectors said of survey frames, as a source of labelled pictures in the layout of the other sources.

What counts as a label:

- A class is labelled in a picture only if a person said that the frame was checked for it: every object of it has a
  box and each box that stands is right. With `verdicts_count`, weaker, also if every box of the class in the frame
  was itself looked at and judged: nobody then said that the model missed nothing.
- As long as one box waits for its verdict, its classes (as the model named it, as people corrected it) are unknown
  in the picture, checked or not.
- Accepted, moved, reclassified and drawn boxes are positives, with the class and the place that people gave them.
- A rejected box is a certain negative at its place. Where its class is labelled the picture says so already; for
  the others `rejected.csv` keeps the place, which LabelledImage has no word for.

Pictures of one survey (drive) form a group and share its split, which hangs on the group's name alone: a later export
moves no picture. Two surveys of the same street are two groups.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field

from datasets.errors import DataError
from datasets.records import LabelledBox, LabelledImage, Split, XyxyFraction
from datasets.taxonomy import KEYS

SOURCE_NAME = "reviews"
GROUPS_FILE, LABELLED_FILE, REJECTED_FILE = "groups.csv", "labelled.csv", "rejected.csv"
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


class Outcome(StrEnum):
    """What a box turned out to be."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RECLASSIFIED = "reclassified"
    ADDED = "added"
    UNDECIDED = "undecided"


POSITIVE = frozenset({Outcome.ACCEPTED, Outcome.RECLASSIFIED, Outcome.ADDED})


class ReviewedBox(BaseModel):
    """A box as `GET /api/v1/reviews/export` gives it."""

    class_key: str
    box_xyxy_px: tuple[float, float, float, float]
    verdict: Outcome
    looked_at: bool
    model_class_key: str | None


class ReviewedFrame(BaseModel):
    """A frame as `GET /api/v1/reviews/export` gives it."""

    frame_id: int
    survey_id: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: str | None
    width: int | None
    height: int | None
    checked_classes: list[str]
    boxes: list[ReviewedBox]

    @property
    def stem(self) -> str:
        """A name that frames of other services do not have."""
        return f"{self.frame_id}_{self.sha256[:12]}"

    @property
    def file_name(self) -> str:
        return self.stem + SUFFIXES[self.media_type or ""]

    @property
    def group(self) -> str:
        return f"survey{self.survey_id}"


@dataclass(frozen=True)
class SplitShares:
    """Which share of the groups is kept for val and for test; the rest trains."""

    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (self.val >= 0 and self.test >= 0 and self.val + self.test <= 1):
            raise DataError(f"expected shares of val and test from 0 to 1 together, got {self.val} and {self.test}")

    def split_of(self, group: str) -> Split:
        """By the hash of the group's name, so that it is the same in every export."""
        place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
        if place < self.test:
            return Split.TEST
        return Split.VAL if place < self.test + self.val else Split.TRAIN


def labelled_classes(frame: ReviewedFrame, verdicts_count: bool) -> frozenset[str]:
    """The classes of which the frame says where they are and where they are not."""
    known = set(frame.checked_classes)
    judged = {key for box in frame.boxes for key in _classes_of(box)} if verdicts_count else set()
    for box in frame.boxes:
        if box.verdict is Outcome.UNDECIDED:
            known -= _classes_of(box)
        if box.verdict is Outcome.UNDECIDED or not box.looked_at:
            judged -= _classes_of(box)
    return frozenset(known | judged)


def to_record(frame: ReviewedFrame, folder: Path, shares: SplitShares, verdicts_count: bool) -> LabelledImage:
    """The frame as every source gives its pictures; the picture need not be there yet."""
    labelled = labelled_classes(frame, verdicts_count)
    boxes = tuple(
        LabelledBox(box.class_key, _fraction(frame, box))
        for box in frame.boxes
        if box.verdict in POSITIVE and box.class_key in labelled
    )
    path = folder / "images" / frame.file_name
    return LabelledImage(path, SOURCE_NAME, frame.group, shares.split_of(frame.group), boxes, labelled)


def write_tables(folder: Path, pairs: Iterable[tuple[ReviewedFrame, LabelledImage]]) -> None:
    """Write labels/ and the tables for these pictures; groups.csv comes last: what it names is complete."""
    pairs = list(pairs)
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(KEYS) + "\n", encoding="utf-8")
    for frame, image in pairs:
        (folder / "labels" / f"{frame.stem}.txt").write_text("".join(map(_yolo_row, image.boxes)), encoding="utf-8")
    labelled = [(frame.stem, key) for frame, image in pairs for key in KEYS if key in image.labelled_classes]
    _write_csv(folder / LABELLED_FILE, ("stem", "class_key"), labelled)
    _write_csv(folder / REJECTED_FILE, ("stem", "class_key", "x0", "y0", "x1", "y1"), _rejected(pairs))
    groups = [(frame.stem, image.group, image.split.value, frame.file_name) for frame, image in pairs]
    _write_csv(folder / GROUPS_FILE, ("stem", "group", "split", "file"), groups)


def read_reviews(folder: Path) -> list[LabelledImage]:
    """The pictures of a folder that `rasid data from-reviews` wrote, in the order of its groups.csv."""
    if not (folder / GROUPS_FILE).is_file():
        raise DataError(f"expected a folder written by `rasid data from-reviews`, {folder} has no {GROUPS_FILE}")
    names = (folder / "classes.txt").read_text("utf-8").split()
    if unknown := sorted(set(names) - set(KEYS)):
        raise DataError(f"expected classes of the taxonomy in {folder / 'classes.txt'}, got {unknown}; export again")
    labelled: dict[str, set[str]] = {}
    for row in _read_csv(folder / LABELLED_FILE):
        labelled.setdefault(row["stem"], set()).add(row["class_key"])
    return [
        LabelledImage(
            folder / "images" / row["file"],
            SOURCE_NAME,
            row["group"],
            Split(row["split"]),
            _read_boxes(folder / "labels" / f"{row['stem']}.txt", names),
            frozenset(labelled.get(row["stem"], ())),
        )
        for row in _read_csv(folder / GROUPS_FILE)
    ]


def _classes_of(box: ReviewedBox) -> set[str]:
    return {box.class_key} | ({box.model_class_key} if box.model_class_key else set())


def _fraction(frame: ReviewedFrame, box: ReviewedBox) -> XyxyFraction:
    width, height = frame.width or 1, frame.height or 1
    x0, y0, x1, y1 = box.box_xyxy_px
    return _within(x0 / width), _within(y0 / height), _within(x1 / width), _within(y1 / height)


def _within(share: float) -> float:
    """Rounded so that a written box is read back exactly: 0.004 px of the widest frames."""
    return min(max(round(share, 6), 0.0), 1.0)


def _rejected(pairs: Sequence[tuple[ReviewedFrame, LabelledImage]]) -> list[tuple[object, ...]]:
    return [
        (frame.stem, box.model_class_key or box.class_key, *_fraction(frame, box))
        for frame, _ in pairs
        for box in frame.boxes
        if box.verdict is Outcome.REJECTED
    ]


def _yolo_row(box: LabelledBox) -> str:
    x0, y0, x1, y1 = box.xyxy_fraction
    numbers = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
    return f"{KEYS.index(box.class_key)} {' '.join(f'{n:.9f}' for n in numbers)}\n"


def _read_boxes(path: Path, names: Sequence[str]) -> tuple[LabelledBox, ...]:
    rows = [line.split() for line in path.read_text("utf-8").splitlines()]
    try:
        return tuple(_parse_row(row, names) for row in rows)
    except (ValueError, IndexError) as error:
        raise DataError(f"expected rows of 'class x y w h' in {path}, got {error}; export again") from error


def _parse_row(row: Sequence[str], names: Sequence[str]) -> LabelledBox:
    x, y, w, h = (float(number) for number in row[1:])
    corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    x0, y0, x1, y1 = (_within(corner) for corner in corners)
    return LabelledBox(names[int(row[0])], (x0, y0, x1, y1))


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    part.replace(path)


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))

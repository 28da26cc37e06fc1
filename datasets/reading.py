"""Reads the source folders into LabelledImage records and refuses what the source table does not explain."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError as DataError
from datasets.label_corrections import (
    LabelRow,
    apply_verdict,
    correct_rows,
    ignored_classes,
    read_box_corrections,
    read_leaks,
    read_verdicts,
)
from datasets.records import LabelledBox, LabelledImage, Split, XyxyFraction, crop_box
from datasets.sources import SOURCES, Source


@dataclass(frozen=True)
class PictureRows:
    """One picture with its label rows after the corrections, and the classes these make unknown in it."""

    image_path: Path
    group: str
    split: Split
    rows: tuple[LabelRow, ...]
    ignored: frozenset[str]


def read_sources(data: Path, sources: Sequence[Source] = SOURCES, corrected: bool = True) -> list[LabelledImage]:
    """All images of the sources that exist under `data`, in the order of the table and of each groups.csv.

    Without `corrected`, labels are taken at their word: this project's corrections are not applied.
    """
    present = [s for s in sources if (data / s.name).is_dir()]
    if not present:
        raise DataError(f"expected source folders such as {sources[0].name} in {data}, got none; check the path")
    return [image for source in present for image in read_source(data / source.name, source, corrected)]


def read_source(folder: Path, source: Source, corrected: bool = True) -> Iterator[LabelledImage]:
    """The images one source's groups.csv names, cropped to the survey lane where the source needs it.

    Pictures listed in corrections/leaks.csv are left out of train and val, corrected or not, so that test stays
    honest; a picture of test is never left out.
    """
    lanes = _read_lanes(folder / "lane_bbox.csv") if source.lane_cropped else {}
    leaks = read_leaks(source.name)
    for picture in read_pictures(folder, source, corrected):
        if picture.split is Split.TEST or picture.image_path.stem not in leaks:
            yield _describe(picture, source, lanes.get(picture.image_path.stem))


def read_pictures(folder: Path, source: Source, corrected: bool = True) -> Iterator[PictureRows]:
    """The pictures one source's groups.csv names with their label rows, before the source table is applied."""
    names = (folder / "classes.txt").read_text("utf-8").split()
    verdicts = read_verdicts(source.name) if source.corrected and corrected else {}
    corrections = read_box_corrections(source.name) if corrected else {}
    with (folder / "groups.csv").open(encoding="utf-8", newline="") as table:
        for entry in csv.DictReader(table):
            stem, split = entry["stem"], Split(entry["split"])
            if source.evaluation_only and split is Split.TRAIN:
                raise DataError(f"expected {source.name} outside train (its licence), got {stem} in train")
            rows = [apply_verdict(row, stem, verdicts) for row in _read_rows(folder, stem, names)]
            ours = corrections.get(stem, ())
            yield PictureRows(
                image_path=folder / "images" / f"{stem}.webp",
                group=entry["group"],
                split=split,
                rows=tuple(correct_rows(rows, ours, source, split)),
                ignored=ignored_classes(ours),
            )


def read_pixels(image: LabelledImage) -> NDArray[np.uint8]:
    """The (cropped) picture as uint8 (H, W, 3) BGR."""
    pixels = cv2.imread(str(image.image_path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise DataError(f"expected a readable picture at {image.image_path}, got none; restore the file")
    whole = np.asarray(pixels, dtype=np.uint8)
    if image.crop_fraction is None:
        return whole
    height, width = whole.shape[:2]
    x0, y0, x1, y1 = image.crop_fraction
    return whole[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def _describe(picture: PictureRows, source: Source, crop: XyxyFraction | None) -> LabelledImage:
    boxes = [box for row in picture.rows if (box := _map_box(source, row)) is not None]
    labelled = source.labelled - source.unlabelled_in_groups.get(picture.group, frozenset())
    labelled -= source.labelled_where_boxed - {box.class_key for box in boxes}
    labelled -= frozenset(k for row in picture.rows if row.class_key is None for k in source.unclear.get(row.name, ()))
    beyond = {row.class_key for row in picture.rows if row.class_key} - labelled
    if beyond:
        raise DataError(
            f"correction of {source.name}/{picture.image_path.stem}: expected classes the source labels there "
            f"({sorted(labelled)}), got {sorted(beyond)}; remove such a box, or ignore its class"
        )
    labelled -= picture.ignored
    boxes = [box for box in boxes if box.class_key in labelled]
    if crop is not None:
        boxes = [inside for box in boxes if (inside := crop_box(box, crop)) is not None]
    return LabelledImage(picture.image_path, source.name, picture.group, picture.split, tuple(boxes), labelled, crop)


def _map_box(source: Source, row: LabelRow) -> LabelledBox | None:
    if row.class_key is None and row.name in source.dropped | source.unclear.keys():
        return None
    key = row.class_key or source.class_map.get(row.name)
    if key is None:
        expected = sorted(source.class_map)
        raise DataError(f"expected one of {expected} in {source.name}, got {row.name}; add it to sources")
    x0, y0, x1, y1 = (min(max(edge, 0.0), 1.0) for edge in row.xyxy_fraction)
    return LabelledBox(key, (x0, y0, x1, y1))


def _read_rows(folder: Path, stem: str, names: list[str]) -> list[LabelRow]:
    path = folder / "labels" / f"{stem}.txt"
    if not path.exists():
        return []
    lines = enumerate(path.read_text("utf-8").splitlines())
    return [_parse_row(line, text, names, path) for line, text in lines if text.strip()]


def _parse_row(line: int, text: str, names: list[str], path: Path) -> LabelRow:
    refusal = DataError(f"expected 'class x y w h' with a class below {len(names)} in {path}, got {text!r}")
    try:
        index, *numbers = text.split()
        x, y, w, h = (float(n) for n in numbers)
        name = names[int(index)]
    except (ValueError, IndexError) as error:
        raise refusal from error
    if not all(map(isfinite, (x, y, w, h))):
        raise refusal
    return LabelRow(line, name, (x - w / 2, y - h / 2, x + w / 2, y + h / 2))


def _read_lanes(path: Path) -> dict[str, XyxyFraction]:
    with path.open(encoding="utf-8", newline="") as rows:
        return {
            r["stem"]: (float(r["x0"]), float(r["y0"]), float(r["x1"]), float(r["y1"])) for r in csv.DictReader(rows)
        }

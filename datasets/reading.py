"""Reads the source folders into LabelledImage records and refuses what the source table does not explain."""

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.records import LabelledBox, LabelledImage, Split, XyxyFraction, crop_box
from datasets.sources import SOURCES, Source


class DataError(ValueError):
    """A data folder that is not as the source table says."""


def read_sources(data: Path, sources: Sequence[Source] = SOURCES, corrected: bool = True) -> list[LabelledImage]:
    """All images of the sources that exist under `data`, in the order of the table and of each groups.csv.

    Without `corrected`, labels are taken at their word: this project's corrections are not applied.
    """
    present = [s for s in sources if (data / s.name).is_dir()]
    if not present:
        raise DataError(f"expected source folders such as {sources[0].name} in {data}, got none; check the path")
    return [image for source in present for image in read_source(data / source.name, source, corrected)]


def read_source(folder: Path, source: Source, corrected: bool = True) -> Iterator[LabelledImage]:
    """The images one source's groups.csv names, cropped to the survey lane where the source needs it."""
    names = (folder / "classes.txt").read_text("utf-8").split()
    verdicts = read_verdicts(source.name) if source.corrected and corrected else {}
    lanes = _read_lanes(folder / "lane_bbox.csv") if source.lane_cropped else {}
    with (folder / "groups.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            split = Split(row["split"])
            if source.evaluation_only and split is Split.TRAIN:
                raise DataError(f"expected {source.name} outside train (its licence), got {row['stem']} in train")
            raw = _read_boxes(folder / "labels" / f"{row['stem']}.txt", names)
            named = [(_corrected(name, verdicts.get((row["stem"], i))), xyxy) for i, (name, xyxy) in enumerate(raw)]
            path = folder / "images" / f"{row['stem']}.webp"
            yield _describe(path, source, row["group"], split, named, lanes.get(row["stem"]))


def read_verdicts(source_name: str) -> dict[tuple[str, int], tuple[str, str]]:
    """(stem, label row) -> (label name it was given for, verdict): this project's own look at the boxes."""
    text = files("datasets").joinpath("corrections", f"{source_name}.csv").read_text("utf-8")
    return {(r["stem"], int(r["row"])): (r["label"], r["verdict"]) for r in csv.DictReader(text.splitlines())}


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


def _describe(
    path: Path,
    source: Source,
    group: str,
    split: Split,
    named: list[tuple[str, XyxyFraction]],
    crop: XyxyFraction | None,
) -> LabelledImage:
    ignored = source.dropped | source.unclear.keys()
    boxes = [_map_box(source, name, xyxy) for name, xyxy in named if name not in ignored]
    labelled = source.labelled - source.unlabelled_in_groups.get(group, frozenset())
    labelled -= source.labelled_where_boxed - {box.class_key for box in boxes}
    labelled -= frozenset(key for name, _ in named for key in source.unclear.get(name, ()))
    boxes = [box for box in boxes if box.class_key in labelled]
    if crop is not None:
        boxes = [inside for box in boxes if (inside := crop_box(box, crop)) is not None]
    return LabelledImage(path, source.name, group, split, tuple(boxes), labelled, crop)


def _corrected(name: str, verdict: tuple[str, str] | None) -> str:
    if verdict is None:
        return name
    if verdict[0] != name:
        raise DataError(f"expected label {verdict[0]} where a correction stands, got {name}; the labels have changed")
    return f"{name}:{verdict[1]}"


def _map_box(source: Source, name: str, xyxy: XyxyFraction) -> LabelledBox:
    if name not in source.class_map:
        raise DataError(f"expected one of {sorted(source.class_map)} in {source.name}, got {name}; add it to sources")
    return LabelledBox(source.class_map[name], xyxy)


def _read_boxes(path: Path, names: list[str]) -> list[tuple[str, XyxyFraction]]:
    if not path.exists():
        return []
    return [_parse_row(line, names, path) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _parse_row(line: str, names: list[str], path: Path) -> tuple[str, XyxyFraction]:
    try:
        index, *numbers = line.split()
        x, y, w, h = (float(n) for n in numbers)
        name = names[int(index)]
    except (ValueError, IndexError) as error:
        raise DataError(f"expected 'class x y w h' with a class below {len(names)} in {path}, got {line!r}") from error
    clip = partial(np.clip, a_min=0.0, a_max=1.0)
    corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    return name, (
        float(clip(corners[0])),
        float(clip(corners[1])),
        float(clip(corners[2])),
        float(clip(corners[3])),
    )


def _read_lanes(path: Path) -> dict[str, XyxyFraction]:
    with path.open(encoding="utf-8", newline="") as rows:
        return {
            r["stem"]: (float(r["x0"]), float(r["y0"]), float(r["x1"]), float(r["y1"])) for r in csv.DictReader(rows)
        }

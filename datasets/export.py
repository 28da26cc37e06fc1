"""Writes the pictures as a YOLO folder with what YOLO has no word for: the classes each one labels."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import yaml

from datasets.reading import DataError, read_pixels
from datasets.records import LabelledBox, LabelledImage
from datasets.taxonomy import KEYS

LABELLED_FILE = "labelled.json"
"""Picture file name -> indexes of the classes its source labels."""


@dataclass(frozen=True)
class ExportedData:
    """A finished YOLO folder and the hash that names its content."""

    data_yaml: Path
    sha256: str
    images: dict[str, int]


def limit_images(images: Sequence[LabelledImage], limits: Mapping[str, int]) -> list[LabelledImage]:
    """At most limits[source] pictures of a source, always the same: those whose hashed names sort first."""
    unknown = limits.keys() - {image.source for image in images}
    if unknown:
        raise DataError(f"limits: expected names of sources with pictures, got {sorted(unknown)}; correct the limits")
    ranked = sorted(images, key=lambda image: hashlib.sha256(image.name.encode()).hexdigest())
    taken: dict[str, int] = {}
    kept = set()
    for image in ranked:
        taken[image.source] = taken.get(image.source, 0) + 1
        if taken[image.source] <= limits.get(image.source, len(images)):
            kept.add(image.name)
    return [image for image in images if image.name in kept]


def export_yolo(images: Sequence[LabelledImage], folder: Path) -> ExportedData:
    """Write images/, labels/, data.yaml and labelled.json; an earlier export in `folder` is replaced."""
    for part in ("images", "labels"):
        shutil.rmtree(folder / part, ignore_errors=True)
    labelled = {}
    digest = hashlib.sha256()
    counts: dict[str, int] = {}
    for image in images:
        file_name = _write_image(image, folder / "images" / image.split)
        rows = "".join(_yolo_row(box) for box in image.boxes)
        label = folder / "labels" / image.split / f"{image.name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(rows, encoding="utf-8")
        labelled[file_name] = [i for i, key in enumerate(KEYS) if key in image.labelled_classes]
        counts[image.split] = counts.get(image.split, 0) + 1
        digest.update(f"{image.split}/{file_name}{labelled[file_name]}{image.crop_fraction}\n{rows}".encode())
        digest.update(hashlib.sha256(image.image_path.read_bytes()).digest())
    (folder / LABELLED_FILE).write_text(json.dumps(labelled), encoding="utf-8")
    return ExportedData(_write_data_yaml(folder, counts), digest.hexdigest(), counts)


def _write_image(image: LabelledImage, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    if image.crop_fraction is None:
        target = folder / f"{image.name}{image.image_path.suffix}"
        target.symlink_to(image.image_path.resolve())
        return target.name
    target = folder / f"{image.name}.jpg"
    if not cv2.imwrite(str(target), read_pixels(image), [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise OSError(f"expected to write {target}, the write failed; check space and rights")
    return target.name


def _yolo_row(box: LabelledBox) -> str:
    x0, y0, x1, y1 = box.xyxy_fraction
    middle_x, middle_y, width, height = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    return f"{KEYS.index(box.class_key)} {middle_x:.6f} {middle_y:.6f} {width:.6f} {height:.6f}\n"


def _write_data_yaml(folder: Path, counts: Mapping[str, int]) -> Path:
    path = folder / "data.yaml"
    splits = {str(split): f"images/{split}" for split in counts}
    splits.setdefault("val", splits.get("train", next(iter(splits.values()))))  # the library insists on both keys
    content = {"path": str(folder.resolve()), **splits, "names": dict(enumerate(KEYS))}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path

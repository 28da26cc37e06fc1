"""Tiny source folders in the layout of the labelled data, drawn on the spot."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

Rows = Mapping[str, tuple[str, str, str]]
"""Stem -> (group, split, label file text)."""


def write_source(data: Path, name: str, class_names: list[str], rows: Rows, size: tuple[int, int] = (40, 80)) -> Path:
    """Write one source folder with grey pictures of size (height, width)."""
    folder = data / name
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(class_names), encoding="utf-8")
    lines = ["stem,group,split"]
    for number, (stem, (group, split, labels)) in enumerate(rows.items()):
        lines.append(f"{stem},{group},{split}")
        (folder / "labels" / f"{stem}.txt").write_text(labels, encoding="utf-8")
        picture = np.full((*size, 3), 40 + number, np.uint8)
        cv2.imwrite(str(folder / "images" / f"{stem}.webp"), picture)
    (folder / "groups.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder

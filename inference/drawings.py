"""Keeps drawn copies of many images in one folder without one overwriting another."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.detections import Detections
from inference.draw import draw_detections

_JPEG_MAX_SIDE_PX = 65_500


class Drawings:
    """Writes drawn copies into one folder, under unique names."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._taken: set[str] = set()

    def write(self, image: str, upright: NDArray[np.uint8], found: Detections) -> Path:
        """Draw boxes of an upright image; a second street.jpg becomes street-2.jpg."""
        suffix = ".jpg" if max(upright.shape) <= _JPEG_MAX_SIDE_PX else ".png"
        path = self._folder / self._free_name(Path(image).stem, suffix)
        _, encoded = cv2.imencode(suffix, draw_detections(upright, found))
        path.write_bytes(encoded.tobytes())
        return path

    def _free_name(self, stem: str, suffix: str) -> str:
        name, number = stem + suffix, 1
        while name.casefold() in self._taken:  # two names that differ in case are one file on some disks
            number += 1
            name = f"{stem}-{number}{suffix}"
        self._taken.add(name.casefold())
        return name

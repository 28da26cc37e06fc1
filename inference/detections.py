"""The one value for what a detector found in an image, so that every part speaks of boxes the same way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.orientation import boxes_to_stored, swaps_sides


@dataclass(frozen=True)
class Detection:
    """One box: corners x0, y0, x1, y1 in pixels of the image, score 0..1."""

    class_key: str
    score: float
    xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Detections:
    """All boxes of one image of width x height pixels, highest score first.

    xyxy_px is float32 (n, 4), score float32 (n,), class_index int64 (n,) into class_keys. The orientation, EXIF's
    1..8, is the one of the file that was turned upright by it to be looked at.
    """

    xyxy_px: NDArray[np.float32]
    score: NDArray[np.float32]
    class_index: NDArray[np.int64]
    class_keys: tuple[str, ...]
    width: int
    height: int
    orientation: int = 1

    def __post_init__(self) -> None:
        count = len(self.score)
        shapes = (self.xyxy_px.shape, self.score.shape, self.class_index.shape)
        if shapes != ((count, 4), (count,), (count,)):
            raise ValueError(f"detections: expected shapes (n, 4), (n,), (n,), got {shapes}")
        if np.any(np.diff(self.score) > 0):
            raise ValueError("detections: expected scores sorted from high to low, got them unsorted")

    def __len__(self) -> int:
        return len(self.score)

    def __iter__(self) -> Iterator[Detection]:
        columns = self.xyxy_px.tolist(), self.score.tolist(), self.class_index.tolist()
        for box, score, index in zip(*columns, strict=True):
            yield Detection(self.class_keys[index], score, tuple(box))

    def to_stored(self) -> "Detections":
        """The same boxes on the pixel grid stored on disk."""
        turned = boxes_to_stored(self.xyxy_px, self.orientation, self.width, self.height)
        sides = (self.height, self.width) if swaps_sides(self.orientation) else (self.width, self.height)
        return replace(self, xyxy_px=turned, width=sides[0], height=sides[1], orientation=1)

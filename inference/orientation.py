"""The eight EXIF orientations as one table, so that pixels and boxes are turned by the same rule."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class _Turn:
    """Upright pixels are the stored ones, transposed if asked, then mirrored along x and y if asked."""

    transpose: bool
    mirror_x: bool
    mirror_y: bool


# EXIF 2.32, tag 0x0112: which corner of the stored grid is the top left of the scene.
_TURNS = {
    1: _Turn(False, False, False),
    2: _Turn(False, True, False),
    3: _Turn(False, True, True),
    4: _Turn(False, False, True),
    5: _Turn(True, False, False),
    6: _Turn(True, True, False),
    7: _Turn(True, True, True),
    8: _Turn(True, False, True),
}
ORIENTATIONS = tuple(_TURNS)


def swaps_sides(orientation: int) -> bool:
    """Whether the upright width is the stored height."""
    return _TURNS[orientation].transpose


def turn_upright(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn stored pixels (H, W, C) to the way the scene was seen."""
    turn = _TURNS[orientation]
    pixels = cv2.transpose(stored) if turn.transpose else stored
    if turn.mirror_x or turn.mirror_y:
        pixels = cv2.flip(pixels, _flip_code(turn))
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def boxes_to_stored(xyxy_px: NDArray[np.float32], orientation: int, width: int, height: int) -> NDArray[np.float32]:
    """Map boxes (n, 4) of an upright image of width x height pixels to the grid stored on disk."""
    turn = _TURNS[orientation]
    x0, y0, x1, y1 = xyxy_px.T
    if turn.mirror_x:
        x0, x1 = width - x1, width - x0
    if turn.mirror_y:
        y0, y1 = height - y1, height - y0
    columns = (y0, x0, y1, x1) if turn.transpose else (x0, y0, x1, y1)
    return np.stack(columns, axis=1).astype(np.float32)


def _flip_code(turn: _Turn) -> int:
    if turn.mirror_x and turn.mirror_y:
        return -1
    return 1 if turn.mirror_x else 0

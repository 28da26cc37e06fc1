"""Finds dirt on the lens over a drive: what stays soft in one place while the street moves past behind it.

One frame cannot tell: a soft spot may be sky, plain wall or fresh asphalt. A row of frames can.
"""

from base64 import b64decode, b64encode
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.footage_scores import COLUMNS, ROWS, STREET, Cells

FEWEST_FRAMES = 10
_BYTES_A_LEVEL = 8  # detail is kept in eighths of a grey level, up to 31.9
_REACH = 5  # cells looked at on each side
_HOLE = 0.4  # of the detail on every side
_LEAST_DETAIL = 1.0  # grey levels; where the surroundings have less, nothing can be missing
_LEAST_MOTION = 2.0  # grey levels from frame to frame, in the middle cell
_SPECKS = 0.02  # share of the picture


@dataclass(frozen=True, eq=False)
class LensVerdict:
    """What the last frames tell of the lens; `dirty` (ROWS, COLUMNS) marks the soft cells.

    `told` is false while there are too few frames or the vehicle stands: then nothing is known, neither way.
    """

    told: bool
    frames: int
    dirty: NDArray[np.bool_]

    @property
    def dirty_share(self) -> float:
        """Share of the street's part of the picture that is soft."""
        return float(self.dirty[STREET].mean())

    @property
    def code(self) -> str | None:
        return "quality.lens_dirty" if self.told and self.dirty_share >= _SPECKS else None


class LensWatch:
    """Watches one camera over its drive, in the order of the frames; it remembers no more than the last `frames`."""

    def __init__(self, frames: int = 40) -> None:
        if frames < FEWEST_FRAMES:
            raise ValueError(f"frames: expected at least {FEWEST_FRAMES}, got {frames}")
        self._seen: deque[NDArray[np.uint8]] = deque(maxlen=frames)

    def add(self, lens: str) -> None:
        """`lens` is FootageQuality.lens of the next frame."""
        self._seen.append(read_lens(lens))

    def verdict(self) -> LensVerdict:
        nothing = np.zeros((ROWS, COLUMNS), bool)
        if len(self._seen) < FEWEST_FRAMES:
            return LensVerdict(False, len(self._seen), nothing)
        detail, grey = np.stack(self._seen, axis=1).astype(np.float32)
        steps = np.abs(np.diff(grey, axis=0)).mean(0)
        if np.median(steps) < _LEAST_MOTION:
            return LensVerdict(False, len(self._seen), nothing)
        return LensVerdict(True, len(self._seen), find_holes(np.median(detail, axis=0) / _BYTES_A_LEVEL))


def pack_lens(cells: Cells) -> str:
    """Fine detail and mean grey of the cells as text of 640 characters, to be kept with the frame."""
    detail = np.clip(cells.detail * _BYTES_A_LEVEL + 0.5, 0, 255)
    return b64encode(np.stack([detail, cells.grey + 0.5]).astype(np.uint8).tobytes()).decode("ascii")


def read_lens(lens: str) -> NDArray[np.uint8]:
    """The inverse: (2, ROWS, COLUMNS), detail and grey."""
    data = b64decode(lens, validate=True)
    if len(data) != 2 * ROWS * COLUMNS:
        raise ValueError(f"lens: expected {2 * ROWS * COLUMNS} bytes, got {len(data)}; judge the frame again")
    return np.frombuffer(data, np.uint8).reshape(2, ROWS, COLUMNS)


def find_holes(detail: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells with much less detail than the cells on every side of them; edges of the picture are no side.

    Sky, road and bonnet are as soft as what lies to their left or right, so they are no holes.
    """
    turns = (detail, detail[:, ::-1], detail.T, detail[::-1].T)
    sides = [_beside(turned) for turned in turns]
    upright = sides[0], sides[1][:, ::-1], sides[2].T, sides[3].T[::-1]
    least = np.minimum.reduce(upright)
    return np.asarray((least >= _LEAST_DETAIL) & (detail < _HOLE * least) & np.isfinite(least))


def _beside(detail: NDArray[np.float32]) -> NDArray[np.float32]:
    """The upper quartile of up to _REACH cells to the left of each cell; infinite where there are none."""
    beside = np.full(detail.shape, np.inf, np.float32)
    for column in range(1, detail.shape[1]):
        beside[:, column] = np.percentile(detail[:, max(0, column - _REACH) : column], 75, axis=1)
    return beside

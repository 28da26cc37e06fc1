"""Finds dirt on the lens over a drive: what stays soft in one place while the street moves past behind it.

One frame cannot tell: a soft spot may be sky, plain wall or fresh asphalt. A row of frames can.
"""

from base64 import b64decode, b64encode
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.footage_scores import COLUMNS, ROWS, Cells

FEWEST_FRAMES = 20
LENS_ROWS, LENS_COLUMNS = 2 * ROWS, 2 * COLUMNS
LENS_STREET = np.s_[LENS_ROWS // 3 :]
LENS_CHARS = LENS_ROWS * LENS_COLUMNS // 3 * 4  # of one frame's text

_PARTS_A_LEVEL = 8  # detail is kept in eighths of a grey level, up to 31.9
_REACH = LENS_COLUMNS // 4  # cells looked at on each side
_HOLE = 0.55  # of the detail on every side
_LEAST_DETAIL = 1.0  # grey levels; where the surroundings have less, nothing can be missing
_LEAST_CHANGE = 0.1  # of a cell's detail from frame to frame, in the middle cell
_DIRTY_SHARE = 0.018  # of the street; docs/footage.md tells how often a clean lens reaches it, and which dirt does not


@dataclass(frozen=True, eq=False)
class LensVerdict:
    """What the last frames tell of the lens; `dirty` (LENS_ROWS, LENS_COLUMNS) marks the soft cells.

    `told` is false while there are too few frames or the vehicle stands: then nothing is known, neither way.
    """

    told: bool
    frames: int
    dirty: NDArray[np.bool_]

    @property
    def dirty_share(self) -> float:
        """Share of the street's part of the picture that is soft: a third of what the dirt covers, or less."""
        return float(self.dirty[LENS_STREET].mean())

    @property
    def code(self) -> str | None:
        return "quality.lens_dirty" if self.told and self.dirty_share >= _DIRTY_SHARE else None


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
        count = len(self._seen)
        if count >= FEWEST_FRAMES:
            detail = np.asarray(self._seen, np.float32) / np.float32(_PARTS_A_LEVEL)
            if _moves(detail):
                return LensVerdict(True, count, _stay_soft(detail))
        return LensVerdict(False, count, np.zeros((LENS_ROWS, LENS_COLUMNS), bool))


def pack_lens(cells: Cells) -> str:
    """The cells' detail as text of LENS_CHARS characters, to be kept with the frame."""
    detail = np.clip(cells.detail * _PARTS_A_LEVEL + 0.5, 0, 255).astype(np.uint8)
    return b64encode(detail.tobytes()).decode("ascii")


def read_lens(lens: str) -> NDArray[np.uint8]:
    """The inverse: detail (LENS_ROWS, LENS_COLUMNS) in eighths of a grey level."""
    data = b64decode(lens, validate=True)
    if len(data) != LENS_ROWS * LENS_COLUMNS:
        raise ValueError(f"lens: expected {LENS_ROWS * LENS_COLUMNS} bytes, got {len(data)}; judge the frame again")
    return np.frombuffer(data, np.uint8).reshape(LENS_ROWS, LENS_COLUMNS)


def find_holes(detail: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells with much less detail than the cells on every side of them; beyond the picture is no side.

    Sky, road and bonnet are as soft as what lies to their left or right, so they are no holes.
    """
    left, right = _beside(detail), _beside(detail[:, ::-1])[:, ::-1]
    above, below = _beside(detail.T).T, _beside(detail.T[:, ::-1])[:, ::-1].T
    least = np.minimum.reduce([left, right, above, below])
    return np.asarray((least >= _LEAST_DETAIL) & (detail < _HOLE * least))


def _stay_soft(detail: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Holes half of the time, and still at clearer moments: smooth asphalt then shows a crack, a shadow or a car."""
    usual, clearer = np.percentile(detail, (50, 75), axis=0).astype(np.float32)
    return find_holes(usual) & find_holes(clearer)


def _moves(detail: NDArray[np.float32]) -> bool:
    change = np.abs(np.diff(detail, axis=0)).mean(0) / np.maximum(detail.mean(0), 1 / _PARTS_A_LEVEL)
    return bool(np.median(change) >= _LEAST_CHANGE)


def _beside(detail: NDArray[np.float32]) -> NDArray[np.float32]:
    """The upper quartile of up to _REACH cells to the left of each cell; infinite where there are none."""
    beside = np.full(detail.shape, np.inf, np.float32)
    for column in range(1, detail.shape[1]):
        beside[:, column] = np.percentile(detail[:, max(0, column - _REACH) : column], 75, axis=1)
    return beside

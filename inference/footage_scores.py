"""Measures a frame: numbers in stated units of what light, blur, haze and rain do to a picture, without any verdict.

All is measured on small grey copies, so that a picture's size hardly matters.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

LONG_SIDE_PX = 960
"""Of the copy on which blur is measured; lengths are in its pixels. The detector's input is as long."""
ROWS, COLUMNS = 12, 20
"""Of the grid that shares are counted in; its lower two thirds are taken for the street."""
STREET = np.s_[ROWS // 3 :]
MOST_BLUR_PX = 20.0

_CELL_PX = 12
_COARSE_SIZE = COLUMNS * _CELL_PX, ROWS * _CELL_PX
_FINE_SIZE = 2 * _COARSE_SIZE[0], 2 * _COARSE_SIZE[1]
_DARK, _LIT_PART = 0.15, 0.1  # grey, 0..1: a cell with less than a tenth above shows nothing
_BURNT = 0.97  # grey from which nothing but white is left
_BURNT_PART = 0.5
_NEAR_PX, _FAR_HALF_PX = 1.5, 1.4  # of Gaussians on the copy and on one half as long; wide enough for JPEG's grain
_NEAR_VARIANCE = _NEAR_PX**2 + 1 / 3  # a difference across two pixels blurs too
_FAR_VARIANCE = 4 * (_FAR_HALF_PX**2 + 1 / 3) + 1 / 4  # and so does halving
_STRONG_EDGES = 0.02  # share of the picture's pixels
_FEWEST_EDGES = 20  # fewer, in either direction, say nothing: as good as blurred beyond measure
_EDGES_AS_SHARP = 40  # percent of them may be blurrier still
_FAINTEST_EDGE = 0.5  # grey levels a pixel
_ACROSS_AN_EDGE = 0.6  # largest slope along an edge, of the slope across it
_UPRIGHT, _LEVEL = ((1, 7), (15, 1)), ((7, 1), (1, 15))  # px: how thin and how long a line is
_STREAKED = 0.5  # grey levels, mean of a cell


@dataclass(frozen=True, eq=False)
class Cells:
    """What each cell of the grid shows, (ROWS, COLUMNS); detail on a grid twice as fine, for LensWatch."""

    grey: Floats  # mean, in grey levels
    deviation: Floats  # in grey levels
    lit: Floats  # share of its pixels that are not black
    burnt: Floats  # share of its pixels that are white
    detail: Floats  # mean difference from the smoothed picture, in grey levels

    @property
    def dark_share(self) -> float:
        """Share of the street's cells too dark to show anything."""
        return float((self.lit[STREET] < _LIT_PART).mean())

    @property
    def glare_share(self) -> float:
        """Share of the street's cells that are mostly burnt to white."""
        return float((self.burnt[STREET] > _BURNT_PART).mean())

    @property
    def contrast(self) -> float:
        """Deviation over mean grey in the street's clearest cells, the upper twentieth: haze lowers it, blur hardly."""
        relative = self.deviation[STREET] / np.maximum(self.grey[STREET], 1)
        return float(np.percentile(relative, 95))


def grey_copy(pixels: NDArray[np.uint8]) -> Grey:
    """Grey levels of a BGR picture, reduced to LONG_SIDE_PX; a smaller picture stays as it is."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    scale = LONG_SIDE_PX / max(grey.shape)
    if scale >= 1:
        return np.asarray(grey, np.uint8)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def measure_cells(grey: Grey) -> Cells:
    fine = cv2.resize(grey, _FINE_SIZE, interpolation=cv2.INTER_AREA)
    coarse = _split(np.asarray(cv2.resize(fine, _COARSE_SIZE, interpolation=cv2.INTER_AREA), np.uint8))
    detail = cv2.absdiff(fine, cv2.GaussianBlur(fine, (0, 0), 2.0))
    return Cells(
        grey=coarse.mean(2),
        deviation=coarse.std(2),
        lit=(coarse >= 255 * _DARK).mean(2, dtype=np.float32),
        burnt=(coarse >= 255 * _BURNT).mean(2, dtype=np.float32),
        detail=_average(detail, 2 * ROWS, 2 * COLUMNS),
    )


def blur_px(grey: Grey) -> float:
    """Standard deviation of the blur across the strongest edges, in pixels of a copy LONG_SIDE_PX long.

    An edge blurred by s has, after Gaussians of a and b, gradients as sqrt(b^2 + s^2) to sqrt(a^2 + s^2): their ratio
    tells s whatever the edge's height, so that the scene hardly matters. The worse of the two directions counts,
    since motion leaves edges along it sharp. Where no edge stands out it is MOST_BLUR_PX.
    """
    near = np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (9, 9), _NEAR_PX), np.float32)
    half_size = max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)
    half = cv2.resize(grey, half_size, interpolation=cv2.INTER_AREA).astype(np.float32)
    far = np.asarray(cv2.GaussianBlur(half, (9, 9), _FAR_HALF_PX), np.float32)
    worst = max(_blur_along_rows(near, far), _blur_along_rows(near.T, far.T))
    return min(MOST_BLUR_PX, worst * LONG_SIDE_PX / float(max(grey.shape)))


def veil(grey: Grey) -> float:
    """The darkest hundredth over the brightest: shadows are black in clear air, and haze lays light over them."""
    coarse = cv2.resize(grey, _COARSE_SIZE, interpolation=cv2.INTER_AREA)
    darkest, brightest = np.percentile(coarse, (1, 99))
    return float(darkest / max(brightest, 1))


def streak_share(grey: Grey) -> float:
    """Share of cells full of thin, bright, upright lines, in the one of four strips of the street that has the fewest.

    Posts and fences stand in places, falling drops are everywhere and brighter than what is behind them; the drawn-out
    grain of asphalt is as often darker. Before a bright sky drops do not show.
    """
    upright = _lines(grey, cv2.MORPH_TOPHAT, _UPRIGHT)
    level, dark = _lines(grey, cv2.MORPH_TOPHAT, _LEVEL), _lines(grey, cv2.MORPH_BLACKHAT, _UPRIGHT)
    streaked = (upright > _STREAKED) & (upright > 2 * level) & (upright > 1.5 * dark)
    return float(streaked[STREET].mean(0).reshape(4, -1).mean(1).min())


def _split(coarse: NDArray[np.uint8]) -> Floats:
    """The pixels of each cell: (ROWS, COLUMNS, pixels)."""
    cells = coarse.reshape(ROWS, _CELL_PX, COLUMNS, _CELL_PX).swapaxes(1, 2)
    return cells.reshape(ROWS, COLUMNS, -1).astype(np.float32)


def _blur_along_rows(near: Floats, far: Floats) -> float:
    """Across upright edges met along every other row of `near`; `far` is half as large."""
    steep, shallow = _slopes(near[: 2 * len(far) : 2]), _slopes(far)
    crest = cv2.dilate(steep, np.ones((1, 3), np.uint8))
    y, x = np.nonzero((steep >= max(_FAINTEST_EDGE, _strength_of(steep))) & (steep >= crest))
    along = np.abs(near[np.minimum(2 * y + 1, len(near) - 1), x] - near[np.maximum(2 * y - 1, 0), x])
    upright = along < _ACROSS_AN_EDGE * steep[y, x]  # an edge along the motion stays sharp and says nothing
    y, x = y[upright], x[upright]
    if len(y) < _FEWEST_EDGES:
        return MOST_BLUR_PX
    beside = shallow[y, np.minimum(x // 2, far.shape[1] - 1)] / 2
    ratio = float(np.percentile(steep[y, x] / np.maximum(beside, 1e-3), _EDGES_AS_SHARP))
    if ratio <= 1:
        return MOST_BLUR_PX
    return float(np.sqrt(max(0.0, (_FAR_VARIANCE - ratio**2 * _NEAR_VARIANCE) / (ratio**2 - 1))))


def _slopes(copy: Floats) -> Floats:
    """Size of the difference between each pixel's neighbours in its row."""
    return np.abs(cv2.Sobel(np.ascontiguousarray(copy), cv2.CV_32F, 1, 0, ksize=1))


def _strength_of(steep: Floats) -> float:
    """The gradient that _STRONG_EDGES of the pixels reach, from a histogram, which is quicker than sorting."""
    counts = cv2.calcHist([steep], [0], None, [1024], [0, 256]).ravel()
    above = np.cumsum(counts[::-1])[::-1] >= _STRONG_EDGES * steep.size
    return float(np.nonzero(above)[0].max(initial=0)) / 4


def _lines(grey: Grey, standing_out: int, shape: tuple[tuple[int, int], tuple[int, int]]) -> Floats:
    """By how many grey levels, in the mean of each cell, lines of this thinness and length stand out."""
    thin, long = (np.ones(rows_columns, np.uint8) for rows_columns in shape)
    return _average(cv2.erode(cv2.morphologyEx(grey, standing_out, thin), long))


def _average(values: NDArray[Any], rows: int = ROWS, columns: int = COLUMNS) -> Floats:
    """The mean of each cell."""
    return np.asarray(cv2.resize(values.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA), np.float32)

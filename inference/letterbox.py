"""Fits any image into the network's input and brings boxes back, so that only this file knows of padding."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

PAD_VALUE = 114  # the grey the detector was trained with
_SKIPS_BELOW = 0.5


@dataclass(frozen=True)
class Letterbox:
    """Where an image of width x height pixels lies inside an input of input_width x input_height pixels."""

    width: int
    height: int
    input_width: int
    input_height: int

    @classmethod
    def around(cls, width: int, height: int, long_side: int, stride: int) -> "Letterbox":
        """The smallest input of whole strides for an image scaled to this long side: no work on wide grey bars."""
        longest = max(width, height) * stride
        input_width, input_height = (-(-side * long_side // longest) * stride for side in (width, height))
        return cls(width, height, input_width, input_height)

    @property
    def fitted_width(self) -> int:
        return max(1, min(self.input_width, round(self.width * self._scale)))

    @property
    def fitted_height(self) -> int:
        return max(1, min(self.input_height, round(self.height * self._scale)))

    @property
    def left(self) -> int:
        return (self.input_width - self.fitted_width) // 2

    @property
    def top(self) -> int:
        return (self.input_height - self.fitted_height) // 2

    def fit(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize BGR pixels (height, width, 3) into the middle of a grey canvas of the input's size."""
        canvas = np.full((self.input_height, self.input_width, 3), PAD_VALUE, dtype=np.uint8)
        rows = slice(self.top, self.top + self.fitted_height)
        columns = slice(self.left, self.left + self.fitted_width)
        # Linear interpolation looks at 2x2 pixels: shrinking by more it would skip some, and small holes with them.
        interpolation = cv2.INTER_AREA if self._scale < _SKIPS_BELOW else cv2.INTER_LINEAR
        fitted = cv2.resize(pixels, (self.fitted_width, self.fitted_height), interpolation=interpolation)
        canvas[rows, columns] = fitted
        return canvas

    def to_input(self, xyxy_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map boxes (n, 4) from image pixels to input pixels."""
        return np.asarray(xyxy_px, np.float64) * self._ratios + self._offsets

    def to_image(self, xyxy_input_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map boxes (n, 4) from input pixels to image pixels: the exact inverse, unclipped."""
        return (np.asarray(xyxy_input_px, np.float64) - self._offsets) / self._ratios

    @property
    def _scale(self) -> float:
        return min(self.input_width / self.width, self.input_height / self.height)

    @property
    def _ratios(self) -> NDArray[np.float64]:
        # A ratio per axis: rounding to whole pixels stretches one of them a little.
        x, y = self.fitted_width / self.width, self.fitted_height / self.height
        return np.array([x, y, x, y])

    @property
    def _offsets(self) -> NDArray[np.float64]:
        return np.array([self.left, self.top, self.left, self.top], dtype=np.float64)

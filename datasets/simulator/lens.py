"""What a rolled camera with a bending lens makes of a level pinhole picture: `city.optics` for painted pixels."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, cos, radians, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.simulator.arrays import Floats
from datasets.simulator.camera import CameraModel

MOST_ROLL_DEG = 2.5  # the level picture is wide enough for so much; bumps roll a camera by half a degree
STRAIGHTENING_STEPS = 25  # each takes away at least a third of the error with lenses as `city.vehicles` has them


@dataclass(frozen=True)
class Lens:
    """A picture of width x height pixels; radial is k1 and k2 as OpenCV has them, the principal point the middle."""

    width: int
    height: int
    focal_px: float
    radial: tuple[float, float] = (0.0, 0.0)

    def level_camera(self, height_m: float, pitch_deg: float) -> CameraModel:
        """The pinhole camera without roll whose picture holds all that this one shows."""
        x, y = self._reach
        spare = sin(radians(MOST_ROLL_DEG))
        half_x, half_y = (ceil(self.focal_px * (one + spare * other)) for one, other in ((x, y), (y, x)))
        return CameraModel(height_m, pitch_deg, self.focal_px, 2 * half_x, 2 * half_y)

    def bend(self, level: NDArray[Any], roll_deg: float, flags: int) -> NDArray[Any]:
        """The camera's picture, made of the one that `level_camera` took; a positive roll is clockwise."""
        x, y = self._straight
        c, s = np.float32(cos(radians(roll_deg))), np.float32(sin(radians(roll_deg)))
        focal_px, half = np.float32(self.focal_px), np.float32(0.5)
        u_px = (x * c - y * s) * focal_px + np.float32(level.shape[1] / 2) - half
        v_px = (x * s + y * c) * focal_px + np.float32(level.shape[0] / 2) - half
        return np.asarray(cv2.remap(level, u_px, v_px, flags, borderMode=cv2.BORDER_REPLICATE))

    def shown_px(self, level_px: Floats, camera: CameraModel, roll_deg: float) -> Floats:
        """Where pixels (n, 2) of the level picture are in the camera's."""
        x, y = ((level_px - [camera.width / 2, camera.height / 2]) / self.focal_px).T
        c, s = cos(radians(roll_deg)), sin(radians(roll_deg))
        x, y = x * c + y * s, y * c - x * s
        bent = self.focal_px * _bending(x * x + y * y, self.radial)
        return np.column_stack([x * bent + self.width / 2, y * bent + self.height / 2])

    @cached_property
    def _reach(self) -> tuple[float, float]:
        """The farthest x and y of all pixels."""
        x, y = self._straight
        return float(np.abs(x).max()), float(np.abs(y).max())

    @cached_property
    def _straight(self) -> tuple[Floats, Floats]:
        """By pixel, x and y on the image plane at unit depth with the bending taken back (fixed-point steps)."""
        u_px = np.arange(self.width, dtype=np.float32) + np.float32(0.5 - self.width / 2)
        v_px = np.arange(self.height, dtype=np.float32) + np.float32(0.5 - self.height / 2)
        bent_x, bent_y = np.meshgrid(u_px / np.float32(self.focal_px), v_px / np.float32(self.focal_px))
        x, y = bent_x, bent_y
        for _ in range(STRAIGHTENING_STEPS if any(self.radial) else 0):
            bending = _bending(x * x + y * y, self.radial)
            x, y = bent_x / bending, bent_y / bending
        return x, y


def _bending(r2: Floats, radial: tuple[float, float]) -> Floats:
    return np.asarray(1 + radial[0] * r2 + radial[1] * r2 * r2, dtype=r2.dtype)

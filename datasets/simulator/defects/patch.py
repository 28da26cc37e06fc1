"""A square piece of road with colour, cover and depth, seen in perspective with its own relief."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, hypot, radians, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, read_at
from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas

STEEPEST_VIEW = 4.0  # metres sideways per metre of depth; flatter rays would show nothing but the near rim
RELIEF_STEPS = 18
FARTHEST_M = 60.0


@dataclass(frozen=True)
class GroundPatch:
    """Pictures of (n, n) texels over size_m of ground, centred on a place and turned by heading_deg."""

    east_m: float
    north_m: float
    heading_deg: float
    size_m: float
    colour: Floats
    cover: Floats
    depth_m: Floats

    @property
    def corners_m(self) -> Floats:
        s, c = sin(radians(self.heading_deg)), cos(radians(self.heading_deg))
        half = self.size_m / 2
        steps = [(-half, half), (half, half), (half, -half), (-half, -half)]
        return np.array([(self.east_m + x * c + y * s, self.north_m - x * s + y * c, 0.0) for x, y in steps])

    @cached_property
    def _halved(self) -> "GroundPatch":
        pictures = self.colour, self.cover, self.depth_m
        colour, cover, depth_m = (np.asarray(cv2.pyrDown(p), np.float32) for p in pictures)
        return replace(self, colour=colour, cover=cover, depth_m=depth_m)

    def level(self, region_px: float) -> "GroundPatch":
        """The copy whose texels are about as large as the pixels of a region it fills."""
        n = self.cover.shape[0]
        return self if n < 32 or n * n < 3 * region_px else self._halved.level(region_px)


def paint_patch(canvas: Canvas, view: View, patch: GroundPatch, defect: int | None) -> None:
    """Paint a patch; where it covers more than half the pixel shows `defect` (None: stays scenery)."""
    if hypot(patch.east_m - view.east_m, patch.north_m - view.north_m) > FARTHEST_M:
        return
    region = canvas.region(view.outline(patch.corners_m))
    if region is None:
        return
    x0, y0, x1, y1 = region
    finer = 3 if (x1 - x0) * (y1 - y0) < 24_000 else 1
    u_px = x0 + (np.arange((x1 - x0) * finer, dtype=np.float32) + 0.5) / finer
    v_px = y0 + (np.arange((y1 - y0) * finer, dtype=np.float32) + 0.5) / finer
    level = patch.level(float(len(u_px) * len(v_px)))
    east_m, north_m = view.ground_at(u_px, v_px)
    x, y = _texels(level, east_m, north_m)
    cover = read_at(level.cover, x, y)
    colour = read_at(level.colour, *_sunk(view, level, x, y, east_m, north_m))
    if finer > 1:
        size = (x1 - x0, y1 - y0)
        cover, colour = (
            np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.float32) for p in (cover, colour)
        )
    canvas.note_extent(x0, y0, cover, defect)
    canvas.blend(x0, y0, colour, cover, defect)


def _texels(patch: GroundPatch, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
    s, c = np.float32(sin(radians(patch.heading_deg))), np.float32(cos(radians(patch.heading_deg)))
    de, dn = east_m - np.float32(patch.east_m), north_m - np.float32(patch.north_m)
    n = patch.cover.shape[0]
    scale = np.float32(n / patch.size_m)
    x = (de * c - dn * s) * scale + np.float32((n - 1) / 2)
    y = np.float32((n - 1) / 2) - (de * s + dn * c) * scale
    return x, y


def _sunk(
    view: View, patch: GroundPatch, x: Floats, y: Floats, east_m: Floats, north_m: Floats
) -> tuple[Floats, Floats]:
    """Where the ray that crosses the surface at texel (x, y) really lands: further on, deeper down."""
    if not patch.depth_m.any():
        return x, y
    slope_e = (east_m - np.float32(view.east_m)) / np.float32(view.camera.height_m)
    slope_n = (north_m - np.float32(view.north_m)) / np.float32(view.camera.height_m)
    limit = np.minimum(1, STEEPEST_VIEW / np.maximum(np.hypot(slope_e, slope_n), 1e-3))
    far_x, far_y = _texels(patch, east_m + slope_e * limit, north_m + slope_n * limit)
    per_x, per_y = far_x - x, far_y - y
    deepest_m = float(patch.depth_m.max())
    landed_m = np.full_like(x, deepest_m)
    for step in range(RELIEF_STEPS, -1, -1):
        level_m = np.float32(deepest_m * step / RELIEF_STEPS)
        under = read_at(patch.depth_m, x + per_x * level_m, y + per_y * level_m) <= level_m
        np.copyto(landed_m, level_m, where=under)
    return x + per_x * landed_m, y + per_y * landed_m

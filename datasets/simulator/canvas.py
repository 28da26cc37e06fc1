"""The image being painted, and for every pixel which defect it shows: truth boxes come from these pixels."""

from dataclasses import dataclass
from functools import cached_property
from math import floor, log2

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image, Mask
from datasets.simulator.camera import View
from datasets.simulator.light import Look

SCENERY = 0


@dataclass(frozen=True)
class Texture:
    """A picture (h, w, 3 BGR or 4 BGRA) with its halved copies, so that far faces do not flicker."""

    pixels: Image

    @cached_property
    def levels(self) -> tuple[Image, ...]:
        levels = [self.pixels]
        while min(levels[-1].shape[:2]) >= 16:
            levels.append(np.asarray(cv2.pyrDown(levels[-1]), dtype=np.uint8))
        return tuple(levels)


@dataclass(frozen=True)
class Face:
    """A flat parallelogram in the world.

    The texture's first row runs along `across_m` from `corner_m`, its columns along `down_m`.
    """

    corner_m: Floats
    across_m: Floats
    down_m: Floats

    @cached_property
    def corners_m(self) -> Floats:
        """The four corners (4, 3), clockwise as seen from outside."""
        c, a, d = self.corner_m, self.across_m, self.down_m
        return np.array([c, c + a, c + a + d, c + d])

    @cached_property
    def outward(self) -> Floats:
        """Unit normal on the side the texture is seen from."""
        (dx, dy, dz), (ax, ay, az) = self.down_m.tolist(), self.across_m.tolist()
        normal = np.array([dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax])
        unit: Floats = normal / np.sqrt(normal @ normal)
        return unit

    def looks_at(self, view: View) -> bool:
        """Whether the camera is on the outer side."""
        return float(self.outward @ (view.eye_m - self.corner_m)) > 0


class Canvas:
    """BGR pixels plus the index of the defect each pixel shows (0 = scenery)."""

    def __init__(self, pixels: Image, look: Look) -> None:
        self.pixels = pixels
        self.defect = np.zeros(pixels.shape[:2], np.int16)
        self.nearness = np.zeros(pixels.shape[:2], np.float32)  # 1 / forward depth of standing things; 0 = ground, sky
        self.extent: dict[int, tuple[int, int, int, int]] = {}  # per defect: box of its pixels, hidden ones too
        self.look = look
        self.height, self.width = pixels.shape[:2]

    def region(self, outline_px: Floats, margin_px: int = 1) -> tuple[int, int, int, int] | None:
        """x0, y0, x1, y1 of the part of the image an outline touches; None when it touches nothing."""
        if len(outline_px) < 3:
            return None
        low = np.clip(np.floor(outline_px.min(axis=0)) - margin_px, 0, [self.width, self.height]).astype(int)
        high = np.clip(np.ceil(outline_px.max(axis=0)) + margin_px + 1, 0, [self.width, self.height]).astype(int)
        if (high <= low).any():
            return None
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def blend(self, x0: int, y0: int, colour: Floats, alpha: Floats, defect: int | None) -> None:
        """Lay colour (h, w, 3) over the image; half-covered pixels go to `defect` (None: keep owner)."""
        h, w = alpha.shape
        target = self.pixels[y0 : y0 + h, x0 : x0 + w]
        mixed = target + (colour - target) * alpha[..., None]
        target[:] = np.clip(mixed, 0, 255).astype(np.uint8)
        if defect is not None:
            self.defect[y0 : y0 + h, x0 : x0 + w][alpha > 0.5] = defect

    def note_extent(self, x0: int, y0: int, alpha: Floats, defect: int | None) -> None:
        """Widen the box of what a defect would cover if nothing stood before it."""
        box = box_of(alpha > 0.5)
        if not defect or box is None:
            return
        new = box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0
        old = self.extent.get(defect, new)
        self.extent[defect] = (
            min(old[0], new[0]),
            min(old[1], new[1]),
            max(old[2], new[2]),
            max(old[3], new[3]),
        )

    def paint_face(self, view: View, face: Face, texture: Texture, light: float, defect: int | None = SCENERY) -> None:
        """Paint a textured face in perspective, dimmed by `light` and faded by distance."""
        outline_px = view.outline(face.corners_m)
        region = self.region(outline_px)
        if region is None:
            return
        x0, y0, x1, y1 = region
        picture = _level(texture, outline_px)
        to_image = _shift(-x0, -y0) @ _face_to_image(view, face, picture)
        warped = cv2.warpPerspective(
            picture, to_image, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        alpha = _inside(outline_px - [x0, y0], warped.shape[0], warped.shape[1])
        if picture.shape[2] == 4:
            alpha = alpha * (warped[..., 3].astype(np.float32) / 255)
        self.note_extent(x0, y0, alpha, defect)
        nearness = _nearness(view, face, x0, y0, warped.shape[0], warped.shape[1])
        kept = self.nearness[y0:y1, x0:x1]
        alpha = alpha * (nearness > kept)
        np.copyto(kept, nearness, where=alpha > 0.5)
        distance_m = float(np.linalg.norm(face.corners_m.mean(axis=0)[:2] - [view.east_m, view.north_m]))
        self.blend(x0, y0, self.faded(warped[..., :3].astype(np.float32) * light, distance_m), alpha, defect)

    def faded(self, colour: Floats, distance_m: float) -> Floats:
        """Colour seen through the air of the day."""
        clear = float(np.exp(-distance_m / self.look.haze_m))
        return colour * np.float32(clear) + np.float32(1 - clear) * np.array(self.look.haze, np.float32)


def box_of(mask: Mask) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 (ends outside) of the true pixels; None when there are none."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _level(texture: Texture, outline_px: Floats) -> Image:
    """The copy of the texture whose texels are about as large as the pixels it will cover."""
    area_px = max(float(cv2.contourArea(outline_px.astype(np.float32))), 1.0)
    shrink = np.sqrt(texture.pixels.shape[0] * texture.pixels.shape[1] / area_px)
    level = floor(log2(max(shrink, 1.0)) + 0.3)
    return texture.levels[min(level, len(texture.levels) - 1)]


def _face_to_image(view: View, face: Face, picture: Image) -> Floats:
    h, w = picture.shape[:2]
    plane = np.zeros((4, 3))
    plane[:3] = np.column_stack([face.across_m / w, face.down_m / h, face.corner_m])
    plane[3, 2] = 1
    homography: Floats = view.projection @ plane
    return homography


def _nearness(view: View, face: Face, x0: int, y0: int, height: int, width: int) -> Floats:
    """1 / forward depth of the face's plane at each pixel of a region: linear in the image."""
    away = float(face.outward @ (face.corner_m - view.eye_m))
    ray = view.rays.T @ face.outward / (away if abs(away) > 1e-9 else 1e-9)
    u_px = np.arange(x0, x0 + width, dtype=np.float32)[None, :] + 0.5
    v_px = np.arange(y0, y0 + height, dtype=np.float32)[:, None] + 0.5
    return np.asarray(np.float32(ray[0]) * u_px + np.float32(ray[1]) * v_px + np.float32(ray[2]), dtype=np.float32)


def _shift(dx: float, dy: float) -> Floats:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], dtype=np.float64)


def _inside(outline_px: Floats, height: int, width: int) -> Floats:
    mask = np.zeros((height, width), np.uint8)
    points = np.clip(outline_px, -8000, 8000) * 16
    cv2.fillConvexPoly(mask, points.round().astype(np.int32), 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255

"""Paints what one camera sees of a town and reads the truth off the painted pixels."""

from dataclasses import dataclass
from math import hypot

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.camera import View
from datasets.simulator.canvas import SCENERY, Canvas, box_of
from datasets.simulator.defects.barrier import BarrierRow, paint_barrier_row
from datasets.simulator.defects.graffiti import Graffiti, paint_graffiti
from datasets.simulator.defects.heap import Heap, paint_heap
from datasets.simulator.defects.patch import GroundPatch, paint_patch
from datasets.simulator.defects.placing import HARMLESS, Body, Defect
from datasets.simulator.light import Look
from datasets.simulator.town.buildings import Box, cast_shadow, paint_box
from datasets.simulator.town.furniture import paint_furniture, shade_furniture
from datasets.simulator.town.ground import darken, paint_ground
from datasets.simulator.town.sky import paint_sky
from datasets.simulator.town.town import Town

DEFECT_SIGHT_M, BEHIND_M = 75.0, 8.0
BOX_SIGHT_M, BOX_BEHIND_M = 170.0, 40.0  # boxes behind still throw shadows ahead
EXPOSED_TO = 136.0  # mean grey a camera's metering aims at
SMALLEST_PX, FEWEST_PX = (12, 5), 40  # width and height of a box that still counts as visible, pixels in it
LEAST_SHOWN = 0.5  # share of its box that nothing nearer hides


@dataclass(frozen=True)
class Seen:
    """A visible defect: the box of its pixels, its true place and its distance on the ground."""

    defect: Defect
    xyxy_px: tuple[float, float, float, float]
    east_m: float
    north_m: float
    distance_m: float


def paint_scene(town: Town, view: View, rng: np.random.Generator) -> tuple[Image, list[Seen]]:
    """The picture, and every defect really visible in it with its box (xyxy_px) and distance_m."""
    canvas = Canvas(_backdrop(town, view), town.look)
    near = [
        (town.defects.all[i], town.defects.body(i + 1)) for i in view.nearby(town.defects_m, DEFECT_SIGHT_M, BEHIND_M)
    ]
    for defect, body in near:
        if isinstance(body, GroundPatch):
            paint_patch(canvas, view, body, SCENERY if defect.class_key == HARMLESS else defect.index)
    boxes = [town.boxes[i] for i in view.nearby(town.boxes_m, BOX_SIGHT_M, BOX_BEHIND_M)]
    _shade_ground(canvas, view, boxes, town)
    for box in boxes:
        paint_box(canvas, view, box, town.look)
    for defect, body in near:
        _paint_standing(canvas, view, defect, body)
    paint_furniture(canvas, view, town.furniture)
    seen = [_seen(canvas, view, defect, body) for defect, body in near]
    return _through_lens(canvas.pixels, town.look, rng), [one for one in seen if one is not None]


def _backdrop(town: Town, view: View) -> Image:
    """Sky above, ground below."""
    sky = paint_sky(view, town.clouds, town.look)
    ground = paint_ground(view, town.streets, town.tiles, town.look, len(sky))
    return np.concatenate([np.clip(sky, 0, 255).astype(np.uint8), ground])


def _shade_ground(canvas: Canvas, view: View, boxes: list[Box], town: Town) -> None:
    mask = np.zeros((canvas.height, canvas.width), np.uint8)
    for box in boxes:
        cast_shadow(view, box.base_m, box.height_m, town.look, mask)
    shade_furniture(view, town.furniture, town.look, mask)
    darken(canvas.pixels, mask, town.look)


def _paint_standing(canvas: Canvas, view: View, defect: Defect, body: Body) -> None:
    match body:
        case Heap():
            paint_heap(canvas, view, body, defect.index)
        case BarrierRow():
            paint_barrier_row(canvas, view, body, defect.index)
        case Graffiti():
            paint_graffiti(canvas, view, body, defect.index)


def _seen(canvas: Canvas, view: View, defect: Defect, body: Body) -> Seen | None:
    whole = canvas.extent.get(defect.index)
    centre_m = _centre(defect, body)
    if whole is None or not _inside(view, centre_m):
        return None
    x0, y0, x1, y1 = whole
    owned = canvas.defect[y0:y1, x0:x1] == defect.index
    shown = box_of(owned)
    if shown is None or int(owned.sum()) < FEWEST_PX or _area(shown) < LEAST_SHOWN * _area(whole):
        return None
    if shown[2] - shown[0] < SMALLEST_PX[0] or shown[3] - shown[1] < SMALLEST_PX[1]:
        return None
    xyxy_px = float(shown[0] + x0), float(shown[1] + y0), float(shown[2] + x0), float(shown[3] + y0)
    east_m, north_m = float(centre_m[0]), float(centre_m[1])
    return Seen(defect, xyxy_px, east_m, north_m, hypot(east_m - view.east_m, north_m - view.north_m))


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _centre(defect: Defect, body: Body) -> Floats:
    """The middle of a defect in the town frame."""
    match body:
        case BarrierRow():
            return body.centre_m
        case Graffiti():
            return np.asarray(body.face.corners_m.mean(axis=0))
    return np.array([defect.place.east_m, defect.place.north_m, 0.0])


def _inside(view: View, centre_m: Floats) -> bool:
    """Whether the middle, and so about half of the defect, lies inside the image."""
    (place_px,), (depth_m,) = view.project(centre_m[None])
    inside = (place_px >= 0) & (place_px < [view.camera.width, view.camera.height])
    return bool(depth_m > 1.0 and inside.all())


def _through_lens(pixels: Image, look: Look, rng: np.random.Generator) -> Image:
    """Exposure, white balance, vignette, a little blur and sensor noise."""
    h, w = pixels.shape[:2]
    x, y = np.linspace(-1, 1, w, dtype=np.float32)[None, :], np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    metered = float(np.clip(EXPOSED_TO / pixels[h // 3 :: 8, ::8].mean(), 0.85, 1.6))
    vignette = (metered * look.exposure * (1 - 0.09 * (x * x + y * y))).astype(np.float32)
    gain = cv2.merge([vignette * np.float32(share) for share in (1 - look.warmth, 1.0, 1 + look.warmth)])
    grain = rng.standard_normal((h, w), dtype=np.float32) * np.float32(look.sensor_noise)
    picture = cv2.multiply(cv2.GaussianBlur(pixels, (0, 0), 0.55), gain, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(picture, cv2.merge([grain] * 3), dtype=cv2.CV_8U), dtype=np.uint8)

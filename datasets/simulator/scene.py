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
from datasets.simulator.lens import Lens
from datasets.simulator.light import Look
from datasets.simulator.town.buildings import Box, cast_shadow, paint_box
from datasets.simulator.town.furniture import paint_furniture, shade_furniture
from datasets.simulator.town.ground import darken, paint_ground
from datasets.simulator.town.sky import paint_sky
from datasets.simulator.town.town import Town

DEFECT_SIGHT_M, BEHIND_M = 75.0, 8.0
BOX_SIGHT_M, BOX_BEHIND_M = 170.0, 40.0  # boxes behind still throw shadows ahead
EXPOSED_TO = 136.0  # mean grey a camera's metering aims at
SMALLEST_PX, FEWEST_PX = (12, 5), 40  # width and height of a box that still counts as visible, pixels in it, ...
FOR_WIDTH = 1280  # ... in a picture so wide or narrower
LEAST_SHOWN = 0.5  # share of its box that nothing nearer hides


@dataclass(frozen=True)
class Seen:
    """A defect in a picture: the box of its pixels, its true place and its distance on the ground.

    visible: enough of it shows that a detector is asked to find it.
    """

    defect: Defect
    xyxy_px: tuple[float, float, float, float]
    east_m: float
    north_m: float
    distance_m: float
    visible: bool


def paint_scene(town: Town, view: View, rng: np.random.Generator) -> tuple[Image, list[Seen]]:
    """The picture, and every defect really visible in it with its box (xyxy_px) and distance_m."""
    near = _near(town, view)
    canvas = _painted(town, view, near)
    shown = [one for one in _shown(canvas, view, near, None, 0.0) if one.visible]
    return _through_lens(canvas.pixels, town.look, rng), shown


def paint_through(
    lens: Lens, town: Town, view: View, roll_deg: float, rng: np.random.Generator
) -> tuple[Image, list[Seen]]:
    """The same through a rolled lens whose `level_camera` the view has, with the defects that hardly show too."""
    near = _near(town, view)
    level = _painted(town, view, near)
    canvas = Canvas(np.asarray(lens.bend(level.pixels, roll_deg, cv2.INTER_CUBIC), np.uint8), town.look)
    canvas.defect = np.asarray(lens.bend(level.defect, roll_deg, cv2.INTER_NEAREST), np.int16)
    canvas.extent = {
        index: box
        for index, whole in level.extent.items()
        if (box := canvas.region(lens.shown_px(_outline_px(whole), view.camera, roll_deg), margin_px=0)) is not None
    }
    return _through_lens(canvas.pixels, town.look, rng), _shown(canvas, view, near, lens, roll_deg)


def _near(town: Town, view: View) -> list[tuple[Defect, Body]]:
    """Far to near."""
    within = view.nearby(town.defects_m, DEFECT_SIGHT_M, BEHIND_M)
    return [(town.defects.all[i], town.defects.body(i + 1)) for i in within]


def _painted(town: Town, view: View, near: list[tuple[Defect, Body]]) -> Canvas:
    canvas = Canvas(_backdrop(town, view), town.look)
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
    return canvas


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


def _shown(
    canvas: Canvas, view: View, near: list[tuple[Defect, Body]], lens: Lens | None, roll_deg: float
) -> list[Seen]:
    """Every defect of which the canvas shows a pixel."""
    found = []
    for defect, body in near:
        (middle_px,), (depth_m,) = view.project(_centre(defect, body)[None])
        if lens is not None:
            (middle_px,) = lens.shown_px(middle_px[None], view.camera, roll_deg)
        # whether the middle, and so about half of the defect, lies inside the image
        inside = depth_m > 1.0 and bool(((middle_px >= 0) & (middle_px < [canvas.width, canvas.height])).all())
        one = _seen(canvas, view, defect, body, inside)
        if one is not None:
            found.append(one)
    return found


def _seen(canvas: Canvas, view: View, defect: Defect, body: Body, inside: bool) -> Seen | None:
    whole = canvas.extent.get(defect.index)
    if whole is None:
        return None
    x0, y0, x1, y1 = whole
    owned = canvas.defect[y0:y1, x0:x1] == defect.index
    shown = box_of(owned)
    if shown is None:
        return None
    scale = max(1.0, canvas.width / FOR_WIDTH)
    visible = inside and int(owned.sum()) >= FEWEST_PX * scale**2 and _area(shown) >= LEAST_SHOWN * _area(whole)
    visible &= shown[2] - shown[0] >= SMALLEST_PX[0] * scale and shown[3] - shown[1] >= SMALLEST_PX[1] * scale
    xyxy_px = float(shown[0] + x0), float(shown[1] + y0), float(shown[2] + x0), float(shown[3] + y0)
    centre_m = _centre(defect, body)
    east_m, north_m = float(centre_m[0]), float(centre_m[1])
    distance_m = hypot(east_m - view.east_m, north_m - view.north_m)
    return Seen(defect, xyxy_px, east_m, north_m, distance_m, visible)


def _outline_px(box: tuple[int, int, int, int]) -> Floats:
    """Corners and middles of the sides (8, 2): a bent side bulges."""
    x, y = np.linspace(box[0], box[2], 3), np.linspace(box[1], box[3], 3)
    return np.array([(u, v) for u in x for v in y if (u, v) != (x[1], y[1])])


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

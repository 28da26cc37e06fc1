"""Paints what one camera sees of a town and reads the truth off the painted pixels."""

from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas
from datasets.simulator.defects.barrier import BarrierRow, paint_barrier_row
from datasets.simulator.defects.graffiti import Graffiti, paint_graffiti
from datasets.simulator.defects.heap import Heap, paint_heap
from datasets.simulator.defects.patch import GroundPatch, paint_patch
from datasets.simulator.defects.placing import HARMLESS, Body, Defect
from datasets.simulator.light import Look
from datasets.simulator.town import buildings
from datasets.simulator.town.buildings import Box, cast_shadow, paint_box
from datasets.simulator.town.ground import darken, paint_ground
from datasets.simulator.town.sky import paint_sky
from datasets.simulator.town.town import Town

DEFECT_SIGHT_M = 75.0
SMALLEST_PX = (12, 5)  # width, height of a box that still counts as visible
LEAST_SHOWN = 0.5  # share of its painted pixels a defect must still own when the frame is done
Seen = tuple[Defect, tuple[float, float, float, float], float]


def paint_scene(town: Town, view: View, rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[Seen]]:
    """The picture, and every defect really visible in it with its box (xyxy_px) and distance_m."""
    canvas = Canvas(_backdrop(town, view), town.look)
    near = _defects_in_sight(town, view)
    for defect, body, _ in near:
        if isinstance(body, GroundPatch):
            paint_patch(canvas, view, body, None if defect.class_key == HARMLESS else defect.index)
    boxes = _boxes_in_sight(town, view)
    _shade_ground(canvas, view, boxes, town.look)
    for box in boxes:
        paint_box(canvas, view, box, town.look)
    for defect, body, _ in near:
        _paint_standing(canvas, view, defect, body)
    painted = {defect.index: int((canvas.defect == defect.index).sum()) for defect, _, _ in near}
    seen = [_seen(canvas, view, defect, body, away, painted[defect.index]) for defect, body, away in near]
    return _through_lens(canvas.pixels, town.look, rng), [one for one in seen if one is not None]


def _backdrop(town: Town, view: View) -> NDArray[np.uint8]:
    camera, look = view.camera, town.look
    picture = np.empty((camera.height, camera.width, 3), np.float32)
    sky = paint_sky(view, town.clouds, look)
    picture[: len(sky)] = sky
    first = max(int(np.ceil(view.horizon_px())) + 1, 0)
    ground = paint_ground(view, town.streets, town.tiles, look, first)
    away_m, _ = view.ground_rows(np.arange(first, camera.height, dtype=np.float32) + 0.5)
    clear = np.exp(-away_m / look.haze_m)[:, None, None]
    picture[first:] = np.array(look.haze, np.float32) * (1 - clear) + ground * clear
    return np.clip(picture, 0, 255).astype(np.uint8)


def _defects_in_sight(town: Town, view: View) -> list[tuple[Defect, Body, float]]:
    """Far to near."""
    found = []
    for defect in town.defects.all:
        distance_m = hypot(defect.place.east_m - view.east_m, defect.place.north_m - view.north_m)
        if distance_m < DEFECT_SIGHT_M:
            found.append((defect, town.defects.body(defect.index), distance_m))
    return sorted(found, key=lambda item: -item[2])


def _boxes_in_sight(town: Town, view: View) -> list[Box]:
    """Far to near."""
    eye = np.array([view.east_m, view.north_m])
    away = [float(np.linalg.norm(box.centre_m[:2] - eye)) for box in town.boxes]
    order = sorted((i for i, d in enumerate(away) if d < buildings.SIGHT_M), key=lambda i: -away[i])
    return [town.boxes[i] for i in order]


def _shade_ground(canvas: Canvas, view: View, boxes: list[Box], look: Look) -> None:
    mask = np.zeros((canvas.height, canvas.width), np.uint8)
    for box in boxes:
        cast_shadow(view, box.base_m, box.height_m, look, mask)
    darken(canvas.pixels, mask, look)


def _paint_standing(canvas: Canvas, view: View, defect: Defect, body: Body) -> None:
    match body:
        case Heap():
            paint_heap(canvas, view, body, defect.index)
        case BarrierRow():
            paint_barrier_row(canvas, view, body, defect.index)
        case Graffiti():
            paint_graffiti(canvas, view, body, defect.index)


def _seen(canvas: Canvas, view: View, defect: Defect, body: Body, distance_m: float, painted: int) -> Seen | None:
    owned = canvas.defect == defect.index
    count = int(owned.sum())
    if count < 40 or count < LEAST_SHOWN * painted or not _centre_inside(view, defect, body):
        return None
    columns, rows = np.flatnonzero(owned.any(axis=0)), np.flatnonzero(owned.any(axis=1))
    x0, y0, x1, y1 = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    if x1 - x0 < SMALLEST_PX[0] or y1 - y0 < SMALLEST_PX[1]:
        return None
    return defect, (x0, y0, x1, y1), distance_m


def _centre_inside(view: View, defect: Defect, body: Body) -> bool:
    """Whether at least about half of the defect lies inside the image."""
    centre_m = np.array([defect.place.east_m, defect.place.north_m, 0.0])
    if isinstance(body, BarrierRow):
        centre_m = body.centre_m
    if isinstance(body, Graffiti):
        centre_m = body.face.corners_m.mean(axis=0)
    (place_px,), (depth_m,) = view.project(centre_m[None])
    inside = (place_px >= 0) & (place_px < [view.camera.width, view.camera.height])
    return bool(depth_m > 1.0 and inside.all())


def _through_lens(pixels: NDArray[np.uint8], look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure, white balance, vignette, a little blur and sensor noise."""
    h, w = pixels.shape[:2]
    x, y = np.linspace(-1, 1, w, dtype=np.float32)[None, :], np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    vignette = (look.exposure * (1 - 0.09 * (x * x + y * y))).astype(np.float32)
    balance = np.array([1 - look.warmth, 1.0, 1 + look.warmth], np.float32)
    grain = rng.standard_normal((h, w), dtype=np.float32) * np.float32(look.sensor_noise)
    picture = cv2.GaussianBlur(pixels, (0, 0), 0.55) * (vignette[..., None] * balance)
    picture += grain[..., None]
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)

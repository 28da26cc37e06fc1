"""Red and white construction barriers: rows of concrete blocks that narrow a lane."""

from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas, Face, Texture
from datasets.simulator.defects.road import Place
from datasets.simulator.light import Look
from datasets.simulator.noise import seamless_noise

FOOT_M, TOP_M = 0.55, 0.2  # thickness of a block at its foot and top


@dataclass(frozen=True)
class BarrierRow:
    """Blocks as sloped faces, each with the light that falls on it."""

    faces: tuple[tuple[Face, Texture, float], ...]
    centre_m: Floats


def make_barrier_row(place: Place, look: Look, rng: np.random.Generator) -> BarrierRow:
    """2-5 blocks of 1.5-2.4 m end to end along the road, a little out of line."""
    block_m, height_m = float(rng.uniform(1.5, 2.4)), float(rng.uniform(0.75, 1.0))
    texture = _stripes(rng, block_m, height_m)
    count = int(rng.integers(2, 6))
    faces: list[tuple[Face, Texture, float]] = []
    for i in range(count):
        turn = radians(place.heading_deg + rng.normal(0, 2.5))
        shift_m = (i - (count - 1) / 2) * (block_m + 0.08)
        heading = radians(place.heading_deg)
        middle = np.array([place.east_m + shift_m * sin(heading), place.north_m + shift_m * cos(heading), 0.0])
        faces += _block(middle, turn, block_m, height_m, texture, look)
    return BarrierRow(tuple(faces), np.array([place.east_m, place.north_m, height_m / 2]))


def paint_barrier_row(canvas: Canvas, view: View, row: BarrierRow, defect: int) -> None:
    """Paint the faces that look at the camera; the depth of the canvas sorts them."""
    for face, texture, light in row.faces:
        if face.looks_at(view):
            canvas.paint_face(view, face, texture, light, defect)


def _block(
    middle: Floats, turn: float, length_m: float, height_m: float, texture: Texture, look: Look
) -> list[tuple[Face, Texture, float]]:
    ahead = np.array([sin(turn), cos(turn), 0.0]) * length_m
    right = np.array([cos(turn), -sin(turn), 0.0])
    up = np.array([0.0, 0.0, height_m])
    lean = right * (FOOT_M - TOP_M) / 2
    start = middle - ahead / 2 + up
    faces = [
        Face(start + right * TOP_M / 2, ahead, lean - up),
        Face(start + ahead - right * TOP_M / 2, -ahead, -lean - up),
        Face(start + ahead - right * TOP_M / 2, right * TOP_M, -ahead),
    ]
    ends = [
        Face(start - right * FOOT_M / 2, right * FOOT_M, -up),
        Face(start + ahead + right * FOOT_M / 2, -right * FOOT_M, -up),
    ]
    shown = [(face, texture) for face in faces] + [(face, END) for face in ends]
    return [(face, picture, look.on_surface(face.outward)) for face, picture in shown]


def _end() -> Texture:
    """The concrete end of a block: narrow above, wide below."""
    picture = np.full((64, 64, 4), (186, 192, 196, 0), np.uint8)
    cover = np.zeros((64, 64), np.uint8)
    inset = round(32 * (1 - TOP_M / FOOT_M))
    cv2.fillConvexPoly(cover, np.array([[inset, 0], [63 - inset, 0], [63, 63], [0, 63]]), 255)
    picture[..., 3] = cover
    return Texture(picture)


END = _end()


def _stripes(rng: np.random.Generator, length_m: float, height_m: float) -> Texture:
    """Upright red and white bands over concrete, chipped and dirty."""
    w, h = 192, 96
    white = np.full((h, w, 3), (206, 212, 214), np.float32)
    red = np.array((rng.uniform(28, 60), rng.uniform(30, 62), rng.uniform(160, 200)), np.float32)
    bands = int(rng.integers(2, 6))
    slant = rng.choice([0.0, 0.0, 0.5])
    x = np.arange(w)[None, :] + slant * np.arange(h)[:, None]
    white[np.floor(x * 2 * bands / w) % 2 == 0] = red
    white[:2] = 205
    worn = seamless_noise(rng, w, 1.1)[:h]
    chips = np.clip((worn - rng.uniform(1.2, 2.2)) * 3, 0, 1)[..., None]
    white += (np.float32(140) - white) * chips
    white *= (1 + 0.06 * worn - 0.2 * np.linspace(0, 1, h)[:, None] ** 4)[..., None]
    white[:, :2] *= 0.5
    return Texture(np.clip(cv2.GaussianBlur(white, (0, 0), 0.6), 0, 255).astype(np.uint8))

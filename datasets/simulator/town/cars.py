"""Parked cars as low solids with drawn sides; they hide what stands behind them."""

from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas, Face, Texture
from datasets.simulator.light import Look

PX_PER_M = 56
PAINTS = [
    (228, 230, 232),
    (228, 230, 232),
    (236, 238, 238),
    (168, 170, 172),
    (92, 94, 96),
    (44, 44, 46),
    (70, 42, 34),
    (38, 36, 120),
    (120, 140, 158),
]


@dataclass(frozen=True)
class Car:
    """A car's faces: lower body, cabin, glass; base_m are its corners on the ground for the shadow."""

    faces: tuple[tuple[Face, Texture, float], ...]
    base_m: Floats
    height_m: float


@dataclass(frozen=True)
class Shape:
    """Side view in metres from the rear bumper: the roof line, and where the wheels are."""

    length_m: float
    width_m: float
    roof: tuple[tuple[float, float], ...]
    wheels: tuple[float, float]


SEDAN = Shape(
    4.6,
    1.8,
    ((0.0, 0.95), (0.75, 1.0), (1.35, 1.44), (2.6, 1.46), (3.35, 0.98), (4.5, 0.82), (4.6, 0.55)),
    (0.85, 3.75),
)
SUV = Shape(
    4.8,
    1.9,
    ((0.0, 1.05), (0.12, 1.7), (0.5, 1.8), (3.0, 1.8), (3.65, 1.15), (4.7, 1.02), (4.8, 0.6)),
    (0.9, 3.85),
)
VAN = Shape(4.9, 1.85, ((0.0, 1.9), (0.3, 1.98), (3.6, 1.95), (4.4, 1.15), (4.85, 0.95), (4.9, 0.55)), (0.9, 3.95))
SHAPES = (SEDAN, SEDAN, SUV, VAN)


def park_car(east_m: float, north_m: float, heading_deg: float, look: Look, rng: np.random.Generator) -> Car:
    """A car whose middle stands at the place, nose towards heading_deg."""
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    paint = np.array(PAINTS[int(rng.integers(len(PAINTS)))], np.float32)
    turn = radians(heading_deg)
    ahead, right = np.array([sin(turn), cos(turn), 0.0]), np.array([cos(turn), -sin(turn), 0.0])
    rear = np.array([east_m, north_m, 0.0]) - ahead * shape.length_m / 2
    faces = [*_sides(shape, paint, rear, ahead, right), *_skin(shape, paint, rear, ahead, right)]
    lit = tuple((face, texture, look.on_surface(face.outward)) for face, texture in faces)
    corners = [
        rear + right * shape.width_m * k + ahead * shape.length_m * j
        for j, k in ((0, -0.5), (1, -0.5), (1, 0.5), (0, 0.5))
    ]
    return Car(lit, np.array(corners), max(h for _, h in shape.roof) * 0.85)


def paint_car(canvas: Canvas, view: View, car: Car) -> None:
    """Paint the faces that look at the camera."""
    for face, texture, light in car.faces:
        if face.looks_at(view):
            canvas.paint_face(view, face, texture, light)


def _sides(shape: Shape, paint: Floats, rear: Floats, ahead: Floats, right: Floats) -> list[tuple[Face, Texture]]:
    top_m = max(h for _, h in shape.roof) + 0.02
    up, run, out = np.array([0, 0, top_m]), ahead * shape.length_m, right * shape.width_m / 2
    picture = _side_picture(shape, paint, top_m)
    mirrored = Texture(np.ascontiguousarray(picture[:, ::-1]))
    return [
        (Face(rear + out + up, run, -up), Texture(picture)),
        (Face(rear - out + up + run, -run, -up), mirrored),
    ]


def _side_picture(shape: Shape, paint: Floats, top_m: float) -> Image:
    """Body, windows and wheels of the left side, rear at the left edge."""
    h, w = round(top_m * PX_PER_M), round(shape.length_m * PX_PER_M)
    picture, cover = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.uint8)
    outline = [(x, z) for x, z in shape.roof] + [(shape.length_m, 0.25), (0.0, 0.3)]
    body = np.array([[x * PX_PER_M, (top_m - z) * PX_PER_M] for x, z in outline]).astype(np.int32)
    cv2.fillPoly(cover, [body], 255, cv2.LINE_AA)
    up_m = (h - np.arange(h, dtype=np.float32))[:, None, None] / PX_PER_M
    picture[:] = paint * (0.72 + 0.3 * np.clip(up_m / 1.0, 0, 1))
    belt = 0.95 if top_m < 1.6 else 1.12
    glass = np.array([[x * PX_PER_M, (top_m - z) * PX_PER_M] for x, z in _window(shape, belt)]).astype(np.int32)
    cv2.fillPoly(picture, [glass], (46.0, 42.0, 38.0), cv2.LINE_AA)
    for x in (shape.length_m * 0.36, shape.length_m * 0.58):
        cv2.line(
            picture,
            (int(x * PX_PER_M), 4),
            (int(x * PX_PER_M), h - 18),
            tuple(float(v) for v in paint * 0.6),
            2,
        )
    for x in shape.wheels:
        centre = int(x * PX_PER_M), h - int(0.33 * PX_PER_M)
        cv2.circle(picture, centre, int(0.36 * PX_PER_M), (26.0, 26.0, 26.0), -1, cv2.LINE_AA)
        cv2.circle(picture, centre, int(0.2 * PX_PER_M), (128.0, 128.0, 128.0), -1, cv2.LINE_AA)
        cv2.circle(cover, centre, int(0.33 * PX_PER_M), 255, -1, cv2.LINE_AA)
    return np.dstack([picture.clip(0, 255), cover]).astype(np.uint8)


def _window(shape: Shape, belt_m: float) -> list[tuple[float, float]]:
    above = [(x, z - 0.1) for x, z in shape.roof if z - 0.12 > belt_m]
    return [
        (above[0][0] - 0.25 if above[0][0] > 0.6 else above[0][0] + 0.15, belt_m),
        *above,
        (above[-1][0] + 0.45, belt_m),
    ]


def _skin(shape: Shape, paint: Floats, rear: Floats, ahead: Floats, right: Floats) -> list[tuple[Face, Texture]]:
    """Strips across the car that follow the roof line: tail, rear window, roof, windscreen, bonnet, nose."""
    out = right * shape.width_m / 2
    line = [(0.0, 0.3), *shape.roof, (shape.length_m, 0.25)]
    faces: list[tuple[Face, Texture]] = []
    for (x0, z0), (x1, z1) in pairwise(line):
        low = rear + ahead * x0 + np.array([0, 0, z0])
        high = rear + ahead * x1 + np.array([0, 0, z1])
        faces.append((Face(high - out, 2 * out, low - high), _strip(paint, x0, z0, x1, z1, shape)))
    return faces


def _strip(paint: Floats, x0: float, z0: float, x1: float, z1: float, shape: Shape) -> Texture:
    picture = np.empty((48, 96, 3), np.float32)
    picture[:] = paint * np.linspace(1.05, 0.86, 48, dtype=np.float32)[:, None, None]
    steep = abs(z1 - z0) > 0.3
    if steep and max(z0, z1) > 1.3:
        cv2.rectangle(picture, (9, 5), (86, 43), (52.0, 46.0, 40.0), -1)
        cv2.line(picture, (14, 40), (60, 6), (92.0, 86.0, 78.0), 9, cv2.LINE_AA)
    if x1 == 0.0 or (steep and max(z0, z1) < 1.3):
        lamp = (44.0, 38.0, 150.0) if x0 < shape.length_m / 2 else (214.0, 216.0, 218.0)
        for left in (3, 79):
            cv2.rectangle(picture, (left, 8), (left + 14, 18), lamp, -1)
        cv2.rectangle(picture, (38, 22), (58, 30), (206.0, 208.0, 204.0), -1)
        cv2.line(picture, (0, 33), (95, 33), tuple(float(v) for v in paint * 0.6), 1)
        picture[40:] *= 0.4
    return Texture(picture.clip(0, 255).astype(np.uint8))

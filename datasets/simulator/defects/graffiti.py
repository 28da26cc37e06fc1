"""Spray-paint on yard walls: a few fat strokes and loops in one or two colours."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.simulator.arrays import Floats
from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas, Face, Texture
from datasets.simulator.noise import seamless_noise

INKS = [(30, 30, 30), (30, 30, 30), (150, 50, 30), (40, 40, 190), (60, 130, 40), (170, 60, 140)]
IN_FRONT_M = 0.03


@dataclass(frozen=True)
class Graffiti:
    """A painted piece of a wall."""

    face: Face
    texture: Texture
    light: float


def make_graffiti(
    corner_m: Floats,
    along_m: Floats,
    height_m: float,
    light: float,
    rng: np.random.Generator,
) -> Graffiti:
    """Strokes on the wall that starts at corner_m and runs along_m; they take 1.5-4.5 m of it."""
    wall_m = float(np.linalg.norm(along_m))
    unit = along_m / wall_m
    width_m = min(float(rng.uniform(1.5, 4.5)), wall_m - 0.6)
    tall_m = min(float(rng.uniform(0.8, 1.6)), height_m - 0.5)
    start_m, foot_m = (
        rng.uniform(0.3, wall_m - width_m - 0.2),
        rng.uniform(0.3, max(height_m - tall_m - 0.15, 0.31)),
    )
    outward = np.array([unit[1], -unit[0], 0.0])
    corner = corner_m + unit * start_m + outward * IN_FRONT_M + np.array([0, 0, foot_m + tall_m])
    face = Face(corner, unit * width_m, np.array([0.0, 0.0, -tall_m]))
    return Graffiti(face, _strokes(rng, width_m / tall_m), light)


def paint_graffiti(canvas: Canvas, view: View, graffiti: Graffiti, defect: int) -> None:
    """Paint the strokes on their wall; the box of all strokes is the defect."""
    canvas.paint_face(view, graffiti.face, graffiti.texture, graffiti.light, defect)


def _strokes(rng: np.random.Generator, aspect: float) -> Texture:
    h, w = 160, int(160 * aspect)
    cover = np.zeros((h, w), np.uint8)
    picture = np.zeros((h, w, 3), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        ink = INKS[int(rng.integers(len(INKS)))]
        thick = int(rng.integers(5, 13))
        for points in _words(rng, w, h):
            cv2.polylines(cover, [points], False, 235, thick, cv2.LINE_AA)
            cv2.polylines(picture, [points], False, ink, thick + 3, cv2.LINE_AA)
    soft = cv2.GaussianBlur(cover, (0, 0), 1.4).astype(np.float32)
    soft *= np.clip(1 + 0.12 * np.resize(seamless_noise(rng, 128, 0.8), (h, w)), 0, 1)
    return Texture(np.dstack([np.clip(picture, 0, 255), soft]).astype(np.uint8))


def _words(rng: np.random.Generator, w: int, h: int) -> list[NDArray[np.int32]]:
    """Curved lines from side to side with letter-like turns, written without lifting the can."""
    lines: list[NDArray[np.int32]] = []
    for _ in range(int(rng.integers(1, 4))):
        start, length, middle = rng.uniform(0.06, 0.3), rng.uniform(0.35, 0.62), rng.uniform(0.3, 0.7)
        turns = int(rng.integers(7, 16))
        knots = np.linspace(0, 1, turns)
        x = start + length * knots + rng.normal(0, 0.045, turns)
        y = middle + rng.uniform(0.1, 0.26) * rng.normal(0, 1, turns)
        fine = np.linspace(0, 1, 120)
        curve = np.column_stack([np.interp(fine, knots, x) * w, np.interp(fine, knots, y.clip(0.08, 0.92)) * h])
        smooth = cv2.GaussianBlur(curve.astype(np.float32), (1, 15), sigmaX=0.1, sigmaY=2.6)
        lines.append(smooth.astype(np.int32))
    return lines

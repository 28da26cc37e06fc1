"""Heaps on the kerb: every piece has its own place, so the heap turns as the camera passes."""

from dataclasses import dataclass, replace
from math import cos, hypot, radians, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas, Face, Texture
from datasets.simulator.defects.litter import draw_bag, draw_bottle, draw_carton, draw_mound
from datasets.simulator.defects.patch import GroundPatch, paint_patch
from datasets.simulator.defects.road import Place
from datasets.simulator.light import Look


@dataclass(frozen=True)
class Piece:
    """An upright picture that always faces the camera; its foot stands up_m over the ground."""

    east_m: float
    north_m: float
    up_m: float
    width_m: float
    height_m: float
    texture: Texture


@dataclass(frozen=True)
class Heap:
    """Pieces over a dark patch of ground where they touch it."""

    contact: GroundPatch
    pieces: tuple[Piece, ...]


def make_garbage_heap(place: Place, look: Look, rng: np.random.Generator) -> Heap:
    """3-16 bags, cartons and bottles, 0.8-2.6 m across."""
    count = int(rng.integers(3, 17))
    spread_m = 0.16 + 0.055 * count
    pieces: list[Piece] = []
    for _ in range(count):
        pieces.append(_laid_on(pieces, _rubbish(place, spread_m, rng)))
    return Heap(_contact(place, spread_m * 2.6 + 0.9, 0.6, look), tuple(pieces))


def make_sand_heap(place: Place, look: Look, rng: np.random.Generator) -> Heap:
    """A dumped heap of sand or rubble, 1.6-3.6 m wide."""
    width_m = float(rng.uniform(1.6, 3.6))
    tone = np.array(look.sand, np.float32) * rng.uniform(0.78, 1.0)
    if rng.random() < 0.4:
        tone = np.array((132, 138, 142), np.float32) * rng.uniform(0.8, 1.15)
    texture = draw_mound(rng, rng.uniform(-1, 1), tone)
    piece = Piece(place.east_m, place.north_m, -0.06, width_m, width_m * rng.uniform(0.26, 0.36), texture)
    return Heap(_contact(place, width_m * 1.15, 0.35, look), (piece,))


def paint_heap(canvas: Canvas, view: View, heap: Heap, defect: int) -> None:
    """Paint the contact shadow, then the pieces from far to near."""
    paint_patch(canvas, view, heap.contact, None)
    for piece in sorted(heap.pieces, key=lambda p: _ahead_m(view, p) - 3 * p.up_m, reverse=True):
        paint_piece(canvas, view, piece, defect)


def paint_piece(canvas: Canvas, view: View, piece: Piece, defect: int | None, light: float = 1.0) -> None:
    """Paint one picture facing the camera."""
    if _ahead_m(view, piece) < 1.0:
        return
    right = np.array([cos(radians(view.heading_deg)), -sin(radians(view.heading_deg)), 0.0])
    top = np.array([piece.east_m, piece.north_m, piece.up_m + piece.height_m])
    face = Face(top - right * piece.width_m / 2, right * piece.width_m, np.array([0.0, 0.0, -piece.height_m]))
    canvas.paint_face(view, face, piece.texture, light, defect)


def _ahead_m(view: View, piece: Piece) -> float:
    heading = radians(view.heading_deg)
    return (piece.east_m - view.east_m) * sin(heading) + (piece.north_m - view.north_m) * cos(heading)


def _laid_on(heap: list[Piece], piece: Piece) -> Piece:
    """A piece thrown where others lie comes to rest on the highest of them."""
    rest_m = 0.0
    for other in heap:
        apart_m = hypot(piece.east_m - other.east_m, piece.north_m - other.north_m)
        if apart_m < 0.28 * (piece.width_m + other.width_m):
            rest_m = max(rest_m, other.up_m + 0.45 * other.height_m)
    return replace(piece, up_m=min(rest_m, 0.6))


def _rubbish(place: Place, spread_m: float, rng: np.random.Generator) -> Piece:
    """One piece lying on the ground near the place."""
    kind = rng.choice(["bag", "carton", "bottle"], p=[0.58, 0.27, 0.15])
    lit = rng.uniform(-1, 1)
    along_m, across_m = rng.normal(0, 0.8 * spread_m), rng.normal(0, 0.45 * spread_m)
    s, c = sin(radians(place.heading_deg)), cos(radians(place.heading_deg))
    east_m, north_m = place.east_m + along_m * s + across_m * c, place.north_m + along_m * c - across_m * s
    up_m = 0.0
    if kind == "bag":
        width_m = rng.uniform(0.38, 0.75)
        return Piece(east_m, north_m, up_m, width_m, width_m * rng.uniform(0.8, 1.05), draw_bag(rng, lit))
    if kind == "carton":
        width_m = rng.uniform(0.35, 0.7)
        return Piece(east_m, north_m, up_m, width_m, width_m * rng.uniform(0.65, 0.95), draw_carton(rng, lit))
    return Piece(east_m, north_m, 0.0, 0.3, 0.3, draw_bottle(rng, lit))


def _contact(place: Place, size_m: float, strength: float, look: Look) -> GroundPatch:
    axis = np.linspace(-1, 1, 64, dtype=np.float32)
    away = np.hypot(axis[None, :], axis[:, None])
    cover: Floats = np.clip(1 - away, 0, 1) ** 1.3 * np.float32(strength)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 2), dtype=np.float32)
    colour = np.ones((64, 64, 3), np.float32) * np.array(look.asphalt, np.float32) * 0.3
    return GroundPatch(place.east_m, place.north_m, place.heading_deg, size_m, colour, cover, np.zeros_like(cover))

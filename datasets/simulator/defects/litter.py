"""Pictures of single pieces of rubbish, shaded as rounded bodies: bags, cartons, bottles, rubble."""

from math import cos, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.canvas import Texture
from datasets.simulator.noise import seamless_noise, wobbly_outline

PIECE_PX = 128
BAG_COLOURS = [
    (38, 36, 36),
    (38, 36, 36),
    (52, 48, 46),
    (228, 228, 226),
    (214, 200, 180),
    (176, 120, 52),
    (60, 110, 60),
    (60, 190, 225),
]
CARTON_COLOURS = [(98, 140, 178), (84, 124, 160), (120, 158, 190), (205, 212, 216)]
BOTTLE_COLOURS = [(214, 206, 196), (110, 150, 70), (60, 60, 190), (190, 140, 60), (230, 230, 230)]


def draw_bag(rng: np.random.Generator, sun_right: float) -> Texture:
    """A tied plastic bag; sun_right in -1..1 says from which side it is lit."""
    colour = np.array(BAG_COLOURS[int(rng.integers(len(BAG_COLOURS)))], np.float32)
    mask = _blob(rng, squash=rng.uniform(0.75, 1.1))
    knot = int(PIECE_PX * rng.uniform(0.42, 0.58))
    top = int(np.argmax(mask[:, knot] > 0))
    ears = np.array(
        [
            [knot - 16, top + 14],
            [knot - 4, top],
            [knot - 9, top - 12],
            [knot, top - 5],
            [knot + 8, top - 13],
            [knot + 4, top],
            [knot + 16, top + 14],
        ]
    )
    cv2.fillPoly(mask, [np.maximum(ears, 1)], 255, cv2.LINE_AA)
    wrinkles = seamless_noise(rng, PIECE_PX, 1.25, stretch=0.5)
    shade, gloss = _round_shade(mask, wrinkles, sun_right, 26.0, bump=7.0 if colour.mean() < 150 else 3.5)
    picture = colour * shade[..., None] + 70 * gloss[..., None]
    return _piece(picture, mask)


def draw_carton(rng: np.random.Generator, sun_right: float) -> Texture:
    """A cardboard box seen on its corner."""
    colour = np.array(CARTON_COLOURS[int(rng.integers(len(CARTON_COLOURS)))], np.float32)
    edge, low, top = rng.uniform(0.3, 0.7), rng.uniform(0.84, 0.93), rng.uniform(0.2, 0.42)
    rise = rng.uniform(0.08, 0.16)
    points = np.array(
        [
            [0.05, top + 0.04],
            [edge, top + rise],
            [0.95, top],
            [0.95, low - 0.1],
            [edge, 0.97],
            [0.05, low - 0.06],
        ]
    )
    points[1:] += rng.normal(0, 0.012, (5, 2))
    p = (points * PIECE_PX).astype(np.int32)
    back = np.array([(edge + 0.05) * PIECE_PX, (top - rise) * PIECE_PX]).astype(np.int32)
    picture, mask = np.zeros((PIECE_PX, PIECE_PX, 3), np.float32), np.zeros((PIECE_PX, PIECE_PX), np.uint8)
    faces = (
        (p[[0, 1, 4, 5]], 0.8 - 0.25 * sun_right),
        (p[[1, 2, 3, 4]], 0.8 + 0.25 * sun_right),
        (np.array([p[0], back, p[2], p[1]]), 1.12),
    )
    for face, light in faces:
        cv2.fillConvexPoly(picture, face, tuple(float(v) for v in colour * light), cv2.LINE_AA)
        cv2.fillConvexPoly(mask, face, 255, cv2.LINE_AA)
    cv2.line(picture, p[1].tolist(), p[2].tolist(), tuple(float(v) for v in colour * 0.55), 1, cv2.LINE_AA)
    picture *= (1 + 0.06 * seamless_noise(rng, PIECE_PX, 1.0))[..., None]
    return _piece(picture, mask)


def draw_bottle(rng: np.random.Generator, sun_right: float) -> Texture:
    """A bottle or can lying or standing."""
    colour = np.array(BOTTLE_COLOURS[int(rng.integers(len(BOTTLE_COLOURS)))], np.float32)
    mask = np.zeros((PIECE_PX, PIECE_PX), np.uint8)
    turn = rng.uniform(-1.5, 1.5)
    way = np.array([sin(turn), -cos(turn)])
    middle = np.array([PIECE_PX / 2, PIECE_PX * 0.62])
    ends = [(middle + way * reach).astype(int).tolist() for reach in (-26, 20, 50)]
    cv2.line(mask, ends[0], ends[1], 255, 34, cv2.LINE_AA)
    cv2.line(mask, ends[1], ends[2], 255, 13, cv2.LINE_AA)
    shade, gloss = _round_shade(mask, np.zeros(mask.shape, np.float32), sun_right, 14.0, bump=0.0)
    return _piece(colour * shade[..., None] + 110 * gloss[..., None], mask)


def draw_mound(rng: np.random.Generator, sun_right: float, colour: Floats) -> Texture:
    """A heap of sand or broken stone, wide and low, filling the picture's foot."""
    w, h = 3 * PIECE_PX, PIECE_PX
    x = np.linspace(-1, 1, w)
    bumps = cv2.GaussianBlur(rng.normal(0, 1, (1, w)), (0, 0), 14, borderType=cv2.BORDER_REFLECT)[0]
    ridge = (1 - np.abs(x) ** rng.uniform(1.5, 2.2)) * (0.9 + 0.9 * bumps) + 0.02 * rng.normal(0, 1, w)
    top = (h * (1 - 0.92 * np.clip(ridge, 0, 1.05))).clip(1, h)
    rows = np.arange(h)[:, None]
    foot = h * (0.9 + 0.1 * np.sqrt(np.clip(1 - x * x, 0, 1)))
    cover = np.clip(rows - top[None, :], 0, 1) * np.clip((foot[None, :] - rows) / 4, 0, 1)
    lumps = np.tile(seamless_noise(rng, PIECE_PX, 0.95), (1, 3))
    slope = np.gradient(cv2.GaussianBlur(top.astype(np.float32)[None, :], (0, 0), 12)[0])
    shade = 0.9 + 0.35 * sun_right * np.clip(-slope, -1, 1)[None, :] + 0.11 * lumps - 0.12 * (rows / h)
    return _piece(colour * shade[..., None], (cover * 255).astype(np.uint8))


def _blob(rng: np.random.Generator, squash: float) -> Image:
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radii = wobbly_outline(rng, 90, 0.07) * PIECE_PX * 0.42
    x = PIECE_PX / 2 + radii * np.cos(angles)
    y = PIECE_PX * 0.94 - 0.84 * radii * squash + radii * np.sin(angles) * squash
    points = np.column_stack([x, np.minimum(y, PIECE_PX * 0.96)])
    mask = np.zeros((PIECE_PX, PIECE_PX), np.uint8)
    cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
    return mask


def _round_shade(mask: Image, wrinkles: Floats, sun_right: float, bulge: float, bump: float) -> tuple[Floats, Floats]:
    """Shade and highlight of a body that bulges towards the camera."""
    rim = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    height = bulge * np.sqrt(np.clip(1 - (1 - np.clip(rim / bulge, 0, 1)) ** 2, 0, 1)) + bump * wrinkles * 0.35
    dy, dx = np.gradient(cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.2))
    facing = (-dx * sun_right * 0.7 + dy * 0.75 + 0.5) / np.sqrt(dx**2 + dy**2 + 1)
    shade = np.clip(0.55 + 0.62 * facing, 0.25, 1.4)
    gloss = np.clip(facing - 0.72, 0, 1) * 3
    return shade.astype(np.float32), gloss.astype(np.float32)


def _piece(picture: Floats, mask: Image) -> Texture:
    bgra = np.dstack([np.clip(picture, 0, 255), mask.astype(np.float32)]).astype(np.uint8)
    return Texture(bgra)

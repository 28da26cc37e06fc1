"""Pictures of palms and street trees, always turned towards the camera."""

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.canvas import Texture
from datasets.simulator.noise import seamless_noise

TREE_PX = 256


def draw_palm(rng: np.random.Generator) -> Texture:
    """A date palm: ringed trunk, drooping fronds, old brown ones below."""
    picture, cover = _blank()
    crown = np.array([TREE_PX / 2, TREE_PX * 0.27])
    foot = np.array([TREE_PX / 2 + rng.normal(0, 5), TREE_PX - 1])
    _trunk(picture, cover, foot, crown, 9, (88, 112, 134))
    for i in range(64):
        old = i < 14
        colour = np.array((52, 98, 116) if old else (48, 96, 74), np.float32) * rng.uniform(0.6, 1.25)
        angle = rng.uniform(0.1, np.pi - 0.1) if old else rng.uniform(-np.pi, 0.35 * np.pi)
        _frond(picture, cover, crown, angle, rng.uniform(0.2, 0.42) * TREE_PX, colour)
    return Texture(np.dstack([picture.clip(0, 255), cover]).astype(np.uint8))


def draw_tree(rng: np.random.Generator) -> Texture:
    """A clipped round street tree (ficus or neem)."""
    picture, cover = _blank()
    _trunk(picture, cover, np.array([128.0, 255.0]), np.array([128.0, 120.0]), 9, (70, 84, 98))
    green = np.array((44, 86, 70), np.float32) * rng.uniform(0.8, 1.2)
    for _ in range(420):
        away, turn = np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        x, y = 128 + 96 * away * np.cos(turn), 98 + 78 * away * np.sin(turn)
        light = 1.15 - 0.55 * (y - 20) / 156 + rng.normal(0, 0.17)
        centre, size = (int(x), int(y)), int(rng.integers(5, 15))
        cv2.circle(picture, centre, size, tuple(float(v) for v in green * light), -1, cv2.LINE_AA)
        cv2.circle(cover, centre, size, 255, -1, cv2.LINE_AA)
    leaves = seamless_noise(rng, TREE_PX, 0.5)
    picture *= (1 + 0.22 * leaves)[..., None]
    gaps = np.clip(1.6 + 0.9 * seamless_noise(rng, TREE_PX, 0.9), 0, 1)
    cover[:170] = (cover[:170] * gaps[:170]).astype(np.uint8)
    return Texture(np.dstack([picture.clip(0, 255), cover]).astype(np.uint8))


def _blank() -> tuple[Floats, Image]:
    return np.zeros((TREE_PX, TREE_PX, 3), np.float32), np.zeros((TREE_PX, TREE_PX), np.uint8)


def _trunk(
    picture: Floats,
    cover: Image,
    foot: Floats,
    crown: Floats,
    thick: int,
    colour: tuple[int, int, int],
) -> None:
    for i in range(40):
        a, b = foot + (crown - foot) * i / 40, foot + (crown - foot) * (i + 1) / 40
        light = 0.72 + 0.3 * (i % 2)
        points = tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist())
        cv2.line(picture, *points, tuple(v * light for v in colour), thick)
        cv2.line(cover, *points, 255, thick)


def _frond(
    picture: Floats,
    cover: Image,
    crown: Floats,
    angle: float,
    length_px: float,
    colour: Floats,
) -> None:
    t = np.linspace(0, 1, 14)
    x = crown[0] + np.cos(angle) * length_px * t
    y = crown[1] + np.sin(angle) * length_px * t * 0.75 + 0.55 * length_px * t**2.2
    spine = np.column_stack([x, y])
    ink = tuple(float(v) for v in colour)
    for i in range(2, 14):
        droop = np.array([np.sign(np.cos(angle)) * 5, 9]) * (1.25 - t[i])
        for start in (spine[i], (spine[i] + spine[i - 1]) / 2):
            for end in (start + droop, start + droop * [1, -0.45]):
                points = tuple(start.astype(int).tolist()), tuple(end.astype(int).tolist())
                cv2.line(picture, *points, ink, 2, cv2.LINE_AA)
                cv2.line(cover, *points, 235, 2, cv2.LINE_AA)

"""Damage of the road surface: potholes and cracks, and the harmless marks that look like them."""

from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.defects.patch import GroundPatch
from datasets.simulator.light import Look
from datasets.simulator.noise import seamless_noise, wobbly_outline

TEXELS = 256


@dataclass(frozen=True)
class Place:
    """A spot on the ground and the direction something lies in."""

    east_m: float
    north_m: float
    heading_deg: float


def make_pothole(place: Place, look: Look, rng: np.random.Generator) -> GroundPatch:
    """A cavity 0.45-1.9 m wide with a broken edge, gravel or sand on its floor and its own shadow."""
    radius_m = float(rng.choice([rng.uniform(0.24, 0.42), rng.uniform(0.4, 0.65), rng.uniform(0.6, 0.95)]))
    shallow = rng.random() < 0.35
    depth = float(rng.uniform(0.035, 0.05) if shallow else rng.uniform(0.05, 0.08) + 0.06 * radius_m)
    size_m = radius_m * 3.2
    inside_m = _inside_m(rng, radius_m, size_m, stretch=rng.uniform(1.0, 1.45))
    rough = seamless_noise(rng, TEXELS, 1.0)
    gravel = seamless_noise(rng, TEXELS, 0.45)
    bowl = np.clip(inside_m / rng.uniform(0.05, 0.13), 0, 1)
    depth_m = (depth * bowl * (0.88 + 0.06 * np.clip(rough, -2, 2))).astype(np.float32)
    stones_m = (depth_m + 0.006 * bowl * np.clip(inside_m / 0.03, 0, 1) * gravel).astype(np.float32)
    crumbled = np.clip(1 + inside_m / np.clip(0.07 + 0.035 * rough, 0.02, 0.14), 0, 1) * (inside_m < 0.01)
    floor = _floor_colour(look, rng)
    asphalt = np.array(look.asphalt, np.float32)
    edge = asphalt * rng.uniform(0.5, 0.75)
    loose = 1.08 * (asphalt + (np.array(look.sand, np.float32) * 0.85 - asphalt) * rng.uniform(0.1, 0.6))
    colour = edge + (floor - edge) * np.clip(inside_m / 0.05, 0, 1)[..., None]
    outer = np.clip(-inside_m / 0.02, 0, 1)[..., None] * (gravel > -0.4)[..., None]
    colour = colour + (loose - colour) * outer
    on_wall = np.exp(-((inside_m / 0.045) ** 2))  # seen stretched, so its grain must be calm
    colour = colour * (1 + 0.16 * gravel * (1 - 0.8 * on_wall) + 0.07 * rough)[..., None]
    foot_of_wall = np.exp(-(((inside_m - 0.035) / 0.03) ** 2))
    colour *= (1 - 0.5 * foot_of_wall)[..., None]
    colour *= _relief_light(stones_m, size_m, place.heading_deg, look)[..., None]
    cover = np.maximum(np.clip(inside_m / 0.012 + 0.5, 0, 1), 0.49 * crumbled * np.clip(0.75 + 0.35 * gravel, 0, 1))
    apron = np.clip(1 + inside_m / (0.55 * radius_m), 0, 1) ** 2 * np.clip(0.35 + 0.35 * gravel + 0.3 * rough, 0, 1)
    cover = np.maximum(cover, rng.uniform(0.1, 0.45) * apron)
    return _patch(place, size_m, colour, cover, depth_m)


def make_crack(place: Place, look: Look, rng: np.random.Generator) -> GroundPatch:
    """A long crack with branches, or a net of alligator cracks, 2-4 m across."""
    size_m = float(rng.uniform(2.0, 3.6))
    lines = np.zeros((2 * TEXELS, 2 * TEXELS), np.uint8)
    if rng.random() < 0.5:
        _draw_net(lines, rng)
    else:
        for _ in range(int(rng.integers(1, 4))):
            _draw_crack(lines, rng)
    ink = cv2.GaussianBlur(lines, (0, 0), 0.8).astype(np.float32) / 255
    colour = np.broadcast_to(np.array(look.asphalt, np.float32) * rng.uniform(0.28, 0.45), (*ink.shape, 3))
    return _patch(place, size_m, colour.astype(np.float32), np.clip(ink * 1.3, 0, 0.92), np.zeros_like(ink))


def make_harmless_mark(place: Place, look: Look, rng: np.random.Generator) -> GroundPatch:
    """An oil stain, a repaired square or a manhole lid: dark or bright, but flat."""
    kind = rng.choice(["stain", "repair", "manhole"], p=[0.4, 0.4, 0.2])
    asphalt = np.array(look.asphalt, np.float32)
    rough = seamless_noise(rng, TEXELS, 1.0)
    if kind == "stain":
        size_m = float(rng.uniform(0.8, 2.6))
        cover = 0.5 * np.clip(_inside_m(rng, size_m / 3.4, size_m, 1.4) / (size_m * 0.12) + 0.3 * rough, 0, 1)
        return _flat(place, size_m, asphalt * 0.5, cover, rough)
    if kind == "repair":
        size_m = float(rng.uniform(1.4, 4.0))
        cover = np.zeros((TEXELS, TEXELS), np.float32)
        cover[20:-20, int(rng.integers(20, 80)) : -20] = 0.9
        return _flat(place, size_m, asphalt * rng.uniform(0.66, 0.9), cover, rough)
    return _manhole(place, look, rough)


def _manhole(place: Place, look: Look, rough: Floats) -> GroundPatch:
    lid = np.zeros((TEXELS, TEXELS), np.uint8)
    cv2.circle(lid, (128, 128), 104, 255, -1, cv2.LINE_AA)
    colour = np.full((TEXELS, TEXELS, 3), 96, np.float32) * (look.asphalt[1] / 125)
    colour[::22] *= 0.78
    colour[:, ::22] *= 0.78
    ring = np.zeros((TEXELS, TEXELS), np.uint8)
    cv2.circle(ring, (128, 128), 98, 255, 7, cv2.LINE_AA)
    colour *= (1 - 0.4 * ring.astype(np.float32) / 255)[..., None] * (1 + 0.06 * rough)[..., None]
    cover = lid.astype(np.float32) / 255
    return _patch(place, 0.8, colour, cover, np.zeros_like(cover))


def _flat(place: Place, size_m: float, tone: Floats, cover: Floats, rough: Floats) -> GroundPatch:
    colour = (1 + 0.07 * rough)[..., None] * tone
    return _patch(place, size_m, colour, cover, np.zeros_like(rough))


def _patch(place: Place, size_m: float, colour: Floats, cover: Floats, depth_m: Floats) -> GroundPatch:
    return GroundPatch(
        place.east_m,
        place.north_m,
        place.heading_deg,
        size_m,
        np.clip(colour, 0, 255).astype(np.float32),
        cover.astype(np.float32),
        depth_m.astype(np.float32),
    )


def _inside_m(rng: np.random.Generator, radius_m: float, size_m: float, stretch: float) -> Floats:
    """Metres inside an irregular outline (negative outside), along the ray from the middle."""
    radii = wobbly_outline(rng, 360, 0.11)
    axis = (np.arange(TEXELS, dtype=np.float32) + 0.5 - TEXELS / 2) * np.float32(size_m / TEXELS)
    x, y = axis[None, :], axis[:, None] * np.float32(stretch)
    turn = np.degrees(np.arctan2(y, x)) % 360
    outline = np.interp(turn.ravel(), np.arange(361), np.append(radii, radii[0])).reshape(turn.shape)
    ragged = seamless_noise(rng, TEXELS, 0.9) * np.float32(0.013)
    return np.asarray(radius_m * outline - np.hypot(x, y) + ragged, dtype=np.float32)


def _floor_colour(look: Look, rng: np.random.Generator) -> Floats:
    asphalt, sand = np.array(look.asphalt, np.float32), np.array(look.sand, np.float32)
    kind = rng.choice(["base", "gravel", "sand"], p=[0.45, 0.35, 0.2])
    if kind == "base":
        return np.asarray(asphalt * rng.uniform(0.48, 0.72), dtype=np.float32)
    if kind == "gravel":
        return np.asarray((0.5 * asphalt + 0.3 * sand) * rng.uniform(0.65, 0.9), dtype=np.float32)
    return np.asarray(sand * rng.uniform(0.6, 0.78), dtype=np.float32)


def _relief_light(depth_m: Floats, size_m: float, heading_deg: float, look: Look) -> Floats:
    """Light relative to level ground: slope, cast shadow and the sky hidden by the walls."""
    texel_m = size_m / TEXELS
    dz_dy, dz_dx = np.gradient(-depth_m, texel_m)
    sun = look.to_sun
    turn = radians(heading_deg)
    right = sun[0] * cos(turn) - sun[1] * sin(turn)
    ahead = sun[0] * sin(turn) + sun[1] * cos(turn)
    facing = (-dz_dx * right + dz_dy * ahead + sun[2]) / np.sqrt(1 + dz_dx**2 + dz_dy**2)
    lit = np.clip(facing, 0, None) * (1 - _cast(depth_m, right, ahead, float(sun[2]), texel_m))
    hidden = np.clip(depth_m / 0.14, 0, 0.55)
    light = ((look.ambient * (1 - hidden) + look.direct * lit) / look.flat_light).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(light, (0, 0), 0.9), dtype=np.float32)


def _cast(depth_m: Floats, right: float, ahead: float, rise: float, texel_m: float) -> Floats:
    """Share of the sun hidden by higher ground towards it."""
    hidden = np.zeros_like(depth_m)
    for step in range(2, 40, 2):
        shift = np.array([[1, 0, -right * step], [0, 1, ahead * step]], dtype=np.float32)
        towards = cv2.warpAffine(depth_m, shift, (TEXELS, TEXELS), borderMode=cv2.BORDER_REPLICATE)
        hidden = np.maximum(hidden, np.clip((depth_m - towards - rise * step * texel_m) / 0.012, 0, 1))
    return hidden


def _draw_crack(lines: Image, rng: np.random.Generator) -> None:
    n = lines.shape[0]
    at, turn = np.array([n * rng.uniform(0.25, 0.75), n * 0.04]), 0.0
    while 8 < at[0] < n - 8 and at[1] < n - 12:
        turn = 0.75 * turn + rng.normal(0, 0.35)
        step = np.array([sin(turn), cos(turn)]) * rng.uniform(5, 12)
        cv2.line(lines, _pixel(at), _pixel(at + step), 255, int(rng.integers(2, 6)), cv2.LINE_AA)
        if rng.random() < 0.08:
            cv2.line(lines, _pixel(at), _pixel(at + rng.normal(0, 30, 2)), 200, 2, cv2.LINE_AA)
        at = at + step


def _draw_net(lines: Image, rng: np.random.Generator) -> None:
    n = lines.shape[0]
    grid = np.linspace(n * 0.1, n * 0.9, int(rng.integers(6, 11)))
    nodes = np.stack(np.meshgrid(grid, grid), axis=-1) + rng.normal(0, n * 0.022, (len(grid), len(grid), 2))
    for i in range(len(grid)):
        for j in range(len(grid)):
            for k, m in ((i + 1, j), (i, j + 1)):
                inside = np.hypot(*(nodes[i, j] / n - 0.5)) < rng.uniform(0.32, 0.42)
                if k < len(grid) and m < len(grid) and inside and rng.random() < 0.88:
                    cv2.line(
                        lines,
                        _pixel(nodes[i, j]),
                        _pixel(nodes[k, m]),
                        235,
                        int(rng.integers(2, 5)),
                        cv2.LINE_AA,
                    )


def _pixel(point: Floats) -> tuple[int, int]:
    return int(point[0]), int(point[1])

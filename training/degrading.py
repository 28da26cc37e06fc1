"""Spoils good pictures by stated physics, so that what a judge of footage sees and misses can be counted.

Lengths are in pixels of a picture 960 px long and grow with the picture; light is added, blurred and dimmed in
linear light, as in a camera, and only then coded again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Linear = NDArray[np.float32]

LONG_SIDE_PX = 960
GAMMA = 2.2
FULL_WELL_E, READ_NOISE_E = 5000.0, 6.0
"""Electrons at white and of read-out: a small sensor in daylight at base gain."""
_MASK_SIZE = 270, 480
_DUST_BGR = np.array([0.45, 0.58, 0.68], np.float32)  # airlight of a dusty sky, linear
_MUD_BGR = np.array([0.5, 0.65, 0.75], np.float32)  # of the scene's mean light
_TO_LINEAR = (np.arange(256) / 255).astype(np.float32) ** np.float32(GAMMA)


@dataclass(frozen=True)
class Damage:
    """One way of spoiling a picture at one severity; unit says what the severity counts."""

    kind: str
    severity: float
    unit: str
    spoil: Callable[[Pixels, np.random.Generator], Pixels]


def to_linear(pixels: Pixels) -> Linear:
    return np.asarray(cv2.LUT(pixels, _TO_LINEAR), np.float32)


def to_pixels(light: Linear) -> Pixels:
    coded = 255 * np.clip(light, 0, 1) ** (1 / GAMMA)
    return np.asarray(coded + 0.5, np.uint8)


def underexpose(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Only `share` of the light: shot and read noise of that little light, no gain."""
    light = to_linear(pixels) * share
    noise = np.sqrt(light / FULL_WELL_E + (READ_NOISE_E / FULL_WELL_E) ** 2)
    return to_pixels(light + noise * rng.standard_normal(light.shape, dtype=np.float32))


def light_lamps(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """A street at night: `share` of the daylight everywhere and three lamps that pool a fifth of it on the street."""
    height, width = pixels.shape[:2]
    lit = np.full((height, width), share, np.float32)
    for centre in (np.arange(3) + rng.uniform(0.2, 0.8, 3)) / 3:
        lit += 0.2 * _glow(height, width, centre, 0.72, 0.19)
    return underexpose((to_pixels(to_linear(pixels) * np.minimum(lit, 1)[..., None])), 1.0, rng)


def blur_by_motion(pixels: Pixels, length_px: float, angle_deg: float) -> Pixels:
    """The picture drawn out along a straight line, as by a vehicle or a shaking mount while the shutter is open."""
    return _spread(pixels, line_kernel(length_px * _scale(pixels), angle_deg))


def defocus(pixels: Pixels, radius_px: float) -> Pixels:
    """Every point becomes an even disc."""
    return _spread(pixels, disc_kernel(radius_px * _scale(pixels)))


def veil(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """A sun low in front: a burnt disc and its stray light, which at the disc is `strength` times white."""
    height, width = pixels.shape[:2]
    x, y = rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.5)
    stray = 0.7 * _glow(height, width, x, y, 0.35) + 0.3
    light = to_linear(pixels) + strength * stray[..., None] + 20 * _glow(height, width, x, y, 0.03)[..., None]
    return to_pixels(light)


def haze(pixels: Pixels, transmission: float) -> Pixels:
    """Dust, fog or a fogged lens: `transmission` of the scene's light arrives, the rest is airlight."""
    return to_pixels(to_linear(pixels) * transmission + _DUST_BGR * (1 - transmission))


def streak(pixels: Pixels, per_mpx: float, rng: np.random.Generator) -> Pixels:
    """Falling drops drawn out by the shutter: thin, bright, nearly upright lines, `per_mpx` in a million pixels."""
    height, width = pixels.shape[:2]
    scale = _scale(pixels)
    light: Linear = np.zeros((height, width), np.float32)
    lean = rng.uniform(-8, 8)
    for _ in range(round(per_mpx * height * width / scale**2 / 1e6)):
        x, y = rng.uniform(0, width), rng.uniform(-0.1 * height, height)
        angle, length = radians(90 + lean + rng.normal(0, 2)), rng.uniform(15, 60) * scale
        start, end = _point(x, y), _point(x + cos(angle) * length, y + sin(angle) * length)
        thickness = max(1, round(scale * rng.uniform(0.8, 1.8)))
        cv2.line(light, start, end, rng.uniform(0.06, 0.25), thickness, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(light, (0, 0), 0.5 * scale), np.float32)[..., None]
    return to_pixels(to_linear(pixels) * (1 - soft) + soft)


def wet(pixels: Pixels, mask: Linear) -> Pixels:
    """Drops on the lens: each shows the scene small, upside down and out of focus. The mask is as for `soil`."""
    height, width = pixels.shape[:2]
    tiny = cv2.flip(cv2.resize(pixels, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA), -1)
    seen = to_linear(np.asarray(cv2.resize(tiny, (width, height)), np.uint8))
    return _composite(to_linear(pixels), seen * np.float32(0.9), _fit(mask, pixels))


def soil(pixels: Pixels, mask: Linear) -> Pixels:
    """Dirt near the lens: where the mask is 1 only brown stray light arrives, between 0 and 1 a part of the scene.

    The mask (H, W) is the drive's: dirt stays where it is.
    """
    light = to_linear(pixels)
    return _composite(light, light.mean() * _MUD_BGR, _fit(mask, pixels))


def dirt_mask(covered: float, rng: np.random.Generator) -> Linear:
    """Soft spots over about this share of the picture, radii 3 to 8 % of its width."""
    return _spots(covered, rng, 0.03, 0.08, softness=0.3)


def drop_mask(covered: float, rng: np.random.Generator) -> Linear:
    """Spots with clearer edges, radii 1.5 to 4 % of the width."""
    return _spots(covered, rng, 0.015, 0.04, softness=0.15)


def line_kernel(length_px: float, angle_deg: float) -> Linear:
    """Weights of a line of this length, drawn eight times finer and averaged."""
    side, fine = 2 * ceil(length_px / 2) + 1, 8
    canvas = np.zeros((side * fine, side * fine), np.float32)
    half_x, half_y = (length_px / 2 * f(radians(angle_deg)) for f in (cos, sin))
    middle = side / 2
    start, end = (_point((middle + s * half_x) * fine, (middle + s * half_y) * fine) for s in (-1, 1))
    cv2.line(canvas, start, end, 1.0, fine)
    kernel = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(kernel / kernel.sum(), np.float32)


def disc_kernel(radius_px: float) -> Linear:
    """Weights of an even disc with smooth edge pixels."""
    reach = ceil(radius_px) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)


def _spots(covered: float, rng: np.random.Generator, least: float, most: float, softness: float) -> Linear:
    """Soft discs (270, 480) of radii in shares of the width, added until `covered` of the picture is."""
    height, width = _MASK_SIZE
    mask: Linear = np.zeros(_MASK_SIZE, np.float32)
    while (mask > 0.5).mean() < covered:
        radius = rng.uniform(least, most) * width
        disc: Linear = np.zeros_like(mask)
        centre = _point(rng.uniform(0, width), rng.uniform(0, height))
        cv2.circle(disc, centre, max(1, round(radius)), 1.0, -1, cv2.LINE_AA)
        mask = np.maximum(mask, np.asarray(cv2.GaussianBlur(disc, (0, 0), max(0.5, softness * radius)), np.float32))
    return mask


def _spread(pixels: Pixels, kernel: Linear) -> Pixels:
    spread = cv2.filter2D(to_linear(pixels), -1, kernel, borderType=cv2.BORDER_REFLECT)
    return to_pixels(np.asarray(spread, np.float32))


def _fit(mask: Linear, pixels: Pixels) -> Linear:
    height, width = pixels.shape[:2]
    return np.asarray(cv2.resize(mask, (width, height)), np.float32)


def _composite(scene: Linear, cover: Linear, mask: Linear) -> Pixels:
    return to_pixels(scene * (1 - mask[..., None]) + cover * mask[..., None])


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)


def _glow(height: int, width: int, x: float, y: float, radius: float) -> Linear:
    """A round glow of height 1 at a place given in shares of the picture; radius in shares of the width."""
    rows, columns = np.ogrid[:height, :width]
    distance = ((columns - x * width) ** 2 + (rows - y * height) ** 2) / (radius * width) ** 2
    return np.exp(-distance / 2).astype(np.float32)


def _scale(pixels: Pixels) -> float:
    return float(max(pixels.shape[:2])) / LONG_SIDE_PX


def compress(pixels: Pixels, quality: int) -> Pixels:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def resize(pixels: Pixels, long_side_px: int) -> Pixels:
    scale = long_side_px / max(pixels.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=way), np.uint8)


def _each(
    kind: str, unit: str, severities: Sequence[float], spoil: Callable[[Pixels, float, np.random.Generator], Pixels]
) -> Iterator[Damage]:
    for severity in severities:
        yield Damage(kind, severity, unit, partial(_spoil_by, spoil, severity))


def _spoil_by(
    spoil: Callable[[Pixels, float, np.random.Generator], Pixels],
    severity: float,
    pixels: Pixels,
    rng: np.random.Generator,
) -> Pixels:
    return spoil(pixels, severity, rng)


_LENGTHS_PX = (3, 6, 10, 16, 25, 40)
DAMAGES: tuple[Damage, ...] = (
    *_each("exposure", "share of the light", (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64), underexpose),
    *_each("motion, level", "px", _LENGTHS_PX, lambda p, s, _: blur_by_motion(p, s, 0)),
    *_each("motion, slanted", "px", _LENGTHS_PX, lambda p, s, _: blur_by_motion(p, s, 60)),
    *_each("defocus", "px radius", (1, 2, 3, 5, 8, 12), lambda p, s, _: defocus(p, s)),
    *_each("glare", "stray light, times white", (0.1, 0.3, 0.6, 1, 2), veil),
    *_each("haze", "transmission", (0.6, 0.4, 0.25, 0.15, 0.08), lambda p, s, _: haze(p, s)),
    *_each("streaks", "per Mpx", (500, 1500, 4000), streak),
    *_each("drops", "share covered", (0.05, 0.15, 0.3, 0.5), lambda p, s, r: wet(p, drop_mask(s, r))),
)
"""Each kind from light to heavy."""
HARMLESS: tuple[Damage, ...] = (
    *_each("night with lamps", "share of the light between lamps", (1 / 32, 1 / 128), light_lamps),
    *_each("jpeg", "quality", (60, 30, 15), lambda p, s, _: compress(p, round(s))),
    *_each("size", "px long", (320, 640, 1920), lambda p, s, _: resize(p, round(s))),
)
"""What may look spoiled to a measure and is usable to the eye."""

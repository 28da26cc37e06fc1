"""Draws licence plates as Saudi cars carry them, and boards with writing that are none, from nothing but a font.

The wide plate has four fields beside the country strip: numbers and letters, in Arabic above and in Latin below; the
square one stacks them. Numbers, letters, wear and light are drawn by chance, so no plate of a real car is imitated.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
LETTERS = dict(zip("ABJDRSXTEGKLZNHUV", "ابحدرسصطعقكلمنهوى", strict=True))
DIGITS = dict(zip("0123456789", "٠١٢٣٤٥٦٧٨٩", strict=True))
STRIPS = ((255, 255, 255), (245, 205, 60), (120, 175, 235), (110, 190, 120))  # private, transport, ... RGB
INK = (25, 25, 30)
_BOARDS = ((20, 90, 60), (30, 60, 140), (180, 30, 35), (245, 245, 240), (235, 190, 40), (40, 40, 45))
_FONT = "DejaVuSans-Bold.ttf"


@dataclass(frozen=True)
class Drawn:
    """A flat picture, BGR, seen from the front; its edges are the thing's own."""

    pixels: Pixels
    is_plate: bool


def draw_plate(rng: np.random.Generator) -> Drawn:
    """One in three is square, as at the rear of cars made for other markets."""
    digits = "".join(rng.choice(list("0123456789"), int(rng.integers(1, 5))))
    letters = "".join(rng.choice(list(LETTERS), 3))
    square = rng.random() < 1 / 3
    pixels = _square_plate(digits, letters, rng) if square else _wide_plate(digits, letters, rng)
    return Drawn(_worn(pixels, rng), True)


def draw_board(rng: np.random.Generator) -> Drawn:
    """A street sign, shop sign or label: writing, and even a row of numbers, that belongs to nobody."""
    width, height = int(rng.integers(150, 420)), int(rng.integers(70, 260))
    ground = _BOARDS[int(rng.integers(len(_BOARDS)))]
    ink = (250, 250, 250) if sum(ground) < 380 else INK
    picture = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.7:
        draw.rectangle((4, 4, width - 5, height - 5), outline=ink, width=3)
    lines = int(rng.integers(1, 4))
    for line in range(lines):
        arabic = rng.random() < 0.6
        signs = list(LETTERS.values() if arabic else LETTERS) + list(DIGITS.values() if arabic else DIGITS)
        text = "".join(rng.choice(signs, int(rng.integers(2, 9))))
        middle = width / 2, height * (line + 0.5) / lines
        draw.text(middle, text, ink, _font(max(12, int(height / lines * 0.55))), anchor="mm")
    return Drawn(_worn(np.asarray(picture, dtype=np.uint8)[:, :, ::-1], rng), False)


def paste(
    picture: Pixels, thing: Pixels, corners_px: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Pixels, tuple[float, float, float, float]]:
    """The picture with the thing at these corners (left top, right top, right bottom, left bottom) in the picture's own
    light and sharpness, and the box around it."""
    height, width = thing.shape[:2]
    around = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    x0, y0 = np.maximum(np.floor(corners_px.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(corners_px.max(axis=0)).astype(int) + 3, picture.shape[1::-1])
    inside = corners_px - np.array([x0, y0], np.float32)
    fine = 4  # warped larger and averaged down: a thing of 20 pixels is the mean of what a lens would see
    warp = cv2.getPerspectiveTransform(around, (inside * fine).astype(np.float32))
    size = (int(x1 - x0) * fine, int(y1 - y0) * fine)
    flags = cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR
    image = cv2.warpPerspective(thing, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), warp, size)
    down = (int(x1 - x0), int(y1 - y0))
    image, cover = (cv2.resize(one, down, interpolation=cv2.INTER_AREA) for one in (image.astype(np.float32), cover))
    there = picture[y0:y1, x0:x1].astype(np.float32)
    light = float(np.clip((there.mean() + 60) / 190, 0.35, 1.15)) * rng.uniform(0.85, 1.1)
    blur = float(rng.uniform(0.3, 1.0))
    image = cv2.GaussianBlur(image * light, (0, 0), blur) + rng.normal(0, 3, image.shape)
    changed = picture.copy()
    changed[y0:y1, x0:x1] = np.clip(there + cover[:, :, None] * (image - there), 0, 255).astype(np.uint8)
    low, high = corners_px.min(axis=0), corners_px.max(axis=0)
    return changed, (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _wide_plate(digits: str, letters: str, rng: np.random.Generator) -> Pixels:
    """520 x 112 mm at half a pixel a millimetre, doubled."""
    width, height, strip = 520, 112, 44
    picture, draw = _blank(width, height)
    ground = STRIPS[int(rng.integers(len(STRIPS)))]
    draw.rectangle((width - strip, 3, width - 4, height - 4), fill=ground, outline=INK)
    split = (width - strip) // 2
    draw.line((split, 3, split, height - 4), INK, 3)
    draw.line((3, height // 2, width - strip, height // 2), INK, 2)
    for text, left, right in ((digits, 3, split), (letters, split, width - strip)):
        _row(draw, _arabic(text), (left, 4, right, height // 2))
        _row(draw, text, (left, height // 2, right, height - 5))
    return np.asarray(picture, dtype=np.uint8)[:, :, ::-1]


def _square_plate(digits: str, letters: str, rng: np.random.Generator) -> Pixels:
    width, height, strip = 320, 160, 36
    picture, draw = _blank(width, height)
    ground = STRIPS[int(rng.integers(len(STRIPS)))]
    draw.rectangle((width - strip, 3, width - 4, height - 4), fill=ground, outline=INK)
    split, half = (width - strip) // 2, height // 2
    draw.line((split, 3, split, height - 4), INK, 3)
    draw.line((3, half, width - strip, half), INK, 2)
    places = (3, 4, split, half), (split, 4, width - strip, half)
    below = (3, half, split, height - 5), (split, half, width - strip, height - 5)
    for text, place in zip((_arabic(digits), _arabic(letters), digits, letters), (*places, *below), strict=True):
        _row(draw, text, place)
    return np.asarray(picture, dtype=np.uint8)[:, :, ::-1]


def _blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (width, height), (238, 238, 234))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((1, 1, width - 2, height - 2), outline=INK, width=3)
    return picture, draw


def _row(draw: ImageDraw.ImageDraw, text: str, place: tuple[int, int, int, int]) -> None:
    """Characters in even steps, each alone: Arabic letters on plates are not joined."""
    x0, y0, x1, y1 = place
    step = (x1 - x0) / (len(text) + 0.4)
    for number, sign in enumerate(text):
        middle = x0 + step * (number + 0.7), (y0 + y1) / 2
        draw.text(middle, sign, INK, _font(int((y1 - y0) * 0.78)), anchor="mm")


def _arabic(text: str) -> str:
    return "".join(DIGITS.get(sign) or LETTERS[sign] for sign in text)


def _worn(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Dirt and uneven light, as after some years in the sun."""
    height, width = pixels.shape[:2]
    coarse = rng.normal(0, 1, (3, 5)).astype(np.float32)
    stains = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[:, :, None]
    dust = np.array([150.0, 190.0, 205.0]) * rng.uniform(0, 0.35)
    faded = pixels * (1 - rng.uniform(0, 0.35)) + dust
    return np.asarray(np.clip(faded + 14 * stains, 0, 255), dtype=np.uint8)


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """DejaVu, which has Arabic, comes with matplotlib."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _FONT, size_px)

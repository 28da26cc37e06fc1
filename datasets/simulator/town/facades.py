"""Pictures of walls, villas, flats and shop fronts, drawn at 2.5 cm per pixel."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.canvas import Texture
from datasets.simulator.light import Colour
from datasets.simulator.noise import seamless_noise

PX_PER_M = 40


@dataclass(frozen=True)
class Facade:
    """A front and a plain side of one building, with the size they are drawn for."""

    front: Texture
    side: Texture
    width_m: float
    height_m: float


def draw_facades(rng: np.random.Generator) -> dict[str, tuple[Facade, ...]]:
    """A drive's stock of facades by kind: wall, villa, flats, shops, shed."""
    grain = seamless_noise(rng, 1024, 1.1)
    kinds: dict[
        str,
        tuple[Callable[[np.random.Generator, Floats], None], tuple[float, float], tuple[float, float], int],
    ]
    kinds = {
        "wall": (_wall, (14, 22), (2.2, 3.2), 5),
        "villa": (_villa, (13, 18), (7.0, 9.5), 4),
        "flats": (_flats, (16, 24), (11.0, 16.0), 3),
        "shops": (_shops, (15, 22), (5.0, 8.5), 3),
        "shed": (_shed, (16, 24), (5.0, 7.0), 1),
    }
    stock: dict[str, tuple[Facade, ...]] = {}
    for kind, (draw, widths, heights, count) in kinds.items():
        stock[kind] = tuple(
            _facade(rng, draw, rng.uniform(*widths), rng.uniform(*heights), grain) for _ in range(count)
        )
    return stock


def plaster_colour(rng: np.random.Generator) -> Colour:
    """Cream, beige, sand-brown, pinkish or grey-white paint."""
    value = rng.uniform(160, 232)
    warm = rng.uniform(0.72, 0.97)
    return value * warm * rng.uniform(0.9, 0.98), value * (0.5 + warm / 2), value


def _facade(
    rng: np.random.Generator,
    draw: Callable[[np.random.Generator, Floats], None],
    width_m: float,
    height_m: float,
    grain: Floats,
) -> Facade:
    colour = plaster_colour(rng)
    front = _plaster(rng, width_m, height_m, colour, grain)
    plain = cv2.resize(front, None, fx=0.5, fy=0.5)
    draw(rng, front)
    return Facade(_texture(front), _texture(np.asarray(plain, np.float32)), width_m, height_m)


def _texture(picture: Floats) -> Texture:
    return Texture(np.clip(picture, 0, 255).astype(np.uint8))


def _plaster(rng: np.random.Generator, width_m: float, height_m: float, colour: Colour, grain: Floats) -> Floats:
    """Painted render, dirtier near the ground, with rain streaks under the edge."""
    h, w = round(height_m * PX_PER_M), round(width_m * PX_PER_M)
    tile = np.tile(np.roll(grain, int(rng.integers(1024)), axis=1), (h // 1024 + 1, w // 1024 + 1))[:h, :w]
    up_m = (h - np.arange(h, dtype=np.float32))[:, None] / PX_PER_M
    dirt = 0.16 * np.exp(-up_m / 0.35) * (1 + 0.4 * tile)
    streaks = cv2.GaussianBlur(rng.standard_normal((1, w)).astype(np.float32), (9, 1), 2) * 0.03
    tone = (1 + 0.045 * tile + streaks) * (1 - dirt)
    picture: Floats = (tone[..., None] * np.array(colour, np.float32)).astype(np.float32)
    return picture


def _wall(rng: np.random.Generator, picture: Floats) -> None:
    h, w = picture.shape[:2]
    picture[: PX_PER_M // 6] *= rng.choice([0.75, 1.18])
    bay = int(rng.uniform(2.5, 4.5) * PX_PER_M)
    for x in range(bay // 2, w, bay):
        picture[:, x : x + 10] *= rng.choice([0.86, 1.1])
        picture[:, x + 10 : x + 12] *= 0.7
    if rng.random() < 0.5:
        base = h - int(rng.uniform(0.4, 0.9) * PX_PER_M)
        picture[base:] *= rng.uniform(0.72, 0.9)
    if rng.random() < 0.6:
        _gate(rng, picture, int(rng.uniform(0.1, 0.6) * w))


def _gate(rng: np.random.Generator, picture: Floats, x: int) -> None:
    """A double steel door with bars."""
    h, w = picture.shape[:2]
    gate_w, gate_h = int(rng.uniform(2.6, 3.6) * PX_PER_M), min(int(2.5 * PX_PER_M), h - 6)
    x = min(x, w - gate_w - 4)
    paint = np.array(rng.choice([(48, 52, 60), (44, 62, 92), (120, 96, 52), (70, 84, 60)]), np.float32)
    door = picture[h - gate_h :, x : x + gate_w]
    door[:] = paint * (1 + 0.1 * rng.standard_normal((gate_h, 1, 1)).astype(np.float32) * 0.4)
    door[:, :: max(PX_PER_M // 5, 1)] *= 1.35
    door[:, gate_w // 2 - 1 : gate_w // 2 + 2] *= 0.45
    door[:3] *= 0.5
    picture[h - gate_h - 5 : h - gate_h, max(x - 5, 0) : x + gate_w + 5] *= 1.12


def _window(rng: np.random.Generator, picture: Floats, x: int, y: int, w: int, h: int) -> None:
    frame = picture[max(y - 4, 0) : y + h + 4, max(x - 4, 0) : x + w + 4]
    frame *= 1.12
    glass = picture[y : y + h, x : x + w]
    sky = np.linspace(rng.uniform(70, 110), rng.uniform(35, 60), glass.shape[0], dtype=np.float32)[:, None, None]
    glass[:] = sky * np.array((1.06, 1.0, 0.9), np.float32)
    glass[:, glass.shape[1] // 2 - 1 : glass.shape[1] // 2 + 1] = 150
    glass[:5] *= 0.55
    picture[y + h + 4 : y + h + 8, max(x - 4, 0) : x + w + 4] *= 0.7


def _air_conditioner(picture: Floats, x: int, y: int) -> None:
    unit = picture[y : y + 20, x : x + 30]
    unit[:] = 190
    unit[4:17, 4:20:2] = 90
    picture[y + 20 : y + 60, x + 12 : x + 15] *= 0.85


def _windows(rng: np.random.Generator, picture: Floats, first_m: float, floor_m: float, step_m: float) -> None:
    h, w = picture.shape[:2]
    wide, tall = int(rng.uniform(0.9, 1.6) * PX_PER_M), int(rng.uniform(1.2, 1.7) * PX_PER_M)
    for y in range(h - int((first_m + 1.0) * PX_PER_M) - tall, PX_PER_M // 2, -int(floor_m * PX_PER_M)):
        for x in range(int(step_m * PX_PER_M * 0.35), w - wide - 8, int(step_m * PX_PER_M)):
            _window(rng, picture, x, y, wide, tall)
            if rng.random() < 0.4:
                _air_conditioner(picture, min(x + wide + 8, w - 32), y + tall - 22)


def _villa(rng: np.random.Generator, picture: Floats) -> None:
    h = picture.shape[0]
    picture[: PX_PER_M // 4] *= 1.15
    picture[h // 2 : h // 2 + 8] *= 0.82
    _windows(rng, picture, 0.4, 3.3, rng.uniform(2.8, 4.2))


def _flats(rng: np.random.Generator, picture: Floats) -> None:
    h = picture.shape[0]
    picture[: PX_PER_M // 3] *= 0.85
    for y in range(h - int(3.4 * PX_PER_M), 0, -int(3.2 * PX_PER_M)):
        picture[y : y + 6] *= 0.78
    _windows(rng, picture, 3.4, 3.2, rng.uniform(2.4, 3.6))
    _shutters(rng, picture, 3.2)


def _shops(rng: np.random.Generator, picture: Floats) -> None:
    h, w = picture.shape[:2]
    if h > 6.2 * PX_PER_M:
        _windows(rng, picture, 4.6, 3.2, rng.uniform(2.4, 3.4))
    _shutters(rng, picture, 3.0)
    top = h - int(4.1 * PX_PER_M)
    for x in range(6, w - 40, int(5.0 * PX_PER_M)):
        paint = np.array(rng.choice([(40, 120, 40), (40, 40, 190), (170, 90, 40), (30, 160, 225), (225, 225, 225)]))
        sign = picture[max(top, 0) : top + PX_PER_M, x : x + int(4.6 * PX_PER_M)]
        sign[:] = paint.astype(np.float32)
        _lettering(rng, sign)


def _lettering(rng: np.random.Generator, sign: Floats) -> None:
    """Strokes that read as script from a street away."""
    h, w = sign.shape[:2]
    ink = (240.0, 240.0, 240.0) if float(sign.mean()) < 160 else (60.0, 40.0, 30.0)
    picture = np.ascontiguousarray(sign)
    base, x = int(h * 0.62), int(w * 0.9)
    while x > w * 0.12:
        wide = int(rng.integers(h // 6, h // 2))
        if rng.random() < 0.22:
            x -= h // 3  # gap between words
        cv2.line(picture, (x, base), (x - wide, base), ink, 3, cv2.LINE_AA)
        stroke = rng.random()
        if stroke < 0.35:
            cv2.line(picture, (x, base), (x - 1, base - int(rng.uniform(0.2, 0.42) * h)), ink, 3, cv2.LINE_AA)
        elif stroke < 0.7:
            cv2.ellipse(picture, (x - wide // 2, base), (wide // 2, h // 7), 0, 180, 360, ink, 3, cv2.LINE_AA)
        else:
            cv2.ellipse(picture, (x - wide // 2, base), (wide // 2, h // 5), 0, 0, 170, ink, 3, cv2.LINE_AA)
        if rng.random() < 0.5:
            dot_y = base + int(h * rng.choice([-0.3, 0.2]))
            cv2.circle(picture, (x - wide // 2, dot_y), 2, ink, -1, cv2.LINE_AA)
        x -= wide
    sign[:] = picture


def _shutters(rng: np.random.Generator, picture: Floats, height_m: float) -> None:
    h, w = picture.shape[:2]
    top = h - int(height_m * PX_PER_M)
    step = int(rng.uniform(3.6, 5.0) * PX_PER_M)
    for x in range(14, w - step // 2, step):
        door = picture[top:, x : min(x + step - 24, w)]
        if rng.random() < 0.6:
            door[:] = rng.uniform(95, 165)
            door[:: PX_PER_M // 8] *= 0.72
        else:
            door[:] = np.array((62, 58, 52), np.float32) * rng.uniform(0.6, 1.3)
            door[:: PX_PER_M * 2] = 150
        door[:6] *= 0.5


def _shed(rng: np.random.Generator, picture: Floats) -> None:
    """Corrugated sheet with one large door."""
    h, w = picture.shape[:2]
    picture[:, ::10] *= 0.86
    picture[:, 5::10] *= 1.08
    wide = int(4.5 * PX_PER_M)
    x = int(rng.uniform(0.15, 0.6) * (w - wide))
    picture[h - 4 * PX_PER_M :, x : x + wide] = np.array(rng.choice([(150, 110, 70), (70, 70, 74)]), np.float32)
    picture[h - 4 * PX_PER_M :, x : x + wide : 14] *= 0.8

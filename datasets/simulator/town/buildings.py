"""Boxes along the streets: yard walls with villas behind them, flats, shops, sheds and open sand lots."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.camera import View
from datasets.simulator.canvas import Canvas, Face, Texture
from datasets.simulator.light import Look
from datasets.simulator.town.facades import Facade
from datasets.simulator.town.streets import Street

SIGHT_M = 170.0
KINDS = ("walled", "flats", "shops", "open", "low_wall", "shed")


@dataclass(frozen=True)
class Box:
    """An upright block: `along_m` is its front edge from `corner_m`, `back_m` leads away from the street."""

    corner_m: Floats
    along_m: Floats
    back_m: Floats
    height_m: float
    front: Texture
    side: Texture
    tint: float

    @cached_property
    def base_m(self) -> Floats:
        """The four corners on the ground (4, 3)."""
        c, a, b = self.corner_m, self.along_m, self.back_m
        return np.array([c, c + a, c + a + b, c + b])

    @cached_property
    def faces(self) -> tuple[tuple[Face, Texture], ...]:
        """Back, both sides and front."""
        c, a, b = self.corner_m, self.along_m, self.back_m
        up = np.array([0.0, 0.0, self.height_m])
        walls = (
            (c + a + b, -a, self.side),
            (c + b, -b, self.side),
            (c + a, b, self.side),
            (c, a, self.front),
        )
        return tuple((Face(start + up, run, -up), texture) for start, run, texture in walls)


class Lots:
    """Fills the land beside the streets, never on top of a street or of another lot."""

    def __init__(self, streets: tuple[Street, ...]) -> None:
        self.streets = streets
        self.taken: list[Floats] = []

    def is_free(self, base_m: Floats, own: Street) -> bool:
        edge = np.concatenate([base_m, (base_m + np.roll(base_m, -1, axis=0)) / 2, base_m.mean(axis=0)[None]])
        for street in self.streets:
            s, t = street.to_local(edge[:, 0].astype(np.float32), edge[:, 1].astype(np.float32))
            margin_m = street.walk_m - 0.05 if street is own else street.walk_m + 0.3
            if float(street.outside_m(s, t).min()) < margin_m:
                return False
        return not any(_overlap(base_m, other) for other in self.taken)


def build_lots(
    streets: tuple[Street, ...], stock: dict[str, tuple[Facade, ...]], rng: np.random.Generator
) -> tuple[Box, ...]:
    """All boxes of the town; the mix of lot kinds changes with the seed."""
    lots, boxes = Lots(streets), list[Box]()
    mix = rng.dirichlet([2.4, 1.3, 1.2, 1.1, 0.9, 0.5])
    for street in streets:
        for side in (-1, 1):
            along_m = 1.0
            while along_m < street.length_m - 8:
                kind = str(rng.choice(KINDS, p=mix))
                built, width_m = _build(kind, street, side, along_m, stock, rng)
                if built and lots.is_free(built[0].base_m, street):
                    lots.taken.append(built[0].base_m)
                    boxes.extend(built)
                    along_m += width_m + rng.choice([0.0, 0.0, 2.5])
                else:
                    along_m += 4.0 if built else width_m
    return tuple(boxes)


def paint_box(canvas: Canvas, view: View, box: Box, look: Look) -> None:
    """Paint the faces of a box that look at the camera."""
    for face, texture in box.faces:
        if face.looks_at(view):
            canvas.paint_face(view, face, texture, box.tint * look.on_surface(face.outward))


def cast_shadow(view: View, base_m: Floats, height_m: float, look: Look, mask: Image) -> None:
    """Add the ground shadow of an upright block to a mask of the image."""
    sun = look.to_sun
    reach = -sun[:2] / sun[2] * height_m
    ground = np.concatenate([base_m[:, :2], base_m[:, :2] + reach]).astype(np.float32)
    hull = cv2.convexHull(ground)[:, 0, :].astype(np.float64)
    outline_px = view.outline(np.column_stack([hull, np.zeros(len(hull))]))
    if len(outline_px) >= 3:
        points = np.clip(outline_px, -8000, 8000) * 16
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 255, cv2.LINE_AA, shift=4)


def _build(
    kind: str,
    street: Street,
    side: int,
    along_m: float,
    stock: dict[str, tuple[Facade, ...]],
    rng: np.random.Generator,
) -> tuple[list[Box], float]:
    """Boxes of one lot, front first, and its width."""

    def pick(name: str) -> Facade:
        return stock[name][int(rng.integers(len(stock[name])))]

    front = pick({"walled": "wall", "low_wall": "wall", "open": "wall"}.get(kind, kind))
    if kind == "open":
        return [], front.width_m
    if kind == "walled":
        wall = _box(street, side, along_m, 0.0, 0.3, front, rng)
        villa = pick("villa")
        inset_m = (front.width_m - villa.width_m) / 2
        return [
            wall,
            _box(street, side, along_m + inset_m, rng.uniform(3, 6), 11.0, villa, rng),
        ], front.width_m
    depth_m = 0.3 if kind == "low_wall" else rng.uniform(9, 14)
    return [_box(street, side, along_m, 0.0, depth_m, front, rng)], front.width_m


def _box(
    street: Street,
    side: int,
    along_m: float,
    back_m: float,
    depth_m: float,
    facade: Facade,
    rng: np.random.Generator,
) -> Box:
    across_m = street.half_width_m + street.walk_m + back_m
    ends = (along_m, along_m + facade.width_m) if side < 0 else (along_m + facade.width_m, along_m)
    first, last = (np.array([*street.to_world(end, side * across_m), 0.0]) for end in ends)
    behind = np.array([*street.to_world(ends[0], side * (across_m + depth_m)), 0.0])
    return Box(
        first,
        last - first,
        behind - first,
        facade.height_m,
        facade.front,
        facade.side,
        rng.uniform(0.88, 1.08),
    )


def _overlap(a: Floats, b: Floats) -> bool:
    if float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))) > 40:
        return False
    area, _ = cv2.intersectConvexConvex(a[:, :2].astype(np.float32), b[:, :2].astype(np.float32))
    return area > 0.1

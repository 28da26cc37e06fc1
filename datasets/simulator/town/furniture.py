"""What stands along the streets and is no defect: lamp posts, palms, trees, cabinets and parked cars."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, sin

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Image
from datasets.simulator.camera import NEAR_M, View
from datasets.simulator.canvas import Canvas, Texture
from datasets.simulator.defects.heap import Piece, paint_piece
from datasets.simulator.light import Look
from datasets.simulator.town.buildings import cast_shadow
from datasets.simulator.town.cars import Car, paint_car, park_car
from datasets.simulator.town.streets import Street
from datasets.simulator.town.trees import draw_palm, draw_tree

LAMP_SPACING_M, SIGHT_M, SHADOW_BEHIND_M = 32.0, 110.0, 16.0
CAR_FROM_DEFECT_M, PIECE_FROM_DEFECT_M = (
    6.0,
    1.6,
)  # a parked car must not stand in a barrier nor hide a pothole for good

RING = np.array([[cos(a), sin(a)] for a in np.arange(0, 6.2, 0.8)])
LEAVES = np.array([[np.sqrt(k) * cos(2.4 * k), np.sqrt(k) * sin(2.4 * k)] for k in range(14)])  # clumps of a crown


@dataclass(frozen=True)
class Furniture:
    """Upright pictures and cars of a town."""

    pieces: tuple[Piece, ...]
    cars: tuple[Car, ...]

    @cached_property
    def pieces_m(self) -> Floats:
        """Places of the pieces (n, 2)."""
        return np.array([(p.east_m, p.north_m) for p in self.pieces]).reshape(-1, 2)

    @cached_property
    def cars_m(self) -> Floats:
        """Middles of the cars (n, 3)."""
        return np.array([c.base_m.mean(axis=0) for c in self.cars]).reshape(-1, 3)


@dataclass(frozen=True)
class Stock:
    """What one town's furniture is chosen from, and how often."""

    green: tuple[Texture, ...]
    lamp: Texture
    cabinet: Texture
    tree_share: float
    car_share: float


def furnish(streets: tuple[Street, ...], defects_m: Floats, look: Look, rng: np.random.Generator) -> Furniture:
    """Furniture beside the driven streets, clear of the defects at defects_m (n, 2)."""
    green = (*(draw_palm(rng) for _ in range(2)), *(draw_tree(rng) for _ in range(3)))
    stock = Stock(green, _draw_lamp(), _draw_cabinet(), rng.uniform(0, 0.6), rng.uniform(0.05, 0.5))
    pieces, cars = list[Piece](), list[Car]()
    for street in (s for s in streets if s.driven):
        for along_m in np.arange(8.0, street.length_m, 8.0):
            for side in (-1, 1):
                spot = street.to_world(float(along_m + rng.normal(0, 0.7)), side * (street.half_width_m + 0.9))
                piece = _choose(spot, bool(along_m % LAMP_SPACING_M < 1 and side > 0), stock, rng)
                free = _clear(*spot, street, streets, 2.5) and _apart_m(spot, defects_m) > PIECE_FROM_DEFECT_M
                if piece and free:
                    pieces.append(piece)
                place = street.to_world(float(along_m), side * (street.half_width_m - 1.1))
                free = _clear(*place, street, streets, 7) and _apart_m(place, defects_m) > CAR_FROM_DEFECT_M
                if rng.random() < stock.car_share and street.half_width_m > 5 and free:
                    heading_deg = street.heading_deg + (0 if side > 0 else 180) + rng.normal(0, 1.5)
                    cars.append(park_car(*place, heading_deg, look, rng))
    return Furniture(tuple(pieces), tuple(cars))


def _choose(spot: tuple[float, float], lamp_due: bool, stock: Stock, rng: np.random.Generator) -> Piece | None:
    if lamp_due:
        return Piece(*spot, -0.05, 1.9, 8.6, stock.lamp)
    if rng.random() < stock.tree_share:
        size_m = float(rng.uniform(3.8, 6.5))
        return Piece(*spot, -0.05, size_m, size_m, stock.green[int(rng.integers(len(stock.green)))])
    return Piece(*spot, 0.0, 0.8, 1.35, stock.cabinet) if rng.random() < 0.05 else None


def _apart_m(spot: tuple[float, float], defects_m: Floats) -> float:
    return float(np.hypot(*(defects_m - spot).T).min()) if len(defects_m) else float("inf")


def shade_furniture(view: View, furniture: Furniture, look: Look, mask: Image) -> None:
    """Add the shadows of crowns, posts and cars to the mask."""
    for i in view.nearby(furniture.pieces_m, SIGHT_M, SHADOW_BEHIND_M):
        _shade_piece(view, furniture.pieces[i], look, mask)
    for i in view.nearby(furniture.cars_m, SIGHT_M, SHADOW_BEHIND_M):
        cast_shadow(view, furniture.cars[i].base_m, furniture.cars[i].height_m, look, mask)


def paint_furniture(canvas: Canvas, view: View, furniture: Furniture) -> None:
    """Paint all furniture within sight, far to near."""
    for i in view.nearby(furniture.cars_m, SIGHT_M, 4.0):
        paint_car(canvas, view, furniture.cars[i])
    for i in view.nearby(furniture.pieces_m, SIGHT_M, 0.0):
        paint_piece(canvas, view, furniture.pieces[i], 0)


def _shade_piece(view: View, piece: Piece, look: Look, mask: Image) -> None:
    """A post throws a line; a crown an oval of leaves."""
    sun = look.to_sun
    reach = -sun[:2] / sun[2]
    foot = np.array([piece.east_m, piece.north_m])
    post = foot + 0.06 * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    cast_shadow(view, np.column_stack([post, np.zeros(4)]), piece.height_m * 0.9, look, mask)
    if piece.width_m < 3:
        return
    middles = foot + reach * piece.height_m * 0.62 + 0.12 * piece.width_m * LEAVES
    rings = middles[:, None, :] + 0.16 * piece.width_m * RING[None, :, :]
    ground = np.concatenate([rings, np.zeros((*rings.shape[:2], 1))], axis=2)
    corners_px, depth_m = view.project(ground.reshape(-1, 3))
    ahead = depth_m.reshape(len(LEAVES), -1).min(axis=1) > NEAR_M
    outlines_px = np.clip(corners_px, -8000, 8000).astype(np.int32).reshape(len(LEAVES), -1, 2)
    for outline_px in outlines_px[ahead]:
        cv2.fillConvexPoly(mask, outline_px, 225, cv2.LINE_AA)


def _clear(east_m: float, north_m: float, own: Street, streets: tuple[Street, ...], margin_m: float) -> bool:
    point = np.array([east_m], np.float32), np.array([north_m], np.float32)
    return all(float(s.outside_m(*s.to_local(*point))[0]) > margin_m for s in streets if s is not own)


def _draw_lamp() -> Texture:
    """A grey street-lamp post with one arm."""
    picture = np.full((430, 95, 4), (150, 152, 150, 0), np.uint8)
    cover = np.zeros((430, 95), np.uint8)
    cv2.line(cover, (47, 429), (47, 14), 255, 6, cv2.LINE_AA)
    cv2.line(cover, (47, 14), (8, 4), 255, 4, cv2.LINE_AA)
    cv2.line(cover, (16, 7), (2, 4), 255, 7, cv2.LINE_AA)
    picture[:, 49:] = (112, 114, 112, 0)
    picture[..., 3] = cover
    return Texture(picture)


def _draw_cabinet() -> Texture:
    """A grey-green electricity cabinet."""
    picture = np.full((108, 64, 4), (150, 164, 156, 255), np.uint8)
    picture[:, 31:33, :3] = 96
    picture[:5, :, :3] = 190
    picture[96:, :, :3] = 90
    picture[30:40, 8:24, :3] = (40, 200, 225)
    return Texture(picture)

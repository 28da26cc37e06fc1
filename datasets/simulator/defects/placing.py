"""Where the defects of a town are, and how each body comes into being."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.defects.barrier import BarrierRow, make_barrier_row
from datasets.simulator.defects.graffiti import Graffiti, make_graffiti
from datasets.simulator.defects.heap import Heap, make_garbage_heap, make_sand_heap
from datasets.simulator.defects.patch import GroundPatch
from datasets.simulator.defects.road import Place, make_crack, make_harmless_mark, make_pothole
from datasets.simulator.light import Look
from datasets.simulator.town.buildings import Box
from datasets.simulator.town.streets import PAST_THE_CORNER_M, Street

Body = GroundPatch | Heap | BarrierRow | Graffiti
HARMLESS = "harmless"
SHARES = {
    "pothole": 0.36,
    "garbage": 0.25,
    "road_crack": 0.1,
    "construction_barrier": 0.07,
    "sand_rubble": 0.07,
    HARMLESS: 0.15,
}
GRAFFITI_PER_WALL = 0.14
BODIES_KEPT = 64
ON_ROAD = ("pothole", "road_crack", HARMLESS)


@dataclass(frozen=True)
class Defect:
    """A defect at its true place; index is its number on the canvas (harmless marks own no pixels)."""

    index: int
    defect_id: str
    class_key: str
    place: Place
    wall: Box | None = None


class Defects:
    """All defects of a town; bodies are made when first seen and the same each time."""

    def __init__(self, streets: tuple[Street, ...], boxes: tuple[Box, ...], look: Look, seed: int, town: str) -> None:
        self.look, self.seed = look, seed
        rng = np.random.default_rng([seed, 7])
        found = [*_along_streets(streets, rng), *_on_walls(boxes, streets, rng)]
        self.all = tuple(
            Defect(i, f"{town}-{seed}-{i:04d}", key, place, wall) for i, (key, place, wall) in enumerate(found, start=1)
        )
        self.body = lru_cache(BODIES_KEPT)(self._make_body)

    def _make_body(self, index: int) -> Body:
        defect = self.all[index - 1]
        rng = np.random.default_rng([self.seed, 8, index])
        if defect.wall is not None:
            return _graffiti(defect.wall, self.look, rng)
        makers = {
            "pothole": make_pothole,
            "road_crack": make_crack,
            "garbage": make_garbage_heap,
            "sand_rubble": make_sand_heap,
            "construction_barrier": make_barrier_row,
            HARMLESS: make_harmless_mark,
        }
        return cast(Body, makers[defect.class_key](defect.place, self.look, rng))


def _along_streets(streets: tuple[Street, ...], rng: np.random.Generator) -> list[tuple[str, Place, Box | None]]:
    """One thing every 7-17 m of the driven streets, away from the crossings for what stands on the kerb."""
    found: list[tuple[str, Place, Box | None]] = []
    for street in (s for s in streets if s.driven):
        along_m = PAST_THE_CORNER_M + 6
        while along_m < street.length_m - PAST_THE_CORNER_M - 4:
            key = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            across_m = _across_m(key, street, rng)
            east_m, north_m = street.to_world(along_m, across_m)
            if key in ON_ROAD or _clear_of_crossings(east_m, north_m, street, streets):
                turn_deg = rng.uniform(0, 360) if key == "pothole" else rng.choice([0, 90]) + rng.normal(0, 8)
                heading_deg = street.heading_deg + (rng.normal(0, 3) if key not in ON_ROAD else turn_deg)
                found.append((key, Place(east_m, north_m, heading_deg), None))
            along_m += rng.uniform(7, 17)
    return found


def _across_m(key: str, street: Street, rng: np.random.Generator) -> float:
    """Where across the street a thing of this class lies; the vehicle drives on the right."""
    half_m = street.half_width_m
    if key in ON_ROAD:
        return float(rng.uniform(-half_m + 1.0, half_m - 0.9))
    side = 1 if rng.random() < 0.68 else -1
    if key == "construction_barrier":
        return float(half_m - rng.uniform(0.4, 0.9)) * side
    if key == "sand_rubble":
        return float(half_m + rng.uniform(-0.6, 1.2)) * side
    return float(half_m + rng.uniform(-0.4, street.walk_m - 0.8)) * side


def _clear_of_crossings(east_m: float, north_m: float, own: Street, streets: tuple[Street, ...]) -> bool:
    point = np.array([east_m], np.float32), np.array([north_m], np.float32)
    return all(float(s.outside_m(*s.to_local(*point))[0]) > 5 for s in streets if s is not own)


def _on_walls(
    boxes: tuple[Box, ...], streets: tuple[Street, ...], rng: np.random.Generator
) -> list[tuple[str, Place, Box | None]]:
    found: list[tuple[str, Place, Box | None]] = []
    for box in boxes:
        middle: Floats = box.corner_m + box.along_m / 2
        is_wall = box.height_m < 3.5 and float(np.linalg.norm(box.along_m)) > 6
        if is_wall and rng.random() < GRAFFITI_PER_WALL:
            found.append(("graffiti", Place(float(middle[0]), float(middle[1]), 0.0), box))
    return found


def _graffiti(wall: Box, look: Look, rng: np.random.Generator) -> Graffiti:
    front, _ = wall.faces[-1]
    return make_graffiti(wall.corner_m, wall.along_m, wall.height_m, wall.tint * look.on_surface(front.outward), rng)

"""One simulated town: built once per seed, then looked at from many places."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.defects.placing import HARMLESS, Defects
from datasets.simulator.light import Look, random_look
from datasets.simulator.noise import seamless_noise
from datasets.simulator.town.buildings import Box, build_lots
from datasets.simulator.town.facades import draw_facades
from datasets.simulator.town.furniture import Furniture, furnish
from datasets.simulator.town.ground import GroundTiles, make_tiles
from datasets.simulator.town.streets import Street, lay_streets
from datasets.simulator.track import Route


@dataclass(frozen=True)
class Town:
    """Everything a camera could see along a route."""

    look: Look
    streets: tuple[Street, ...]
    tiles: GroundTiles
    clouds: Floats
    boxes: tuple[Box, ...]
    furniture: Furniture
    defects: Defects

    @cached_property
    def boxes_m(self) -> Floats:
        """Middles of the boxes (n, 3)."""
        return np.array([box.base_m.mean(axis=0) for box in self.boxes]).reshape(-1, 3)

    @cached_property
    def defects_m(self) -> Floats:
        """Places of the defects (n, 2)."""
        return np.array([(d.place.east_m, d.place.north_m) for d in self.defects.all]).reshape(-1, 2)


def build_town(route: Route, seed: int, day: int | None = None) -> Town:
    """The town around a route as the seed has it; on another day the weather and the parked cars are others."""
    look = random_look(np.random.default_rng([seed, 2]))
    if day is not None:
        look = look.under(random_look(np.random.default_rng([seed, 11, day])))
    streets = lay_streets(route.corners_m, np.random.default_rng([seed, 3]))
    stock = draw_facades(np.random.default_rng([seed, 4]))
    boxes = build_lots(streets, stock, np.random.default_rng([seed, 5]))
    defects = Defects(streets, boxes, look, seed, route.town)
    standing_m = np.array([(d.place.east_m, d.place.north_m) for d in defects.all if d.class_key != HARMLESS])
    furniture = furnish(streets, standing_m.reshape(-1, 2), look, np.random.default_rng([seed, 10]))
    if day is not None:
        parked = furnish(streets, standing_m.reshape(-1, 2), look, np.random.default_rng([seed, 10, day]))
        furniture = replace(furniture, cars=parked.cars)
    noise = np.random.default_rng([seed, 6])
    return Town(
        look=look,
        streets=streets,
        tiles=make_tiles(noise),
        clouds=seamless_noise(noise, 512, 1.6),
        boxes=boxes,
        furniture=furniture,
        defects=defects,
    )

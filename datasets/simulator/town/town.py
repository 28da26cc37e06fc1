"""One simulated town: built once per seed, then looked at from many places."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.simulator.defects.placing import Defects
from datasets.simulator.light import Look, random_look
from datasets.simulator.noise import seamless_noise
from datasets.simulator.town.buildings import Box, build_lots
from datasets.simulator.town.facades import draw_facades
from datasets.simulator.town.ground import GroundTiles, make_tiles
from datasets.simulator.town.streets import Street, lay_streets
from datasets.simulator.track import Route


@dataclass(frozen=True)
class Town:
    """Everything a camera could see along a route."""

    look: Look
    streets: tuple[Street, ...]
    tiles: GroundTiles
    clouds: NDArray[np.float32]
    boxes: tuple[Box, ...]
    defects: Defects


def build_town(route: Route, seed: int) -> Town:
    """The town around a route as the seed has it."""
    look = random_look(np.random.default_rng([seed, 2]))
    streets = lay_streets(route.corners_m, np.random.default_rng([seed, 3]))
    stock = draw_facades(np.random.default_rng([seed, 4]))
    boxes = build_lots(streets, stock, np.random.default_rng([seed, 5]))
    noise = np.random.default_rng([seed, 6])
    return Town(
        look, streets, make_tiles(noise), seamless_noise(noise, 512, 1.6), boxes, Defects(streets, boxes, look, seed)
    )

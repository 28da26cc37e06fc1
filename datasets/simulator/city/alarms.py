"""False alarms: boxes of a single frame, shadows that last for a pass, and manholes that come back in every pass."""

from collections.abc import Iterator

import numpy as np

from datasets.simulator.city.boxes import Boxes, Scene, scores
from datasets.simulator.city.placing import scatter
from datasets.simulator.city.rates import Rates
from datasets.simulator.city.seeing import Views, look, show
from datasets.simulator.city.things import things_of
from datasets.taxonomy import KEYS

SIGHT_M = 25.0  # shadows and manholes do not deceive from farther away
DECEIVES = 0.5  # of the frames that show it, about so many
LONE_AHEAD_M, LONE_SLANT = (5.0, 28.0), 0.45


def false_alarms(scene: Scene, rates: Rates, rng: np.random.Generator) -> Iterator[Boxes]:
    """As many of each class and kind as the rates have it, over all frames of the pass."""
    for i, key in enumerate(KEYS):
        one = rates.classes[key]
        wanted = one.false_per_frame * len(scene.poses.time_s)
        lone = wanted * (1 - rates.shadow_share - rates.manhole_share)
        manholes = np.random.default_rng([scene.city.seed, 52, i])
        for views in (
            _lone(scene, key, int(rng.poisson(lone)), rng),
            _fixed(scene, key, wanted * rates.shadow_share, rng, rng),
            _fixed(scene, key, wanted * rates.manhole_share, manholes, rng),
        ):
            score = scores(one.threshold, one.score_false, rng.random(len(views)))
            yield Boxes(views.frame, np.full(len(views), i), np.full(len(views), -1), score, views.xyxy_px)


def _lone(scene: Scene, key: str, count: int, rng: np.random.Generator) -> Views:
    """Somewhere before the vehicle; twice as many are tried, for some would be too small to be seen."""
    rows = rng.integers(len(scene.poses.time_s), size=2 * count)
    ahead_m = rng.uniform(*LONE_AHEAD_M, len(rows))
    right_m = ahead_m * rng.uniform(-LONE_SLANT, LONE_SLANT, len(rows))
    heading = np.radians(scene.poses.heading_deg[rows])
    s, c = np.sin(heading), np.cos(heading)
    step = np.column_stack([ahead_m * s + right_m * c, ahead_m * c - right_m * s])
    looks = things_of(scatter(scene.city.streets, key, len(rows), rng), scene.starts_at)
    things = looks.moved(scene.poses.place_m[rows] + step, scene.poses.heading_deg[rows])
    views = show(things, scene.poses, scene.camera, rows, np.arange(len(rows)))
    return views.take(np.arange(min(count, len(views))))


def _fixed(scene: Scene, key: str, wanted: float, places: np.random.Generator, rng: np.random.Generator) -> Views:
    """The first things of an endless list, so many that about DECEIVES of their views are the `wanted` boxes.

    The list follows from `places`: manholes are the same ones in every pass.
    """
    tried = 20 + int(wanted)
    things = things_of(scatter(scene.city.streets, key, tried, places), scene.starts_at)
    views = look(things, scene.poses, scene.camera, scene.city.open_ground, SIGHT_M)
    so_far = np.cumsum(np.bincount(views.thing, minlength=tried))
    views = views.take(views.thing <= np.searchsorted(so_far, wanted / DECEIVES))
    return views.take(rng.random(len(views)) * len(views) < wanted)

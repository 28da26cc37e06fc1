"""What the defects of a class are like: how many, how large, where across the street, and whether they grow."""

from dataclasses import dataclass
from typing import Literal

from datasets.taxonomy import KEYS

Lies = Literal["lane", "kerb", "edge", "walk", "wall", "pole"]
Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """share: of all defects. grouped: chance that a defect starts a group of its class, members at 2-6 m."""

    share: float
    lies: Lies
    length_m: Range
    width_m: Range
    height_m: Range = (0.0, 0.0)
    base_m: Range = (0.0, 0.0)
    grouped: float = 0.0
    grows: bool = False
    lasts_days: Range = (25.0, 120.0)  # of those that are repaired


# Sizes of potholes, cracks, heaps, writing and barriers span those that the rendering simulator draws (`defects/`);
# the others, which it does not draw, are our estimates. Shares lie between the boxes of the Saudi Smartathon frames
# (garbage 1542, barriers 477, potholes and cracks 416, sidewalks 411, billboards 282, writing 224, sand 135, façades
# 32, signs 41) and a road agency's (potholes 1319, cracks 1299 in 1000 frames): the first label roads incompletely.
KINDS: dict[str, Kind] = {
    "pothole": Kind(0.25, "lane", (0.35, 1.6), (0.3, 1.3), grouped=0.13, grows=True, lasts_days=(12, 70)),
    "road_crack": Kind(0.15, "lane", (0.8, 4.0), (0.4, 2.4), grouped=0.1, grows=True),
    "garbage": Kind(0.22, "walk", (0.5, 2.6), (0.4, 1.4), (0.25, 1.0), grouped=0.12, grows=True, lasts_days=(4, 40)),
    "graffiti": Kind(0.08, "wall", (1.5, 4.5), (0.0, 0.0), (0.8, 1.6), (0.3, 1.5), grouped=0.12),
    "construction_barrier": Kind(0.08, "edge", (1.6, 8.0), (0.4, 0.6), (0.75, 1.0), grouped=0.15, lasts_days=(10, 60)),
    "neglected_sidewalk": Kind(0.06, "walk", (3.0, 9.0), (1.2, 2.4), (0.0, 0.15)),
    "bad_billboard": Kind(0.04, "pole", (1.2, 3.5), (0.1, 0.3), (1.0, 2.2), (1.2, 2.8)),
    "sand_rubble": Kind(0.06, "kerb", (1.6, 4.5), (0.9, 2.2), (0.2, 0.9), grouped=0.12, grows=True),
    "standing_water": Kind(0.03, "kerb", (1.5, 7.0), (0.8, 2.6), grows=True, lasts_days=(3, 20)),
    "damaged_sign": Kind(0.02, "pole", (0.5, 0.8), (0.05, 0.05), (0.6, 0.9), (1.8, 2.3)),
    "unkept_facade": Kind(0.01, "wall", (4.0, 10.0), (0.0, 0.0), (2.4, 4.5)),
}
if tuple(KINDS) != KEYS:
    raise ValueError(f"kinds: expected the classes {KEYS} in their order, got {tuple(KINDS)}; add or sort them")

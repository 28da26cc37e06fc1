"""What is known of a class's things before they are measured: how deep, how high, how far above the road."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Usual values and their standard deviations."""

    half_depth_m: float = 0.0  # along the view, from the near edge, which a box's lower edge shows, to the middle
    half_depth_sd_m: float = 0.1
    base_m: float = 0.0  # how high above the road the lower edge is
    base_sd_m: float = 0.03
    height_m: float | None = None  # of what stands; None: it lies flat on the road and spans its own depth
    height_sd: float = 0.4  # of the height's logarithm
    width_m: float | None = None  # of what lies flat: tells a rough range where the road does not
    viewpoint_sd_m: float = 0.2  # per axis: from each side a thing of some extent seems to lie elsewhere


# Our estimates of what stands in streets; the sizes of `datasets/simulator/city/kinds.py` span the same.
SHAPES: dict[str, Shape] = {
    "pothole": Shape(0.5, 0.3, width_m=0.9),
    "road_crack": Shape(1.0, 0.6, width_m=1.5, viewpoint_sd_m=0.5),
    "garbage": Shape(0.8, 0.5, height_m=0.6, height_sd=0.6, viewpoint_sd_m=0.9),
    "graffiti": Shape(1.0, 0.7, 0.7, 0.4, height_m=1.2, viewpoint_sd_m=1.6),
    "construction_barrier": Shape(1.6, 0.9, height_m=0.9, height_sd=0.3, viewpoint_sd_m=0.9),
    "neglected_sidewalk": Shape(2.3, 1.2, 0.05, 0.07, width_m=2.5, viewpoint_sd_m=1.0),
    "bad_billboard": Shape(0.5, 0.5, 1.9, 0.6, height_m=1.5, viewpoint_sd_m=1.2),
    "sand_rubble": Shape(1.7, 0.8, height_m=0.7, height_sd=0.6, viewpoint_sd_m=0.9),
    "standing_water": Shape(1.3, 0.8, width_m=2.5, viewpoint_sd_m=0.8),
    "damaged_sign": Shape(0.2, 0.2, 1.9, 0.4, height_m=0.7, height_sd=0.3),
    "unkept_facade": Shape(2.0, 1.5, 0.2, 0.4, height_m=3.3, viewpoint_sd_m=3.0),
}
ANY = Shape()  # of no known class: its lower edge is on the road

"""The ground that a frame looked at, as cells of a grid, so that a street is called seen only where somebody looked."""

import math
from dataclasses import dataclass

import h3.api.basic_int as h3
import numpy as np

from service.core.plane import Floats, metres_per_degree

RESOLUTION = 12  # cells 18 to 21 m across: about a street with its pavements
# Of the potholes drawn in 300 rendered frames (seeds 2100-2111) rasid-n 0.3 found, by metres from the camera: 5-10 all
# of 40, 10-15 0.98, 15-20 0.84, 20-25 0.74, 25-30 a third of 3; of the cracks 0.88 at 10-15 and 0.29 at 15-20. Garbage
# and sand are found to 50 m, but a street is seen where its surface is.
FAR_M = 20.0
NEAR_M = 4.0  # where the picture's lower edge meets the road is unknown: a car's bonnet hides about this much
HALF_WIDTH_M = 8.0  # two lanes and a pavement; beyond, walls and parked cars hide the ground
HFOV_DEG = 60.0  # of an unknown camera: less than any dashboard camera or telephone held across
GRID_M = 2.0
POLAR_LAT = 89.0  # beyond, the plane around a place is no plane of degrees any more, and there are no streets


@dataclass(frozen=True)
class Camera:
    """What is known of how a vehicle's camera looks; see `service.accounts.schemas.CameraProfile`."""

    height_m: float | None = None
    pitch_deg: float | None = None
    yaw_deg: float = 0.0
    hfov_deg: float | None = None


@dataclass(frozen=True)
class Sector:
    """A piece of flat road before the lens: from near to far, as wide as the view but not wider than the street."""

    near_m: float
    far_m: float
    half_angle_deg: float


def sector(camera: Camera, width_px: int | None, height_px: int | None) -> Sector | None:
    """The useful part of the road that the picture shows; None for a camera that looks over it.

    Near and far come from where the picture's lower and upper edge meet flat ground, as in
    `service.identity.locate`, far at most FAR_M. Without mounting or size near is NEAR_M.
    """
    half_angle_deg = (camera.hfov_deg or HFOV_DEG) / 2
    if None in (camera.height_m, camera.pitch_deg, camera.hfov_deg) or not width_px or not height_px:
        return Sector(NEAR_M, FAR_M, half_angle_deg)
    assert camera.height_m is not None and camera.pitch_deg is not None
    half_rise = math.degrees(math.atan(math.tan(math.radians(half_angle_deg)) * height_px / width_px))
    near_m = _meets_road_m(camera.height_m, camera.pitch_deg + half_rise)
    far_m = min(FAR_M, _meets_road_m(camera.height_m, camera.pitch_deg - half_rise))
    return Sector(near_m, far_m, half_angle_deg) if near_m < far_m else None


def footprint(lat: float, lon: float, heading_deg: float | None, camera: Camera, seen: Sector | None) -> list[int]:
    """Cells, ascending, that hold at least one point of the seen ground; points lie GRID_M apart.

    Overlap and not the cell's middle: of a street driven 3 m beside its centre line, fixes 2 m off, a frame every 8 m
    and 60 degrees of view, cells whose middle was seen hold 82 % of the metres, these cells all (14 m: 67 and 100 %).
    The price is a street that lies next to it: 26 % of its metres count at 25 m, 3 % at 30 m and none from 35 m on.
    HALF_WIDTH_M keeps it there.

    Without a heading nothing is known but where the vehicle was: its own cell, no neighbour.
    """
    if heading_deg is None or abs(lat) > POLAR_LAT:
        return [h3.latlng_to_cell(lat, lon, RESOLUTION)]
    if seen is None:
        return []
    ahead_m, side_m = _points(seen)
    bearing = math.radians(heading_deg + camera.yaw_deg)
    per_lat, per_lon = metres_per_degree(lat)
    lats = lat + (ahead_m * math.cos(bearing) - side_m * math.sin(bearing)) / per_lat
    lons = lon + (ahead_m * math.sin(bearing) + side_m * math.cos(bearing)) / per_lon
    return sorted({h3.latlng_to_cell(*place, RESOLUTION) for place in zip(lats.tolist(), lons.tolist(), strict=True)})


def _meets_road_m(height_m: float, down_deg: float) -> float:
    """Metres ahead where a ray this far below the horizon meets flat road: none at the horizon, 0 straight down."""
    if down_deg <= 0:
        return math.inf
    return height_m / math.tan(math.radians(down_deg)) if down_deg < 90 else 0.0


def _points(seen: Sector) -> tuple[Floats, Floats]:
    """Metres ahead and to the right of the points that stand for the sector; its axis is always among them."""
    ahead = np.linspace(seen.near_m, seen.far_m, math.ceil((seen.far_m - seen.near_m) / GRID_M) + 1)
    side = np.arange(-HALF_WIDTH_M, HALF_WIDTH_M + GRID_M / 2, GRID_M)
    ahead_m, side_m = (grid.ravel() for grid in np.meshgrid(ahead, side))
    reach = ahead_m * math.tan(math.radians(seen.half_angle_deg))
    inside = (np.abs(side_m) <= reach) & (np.hypot(ahead_m, side_m) <= seen.far_m + 1e-9)
    return ahead_m[inside], side_m[inside]

"""Draws survey passes through one town: the same defects photographed weeks apart and in both directions of travel.

Vehicles, their cameras and receivers are those of the simulated city: one truth stands behind pixels and fixes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import nan

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.camera import View
from datasets.simulator.city.city import STARTS_AT, City
from datasets.simulator.city.driving import TURN_M
from datasets.simulator.city.frames import ObservedFrame
from datasets.simulator.city.observing import VISIBLE_M, told_frames
from datasets.simulator.city.passes import Pass, plan_passes
from datasets.simulator.city.routes import Leg
from datasets.simulator.city.streets import Street
from datasets.simulator.city.track import record_track
from datasets.simulator.frame import RenderedFrame, Truth
from datasets.simulator.lens import Lens
from datasets.simulator.scene import Seen, paint_through
from datasets.simulator.town.town import build_town
from datasets.simulator.track import LANE_M, Route, route_through

DAYS = 90
USUAL_SPACING_M = 6.2  # between frames at a collector's speeds
POINT_EVERY_M = 4.0


@dataclass(frozen=True, eq=False)
class DrawnFrame:
    """told: as the vehicle tells it, with the true pose and no boxes. picture: its JPEG has all that in its EXIF.

    The truths of the picture are the visible defects; of `glimpses` too little shows to ask for them.
    """

    told: ObservedFrame
    picture: RenderedFrame
    glimpses: tuple[Truth, ...]


@dataclass(frozen=True, eq=False)
class DrawnSurvey:
    """A stretch of a town's route with its passes; `city` has its streets and frame, its defects are the town's."""

    route: Route
    city: City
    passes: tuple[Pass, ...]

    def draw(self, one_pass: Pass) -> Iterator[DrawnFrame]:
        """The frames of a pass in the order they were taken; the same each time."""
        town, camera = build_town(self.route, self.city.seed, one_pass.number), one_pass.vehicle.camera
        lens = Lens(camera.width, camera.height, camera.focal_px, camera.radial)
        track = record_track(self.city.streets, one_pass)
        for index, told in enumerate(told_frames(self.city, one_pass, track)):
            pose = told.truth
            level = lens.level_camera(camera.height_m, pose.pitch_deg)
            view = View(level, pose.east_m, pose.north_m, pose.heading_deg + camera.yaw_deg)
            rng = np.random.default_rng([one_pass.seed, 9, index])
            pixels, shown = paint_through(lens, town, view, pose.roll_deg, rng)
            truths = tuple(_truth(self.route, one) for one in shown if one.visible)
            near = tuple(one.defect_id for one in truths if one.distance_m <= VISIBLE_M)
            told = replace(told, truth=replace(pose, visible_ids=near))
            picture = RenderedFrame(
                f"{told.frame_id}.jpg", pixels, told.lat, told.lon,
                nan if told.heading_deg is None else told.heading_deg,
                told.captured_at, told.speed_mps, camera.focal_px, truths, told.gps_dop, told.gps_sd_m,
            )  # fmt: skip
            yield DrawnFrame(told, picture, tuple(_truth(self.route, one) for one in shown if not one.visible))


def survey_town(
    seed: int, *, frames_a_pass: int, passes: int = 4, town: str = "dammam", gps_sd_m: float = 2.5,
    camera_error_deg: float = 0.0, bump_sd_deg: float = 0.5,
) -> DrawnSurvey:  # fmt: skip
    """Passes of about so many frames along one stretch of the town's route, every second one against it."""
    route = route_through(town)
    streets = _stretch(route, frames_a_pass * USUAL_SPACING_M + 2 * TURN_M, seed % len(route.corners_m))
    city = City(route.frame, streets, (), STARTS_AT, STARTS_AT + timedelta(days=DAYS), seed)
    plans = plan_passes(
        city, passes=passes, days=DAYS, seed=seed, gps_sd_m=gps_sd_m, camera_error_deg=camera_error_deg,
        bump_sd_deg=bump_sd_deg,
    )  # fmt: skip
    there = tuple(Leg(i, True) for i in range(len(streets)))
    back = tuple(Leg(i, False) for i in reversed(range(len(streets))))
    driven = (replace(one, route=back if one.number % 2 else there) for one in plans)
    return DrawnSurvey(route, city, tuple(driven))


def _stretch(route: Route, length_m: float, first: int) -> tuple[Street, ...]:
    """Streets of the route from a corner on, in driving order, the last one cut to the length."""
    corners_m = np.roll(route.corners_m, -first, axis=0)
    found: list[Street] = []
    for a, b in zip(corners_m, np.roll(corners_m, -1, axis=0), strict=True):
        whole_m = float(np.hypot(*(b - a)))
        found.append(_street(len(found), a, a + (b - a) * min(1.0, length_m / whole_m)))
        length_m -= whole_m
        if length_m < 3 * TURN_M:
            break
    return tuple(found)


def _street(index: int, a: Floats, b: Floats) -> Street:
    """Two lanes, each with its middle where the town's own drives keep."""
    steps = np.linspace(0, 1, max(2, round(float(np.hypot(*(b - a))) / POINT_EVERY_M) + 1))[:, None]
    return Street(
        f"s{index}", f"Street {index}", "collector", a + (b - a) * steps,
        oneway=False, lanes=2, width_m=4 * LANE_M, setback_m=0.0, start_node=index, end_node=index + 1,
    )  # fmt: skip


def _truth(route: Route, seen: Seen) -> Truth:
    lat, lon = route.frame.to_wgs84(seen.east_m, seen.north_m)
    return Truth(seen.defect.class_key, seen.xyxy_px, seen.defect.defect_id, lat, lon, seen.distance_m)

"""A survey drive through a simulated town, frame by frame."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from datasets.simulator.camera import CameraModel, View
from datasets.simulator.frame import RenderedFrame, Truth
from datasets.simulator.scene import Seen, paint_scene
from datasets.simulator.town.town import build_town
from datasets.simulator.track import DEFAULT_START, Route, drive_moments, route_through

DEMO_SEEDS = range(2000, 3000)  # shown to people and measured on; training keeps away from them


def drive(
    seed: int,
    frames: int,
    town: str = "dammam",
    start: datetime = DEFAULT_START,
    camera: CameraModel | None = None,
) -> Iterator[RenderedFrame]:
    """Render `frames` frames of a drive, 5-8 m apart; the same arguments give the same pixels and truths."""
    camera = camera or CameraModel()
    route = route_through(town)
    place = build_town(route, seed)
    moments = drive_moments(route, frames, seed, start)
    for index, (driven_m, captured_at, speed_mps) in enumerate(moments):
        east_m, north_m, heading_deg = route.at(driven_m)
        view = View(camera, east_m, north_m, heading_deg)
        pixels, seen = paint_scene(place, view, np.random.default_rng([seed, 9, index]))
        lat, lon = route.frame.to_wgs84(east_m, north_m)
        yield RenderedFrame(
            name=f"sim_{town}_{seed:04d}_{index:05d}.jpg",
            pixels=pixels,
            lat=lat,
            lon=lon,
            heading_deg=heading_deg,
            captured_at=captured_at,
            speed_mps=speed_mps,
            focal_px=camera.focal_px,
            truths=tuple(_truth(route, one) for one in seen),
        )


def _truth(route: Route, seen: Seen) -> Truth:
    lat, lon = route.frame.to_wgs84(seen.east_m, seen.north_m)
    defect = seen.defect
    return Truth(defect.class_key, seen.xyxy_px, defect.defect_id, lat, lon, seen.distance_m)

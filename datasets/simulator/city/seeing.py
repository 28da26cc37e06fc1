"""Which things a frame shows: near enough, inside the picture, large enough and not behind a wall."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.simulator.arrays import Floats
from datasets.simulator.city.city import OpenGround
from datasets.simulator.city.optics import NEAR_M, Poses, project
from datasets.simulator.city.things import Indices, Things
from datasets.simulator.city.vehicles import TrueCamera

SIGHT_M = 55.0  # the detector finds heaps and walls beyond the 40 m within which a truth counts as visible
FRAMES_AT_ONCE = 512
SMALLEST_PX = (12.0, 5.0)  # width and height, as in the rendering simulator (`scene.SMALLEST_PX`), ...
FOR_WIDTH = 1280  # ... for a picture so wide
LEAST_SHOWN = 0.5  # share of the whole box that lies inside the picture
GLANCES = (np.arange(12) + 0.5) / 12 * 0.92  # points of the line of sight that must be free; the last lie at the thing


@dataclass(frozen=True, eq=False)
class Views:
    """One row for each thing that a frame shows, by frame; boxes are cut at the picture's edge."""

    frame: Indices
    thing: Indices
    distance_m: Floats
    right_m: Floats  # of the vehicle's axis
    scale: Floats
    xyxy_px: Floats

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: Indices | NDArray[np.bool_]) -> "Views":
        return Views(
            self.frame[rows],
            self.thing[rows],
            self.distance_m[rows],
            self.right_m[rows],
            self.scale[rows],
            self.xyxy_px[rows],
        )


def look(things: Things, poses: Poses, camera: TrueCamera, ground: OpenGround, sight_m: float = SIGHT_M) -> Views:
    """What each frame shows, in the order of the frames."""
    near = _near(things, poses, sight_m)
    found = [_open_view(show(things, poses, camera, rows, columns), poses, things, ground) for rows, columns in near]
    return Views(
        *(
            np.concatenate([getattr(part, name) for part in found])
            for name in ("frame", "thing", "distance_m", "right_m", "scale", "xyxy_px")
        )
    )


def _near(things: Things, poses: Poses, sight_m: float) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of frame and thing within sight and not behind the vehicle, by frame."""
    heading = np.radians(poses.heading_deg)
    ahead = np.column_stack([np.sin(heading), np.cos(heading)])
    for first in range(0, len(heading), FRAMES_AT_ONCE):
        part = slice(first, first + FRAMES_AT_ONCE)
        place_m = poses.place_m[part]
        low, high = place_m.min(axis=0) - sight_m, place_m.max(axis=0) + sight_m
        local = np.flatnonzero(((things.place_m >= low) & (things.place_m <= high)).all(axis=1))
        de = things.place_m[local, 0] - place_m[:, :1]
        dn = things.place_m[local, 1] - place_m[:, 1:]
        near = (de * de + dn * dn < sight_m**2) & (de * ahead[part, :1] + dn * ahead[part, 1:] > 0)
        rows, columns = np.nonzero(near)
        yield rows + first, local[columns]


def show(things: Things, poses: Poses, camera: TrueCamera, rows: Indices, columns: Indices) -> Views:
    """Of pairs of frame and thing those that the picture shows, walls left aside."""
    scale = things.scale(columns, poses.time_s[rows])
    there = scale > 0
    rows, columns, scale = rows[there], columns[there], scale[there]
    here = poses.take(rows)
    pixels, depth_m = project(things.outlines(columns, scale), here, camera)
    whole_px = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    cut_px = np.clip(whole_px, 0, np.array([camera.width, camera.height, camera.width, camera.height], float))
    sides, whole_sides = (box[:, 2:] - box[:, :2] for box in (cut_px, whole_px))
    shown = (depth_m.min(axis=1) > NEAR_M) & (sides >= np.array(SMALLEST_PX) * camera.width / FOR_WIDTH).all(axis=1)
    shown &= sides.prod(axis=1) >= LEAST_SHOWN * whole_sides.prod(axis=1)
    step = things.place_m[columns] - here.place_m
    heading = np.radians(here.heading_deg)
    right_m = step[:, 0] * np.cos(heading) - step[:, 1] * np.sin(heading)
    return Views(rows, columns, np.hypot(step[:, 0], step[:, 1]), right_m, scale, cut_px).take(shown)


def _open_view(views: Views, poses: Poses, things: Things, ground: OpenGround) -> Views:
    """Without what lies behind a wall."""
    eye_m = poses.place_m[views.frame]
    step = things.place_m[views.thing] - eye_m
    east_m = eye_m[:, :1] + step[:, :1] * GLANCES
    north_m = eye_m[:, 1:] + step[:, 1:] * GLANCES
    return views.take(np.asarray(ground.at(east_m, north_m).all(axis=1)))

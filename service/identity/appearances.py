"""Where things on the ground appear in the frames of a drive and what makes them appear elsewhere: the equations that a
measurement of the camera's mounting is fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sin
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Fix: TypeAlias = tuple[float, float, float]  # east and north in metres of a local plane, seconds

FARTHEST_M = 40.0  # where a thing is first taken to be whose ray meets the road farther away or not at all
BOX_SD = 0.003  # of a box's edge on the normalised image plane: 3 px of 1000 px focal length, ...
BOX_SD_M = 0.04  # ... and of the thing's own size, as its edge is
DEPTH_SD_M = 0.3
LEAST_DEPRESSION = 0.02  # 1 degree, as a tangent
SLIP = 0.01  # sideways per metre driven: cars leave the way they point by about half a degree
LONGEST_STEP_M = 15.0  # of a bend in which the middle of two headings is the way between them
LARGEST_TURN = radians(30)
DRIFT_S = 30.0  # after which the slow error of a receiver is another one


@dataclass(frozen=True)
class Sight:
    """One frame's view of a thing that stands or lies on the ground, from where and when the vehicle was.

    x, y: the middle of the box's lower edge on the normalised image plane, ((u - cx) / f, (v - cy) / f), distortion
    removed, or of what lies flat the middle of the thing (`middle_row`); the edge must be the thing's own and not the
    picture's. Sights with the same fix are of one frame.
    depth_sd_m: how far behind y the middle of the thing may lie, which is what its left and right edge tell of.
    course: the two fixes of the track between which the heading was taken, whose errors it then shares; None: the
    heading was measured by itself.
    """

    fix: Fix
    heading_deg: float
    x: float
    y: float
    depth_sd_m: float = DEPTH_SD_M
    course: tuple[Fix, Fix] | None = None


@dataclass(frozen=True)
class Pose:
    """The camera on the vehicle, radians and metres."""

    pitch: float
    yaw: float
    height_m: float

    def moved(self, by: Floats) -> "Pose":
        return Pose(self.pitch + float(by[0]), self.yaw + float(by[1]), self.height_m + float(by[2]))


@dataclass(frozen=True)
class Block:
    """Things that share frames: by fix of the track place and time, and by frame, the first of these fixes, the
    heading; by sight which frame shows which thing where; by thing where it is taken to lie.

    steps: pairs of frames, one after the other. courses: rows of a frame and the fixes its heading was taken between.
    """

    track_m: Floats
    at_s: Floats
    heading: Floats
    steps: Indices
    courses: Indices
    frame: Indices
    thing: Indices
    xy: Floats
    depth_sd_m: Floats
    places_m: Floats
    weights: Floats  # by row of the equations: 1, less for what does not fit

    def moved(self, by_m: Floats, weights: Floats) -> "Block":
        return replace(self, places_m=self.places_m + by_m, weights=weights)


@dataclass(frozen=True)
class Rows:
    """One equation for every x, then every y, then every step: what it misses, how that changes with the camera and
    with the things' places, and its covariance: of each kind of error at unit variance, and `noise` of its own."""

    residuals: Floats
    by_camera: Floats
    by_places: Floats
    kinds: Floats  # bump, heading, fix, drift
    noise: Floats


def middle_row(near_y: float, far_y: float, pitch: float) -> float:
    """y of the middle of something flat, on the ground, by its lower and upper edge; `near_y` where the upper one is at
    the horizon. Depressions t of the three obey 2 / t = 1 / t_near + 1 / t_far."""
    near, far = ((sin(pitch) + y * cos(pitch)) / (cos(pitch) - y * sin(pitch)) for y in (near_y, far_y))
    if min(near, far) < LEAST_DEPRESSION:
        return near_y
    middle = 2 * near * far / (near + far)
    return (middle * cos(pitch) - sin(pitch)) / (cos(pitch) + middle * sin(pitch))


def block_of(things: Sequence[Sequence[Sight]], pose: Pose) -> Block:
    """The things where the nearest of their sights puts them."""
    sights = [sight for sights in things for sight in sights]
    index: dict[Fix, int] = {}
    frame = np.array([index.setdefault(one.fix, len(index)) for one in sights])
    heading = np.zeros(len(index))
    heading[frame] = np.radians([one.heading_deg for one in sights])
    courses = {
        (index[one.fix], *(index.setdefault(end, len(index)) for end in one.course)) for one in sights if one.course
    }
    track = np.array(list(index))
    thing = np.repeat(np.arange(len(things)), [len(sights) for sights in things])
    steps = _steps(track[:, :2], heading, frame, thing)
    block = Block(
        track_m=track[:, :2],
        at_s=track[:, 2],
        heading=heading,
        steps=steps,
        courses=np.array(sorted(courses), int).reshape(-1, 3),
        frame=frame,
        thing=thing,
        xy=np.array([(sight.x, sight.y) for sight in sights]),
        depth_sd_m=np.array([sight.depth_sd_m for sight in sights]),
        places_m=np.zeros((len(things), 2)),
        weights=np.ones(2 * len(sights) + len(steps)),
    )
    return replace(block, places_m=_first_places_m(block, pose))


def rows_of(block: Block, pose: Pose) -> Rows:
    """The equations with the camera as in `pose`. A vehicle drives the way it points: the steps show how far its
    headings and positions err."""
    view = _view(block, pose)
    missed_m, step_heading, step_east, step_north = _step_rows(block)
    box = BOX_SD**2 + (BOX_SD_M / view.depth_m) ** 2
    slip = (SLIP * _lengths_m(block.track_m, block.steps)) ** 2
    of_thing = np.tile(block.thing[:, None] == np.arange(len(block.places_m)), (2, 1))
    of_frame = np.tile(block.frame[:, None] == np.arange(len(block.track_m)), (2, 1))
    idle = ((0, len(block.steps)), (0, 0))
    camera = np.column_stack([view.by_pitch, view.by_yaw, view.by_height])
    places = np.stack([of_thing * view.by_east[:, None], of_thing * view.by_north[:, None]], axis=2)
    return Rows(
        residuals=np.concatenate([block.xy.T.ravel() - view.xy, missed_m]),
        by_camera=np.pad(camera, idle),
        by_places=np.pad(places.reshape(len(places), -1), idle),
        kinds=_kinds(
            block,
            np.pad(of_frame * view.by_pitch[:, None], idle),
            np.vstack([of_frame * -view.by_yaw[:, None], step_heading]),
            np.vstack([of_frame * view.by_east[:, None], step_east]),
            np.vstack([of_frame * view.by_north[:, None], step_north]),
        ),
        noise=np.concatenate([box + (view.xy[: len(box)] * block.depth_sd_m / view.depth_m) ** 2, box, slip]),
    )


@dataclass(frozen=True)
class _View:
    """Where the things appear, every x and then every y, and how that changes; depth_m by sight."""

    xy: Floats
    depth_m: Floats
    by_pitch: Floats
    by_yaw: Floats
    by_height: Floats
    by_east: Floats  # of the thing; with the vehicle it changes by the opposite
    by_north: Floats


def _view(block: Block, pose: Pose) -> _View:
    """A thing a ahead, r right and h below the lens appears at x = r / z, y = (h cos p - a sin p) / z with the depth
    z = a cos p + h sin p."""
    h, sin_p, cos_p = pose.height_m, sin(pose.pitch), cos(pose.pitch)
    way = block.heading[block.frame] + pose.yaw
    sin_w, cos_w = np.sin(way), np.cos(way)
    to_east, to_north = (block.places_m[block.thing] - block.track_m[block.frame]).T
    a = np.maximum(to_east * sin_w + to_north * cos_w, 1.0)  # only on the way to the solution it may lie behind
    r = to_east * cos_w - to_north * sin_w
    z = a * cos_p + h * sin_p
    x, y = r / z, (h * cos_p - a * sin_p) / z
    by_a, by_r = np.array([-x * cos_p, -sin_p - y * cos_p]) / z, np.array([1 / z, np.zeros_like(z)])
    return _View(
        xy=np.concatenate([x, y]),
        depth_m=z,
        by_pitch=np.concatenate([-x * y, -1 - y**2]),
        by_yaw=(by_a * r - by_r * a).ravel(),
        by_height=(np.array([-x * sin_p, cos_p - y * sin_p]) / z).ravel(),
        by_east=(by_a * sin_w + by_r * cos_w).ravel(),
        by_north=(by_a * cos_w - by_r * sin_w).ravel(),
    )


def _kinds(block: Block, bump: Floats, heading: Floats, east: Floats, north: Floats) -> Floats:
    """Covariances of the rows from how they change with the errors at each fix, (rows, fixes) each; a heading that was
    taken between two fixes errs by what these err across it."""
    drift = np.exp(-np.abs(block.at_s[:, None] - block.at_s) / DRIFT_S)
    frame, start, end = block.courses.T
    right = np.column_stack([np.cos(block.heading[frame]), -np.sin(block.heading[frame])])
    right /= _lengths_m(block.track_m, block.courses[:, 1:])[:, None]
    across = np.eye(len(block.track_m))[end] - np.eye(len(block.track_m))[start]
    east = east + heading[:, frame] * right[:, 0] @ across
    north = north + heading[:, frame] * right[:, 1] @ across
    return np.stack([
        bump @ bump.T,
        heading @ heading.T,
        east @ east.T + north @ north.T,
        east @ drift @ east.T + north @ drift @ north.T,
    ])  # fmt: skip


def _step_rows(block: Block) -> tuple[Floats, Floats, Floats, Floats]:
    """By step the metres that it leads to the right of the middle of its two headings, and how that changes with the
    errors of each frame's heading, east and north."""
    start, end = block.steps.T
    way = np.angle(np.exp(1j * block.heading[start]) + np.exp(1j * block.heading[end]))
    driven = block.track_m[end] - block.track_m[start]
    right = np.column_stack([np.cos(way), -np.sin(way)])
    one = np.eye(len(block.track_m))
    both, moved = one[end] + one[start], one[end] - one[start]
    half_m = _lengths_m(block.track_m, block.steps)[:, None] / 2
    return np.sum(driven * right, axis=1), -both * half_m, moved * right[:, :1], moved * right[:, 1:]


def _steps(track_m: Floats, heading: Floats, frame: Indices, thing: Indices) -> Indices:
    """Pairs of frames that show a thing one after the other, close enough and hardly turned."""
    pairs = np.column_stack([frame[:-1], frame[1:]])[thing[:-1] == thing[1:]]
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    turned = np.angle(np.exp(1j * (heading[pairs[:, 1]] - heading[pairs[:, 0]])))
    kept: Indices = pairs[(_lengths_m(track_m, pairs) <= LONGEST_STEP_M) & (np.abs(turned) <= LARGEST_TURN)]
    return kept


def _lengths_m(track_m: Floats, pairs: Indices) -> Floats:
    lengths_m: Floats = np.hypot(*(track_m[pairs[:, 1]] - track_m[pairs[:, 0]]).T)
    return lengths_m


def _first_places_m(block: Block, pose: Pose) -> Floats:
    x, y = block.xy.T
    down = np.maximum(sin(pose.pitch) + y * cos(pose.pitch), pose.height_m / FARTHEST_M)
    ahead_m = pose.height_m / down * (cos(pose.pitch) - y * sin(pose.pitch))
    right_m = pose.height_m / down * x
    way = block.heading[block.frame] + pose.yaw
    away = np.column_stack(
        [ahead_m * np.sin(way) + right_m * np.cos(way), ahead_m * np.cos(way) - right_m * np.sin(way)]
    )
    nearest_first = np.lexsort((ahead_m, block.thing))
    _, nearest = np.unique(block.thing[nearest_first], return_index=True)
    places_m: Floats = (block.track_m[block.frame] + away)[nearest_first[nearest]]
    return places_m

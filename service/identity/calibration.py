"""How the camera really hangs, measured from what it saw: a profile told by hand is a degree or two off, and one degree
of pitch moves a thing 20 m ahead by 3 m.

A thing that several frames of one pass show from different distances lies at one place. Pitch and yaw of the camera and
the places of all things are fitted together to where the things appear in the frames (bundle adjustment with a known
height: Triggs et al., Vision Algorithms, 2000). Appearances are compared in the image, where a bump errs as far up as
down, not on the ground, where it moves far things farther out than in.

The track alone shows neither angle: it says where the vehicle went, and the camera may look anywhere from there. The
pitch shows in the mismatch between the metres driven and those by which a thing came nearer, the yaw in things that
drift sideways as they come nearer; without things seen more than once there is nothing to measure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import degrees, hypot, radians, sqrt

import numpy as np

from service.identity.appearances import Block, Fix, Floats, Pose, Sight, block_of, rows_of

MIN_THINGS = 5
MIN_DRIVEN_M = 3.0  # between the sights of a thing: from one place a thing looks the same whatever the pitch
PAUSE_S, TURN_DEG = 8.0, 30.0  # longer and farther, and it is another approach
HEIGHT_SD_SHARE = 0.02  # of a lens height told by hand
LEAST_PITCH_SD_DEG, LEAST_YAW_SD_DEG = 0.05, 0.1  # what boxes and bends put all things off by alike
MAX_ROUNDS = 15
SETTLED = 1e-5  # radians, and metres of height; half a thousandth of a degree
IMPLAUSIBLE = 4.0  # prior standard deviations: then it is not the mounting that is wrong
DOUBTED = 2.5  # a residual of more standard deviations counts less, by the square of how much more
LEAST_WEIGHT = 1e-4
FARTHEST_STEP_M = 10.0  # of a thing's place in one round: one that shows at the horizon would go to its end
# What a drive is assumed to err by before its own scatter shows it, as standard deviations: bumps and headings frame by
# frame, positions frame by frame and, slowly, together.
ASSUMED = np.array([radians(0.7), radians(1.5), 0.3, 1.5]) ** 2
ASSUMED_WEIGHT = 10.0  # as much as so many residuals of that kind


@dataclass(frozen=True)
class Mounting:
    """What to add to the told pitch and yaw, how sure that is, and by how many approaches to things and sights it was
    measured."""

    pitch_offset_deg: float
    yaw_offset_deg: float
    pitch_sd_deg: float
    yaw_sd_deg: float
    things: int
    sights: int


def measure_mounting(
    things: Sequence[Sequence[Sight]], height_m: float, pitch_deg: float, yaw_deg: float,
    prior_pitch_sd_deg: float, prior_yaw_sd_deg: float,
) -> Mounting | None:  # fmt: skip
    """Pitch and yaw offsets from things, each the sights of one pass in the order of the drive; None with fewer than
    MIN_THINGS that were seen more than once and MIN_DRIVEN_M apart, and where nothing fits.

    Robust generalised least squares: how much bumps, headings and positions err is estimated from the drive itself
    (Helmert's variance components); what does not fit counts less. The prior is part of the outcome.
    """
    usable = [run for sights in things for run in _approaches(sights) if _driven_m(run) >= MIN_DRIVEN_M]
    if len(usable) < MIN_THINGS:
        return None
    told = Pose(radians(pitch_deg), radians(yaw_deg), height_m)
    sds = np.array([radians(prior_pitch_sd_deg), radians(prior_yaw_sd_deg), HEIGHT_SD_SHARE * height_m])
    try:
        offset, cov = _fit([block_of(group, told) for group in _sharing_frames(usable)], told, sds**-2.0)
    except np.linalg.LinAlgError:
        return None
    if not (np.abs(offset[:2]) <= IMPLAUSIBLE * sds[:2]).all() or not (np.diagonal(cov) > 0).all():  # nor what is NaN
        return None
    return Mounting(
        degrees(offset[0]), degrees(offset[1]),
        hypot(degrees(sqrt(cov[0, 0])), LEAST_PITCH_SD_DEG), hypot(degrees(sqrt(cov[1, 1])), LEAST_YAW_SD_DEG),
        len(usable), sum(len(sights) for sights in usable),
    )  # fmt: skip


def _approaches(sights: Sequence[Sight]) -> list[list[Sight]]:
    """The sights in turn, parted where the vehicle paused or turned: by then its slow error is another one."""
    runs: list[list[Sight]] = []
    for sight in sights:
        if runs and sight.fix[2] - runs[-1][-1].fix[2] <= PAUSE_S and _turn_deg(runs[-1][0], sight) <= TURN_DEG:
            runs[-1].append(sight)
        else:
            runs.append([sight])
    return runs


def _turn_deg(before: Sight, after: Sight) -> float:
    return abs((after.heading_deg - before.heading_deg + 180) % 360 - 180)


def _driven_m(sights: Sequence[Sight]) -> float:
    places = np.array([sight.fix[:2] for sight in sights]).reshape(-1, 2)
    return float(np.hypot(*np.ptp(places, axis=0))) if len(places) else 0.0


def _sharing_frames(things: Iterable[Sequence[Sight]]) -> list[list[Sequence[Sight]]]:
    """Groups of things such that no frame shows things of two groups: what is common to a frame errs in common."""
    groups: list[tuple[set[Fix], list[Sequence[Sight]]]] = []
    for sights in things:
        frames, members = {sight.fix for sight in sights}, [sights]
        for group in [group for group in groups if group[0] & frames]:
            groups.remove(group)
            frames, members = frames | group[0], group[1] + members
        groups.append((frames, members))
    return [members for _, members in groups]


def _fit(blocks: list[Block], told: Pose, prior: Floats) -> tuple[Floats, Floats]:
    """Offsets of pitch, yaw (radians) and height (metres) and their covariance, by Gauss-Newton rounds."""
    offset: Floats = np.zeros(3)
    variances = ASSUMED
    for _ in range(MAX_ROUNDS):
        normals = [_reduce(block, told.moved(offset), variances) for block in blocks]
        cov = np.asarray(np.linalg.inv(np.diag(prior) + sum(one.information for one in normals)), np.float64)
        step = cov @ (sum(one.pull for one in normals) - prior * offset)
        offset = offset + step
        blocks = [one.after(step) for one in normals]
        found, expected = sum(one.found for one in normals), sum(one.expected for one in normals)
        variances = variances * (found + ASSUMED_WEIGHT * ASSUMED / variances) / (expected + ASSUMED_WEIGHT)
        if np.abs(step).max() < SETTLED:
            break
    return offset, cov


@dataclass(frozen=True)
class _Normal:
    """What one block says of the camera once its things' places are eliminated (Schur complement), and of the sizes of
    the errors: the weighed squares `found` of each kind beside those `expected`."""

    block: Block
    information: Floats
    pull: Floats
    found: Floats
    expected: Floats
    places_step_m: Floats
    places_per_step: Floats
    weights: Floats

    def after(self, step: Floats) -> Block:
        moved_m = (self.places_step_m - self.places_per_step @ step).reshape(-1, 2)
        return self.block.moved(np.clip(moved_m, -FARTHEST_STEP_M, FARTHEST_STEP_M), self.weights)


def _reduce(block: Block, pose: Pose, variances: Floats) -> _Normal:
    """The weights that it returns are for the next round."""
    rows = rows_of(block, pose)
    swell = 1 / np.sqrt(block.weights)
    kinds = variances[:, None, None] * rows.kinds * np.outer(swell, swell)
    precise = np.linalg.inv(kinds.sum(axis=0) + np.diag(rows.noise * swell**2))
    towards_places = precise @ rows.by_places
    places_cov = np.linalg.inv(rows.by_places.T @ towards_places)
    projected = precise - towards_places @ places_cov @ towards_places.T
    pull = projected @ rows.residuals
    off = np.abs(pull) / np.sqrt(np.maximum(np.diagonal(projected), 1e-12) * block.weights)
    return _Normal(
        block,
        rows.by_camera.T @ projected @ rows.by_camera,
        rows.by_camera.T @ pull,
        (kinds @ pull) @ pull,
        (kinds * projected).sum(axis=(1, 2)),
        places_cov @ (towards_places.T @ rows.residuals),
        places_cov @ (towards_places.T @ rows.by_camera),
        np.clip(DOUBTED / np.maximum(off, 1e-9), LEAST_WEIGHT**0.5, 1.0) ** 2,
    )

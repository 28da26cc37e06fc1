"""The track as the vehicle tells it: frames with place, time, heading and speed beside the true pose of each."""

from dataclasses import dataclass

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.city.driving import drive_route
from datasets.simulator.city.passes import Pass
from datasets.simulator.city.receiver import drifting, receive
from datasets.simulator.city.streets import Street

HEADING_BASE_M = 5.0  # to either side: less says more of the receiver's noise than of the way driven
HEADING_WITHIN_S = 8.0
STANDING_MPS = 1.5
BUMP_M = 2.5  # bumps of two frames this far apart hardly resemble each other
SPEED_SD_MPS = 0.2


@dataclass(frozen=True, eq=False)
class Track:
    """Arrays by frame; heading_deg is NaN where the track says none. Pitch and roll are the camera's, with bumps."""

    time_s: Floats
    speed_mps: Floats
    true_m: Floats  # (n, 2)
    true_heading_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats
    told_m: Floats  # (n, 2)
    heading_deg: Floats
    stated_sd_m: Floats
    dop: Floats

    def __len__(self) -> int:
        return len(self.time_s)


def record_track(streets: tuple[Street, ...], one_pass: Pass) -> Track:
    """Drive the pass. Frames without a fix are left out: a vehicle refuses them."""
    rng = np.random.default_rng([one_pass.seed, 1])
    drive, shots = drive_route(streets, one_pass, rng)
    fixes = receive(shots.time_s, one_pass.gps_sd_m, rng)
    camera = one_pass.vehicle.camera
    bumps = [camera.bump_sd_deg * drifting(shots.driven_m, BUMP_M, rng) for _ in range(2)]
    moving = shots.speed_mps > 0
    # the place told with a frame is the one the receiver had when its clock showed the camera's time
    told_m = drive.place_at(shots.time_s + one_pass.vehicle.clock_offset_s) + fixes.error_m
    kept = np.flatnonzero(fixes.has_fix)
    speed_mps = np.maximum(0.0, shots.speed_mps + SPEED_SD_MPS * moving * rng.standard_normal(len(moving)))
    return Track(
        time_s=shots.time_s[kept],
        speed_mps=speed_mps[kept],
        true_m=drive.place_after(shots.driven_m)[kept],
        true_heading_deg=drive.heading_after(shots.driven_m)[kept],
        pitch_deg=camera.pitch_deg + bumps[0][kept],
        roll_deg=bumps[1][kept],
        told_m=told_m[kept],
        heading_deg=_headings(shots.time_s[kept], shots.driven_m[kept], told_m[kept], shots.speed_mps[kept]),
        stated_sd_m=fixes.stated_sd_m[kept],
        dop=fixes.dop[kept],
    )


def _headings(time_s: Floats, driven_m: Floats, told_m: Floats, speed_mps: Floats) -> Floats:
    """From the last told place at least HEADING_BASE_M back to the first so far ahead; NaN if slow or long apart."""
    last = len(time_s) - 1
    before = np.searchsorted(driven_m, driven_m - HEADING_BASE_M, side="right") - 1
    after = np.searchsorted(driven_m, driven_m + HEADING_BASE_M)
    known = (before >= 0) & (after <= last) & (speed_mps >= STANDING_MPS)
    i, j = np.maximum(before, 0), np.minimum(after, last)
    known &= time_s[j] - time_s[i] <= HEADING_WITHIN_S
    step = told_m[j] - told_m[i]
    return np.where(known, np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360, np.nan)

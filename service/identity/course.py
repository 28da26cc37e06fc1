"""Where a vehicle was and which way it drove, smoothed over the seconds around a frame: two fixes metres apart tell a
direction to five degrees, seven of them to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, degrees, hypot, sqrt

import numpy as np

WINDOW_S = 2.0  # on each side: in longer ones a turn is cut short
WINDOW_M = 22.0
FEWEST_FIXES = 4
LEAST_SPEED_MPS = 1.0
LEAST_WAY_M = 5.0
WHITE_SD_M = 0.4  # of a fix against its neighbours, after which nothing is known better
JUMP_M = 3.0  # a fix so far off the path of its neighbours is none of it
TOLD_SD_DEG = 6.0  # of a direction from two fixes, as vehicles tell it
LEAST_SD_DEG = 0.7
TURN_S = 0.3  # a turning vehicle's direction is uncertain by what it turns in this time


@dataclass(frozen=True)
class Fix:
    """One told place, in metres of a local plane, and the told direction of travel."""

    at_s: float
    east_m: float
    north_m: float
    heading_deg: float | None


@dataclass(frozen=True)
class Course:
    """The same, smoothed; `heading_deg` None where the vehicle stood or was alone with its fix."""

    east_m: float
    north_m: float
    heading_deg: float | None
    heading_sd_deg: float


def smooth(fixes: Sequence[Fix]) -> list[Course]:
    """The course at each fix of one drive, in the order of time: a parabola through the fixes around it, by least
    squares with weights that fall to nothing at the window's ends and leave out jumps.

    Where there are too few fixes around, the told values stay.
    """
    times = np.array([fix.at_s for fix in fixes])
    places = np.array([(fix.east_m, fix.north_m) for fix in fixes]).reshape(-1, 2)
    courses = []
    for number, fix in enumerate(fixes):
        first, last = np.searchsorted(times, (fix.at_s - WINDOW_S, fix.at_s + WINDOW_S + 1e-9))
        steps_s, steps_m = times[first:last] - fix.at_s, places[first:last] - places[number]
        near = np.hypot(steps_m[:, 0], steps_m[:, 1]) <= WINDOW_M
        courses.append(_fit(fix, steps_s[near], steps_m[near]) or _told(fix))
    return courses


def _fit(fix: Fix, steps_s: np.ndarray, steps_m: np.ndarray) -> Course | None:
    if len(steps_s) < FEWEST_FIXES or np.ptp(steps_s) <= 0:
        return None
    weights = tapered = (1 - (np.abs(steps_s) / (WINDOW_S * 1.05)) ** 3) ** 3
    degree = 2 if len(steps_s) > FEWEST_FIXES and steps_s.min() < -0.5 and steps_s.max() > 0.5 else 1
    design = np.vander(steps_s, degree + 1, increasing=True)
    for _ in range(4):
        scaled = design * weights[:, None]
        normal = design.T @ scaled + 1e-9 * np.eye(degree + 1)
        answer = np.linalg.solve(normal, scaled.T @ steps_m)
        off_m = np.hypot(*(steps_m - design @ answer).T)
        weights = tapered / (1 + (off_m / JUMP_M) ** 4)
    speed_mps = hypot(*answer[1])
    way_m = speed_mps * float(np.ptp(steps_s))
    if speed_mps < LEAST_SPEED_MPS or way_m < LEAST_WAY_M:
        return None
    white_m = max(WHITE_SD_M, float(np.sqrt((weights * off_m**2).sum() / max(weights.sum(), 1e-9))))
    spread_s = sqrt(max(float(np.linalg.inv(normal)[1, 1]), 1e-9))
    turn_deg = degrees(2 * hypot(*answer[2]) / speed_mps) * TURN_S if degree == 2 else 3.0
    sd_deg = max(hypot(degrees(white_m * spread_s / speed_mps), turn_deg), LEAST_SD_DEG)
    shift_m = answer[0] if float(np.hypot(*answer[0])) < JUMP_M else np.zeros(2)
    heading_deg = degrees(atan2(answer[1][0], answer[1][1])) % 360
    return Course(fix.east_m + float(shift_m[0]), fix.north_m + float(shift_m[1]), heading_deg, sd_deg)


def _told(fix: Fix) -> Course:
    return Course(fix.east_m, fix.north_m, fix.heading_deg, TOLD_SD_DEG)

"""A vehicle that passes things on straight streets with a camera that hangs otherwise than told, and a receiver that
drifts: what it tells, without drawing a pixel."""

from dataclasses import dataclass
from math import cos, exp, radians, sin, sqrt

import numpy as np

from service.identity.appearances import Fix, Sight
from service.identity.headings import headings_of

HEIGHT_M, PITCH_DEG, YAW_DEG = 1.6, 8.0, 0.0
SPEED_MPS = 9.0
STREET_M, REST_S = 300.0, 600.0


@dataclass(frozen=True)
class View:
    """A frame shows the lower edge of a thing at (x, y) on the image plane."""

    thing: int
    frame: int
    x: float
    y: float


@dataclass(frozen=True)
class Drive:
    fixes: list[Fix]
    headings_deg: list[float]
    views: list[View]


@dataclass(frozen=True)
class Noise:
    """Standard deviations. heading_deg None: taken from the track, which is how most vehicles come by it."""

    gps_m: float = 2.5  # of the slow drift
    white_m: float = 0.375
    heading_deg: float | None = None
    bump_deg: float = 0.6
    plane: float = 0.003
    drift_s: float = 90.0


QUIET = Noise(1e-6, 1e-6, 1e-6, 1e-6, 1e-6)


def drive(
    rng: np.random.Generator,
    things: int,
    error_deg: tuple[float, float],
    noise: Noise = Noise(),
    spacing_m: float = 6.0,
    every_m: float = 40.0,
) -> Drive:
    """Streets in random directions until so many things were passed; error_deg is by how much pitch and yaw are more
    than told."""
    fixes: list[Fix] = []
    headings_deg: list[float] = []
    views: list[View] = []
    passed = 0
    while passed < things:
        count = min(int(STREET_M / every_m), things - passed)
        beside_m = np.column_stack([rng.uniform(40, STREET_M - 40, count), rng.uniform(-4, 6, count)])
        way_deg, start_m = rng.uniform(0, 360), rng.uniform(-3000, 3000, 2)
        for frame, ahead_m in enumerate(np.arange(0, STREET_M, spacing_m), len(fixes)):
            bump_deg = rng.normal(0, noise.bump_deg)
            for number, (along_m, right_m) in enumerate(beside_m, passed):
                seen = _appearance(along_m - ahead_m, right_m, error_deg[0] + bump_deg, error_deg[1])
                if seen is not None and rng.random() < 0.8:
                    views.append(View(number, frame, *(seen + rng.normal(0, noise.plane, 2)).tolist()))
        told_m = _told_m(rng, noise, start_m, way_deg, spacing_m)
        first_s = (fixes[-1][2] if fixes else 0.0) + REST_S
        fixes += [(east, north, first_s + i * spacing_m / SPEED_MPS) for i, (east, north) in enumerate(told_m.tolist())]
        headings_deg += _headings_deg(rng, noise, told_m, way_deg)
        passed += count
    return Drive(fixes, headings_deg, views)


def things_of(driven: Drive) -> list[list[Sight]]:
    headings = headings_of([fix[:2] for fix in driven.fixes], driven.headings_deg, {one.frame for one in driven.views})
    things: dict[int, list[Sight]] = {}
    for one in driven.views:
        if one.frame in headings:
            heading = headings[one.frame]
            course = (driven.fixes[heading.between[0]], driven.fixes[heading.between[1]]) if heading.between else None
            sight = Sight(driven.fixes[one.frame], heading.deg, one.x, one.y, 0.3, course)
            things.setdefault(one.thing, []).append(sight)
    return list(things.values())


def _appearance(ahead_m: float, right_m: float, pitch_off_deg: float, yaw_off_deg: float) -> np.ndarray | None:
    """None where the picture does not show it, or the detector would not."""
    yaw, pitch = radians(YAW_DEG + yaw_off_deg), radians(PITCH_DEG + pitch_off_deg)
    a, r = ahead_m * cos(yaw) + right_m * sin(yaw), right_m * cos(yaw) - ahead_m * sin(yaw)
    if not 2 < a < 25:
        return None
    depth_m = a * cos(pitch) + HEIGHT_M * sin(pitch)
    x, y = r / depth_m, (HEIGHT_M * cos(pitch) - a * sin(pitch)) / depth_m
    return np.array([x, y]) if abs(x) < 0.65 and -0.35 < y < 0.35 else None


def _told_m(
    rng: np.random.Generator, noise: Noise, start_m: np.ndarray, way_deg: float, spacing_m: float
) -> np.ndarray:
    count = len(np.arange(0, STREET_M, spacing_m))
    way = np.array([sin(radians(way_deg)), cos(radians(way_deg))])
    kept = exp(-spacing_m / SPEED_MPS / noise.drift_s)
    drift = [rng.normal(0, noise.gps_m, 2)]
    for _ in range(count - 1):
        drift.append(drift[-1] * kept + rng.normal(0, noise.gps_m * sqrt(1 - kept**2), 2))
    driven_m: np.ndarray = np.arange(count)[:, None] * spacing_m * way
    told_m: np.ndarray = start_m + driven_m + np.array(drift) + rng.normal(0, noise.white_m, (count, 2))
    return told_m


def _headings_deg(rng: np.random.Generator, noise: Noise, told_m: np.ndarray, way_deg: float) -> list[float]:
    if noise.heading_deg is not None:
        told: list[float] = ((way_deg + rng.normal(0, noise.heading_deg, len(told_m))) % 360).tolist()
        return told
    step = np.roll(told_m, -1, axis=0) - np.roll(told_m, 1, axis=0)
    step[0], step[-1] = told_m[1] - told_m[0], told_m[-1] - told_m[-2]
    course: list[float] = (np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360).tolist()
    return course

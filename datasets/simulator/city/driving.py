"""The line a vehicle really drives along its route, how fast, and where it takes its frames."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.city.passes import Pass
from datasets.simulator.city.routes import Leg
from datasets.simulator.city.streets import Street
from datasets.simulator.city.things import Indices

STEP_M = 1.0
TURN_M = 8.0  # before and after a junction, where the vehicle leaves its lane's line
SPEEDS_MPS = {"arterial": (12.0, 18.0), "collector": (8.5, 13.0), "local": (5.0, 9.0)}
CORNER_MPS, SLOW_MPS, FASTEST_MPS = 4.0, 2.5, 18.0
CORNER_DEG = 25.0
BRAKING_M = 31  # speeds are averaged over so many steps
STOPS = 0.12  # chance at the end of an arterial's or collector's leg
STOP_S = (4.0, 40.0)
STANDING_FRAME_EVERY_S = 8.0
WANDER_M, WANDER_OVER_M = 0.2, 60  # within the lane
TURN_POINTS = np.linspace(0, 1, 9)[1:-1]


@dataclass(frozen=True, eq=False)
class Drive:
    """Where the vehicle was: seconds since the start, metres driven, place, and true heading (unwrapped) by vertex."""

    time_s: Floats
    driven_m: Floats
    place_m: Floats  # (n, 2) by STEP_M of driven_m
    heading_deg: Floats

    def place_at(self, time_s: Floats) -> Floats:
        """East and north (n, 2) at those times."""
        driven_m = np.interp(time_s, self.time_s, self.driven_m)
        return self.place_after(driven_m)

    def place_after(self, driven_m: Floats) -> Floats:
        whole = np.arange(len(self.place_m)) * STEP_M
        return np.column_stack([np.interp(driven_m, whole, self.place_m[:, axis]) for axis in (0, 1)])

    def heading_after(self, driven_m: Floats) -> Floats:
        whole = np.arange(len(self.place_m)) * STEP_M
        return np.asarray(np.interp(driven_m, whole, self.heading_deg) % 360)


@dataclass(frozen=True, eq=False)
class Shots:
    """The moments of the frames, in order."""

    time_s: Floats
    driven_m: Floats
    speed_mps: Floats


def drive_route(streets: tuple[Street, ...], one_pass: Pass, rng: np.random.Generator) -> tuple[Drive, Shots]:
    """The whole drive and its frames: by metres while driving, every few seconds while standing."""
    line_m, limit_mps, junctions_m = _driven_line(streets, one_pass.route, rng)
    whole = np.arange(len(line_m)) * STEP_M
    stops_m = junctions_m[rng.random(len(junctions_m)) < STOPS]
    speed_mps = _speeds(line_m, limit_mps, stops_m)
    step_s = STEP_M / speed_mps[:-1]
    time_s = np.concatenate([[0.0], np.cumsum(step_s)])
    at = np.unique((stops_m / STEP_M).astype(int))
    waits_s = rng.uniform(*STOP_S, len(at))
    drive = _with_stops(time_s, whole, line_m, at, waits_s)
    return drive, _shots(drive, speed_mps, whole, at, waits_s, one_pass.spacing_m)


def _driven_line(
    streets: tuple[Street, ...], route: tuple[Leg, ...], rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Line (n, 2) at every STEP_M, speed limit there, and where along it legs that may end at a red light end."""
    points: list[Floats] = []
    limits: list[Floats] = []
    ends: list[int] = []
    count = 0
    for leg, lane in zip(route, _lanes(streets, route, rng), strict=True):
        if points:
            turn = _turn(points[-1], lane)
            points.append(turn)
            limits.append(np.full(len(turn), limits[-1][-1]))
            count += len(turn)
        street = streets[leg.street]
        points.append(lane)
        limits.append(np.full(len(lane), float(rng.uniform(*SPEEDS_MPS[street.kind]))))
        count += len(lane)
        if street.kind != "local" and street.length_m > 3 * TURN_M:
            ends.append(count - 1)
    line_m, limit_mps = np.vstack(points), np.concatenate(limits)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line_m, axis=0).T))])
    wanted = np.arange(0, along[-1], STEP_M)
    even_m = np.column_stack([np.interp(wanted, along, line_m[:, axis]) for axis in (0, 1)])
    return _wandering(even_m, rng), np.interp(wanted, along, limit_mps), along[ends] - 3.0


def _lanes(streets: tuple[Street, ...], route: tuple[Leg, ...], rng: np.random.Generator) -> Iterator[Floats]:
    """Of every leg the middle of the lane chosen for it, without the ends, where the vehicle turns."""
    for leg in route:
        street = streets[leg.street]
        lane_m = street.width_m / street.lanes
        if street.oneway:
            right_m = street.width_m / 2 - lane_m * (0.5 + int(rng.integers(max(1, street.lanes - 1))))
        else:
            right_m = lane_m / 2
        line_m = street.line_m if leg.forward else street.line_m[::-1]
        cut_m = min(TURN_M, 0.3 * street.length_m)
        yield _cut(_beside(line_m, right_m), cut_m)


def _beside(line_m: Floats, right_m: float | Floats) -> Floats:
    ahead = np.gradient(line_m, axis=0)
    ahead /= np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
    beside: Floats = line_m + right_m * np.column_stack([ahead[:, 1], -ahead[:, 0]])
    return beside


def _cut(line_m: Floats, cut_m: float) -> Floats:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line_m, axis=0).T))])
    kept = np.concatenate([[cut_m], along[(along > cut_m) & (along < along[-1] - cut_m)], [along[-1] - cut_m]])
    return np.column_stack([np.interp(kept, along, line_m[:, axis]) for axis in (0, 1)])


def _turn(before: Floats, after: Floats) -> Floats:
    """From the end of one lane to the start of the next, tangent to both (a cubic Hermite curve)."""
    start, end = before[-1], after[0]
    reach_m = max(6.0, float(np.hypot(*(end - start))))
    out, into = _unit(before[-1] - before[-2]) * reach_m, _unit(after[1] - after[0]) * reach_m
    t = TURN_POINTS[:, None]
    curve: Floats = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * out
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * into
    )
    return curve


def _unit(step: Floats) -> Floats:
    return np.asarray(step / np.hypot(*step))


def _wandering(line_m: Floats, rng: np.random.Generator) -> Floats:
    """Nobody keeps the exact middle of a lane."""
    window = np.hanning(WANDER_OVER_M + 2)[1:-1]
    noise = np.convolve(rng.standard_normal(len(line_m) + WANDER_OVER_M - 1), window, "valid")
    return _beside(line_m, (WANDER_M * noise / np.sqrt((window**2).sum()))[:, None])


def _headings(line_m: Floats) -> Floats:
    ahead = np.gradient(line_m, axis=0)
    return np.asarray(np.degrees(np.unwrap(np.arctan2(ahead[:, 0], ahead[:, 1]))))


def _speeds(line_m: Floats, limit_mps: Floats, stops_m: Floats) -> Floats:
    """Slow in corners and before a stop, with braking and starting spread over BRAKING_M."""
    heading_deg = _headings(line_m)
    bend = np.abs(heading_deg[2 * 8 :] - heading_deg[: -2 * 8])
    cornering = np.pad(bend > CORNER_DEG, 8)
    wanted = np.where(cornering, np.minimum(limit_mps, CORNER_MPS), limit_mps)
    for stop in (stops_m / STEP_M).astype(int):
        wanted[max(0, stop - 12) : stop + 6] = SLOW_MPS
    padded = np.pad(wanted, BRAKING_M // 2, mode="edge")
    return np.convolve(padded, np.full(BRAKING_M, 1 / BRAKING_M), "valid")


def _with_stops(time_s: Floats, whole: Floats, line_m: Floats, at: Indices, waits_s: Floats) -> Drive:
    """The same drive with the waiting put in: a vertex doubled where the vehicle stands."""
    waited = np.zeros(len(time_s))
    waited[at] = waits_s
    before = np.concatenate([[0.0], np.cumsum(waited)[:-1]])
    arrival_s, leaving_s = time_s + before, time_s + before + waited
    order = np.insert(arrival_s, at + 1, leaving_s[at])
    return Drive(order, np.insert(whole, at + 1, whole[at]), line_m, _headings(line_m))


def _shots(
    drive: Drive,
    speed_mps: Floats,
    whole: Floats,
    at: Indices,
    waits_s: Floats,
    spacing_m: tuple[float, float],
) -> Shots:
    low_m, high_m = spacing_m
    fast = np.clip((speed_mps - SLOW_MPS) / (FASTEST_MPS - SLOW_MPS), 0, 1)
    taken = np.concatenate([[0.0], np.cumsum(STEP_M / (low_m + (high_m - low_m) * fast[:-1]))])
    numbers = np.arange(1, taken[-1])
    driven_m = np.interp(numbers, taken, whole)
    moving_s = np.interp(driven_m, drive.driven_m, drive.time_s)
    standing = [
        (drive.time_s[np.searchsorted(drive.driven_m, whole[i])] + k * STANDING_FRAME_EVERY_S, whole[i])
        for i, wait_s in zip(at, waits_s, strict=True)
        for k in range(1, int(wait_s / STANDING_FRAME_EVERY_S) + 1)
    ]
    still = np.array(standing).reshape(-1, 2)
    time_s = np.concatenate([moving_s, still[:, 0]])
    speeds = np.concatenate([np.interp(driven_m, whole, speed_mps), np.zeros(len(still))])
    order = np.argsort(time_s, kind="stable")
    return Shots(time_s[order], np.concatenate([driven_m, still[:, 1]])[order], speeds[order])

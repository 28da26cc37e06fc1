"""Where the survey vehicle drives: closed routes through Dammam and Khobar, sampled every few metres."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import atan2, degrees

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.geodesy import TownFrame

# Corners of drives that keep to the street grid of the two cities; each loop closes on its first corner.
ROUTES: dict[str, tuple[tuple[float, float], ...]] = {
    "dammam": (
        (26.42360, 50.08620),
        (26.42551, 50.09204),
        (26.42959, 50.09040),
        (26.43125, 50.09549),
        (26.43482, 50.09405),
        (26.43123, 50.08311),
    ),
    "khobar": (
        (26.27920, 50.19680),
        (26.27975, 50.20379),
        (26.28443, 50.20333),
        (26.28408, 50.19894),
        (26.28732, 50.19863),
        (26.28712, 50.19603),
    ),
}
DEFAULT_START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
LANE_M = 2.0  # the vehicle keeps this far right of the street's middle
RIGHT_TURN_M, LEFT_TURN_M = 7.0, 11.0
STEP_M = 0.25


@dataclass(frozen=True)
class TrackPoint:
    """The vehicle at one moment; captured_at is UTC."""

    lat: float
    lon: float
    heading_deg: float
    captured_at: datetime
    speed_mps: float


@dataclass(frozen=True)
class Route:
    """A closed driving line through a town, in metres of the town frame."""

    town: str
    frame: TownFrame
    corners_m: Floats
    line_m: Floats
    driven_m: Floats

    @property
    def length_m(self) -> float:
        return float(self.driven_m[-1])

    def at(self, driven_m: float) -> tuple[float, float, float]:
        """East, north and heading_deg after driving `driven_m`; the loop repeats for ever."""
        place, behind, ahead = (self._point(driven_m + d) for d in (0.0, -0.5, 0.5))
        step = ahead - behind
        return float(place[0]), float(place[1]), degrees(atan2(step[0], step[1])) % 360

    def _point(self, driven_m: float) -> Floats:
        here = driven_m % self.length_m
        return np.array([np.interp(here, self.driven_m, self.line_m[:, axis]) for axis in (0, 1)])


def route_through(town: str) -> Route:
    """The route of a town; ValueError names the towns there are."""
    if town not in ROUTES:
        raise ValueError(f"expected a town out of {sorted(ROUTES)}, got {town!r}; choose one of these")
    frame = TownFrame(*ROUTES[town][0])
    corners_m = np.array([frame.to_metres(lat, lon) for lat, lon in ROUTES[town]])
    line_m = _driving_line(corners_m)
    steps = np.linalg.norm(np.diff(line_m, axis=0), axis=1)
    return Route(town, frame, corners_m, line_m, np.concatenate([[0.0], np.cumsum(steps)]))


def synthetic_track(
    count: int, seed: int = 0, town: str = "dammam", start: datetime = DEFAULT_START
) -> list[TrackPoint]:
    """Positions every 5-8 m of a plausible drive, for images that carry no position of their own."""
    route = route_through(town)
    moments = drive_moments(route, count, seed, start)
    return [_track_point(route, *moment) for moment in moments]


def drive_moments(route: Route, count: int, seed: int, start: datetime) -> Iterator[tuple[float, datetime, float]]:
    """driven_m, captured_at and speed_mps of every frame; the vehicle slows down where the route turns."""
    if start.tzinfo is None:
        raise ValueError(f"expected a start time with a time zone, got {start!r}; add tzinfo, for example UTC")
    rng = np.random.default_rng([seed, 1])
    driven_m = rng.uniform(0, route.length_m)
    captured_at = start.astimezone(UTC)
    for _ in range(count):
        speed_mps = rng.uniform(8.5, 11.0) * (0.55 if _turning(route, driven_m) else 1.0)
        yield driven_m, captured_at, float(speed_mps)
        spacing_m = rng.uniform(5.0, 8.0)
        driven_m += spacing_m
        captured_at += timedelta(milliseconds=round(1000 * spacing_m / speed_mps))


def _track_point(route: Route, driven_m: float, captured_at: datetime, speed_mps: float) -> TrackPoint:
    east_m, north_m, heading_deg = route.at(driven_m)
    lat, lon = route.frame.to_wgs84(east_m, north_m)
    return TrackPoint(lat, lon, heading_deg, captured_at, speed_mps)


def _turning(route: Route, driven_m: float) -> bool:
    turn_deg = route.at(driven_m + 8)[2] - route.at(driven_m - 4)[2]
    return abs((turn_deg + 180) % 360 - 180) > 10


def _driving_line(corners_m: Floats) -> Floats:
    """The lane along the corner polygon with rounded turns, sampled every STEP_M and closed."""
    ways = np.roll(corners_m, -1, axis=0) - corners_m
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    pieces = [
        _rounded_turn(_lane_corner(corner, way_in, way_out), way_in, way_out)
        for corner, way_in, way_out in zip(corners_m, np.roll(ways, 1, axis=0), ways, strict=True)
    ]
    bends = np.concatenate([*pieces, pieces[0][:1]])
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(bends, axis=0), axis=1))])
    wanted = np.append(np.arange(0, steps[-1], STEP_M), steps[-1])
    return np.column_stack([np.interp(wanted, steps, bends[:, axis]) for axis in (0, 1)])


def _lane_corner(corner: Floats, way_in: Floats, way_out: Floats) -> Floats:
    """Where the lanes right of the two street middles meet."""
    right_in, right_out = (np.array([way[1], -way[0]]) for way in (way_in, way_out))
    middle = right_in + right_out
    lane: Floats = corner + LANE_M * middle / (1 + float(right_in @ right_out))
    return lane


def _rounded_turn(corner: Floats, way_in: Floats, way_out: Floats) -> Floats:
    """Points of the arc that replaces a sharp corner."""
    cross = float(way_in[0] * way_out[1] - way_in[1] * way_out[0])
    turn = float(np.arctan2(cross, way_in @ way_out))
    radius_m = LEFT_TURN_M if turn > 0 else RIGHT_TURN_M
    cut_m = radius_m * np.tan(abs(turn) / 2)
    left = np.array([-way_in[1], way_in[0]]) * np.sign(turn)
    first = corner - way_in * cut_m
    angles = np.linspace(0, abs(turn), 48)[:, None]
    arc: Floats = first + radius_m * (np.sin(angles) * way_in + (1 - np.cos(angles)) * left)
    return arc

"""Where along a drive a video's frames are taken: every so many metres of the stretches whose position is sure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, isnan, radians, sqrt

import numpy as np
from numpy.typing import NDArray

from service.core.geodesy import EARTH_RADIUS_M, bearing_deg, distance_m
from service.intake.gpmf import LOCKED_FIX, GpsPoint
from service.intake.pieces import ArchiveRefused
from service.surveys.geotag import fix_dop
from service.surveys.track_points import GAP_S

METRES_PER_DEGREE = radians(EARTH_RADIUS_M)
MAX_DOP = 5.0  # GoPro's own advice: "under 500 is good" of GPSP, which is DOP x 100
MAX_SPEED_MPS = 70.0  # faster than any survey vehicle: the receiver jumped
LEAST_SPEED_S = 0.5  # fixes closer in time tremble by metres: their speed says nothing
NULL_ISLAND_DEG = 0.01
HEADING_REACH_M = 3.0  # course over ground is taken from so far behind to so far ahead
LEAST_CHORD_M = 1.0  # a shorter one is the receiver's noise
MAX_FIXES_REACHED = 20_000  # 18 minutes of standing at 18 fixes a second; without an end a frame could take a minute
MAX_CROSSINGS = 1_000_000  # 500 km at half a metre; 4 MB of telemetry may claim to have driven 140,000


@dataclass(frozen=True, eq=False)
class Section:
    """A stretch without a hole: seconds of the video (ascending), degrees WGS 84, seconds since 1970, and
    how well (dilution of precision, metres per axis). NaN: unknown."""

    video_s: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    at_s: NDArray[np.float64]
    dop: NDArray[np.float64]
    sd_m: NDArray[np.float64]

    @property
    def length_s(self) -> float:
        return float(self.video_s[-1] - self.video_s[0])


@dataclass(frozen=True)
class Place:
    lat: float
    lon: float
    at_s: float
    heading_deg: float | None  # clockwise from north
    dop: float | None
    sd_m: float | None


@dataclass(frozen=True)
class Stop:
    """A moment at which a frame is taken."""

    section: Section
    video_s: float


def usable(point: GpsPoint, max_dop: float = MAX_DOP) -> str | None:
    """None for a point that may place a frame, else the reason it may not."""
    if point.fix is not None and point.fix < LOCKED_FIX:
        return "no_fix"
    if point.dop is not None and point.dop > max_dop:
        return "imprecise"
    if not (-90 <= point.lat <= 90 and -180 <= point.lon <= 180):
        return "nowhere"
    if abs(point.lat) < NULL_ISLAND_DEG and abs(point.lon) < NULL_ISLAND_DEG:
        return "null_island"
    return None


def split_sections(points: Iterable[GpsPoint]) -> list[Section]:
    """Cuts where the track is silent for too long or jumps further than a vehicle drives; single points are dropped."""
    runs: list[list[GpsPoint]] = []
    for point in points:
        last = runs[-1][-1] if runs else None
        if last is not None and point.video_s <= last.video_s:
            continue
        if last is None or not _reachable(last, point):
            runs.append([])
        runs[-1].append(point)
    return [_section(run) for run in runs if len(run) > 1]


def clip(section: Section, begin_s: float, end_s: float) -> Section | None:
    """The part of the section between two moments; None when there is none."""
    begin_s, end_s = max(begin_s, float(section.video_s[0])), min(end_s, float(section.video_s[-1]))
    if begin_s >= end_s:
        return None
    within = section.video_s[(section.video_s > begin_s) & (section.video_s < end_s)]
    video_s = np.concatenate([[begin_s], within, [end_s]])
    rows = (section.lat, section.lon, section.at_s, section.dop, section.sd_m)
    return Section(video_s, *(np.interp(video_s, section.video_s, row) for row in rows))


def stops_every(sections: Sequence[Section], spacing_m: float) -> list[Stop]:
    """The moments at which the vehicle is `spacing_m` in a straight line from where the last frame was taken.

    A vehicle that stands adds none, however its receiver trembles, as long as it trembles less than the spacing.
    Raises ArchiveRefused for more than MAX_CROSSINGS.
    """
    stops: list[Stop] = []
    last: tuple[float, float] | None = None
    for section in sections:
        for video_s, lat, lon in _crossings(section, last, spacing_m):
            stops.append(Stop(section, video_s))
            if len(stops) > MAX_CROSSINGS:
                raise ArchiveRefused(
                    "video.too_many_frames",
                    f"expected a drive of at most {MAX_CROSSINGS} times {spacing_m:g} m, got more; send it again with "
                    "a larger spacing_m",
                )
            last = (lat, lon)
    return stops


def place_at(section: Section, video_s: float) -> Place:
    """Position and time at a moment of the video, between the two fixes around it; the heading is the track's own."""
    lat = float(np.interp(video_s, section.video_s, section.lat))
    lon = float(np.interp(video_s, section.video_s, section.lon))
    at_s = float(np.interp(video_s, section.video_s, section.at_s))
    dop, sd_m = (float(np.interp(video_s, section.video_s, row)) for row in (section.dop, section.sd_m))
    heading_deg = _heading(section, video_s, lat, lon)
    return Place(lat, lon, at_s, heading_deg, None if isnan(dop) else dop, None if isnan(sd_m) else sd_m)


def _crossings(
    section: Section, last: tuple[float, float] | None, spacing_m: float
) -> Iterator[tuple[float, float, float]]:
    """(video_s, lat, lon) of each stop in the section; `last` is where the one before was."""
    track = np.column_stack([section.video_s, section.lat, section.lon])
    here = track[0]
    if last is None or distance_m(*last, here[1], here[2]) >= spacing_m:
        last = (float(here[1]), float(here[2]))
        yield float(here[0]), *last
    for end in track[1:]:
        while (share := _crossing(last, (here[1], here[2]), (end[1], end[2]), spacing_m)) is not None:
            here = here + (end - here) * share
            last = (float(here[1]), float(here[2]))
            yield float(here[0]), *last
        here = end


def _reachable(last: GpsPoint, point: GpsPoint) -> bool:
    passed_s = point.video_s - last.video_s
    way_m = distance_m(last.lat, last.lon, point.lat, point.lon)
    return passed_s <= GAP_S and way_m <= MAX_SPEED_MPS * max(passed_s, LEAST_SPEED_S)


def _section(run: list[GpsPoint]) -> Section:
    rows = [(one.video_s, one.lat, one.lon, one.at_s, fix_dop(one.dop), one.sd_m) for one in run]
    return Section(*np.array(rows, np.float64).T)  # None becomes NaN


def _offset_m(origin: tuple[float, float], place: tuple[float, float]) -> tuple[float, float]:
    """East and north metres from `origin` (lat, lon)."""
    north = (place[0] - origin[0]) * METRES_PER_DEGREE
    east = (place[1] - origin[1]) * METRES_PER_DEGREE * cos(radians(origin[0]))
    return east, north


def _crossing(
    last: tuple[float, float], begin: tuple[float, float], end: tuple[float, float], spacing_m: float
) -> float | None:
    """The share of the way from begin to end at which the circle around `last` is left; None when it is not."""
    x, y = _offset_m(last, begin)
    end_x, end_y = _offset_m(last, end)
    if hypot(end_x, end_y) < spacing_m:
        return None
    dx, dy = end_x - x, end_y - y
    along, squared = x * dx + y * dy, dx * dx + dy * dy
    inside = spacing_m * spacing_m - x * x - y * y
    if squared == 0 or inside < 0:  # begin is outside already: a crossing of the segment before, rounded
        return 0.0 if inside < 0 else None
    return min(1.0, (sqrt(along * along + squared * inside) - along) / squared)


def _heading(section: Section, video_s: float, lat: float, lon: float) -> float | None:
    behind, ahead = _reach(section, video_s, lat, lon, -1), _reach(section, video_s, lat, lon, 1)
    return bearing_deg(*behind, *ahead) if distance_m(*behind, *ahead) >= LEAST_CHORD_M else None


def _reach(section: Section, video_s: float, lat: float, lon: float, step: int) -> tuple[float, float]:
    """The first fix at least the reach away, behind (-1) or ahead (1); where the section ends before, its end."""
    index = bisect_right(section.video_s, video_s) - (1 if step < 0 else 0)
    found = (lat, lon)
    for _ in range(MAX_FIXES_REACHED):
        if not 0 <= index < len(section.video_s):
            break
        found = (float(section.lat[index]), float(section.lon[index]))
        if distance_m(lat, lon, *found) >= HEADING_REACH_M:
            break
        index += step
    return found

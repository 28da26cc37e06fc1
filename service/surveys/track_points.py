"""Where a vehicle was, second by second, and from it where a frame was taken: between two near points, never beyond."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from service.core.geodesy import bearing_deg, between, distance_m

STALE_S = 5.0  # farther in time from the nearest point, a place is a guess: 70 m at 50 km/h
GAP_S = 2 * STALE_S  # so between two points this far apart one is always near enough
AT_POINT_S = 0.5  # outside of the track or in a gap, a point stands for this long: 7 m at 50 km/h, a receiver's error
STATED = ("heading_deg", "filename", "gps_dop", "gps_sd_m")  # columns that a file may lack
HEADING_BASE_M = 5.0  # a shorter step of a track says more of the receiver's noise than of the way driven
T = TypeVar("T")


class TrackRefused(ValueError):
    """A file that is no track we can use; `code` is stable, `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class TrackPoint:
    """`filename`: of the image that was taken here, where the file says so. `gps_sd_m` is per axis."""

    at: datetime  # UTC
    lat: float
    lon: float
    heading_deg: float | None = None
    filename: str | None = None
    gps_dop: float | None = None
    gps_sd_m: float | None = None


Fix: TypeAlias = TrackPoint


@dataclass(frozen=True)
class TrackPoints:
    """Points in the order of time, no two at one moment; times are seconds since `starts_at` (UTC)."""

    starts_at: datetime
    at_s: tuple[float, ...]
    lat: tuple[float, ...]
    lon: tuple[float, ...]
    heading_deg: tuple[float | None, ...] | None = None
    filename: tuple[str | None, ...] | None = None
    gps_dop: tuple[float | None, ...] | None = None
    gps_sd_m: tuple[float | None, ...] | None = None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(seconds=self.at_s[-1])

    def __len__(self) -> int:
        return len(self.at_s)

    @classmethod
    def of(cls, points: Iterable[TrackPoint]) -> "TrackPoints":
        """Sorted by time; of two images at one moment the second stands a microsecond later, so that both keep their
        place, and a second bare point is dropped. Raises TrackRefused without any point."""
        ordered = _apart(sorted(points, key=lambda point: point.at))
        if not ordered:
            raise TrackRefused("track.empty", "expected points with a place and a time, found none")
        start = ordered[0].at.astimezone(UTC)
        return cls(
            start,
            tuple((one.at - start).total_seconds() for one in ordered),
            tuple(one.lat for one in ordered),
            tuple(one.lon for one in ordered),
            _column(one.heading_deg for one in ordered),
            _column(one.filename or None for one in ordered),
            _column(one.gps_dop for one in ordered),
            _column(one.gps_sd_m for one in ordered),
        )

    def to_json(self) -> dict[str, Any]:
        stored: dict[str, Any] = {"at_s": list(self.at_s), "lat": list(self.lat), "lon": list(self.lon)}
        told = {name: getattr(self, name) for name in STATED}
        return stored | {name: list(column) for name, column in told.items() if column}

    @classmethod
    def from_json(cls, starts_at: datetime, stored: dict[str, Any]) -> "TrackPoints":
        told = {name: tuple(stored[name]) for name in STATED if stored.get(name)}
        return cls(starts_at, tuple(stored["at_s"]), tuple(stored["lat"]), tuple(stored["lon"]), **told)

    @cached_property
    def named(self) -> Mapping[str, int]:
        """Point by image; a name that stands for two places stands for none."""
        counts = Counter(self.filename or ())
        return {name: at for at, name in enumerate(self.filename or ()) if name and counts[name] == 1}

    def point(self, index: int) -> TrackPoint:
        return TrackPoint(
            self.starts_at + timedelta(seconds=self.at_s[index]), self.lat[index], self.lon[index],
            _at(self.heading_deg, index), _at(self.filename, index), *self.error_at(index),
        )  # fmt: skip

    def error_at(self, index: int) -> tuple[float | None, float | None]:
        """`gps_dop` and `gps_sd_m` of the point."""
        return _at(self.gps_dop, index), _at(self.gps_sd_m, index)


def place_at(track: TrackPoints, at: datetime) -> Fix | None:
    """Where the vehicle was: on the great circle between two points at most GAP_S apart, or at a point within
    AT_POINT_S; None where the track does not say."""
    second = (at - track.starts_at).total_seconds()
    after = bisect_left(track.at_s, second)
    for index in (after, after - 1):
        if 0 <= index < len(track) and abs(track.at_s[index] - second) <= 1e-6:
            return _fix(track, at, index, index, 0.0)
    if 0 < after < len(track):
        gap_s = track.at_s[after] - track.at_s[after - 1]
        if gap_s <= GAP_S:
            return _fix(track, at, after - 1, after, (second - track.at_s[after - 1]) / gap_s)
    near = min((max(after - 1, 0), min(after, len(track) - 1)), key=lambda index: abs(track.at_s[index] - second))
    return _fix(track, at, near, near, 0.0) if abs(track.at_s[near] - second) <= AT_POINT_S else None


def place_of(track: TrackPoints, filename: str) -> Fix | None:
    """The one point that names this image."""
    index = track.named.get(filename)
    return None if index is None else track.point(index)


def seconds_away(track: TrackPoints, at: datetime) -> float:
    """How far in time the nearest point is."""
    second = (at - track.starts_at).total_seconds()
    after = bisect_left(track.at_s, second)
    return min(abs(track.at_s[index] - second) for index in {max(after - 1, 0), min(after, len(track) - 1)})


def _fix(track: TrackPoints, at: datetime, first: int, last: int, share: float) -> Fix:
    lat, lon = between(track.lat[first], track.lon[first], track.lat[last], track.lon[last], share)
    near = last if share >= 0.5 else first
    return Fix(at, lat, lon, _heading_at(track, first, last, share), None, *track.error_at(near))


def _heading_at(track: TrackPoints, first: int, last: int, share: float) -> float | None:
    """The way driven around here, over at least HEADING_BASE_M within STALE_S to each side; standing still has none.

    Where the file itself states a heading for the nearer point, that one.
    """
    told = track.heading_deg[last if share >= 0.5 else first] if track.heading_deg else None
    if told is not None:
        return told
    start, end = first, last
    while True:
        place, goal = (track.lat[start], track.lon[start]), (track.lat[end], track.lon[end])
        if distance_m(*place, *goal) >= HEADING_BASE_M:
            return bearing_deg(*place, *goal)
        wider_start = start - 1 if start > 0 and track.at_s[first] - track.at_s[start - 1] <= STALE_S else start
        wider_end = end + 1 if end + 1 < len(track) and track.at_s[end + 1] - track.at_s[last] <= STALE_S else end
        if (wider_start, wider_end) == (start, end):
            return None
        start, end = wider_start, wider_end


def _apart(ordered: list[TrackPoint]) -> list[TrackPoint]:
    kept: list[TrackPoint] = []
    for point in ordered:
        if not kept or point.at > kept[-1].at:
            kept.append(point)
        elif point.filename:
            kept.append(replace(point, at=kept[-1].at + timedelta(microseconds=1)))
    return kept


def _column(told: Iterable[T | None]) -> tuple[T | None, ...] | None:
    """None where no point says anything."""
    column = tuple(told)
    return column if any(one is not None for one in column) else None


def _at(column: tuple[T | None, ...] | None, index: int) -> T | None:
    return column[index] if column else None

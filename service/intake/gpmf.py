"""Reads where a GoPro camera was from the GPMF telemetry track inside its video.

Written from GoPro's public description of the format, https://github.com/gopro/gpmf-parser (README, "GPMF Deeper Dive"
and the tables of GPS5 and GPS9): key-length-value items, big-endian, 32-bit aligned, nested where the type is zero;
DEVC holds STRM, and a stream's GPS5 or GPS9 is explained by the items before it (SCAL, GPSF, GPSP, GPSU, TYPE, STMP).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from typing import BinaryIO

import numpy as np

from service.intake.mp4 import MovieTrack

MAX_PAYLOAD_BYTES = 4_000_000  # a second of every sensor a camera has is about 20 kB
MAX_POINTS = 2_000_000
MAX_STAMP_SHIFT_S = 2.0  # a stamp further from its payload counts something else, as in a time-lapse
MAX_CLOCK_SPREAD_S = 5.0
LOCKED_FIX = 2  # GPSF: 0 none, 2 two-dimensional, 3 three-dimensional
GPS9_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
YEAR_2100 = datetime(2100, 1, 1, tzinfo=UTC).timestamp()  # a counter run wild
DAY_S = 86_400
NUMBERS = {"b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "f": "f", "d": "d", "j": "q", "J": "Q"}


@dataclass(frozen=True)
class GpsPoint:
    """One fix: where, at which second of the video, and (where the receiver said so) when in UTC and how well."""

    video_s: float
    lat: float
    lon: float
    fix: int | None
    dop: float | None
    at_s: float | None  # UTC, seconds since 1970
    sd_m: float | None = None  # per axis; a survey's track may state it, GPMF does not


@dataclass(frozen=True)
class Item:
    key: bytes
    kind: str
    size: int
    repeat: int
    data: memoryview


def read_gps(file: BinaryIO, track: MovieTrack) -> list[GpsPoint]:
    """All fixes of a `gpmd` track in its order, whatever their quality; what cannot be read is left out."""
    points: list[GpsPoint] = []
    first_exposure_us: int | None = None
    file_bytes = left_bytes = file.seek(0, 2)
    for offset, size, start_s, duration_s in zip(
        track.offsets, track.sizes, track.starts_s, track.durations_s, strict=True
    ):
        left_bytes -= int(size)
        if left_bytes < 0:  # payloads that lie over each other: a small file would be read for hours
            break
        streams = _streams(_payload(file, int(offset), int(size), file_bytes))
        if first_exposure_us is None:
            first_exposure_us = next((_stamp(items) for items in streams if b"SHUT" in items), None)
        found = next((items for items in streams if b"GPS9" in items), None)
        found = found or next((items for items in streams if b"GPS5" in items), None)
        if found is None:
            continue
        begin_s = _begin(float(start_s), _stamp(found), first_exposure_us)
        read = _gps9 if b"GPS9" in found else _gps5
        points += read(found, begin_s, float(duration_s))
        if len(points) > MAX_POINTS:
            break
    return _timed(points)


def _payload(file: BinaryIO, offset: int, size: int, file_bytes: int) -> memoryview:
    if size > MAX_PAYLOAD_BYTES or not 0 <= offset < file_bytes:
        return memoryview(b"")
    file.seek(offset)
    return memoryview(file.read(size))


def _streams(payload: memoryview) -> list[dict[bytes, Item]]:
    """The items of every stream of every device, by key."""
    return [
        {inner.key: inner for inner in _items(stream.data)}
        for device in _items(payload) if device.key == b"DEVC" and not device.kind
        for stream in _items(device.data) if stream.key == b"STRM" and not stream.kind
    ]  # fmt: skip


def _items(data: memoryview) -> Iterator[Item]:
    at = 0
    while at + 8 <= len(data):
        key, kind, size, repeat = struct.unpack_from(">4scBH", data, at)
        length = size * repeat
        if at + 8 + length > len(data) or not key.strip(b"\0"):
            return
        yield Item(key, kind.decode("latin-1").strip("\0"), size, repeat, data[at + 8 : at + 8 + length])
        at += 8 + length + -length % 4


def _rows(item: Item | None, kinds: str = "") -> list[tuple[float, ...]]:
    """The item's samples as numbers; `kinds` is the TYPE of a complex sample. Empty where the two do not fit."""
    if item is None or not item.size:
        return []
    kinds = kinds or item.kind
    if not kinds or any(kind not in NUMBERS for kind in kinds):
        return []
    codes = "".join(NUMBERS[kind] for kind in kinds)
    if len(codes) == 1:
        codes *= item.size // struct.calcsize(f">{codes}")
    if struct.calcsize(f">{codes}") != item.size:
        return []
    return [row for row in struct.iter_unpack(f">{codes}", item.data) if all(map(isfinite, row))]


def _number(items: dict[bytes, Item], key: bytes) -> float | None:
    rows = _rows(items.get(key))
    return rows[0][0] if rows and rows[0] else None


def _text(items: dict[bytes, Item], key: bytes) -> str:
    item = items.get(key)
    return bytes(item.data).decode("latin-1").strip("\0 ") if item else ""


def _scales(items: dict[bytes, Item], columns: int) -> list[float]:
    """A divisor for each column; empty where they are missing, too few or zero."""
    values = [row[0] for row in _rows(items.get(b"SCAL")) if row]
    if len(values) == 1:
        values *= columns
    return values[:columns] if len(values) >= columns and all(values[:columns]) else []


def _gps5(items: dict[bytes, Item], begin_s: float, duration_s: float) -> list[GpsPoint]:
    """Latitude, longitude, altitude, two speeds; fix, precision and time stand once for the payload."""
    rows, scales = _rows(items.get(b"GPS5")), _scales(items, 5)
    if not scales or not rows or len(rows[0]) != 5:
        return []
    fix, precision = _number(items, b"GPSF"), _number(items, b"GPSP")
    dop = None if precision is None else precision / 100
    at_s = _utc(_text(items, b"GPSU"))
    points = []
    for index, row in enumerate(rows):
        second = begin_s + duration_s * index / len(rows)
        lat, lon = row[0] / scales[0], row[1] / scales[1]
        known = at_s if index == 0 else None  # the payload's time is its first sample's
        points.append(GpsPoint(second, lat, lon, None if fix is None else int(fix), dop, known))
    return points


def _gps9(items: dict[bytes, Item], begin_s: float, duration_s: float) -> list[GpsPoint]:
    """As GPS5, and for every sample days since 2000, seconds since midnight UTC, precision and fix."""
    rows, scales = _rows(items.get(b"GPS9"), _text(items, b"TYPE")), _scales(items, 9)
    if not scales or not rows or len(rows[0]) != 9:
        return []
    points = []
    for index, row in enumerate(rows):
        lat, lon, _, _, _, days, seconds, dop, fix = (value / scale for value, scale in zip(row, scales, strict=True))
        second, at_s = begin_s + duration_s * index / len(rows), GPS9_EPOCH + days * DAY_S + seconds
        points.append(GpsPoint(second, lat, lon, int(fix), dop, at_s if at_s < YEAR_2100 else None))
    return points


def _utc(text: str) -> float | None:
    """GPSU, `yymmddhhmmss.sss`, as seconds since 1970."""
    try:
        return datetime.strptime(f"20{text}", "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _stamp(items: dict[bytes, Item]) -> int | None:
    """STMP: microseconds of the camera's own clock at the stream's first sample."""
    value = _number(items, b"STMP")
    return None if value is None else int(value)


def _begin(start_s: float, stamp_us: int | None, first_exposure_us: int | None) -> float:
    """The payload's first sample on the video's timeline, whose zero is the first exposure (SHUT).

    The payload's own start is exact to its length (a second) only; the two stamps are of one clock.
    """
    if stamp_us is None or first_exposure_us is None:
        return start_s
    stamped_s = (stamp_us - first_exposure_us) / 1e6
    return stamped_s if abs(stamped_s - start_s) <= MAX_STAMP_SHIFT_S else start_s


def _timed(points: list[GpsPoint]) -> list[GpsPoint]:
    """Gives every point its UTC time, from those that have one.

    Without a fix the camera reports its own clock, which is set by hand: only times of locked points count.
    """
    known = [(point.video_s, point.at_s) for point in points if point.at_s is not None and _locked(point)]
    anchors = _rising(_agreeing(known))
    if not anchors:
        return [replace(point, at_s=None) for point in points]
    known_s, known_at_s = np.array(anchors).T
    video_s = np.array([point.video_s for point in points])
    before, after = np.minimum(video_s - known_s[0], 0), np.maximum(video_s - known_s[-1], 0)
    at_s = np.interp(video_s, known_s, known_at_s) + before + after
    return [replace(point, at_s=float(at)) for point, at in zip(points, at_s, strict=True)]


def _locked(point: GpsPoint) -> bool:
    return point.fix is None or point.fix >= LOCKED_FIX


def _agreeing(known: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the few that say another start of the video than most do; a time-lapse has no start that most say."""
    if not known:
        return []
    starts = np.array([at_s - video_s for video_s, at_s in known])
    near = np.abs(starts - np.median(starts)) <= MAX_CLOCK_SPREAD_S
    return [pair for pair, keep in zip(known, near, strict=True) if keep] if near.mean() > 0.5 else known


def _rising(known: list[tuple[float, float]]) -> list[tuple[float, float]]:
    rising: list[tuple[float, float]] = []
    for video_s, at_s in known:
        if not rising or (video_s > rising[-1][0] and at_s > rising[-1][1]):
            rising.append((video_s, at_s))
    return rising

"""Reads the files that tell where a vehicle was: GPX 1.0 and 1.1, and mapillary_image_description.json.

A point that is no place or no time is left out; the rest of the file stands.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any
from xml.parsers import expat

from service.surveys.geotag import EARLIEST, compass, fix_dop, is_place, keepable, radius_to_sd_m
from service.surveys.track_points import TrackPoint, TrackPoints, TrackRefused

MAX_POINTS = 500_000  # 14 hours at ten fixes a second
MAX_CONTAINERS = 4 * MAX_POINTS  # mapillary_tools writes two a point; 25 MB of empty ones take half a gigabyte
MAX_DEPTH = 32  # GPX needs 6; deeper is a file made to exhaust the reader
ACCURACIES = ("accuracy", "accuracy_horizontal")  # extensions in metres; the second is OpenTracks' own
METRES_AS_HDOP = ("OsmAnd", "Locus")  # creators that write the telephone's accuracy there (osmandapp/OsmAnd#3445)
MAPILLARY_TIME = "%Y_%m_%d_%H_%M_%S_%f"  # UTC; the last part is milliseconds


def parse_track(data: bytes, filename: str) -> TrackPoints:
    """The points of a GPX or mapillary file, told apart by what it holds; `filename` is only for the message.

    Raises TrackRefused: track.unsupported, track.unreadable, track.unsafe, track.empty, track.too_long.
    """
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return TrackPoints.of(GpxReader().read(data))
    if start in (b"[", b"{"):
        return TrackPoints.of(_mapillary_points(data))
    raise TrackRefused(
        "track.unsupported",
        f"expected GPX or mapillary_image_description.json, got {data[:12]!r} in {filename[:80]!r}; export it as GPX",
    )


def plain_name(filename: str) -> str:
    """The last part of whatever path came, without what the database cannot hold: as frames keep their names."""
    name = PurePath(filename.replace("\\", "/").replace("\0", "")).name
    return name.encode("utf-8", "replace").decode()[:255]


class GpxReader:
    """Collects <trkpt lat lon><time/></trkpt> in any GPX namespace. A DOCTYPE, and with it every entity, is refused."""

    def __init__(self) -> None:
        self._points: list[TrackPoint] = []
        self._open: list[str] = []
        self._place: tuple[float, float] | None = None
        self._words: dict[str, list[str]] = {}
        self._metres_as_hdop = False

    def read(self, data: bytes) -> list[TrackPoint]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(data, True)
        except TrackRefused:
            raise
        except (expat.ExpatError, LookupError, ValueError) as error:  # ValueError: an encoding expat cannot take
            raise TrackRefused("track.unreadable", f"expected well-formed GPX: {error}; export it again") from error
        return self._points

    def _refuse_doctype(self, *_: object) -> None:
        raise TrackRefused("track.unsafe", "expected GPX without a DOCTYPE, got one; export it again without it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._open and local != "gpx":
            raise TrackRefused("track.unsupported", f"expected a gpx document, got <{local[:40]}>; export it as GPX")
        if len(self._open) >= MAX_DEPTH:
            raise TrackRefused("track.unsafe", f"expected elements at most {MAX_DEPTH} deep, got more")
        if not self._open:
            self._metres_as_hdop = attributes.get("creator", "").startswith(METRES_AS_HDOP)
        self._open.append(local)
        if self._is_told():
            self._words[local] = []
        if local == "trkpt":
            self._place, self._words = _place(attributes.get("lat"), attributes.get("lon")), {}

    def _text(self, text: str) -> None:
        words = self._words.get(self._open[-1]) if self._is_told() else None
        if words is not None and len(words) < 16:
            words.append(text[:64])

    def _is_told(self) -> bool:
        """Whether the open element is one that is read: of the point itself, or an accuracy in its extensions."""
        match self._open:
            case [*_, "trkpt", "time" | "hdop"]:
                return True
            case [*_, last] if last in ACCURACIES:
                return "extensions" in self._open
        return False

    def _end(self, name: str) -> None:
        if self._open.pop() != "trkpt":
            return
        at = _gpx_time(self._told("time"))
        if self._place and at:
            self._points.append(TrackPoint(at, *self._place, None, None, *self._error()))
        if len(self._points) > MAX_POINTS:
            raise _too_long()

    def _told(self, name: str) -> str:
        return "".join(self._words.get(name, ())).strip()

    def _error(self) -> tuple[float | None, float | None]:
        """Dilution of precision, and metres per axis."""
        hdop, radii = self._told("hdop"), [self._told(name) for name in ACCURACIES]
        if self._metres_as_hdop:
            hdop, radii = "", [*radii, hdop]
        return fix_dop(hdop), next((sd_m for radius in radii if (sd_m := radius_to_sd_m(radius))), None)


def _gpx_time(text: str) -> datetime | None:
    """GPX defines its times as UTC, so one without a zone is no guess."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _usable(at if at.tzinfo else at.replace(tzinfo=UTC))


def _mapillary_points(data: bytes) -> list[TrackPoint]:
    if data.count(b"{") + data.count(b"[") > MAX_CONTAINERS:
        raise _too_long()
    try:
        told: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TrackRefused("track.unreadable", f"expected JSON, got: {str(error)[:200]}; export it again") from error
    if not isinstance(told, list):
        raise TrackRefused("track.unsupported", "expected the list of mapillary_image_description.json, got an object")
    if len(told) > MAX_POINTS:
        raise _too_long()
    return list(_described(told))


def _described(told: list[Any]) -> Iterator[TrackPoint]:
    for one in told:
        if not isinstance(one, dict):
            continue
        place = _place(one.get("MAPLatitude"), one.get("MAPLongitude"))
        at, name = _mapillary_time(one.get("MAPCaptureTime")), one.get("filename")
        heading_deg = _mapillary_heading(one.get("MAPCompassHeading"))
        if place and at:
            image = (plain_name(name) or None) if isinstance(name, str) else None
            sd_m = radius_to_sd_m(one.get("MAPGPSAccuracyMeters"))
            yield TrackPoint(at, *place, heading_deg, image, gps_sd_m=sd_m)


def _mapillary_time(value: object) -> datetime | None:
    try:
        return _usable(datetime.strptime(str(value)[:40], MAPILLARY_TIME).replace(tzinfo=UTC))
    except ValueError:
        return None


def _mapillary_heading(value: object) -> float | None:
    """{"TrueHeading": 12.3, "MagneticHeading": 12.3} or the bare number."""
    if isinstance(value, dict):
        value = value.get("TrueHeading")
    return compass(float(value)) if isinstance(value, int | float) and abs(value) < 1e6 else None


def _place(lat: object, lon: object) -> tuple[float, float] | None:
    try:
        north, east = float(lat), float(lon)  # type: ignore[arg-type]  # foreign data
    except (TypeError, ValueError, OverflowError):
        return None
    return (north, east) if is_place(north, east) else None


def _usable(at: datetime) -> datetime | None:
    kept = keepable(at)
    return kept.astimezone(UTC) if kept and kept >= EARLIEST else None


def _too_long() -> TrackRefused:
    return TrackRefused("track.too_long", f"expected at most {MAX_POINTS} points, got more; send one drive a file")

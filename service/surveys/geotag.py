"""Where and when a frame was taken, from its own EXIF or from what the vehicle says of it. Nothing is guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import isfinite

GPS_LAT_REF, GPS_LAT, GPS_LON_REF, GPS_LON = 1, 2, 3, 4
GPS_TIME, GPS_DIRECTION, GPS_DATE = 7, 17, 29
DATETIME_ORIGINAL, OFFSET_ORIGINAL = 0x9003, 0x9011
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # before: a clock that was never set
CLOCK_LEAD = timedelta(minutes=10)  # how far a camera may be ahead of us


class BadGeotag(ValueError):
    """A place or time that cannot be used; `code` is the frame's refusal reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Geotag:
    """Place (WGS 84 degrees), time (UTC) and heading (degrees clockwise from north) of one frame."""

    lat: float
    lon: float
    captured_at: datetime
    heading_deg: float | None
    source: str  # metadata | exif


def check_geotag(
    lat: float | None,
    lon: float | None,
    captured_at: datetime | None,
    heading_deg: float | None,
    source: str,
    now: datetime,
) -> Geotag:
    """The geotag if it can be used. Raises BadGeotag with one of the codes position.missing, position.null_island,
    position.out_of_range, time.missing, time.no_zone, time.out_of_range, time.in_future."""
    if lat is None or lon is None:
        raise BadGeotag("position.missing", "expected lat and lon in the metadata or GPS in the EXIF, found neither")
    if not (isfinite(lat) and isfinite(lon) and -90 <= lat <= 90 and -180 <= lon <= 180):
        raise BadGeotag("position.out_of_range", f"expected lat in -90..90 and lon in -180..180, got {lat}, {lon}")
    if abs(lat) < 1e-4 and abs(lon) < 1e-4:
        raise BadGeotag("position.null_island", "expected a real fix, got 0, 0: the receiver had none; send it again")
    if captured_at is None:
        raise BadGeotag("time.missing", "expected captured_at in the metadata or a GPS time in the EXIF, found neither")
    if captured_at.tzinfo is None:
        raise BadGeotag("time.no_zone", f"expected a time with its zone, got {captured_at.isoformat()}; add the offset")
    if captured_at < EARLIEST:
        raise BadGeotag(
            "time.out_of_range", f"expected a time from 2000 on, got {captured_at.isoformat()}; set the clock"
        )
    if captured_at > now + CLOCK_LEAD:
        detail = f"expected a time that has passed, got {captured_at.isoformat()} at {now.isoformat()}; set the clock"
        raise BadGeotag("time.in_future", detail)
    heading = heading_deg % 360 if heading_deg is not None and isfinite(heading_deg) else None
    return Geotag(lat, lon, captured_at.astimezone(UTC), heading, source)


def exif_position(gps: Mapping[int, object]) -> tuple[float | None, float | None, float | None]:
    """(lat, lon, heading_deg) of an EXIF GPS directory; None for what is missing or malformed (EXIF 2.32, 4.6.6)."""
    lat = _degrees(gps.get(GPS_LAT), gps.get(GPS_LAT_REF), "S")
    lon = _degrees(gps.get(GPS_LON), gps.get(GPS_LON_REF), "W")
    return lat, lon, _number(gps.get(GPS_DIRECTION))


def exif_time(exif: Mapping[int, object], gps: Mapping[int, object]) -> datetime | None:
    """The GPS time (UTC by definition), else the camera's time if it states its offset; never a guessed zone."""
    return _gps_time(gps) or _camera_time(exif)


def _gps_time(gps: Mapping[int, object]) -> datetime | None:
    parts = _triple(gps.get(GPS_TIME))
    day = gps.get(GPS_DATE)
    if parts is None or not isinstance(day, str):
        return None
    try:
        midnight = datetime.combine(date.fromisoformat(day.strip("\0 ").replace(":", "-")), time(), UTC)
        return midnight + timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2])
    except (ValueError, OverflowError):
        return None


def _camera_time(exif: Mapping[int, object]) -> datetime | None:
    stamp, offset = exif.get(DATETIME_ORIGINAL), exif.get(OFFSET_ORIGINAL)
    if not isinstance(stamp, str) or not isinstance(offset, str):
        return None
    try:
        return datetime.strptime(stamp.strip("\0 ") + offset.strip("\0 "), "%Y:%m:%d %H:%M:%S%z")
    except ValueError:
        return None


def _degrees(value: object, reference: object, negative: str) -> float | None:
    parts = _triple(value)
    if parts is None or not isinstance(reference, str):
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -degrees if reference.strip("\0 ").upper() == negative else degrees


def _triple(value: object) -> tuple[float, float, float] | None:
    if not isinstance(value, tuple | list) or len(value) != 3:
        return None
    numbers = [_number(part) for part in value]
    first, second, third = numbers
    if first is None or second is None or third is None:
        return None
    return first, second, third


def _number(value: object) -> float | None:
    try:
        if isinstance(value, tuple | list) and len(value) == 2:
            number = float(Fraction(int(value[0]), int(value[1])))
        else:
            number = float(value)  # type: ignore[arg-type]  # Pillow's IFDRational, int or float
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if isfinite(number) else None

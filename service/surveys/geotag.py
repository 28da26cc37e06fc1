"""Where and when a frame was taken, from its own EXIF or from what the vehicle says of it. Nothing is guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import isfinite, log, sqrt

GPS_LAT_REF, GPS_LAT, GPS_LON_REF, GPS_LON = 1, 2, 3, 4
GPS_TIME, GPS_DOP, GPS_SPEED_REF, GPS_SPEED, GPS_TRACK, GPS_DIRECTION, GPS_DATE = 7, 11, 12, 13, 15, 17, 29
GPS_H_POSITIONING_ERROR = 0x1F
DATETIME_ORIGINAL, OFFSET_ORIGINAL, SUBSEC_ORIGINAL = 0x9003, 0x9011, 0x9291
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # before: a clock that was never set
CLOCK_LEAD = timedelta(minutes=10)  # how far a camera may be ahead of us
KEPT_YEARS = range(1970, 2100)  # a stamp outside says nothing, and the database could not return all of them
MPS_PER_UNIT = {"K": 1 / 3.6, "M": 0.44704, "N": 1852 / 3600}  # EXIF 2.32, GPSSpeedRef: km/h, mph, knots
FASTEST_MPS = 150.0  # no road vehicle: the tag is wrong
MAX_DOP = 100.0  # from there on, and at 0, a receiver says that it has none
MAX_FIX_SD_M = 1000.0  # no fix: a cell of the telephone network
SD_PER_RADIUS = 1 / sqrt(-2 * log(1 - 0.68))  # 1 / 1.51


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
    source: str  # metadata exif track mapillary person


@dataclass(frozen=True)
class Stated:
    """What a frame's file and its vehicle say of place and time, each part where it is said and can be kept.

    `camera_at` is the camera's own stamp without its zone; it never stands for a moment by itself.
    """

    lat: float | None = None
    lon: float | None = None
    position_source: str | None = None  # metadata exif
    heading_deg: float | None = None
    heading_source: str | None = None  # metadata; exif: of the picture; course: of the vehicle, where no other is said
    captured_at: datetime | None = None
    time_source: str | None = None  # metadata gps camera
    camera_at: datetime | None = None
    gps_at: datetime | None = None
    speed_mps: float | None = None
    gps_dop: float | None = None
    gps_sd_m: float | None = None


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
        raise BadGeotag(
            "position.missing",
            "expected lat and lon in the metadata, GPS in the EXIF or a track of the survey, found none; send a track",
        )
    if not (isfinite(lat) and isfinite(lon) and -90 <= lat <= 90 and -180 <= lon <= 180):
        raise BadGeotag("position.out_of_range", f"expected lat in -90..90 and lon in -180..180, got {lat}, {lon}")
    if is_null_island(lat, lon):
        raise BadGeotag("position.null_island", "expected a real fix, got 0, 0: the receiver had none; send it again")
    if captured_at is None:
        raise BadGeotag("time.missing", "expected captured_at in the metadata or a GPS time in the EXIF, found neither")
    if captured_at.tzinfo is None:
        raise BadGeotag(
            "time.no_zone",
            f"expected a time with its zone, got {captured_at.isoformat()}; send captured_at with its offset, "
            "or confirm the clock of the survey",
        )
    if captured_at < EARLIEST:
        raise BadGeotag(
            "time.out_of_range", f"expected a time from 2000 on, got {captured_at.isoformat()}; set the clock"
        )
    if captured_at > now + CLOCK_LEAD:
        detail = f"expected a time that has passed, got {captured_at.isoformat()} at {now.isoformat()}; set the clock"
        raise BadGeotag("time.in_future", detail)
    return Geotag(lat, lon, captured_at.astimezone(UTC), compass(heading_deg), source)


def is_null_island(lat: float, lon: float) -> bool:
    """0, 0 is what a receiver without a fix says; nobody surveys that piece of the Atlantic."""
    return abs(lat) < 1e-4 and abs(lon) < 1e-4


def is_place(lat: float | None, lon: float | None) -> bool:
    """Whether the pair is a place at all."""
    if lat is None or lon is None or not (isfinite(lat) and isfinite(lon)):
        return False
    return -90 <= lat <= 90 and -180 <= lon <= 180 and not is_null_island(lat, lon)


def compass(heading_deg: float | None) -> float | None:
    return heading_deg % 360 if heading_deg is not None and isfinite(heading_deg) else None


def fix_dop(value: object) -> float | None:
    """A dilution of precision; None for what is none."""
    dop = _number(value)
    return dop if dop is not None and 0 < dop < MAX_DOP else None


def radius_to_sd_m(radius_m: object) -> float | None:
    """The standard deviation per axis of a fix whose error is stated as one radius; None for what is no such error.

    Neither EXIF 2.31 (GPSHPositioningError) nor GPX says how sure that radius is. Telephones write their system's
    horizontal accuracy into it, on Android the radius that holds the true place in 68 of 100 cases
    (android.location.Location.getAccuracy). Of a round Gaussian that is sqrt(-2 ln 0.32) = 1.51 deviations.
    """
    radius = _number(radius_m)
    sd_m = None if radius is None else radius * SD_PER_RADIUS
    return sd_m if sd_m is not None and 0 < sd_m <= MAX_FIX_SD_M else None


def keepable(stamp: datetime | None) -> datetime | None:
    """The stamp where it can be stored and shown, wrong or not."""
    return stamp if stamp and stamp.year in KEPT_YEARS else None


def exif_stated(exif: Mapping[int, object], gps: Mapping[int, object]) -> Stated:
    """Everything that an Exif and a GPS directory say; whatever is missing or malformed is left out."""
    lat, lon, direction = exif_position(gps)
    course = _number(gps.get(GPS_TRACK))
    gps_at, stamp = keepable(_gps_time(gps)), _camera_stamp(exif)
    captured_at = gps_at or keepable(_camera_time(exif))
    heading = direction if direction is not None else course
    return Stated(
        lat=lat,
        lon=lon,
        position_source="exif",
        heading_deg=compass(heading),
        heading_source=None if heading is None else "exif" if direction is not None else "course",
        captured_at=captured_at,
        time_source=None if captured_at is None else "gps" if gps_at else "camera",
        camera_at=keepable(stamp),
        gps_at=gps_at,
        speed_mps=_speed_mps(gps),
        gps_dop=fix_dop(gps.get(GPS_DOP)),
        gps_sd_m=radius_to_sd_m(gps.get(GPS_H_POSITIONING_ERROR)),
    )


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
    hours, minutes, seconds = parts
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):  # 60: a leap second
        return None
    try:
        midnight = datetime.combine(date.fromisoformat(day.strip("\0 ").replace(":", "-")), time(), UTC)
        return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return None


def _camera_time(exif: Mapping[int, object]) -> datetime | None:
    stamp, offset = _camera_stamp(exif), exif.get(OFFSET_ORIGINAL)
    if stamp is None or not isinstance(offset, str):
        return None
    try:
        zone = datetime.strptime(offset.strip("\0 "), "%z").tzinfo
    except ValueError:
        return None
    return stamp.replace(tzinfo=zone)


def _camera_stamp(exif: Mapping[int, object]) -> datetime | None:
    """DateTimeOriginal with its part of a second, as the camera's clock showed it: without a zone."""
    stamp = exif.get(DATETIME_ORIGINAL)
    if not isinstance(stamp, str):
        return None
    try:
        whole = datetime.strptime(stamp.strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the zone is not known
    except ValueError:
        return None
    digits = exif.get(SUBSEC_ORIGINAL)
    digits = digits.strip("\0 ") if isinstance(digits, str) else ""
    if not (digits.isascii() and digits.isdigit()):
        return whole
    return whole.replace(microsecond=int(digits[:6].ljust(6, "0")))


def _speed_mps(gps: Mapping[int, object]) -> float | None:
    """Without a unit it is km/h: the tag's default by the standard."""
    speed, unit = _number(gps.get(GPS_SPEED)), gps.get(GPS_SPEED_REF, "K")
    per_unit = MPS_PER_UNIT.get(unit.strip("\0 ").upper()) if isinstance(unit, str) else None
    if speed is None or per_unit is None or not 0 <= speed * per_unit <= FASTEST_MPS:
        return None
    return speed * per_unit


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

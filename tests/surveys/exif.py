"""Pictures as a camera with a receiver would write them: each tag only where the test states it."""

from datetime import datetime

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from tests.factories import jpeg


def camera_jpeg(
    *,
    place: tuple[float, float] | None = None,
    gps_at: datetime | None = None,
    camera_at: datetime | None = None,
    offset: str | None = None,
    subsec: str | None = None,
    gps: dict[int, object] | None = None,
) -> bytes:
    """`camera_at` is written as the camera's clock shows it; `gps` adds tags of the GPS directory by number."""
    exif = Image.Exif()
    exif[0x010F] = "Rasid"  # without a tag of its own the block counts as empty
    stamps = {0x9003: camera_at and camera_at.strftime("%Y:%m:%d %H:%M:%S"), 0x9011: offset, 0x9291: subsec}
    exif.get_ifd(0x8769).update({tag: told for tag, told in stamps.items() if told})
    tags: dict[int, object] = dict(gps or {})
    if place:
        lat, lon = place
        tags |= {1: "N" if lat >= 0 else "S", 2: _degrees(lat), 3: "E" if lon >= 0 else "W", 4: _degrees(lon)}
    if gps_at:
        seconds = IFDRational(round((gps_at.second + gps_at.microsecond / 1e6) * 1000), 1000)
        tags |= {7: (IFDRational(gps_at.hour), IFDRational(gps_at.minute), seconds), 29: gps_at.strftime("%Y:%m:%d")}
    exif.get_ifd(0x8825).update(tags)
    return jpeg(exif=exif)


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    return IFDRational(int(abs(value))), IFDRational(0), IFDRational(round(abs(value) % 1 * 3600 * 10_000), 10_000)

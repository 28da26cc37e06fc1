"""Sound files of every kind that vehicles send: what the fuzzer spoils, and what must still be taken untouched."""

import io
import json
import random
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.intake.videos import add_telemetry, draw_video, gps5, gps9, straight_drive
from tests.intake.zip_files import zip_of
from tests.models import blob_image

BEGIN = (26.4282, 50.0910)
START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
FORMATS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
SUFFIXES = {"jpeg": ".jpg", "mapillary": ".json", "mp4": ".MP4"}
POOL = 24  # different originals of a picture format


@dataclass(frozen=True)
class Original:
    form: str  # jpeg png webp zip mp4 gpx mapillary
    name: str
    data: bytes


def draw(chance: random.Random, *forms: str) -> Original:
    """One of the sound files of these forms."""
    form = chance.choice(forms)
    if form in FORMATS:
        data = photo(form, chance.randrange(POOL))
    else:
        data = {"zip": archive, "mp4": video, "gpx": gpx, "mapillary": mapillary}[form](chance.randrange(4))
    return Original(form, f"{chance.randrange(10**6)}{SUFFIXES.get(form, '.' + form)}", data)


@cache
def photo(form: str, number: int) -> bytes:
    """A street with a blob that the test models find, with place and GPS time in its EXIF."""
    at, exif = START + timedelta(seconds=2 * number), Image.Exif()
    exif[0x0112] = 1 + number % 8
    exif.get_ifd(0x8769).update({0x9003: f"{at:%Y:%m:%d %H:%M:%S}", 0x9011: "+00:00"})
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (26, 25, 41.5 + 0.72 * number), 3: "E", 4: (50, 5, 27.6), 7: (at.hour, at.minute, at.second)}
        | {17: 12.5, 29: f"{at:%Y:%m:%d}"}
    )
    kind = ("pothole", "garbage", "graffiti", "damaged_sign")[number % 4]
    left = 8 + 3 * number
    pixels = blob_image({kind: [(left, 60, left + 32, 92)]}, width=160, height=120)
    pixels[:40] = np.random.default_rng(number).integers(60, 200, (40, 160, 3), np.uint8)
    file, options = io.BytesIO(), {"progressive": number % 3 == 0} if form == "jpeg" else {}
    Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])).save(file, FORMATS[form], exif=exif, **options)
    return file.getvalue()


@cache
def archive(number: int) -> bytes:
    names = {f"DCIM/{one:03}.jpg": photo("jpeg", (3 * number + one) % POOL) for one in range(3)}
    return zipped({**names, "track.gpx": gpx(number), "notes.txt": b"survey of Dammam"}, (0, 8)[number % 2])


@cache
def video(number: int) -> bytes:
    """Four seconds with telemetry of a drive due north."""
    write = gps9 if number % 2 else gps5
    seconds = straight_drive(4, START + timedelta(hours=1 + number), begin=BEGIN)
    with tempfile.TemporaryDirectory() as folder:
        film = draw_video(Path(folder) / "drive.mp4", 40)
        return add_telemetry(film, [write(one) for one in seconds], wide=number > 1).read_bytes()


@cache
def gpx(number: int) -> bytes:
    times = [f"{START + timedelta(seconds=number * 60 + n):%Y-%m-%dT%H:%M:%SZ}" for n in range(20)]
    points = "".join(
        f'<trkpt lat="{BEGIN[0] + n / 10000}" lon="{BEGIN[1]}"><time>{at}</time></trkpt>' for n, at in enumerate(times)
    )
    text = f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


@cache
def mapillary(number: int) -> bytes:
    return json.dumps(mapillary_rows(number)).encode()


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP that is the same whenever it is written."""
    entries = [(zipfile.ZipInfo(name, (2026, 3, 4, 6, 0, 0)), data) for name, data in files.items()]
    for info, _ in entries:
        info.compress_type = method
    return zip_of(entries, method)


def mapillary_rows(number: int) -> list[dict[str, Any]]:
    """What mapillary_tools writes of 20 images."""
    return [
        {
            "MAPLatitude": BEGIN[0] + n / 10000,
            "MAPLongitude": BEGIN[1],
            "filename": f"{n}.jpg",
            "filetype": "image",
            "MAPCaptureTime": f"{START + timedelta(seconds=number * 60 + n):%Y_%m_%d_%H_%M_%S}_000",
            "MAPCompassHeading": {"TrueHeading": 1.0, "MagneticHeading": 1.0},
        }
        for n in range(20)
    ]


def sound_picture(data: bytes) -> bool:
    """Whether another reader than the service's, Pillow by its own choice of plugin, shows the whole picture."""
    try:
        with Image.open(io.BytesIO(data), formats=list(FORMATS.values())) as image:
            image.load()
            return image.width * image.height > 0
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        LookupError,
        TypeError,
        struct.error,
        Image.DecompressionBombError,
    ):
        return False

"""Reads an upload once: is it an image we take, how large, and what do its EXIF tags say of place and time."""

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime

from PIL import Image, UnidentifiedImageError

from inference.images import ImageRefused, decode_image
from service.surveys.geotag import BadGeotag, Geotag, check_geotag, exif_position, exif_time
from service.surveys.schemas import FrameMetadata

GPS_DIRECTORY, EXIF_DIRECTORY = 0x8825, 0x8769
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


@dataclass(frozen=True)
class Refusal:
    """Why a frame cannot be used; `code` is stable, `detail` says what to do."""

    code: str
    detail: str


@dataclass(frozen=True)
class Upload:
    """What an upload turned out to be. `media_type`, `width`, `height` are None when it is no readable image."""

    sha256: str
    size_bytes: int
    media_type: str | None
    width: int | None  # upright pixels
    height: int | None
    geotag: Geotag | None
    refusal: Refusal | None


def read_upload(data: bytes, metadata: FrameMetadata, max_pixels: int, now: datetime) -> Upload:
    """Never raises for bad content: the refusal is part of the value, so that it can be kept and shown."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = decode_image(data, max_pixels)
    except ImageRefused as error:
        detail = f"expected {error.expected}, got {error.got}"
        return Upload(digest, len(data), None, None, None, None, Refusal(error.code, detail))
    height, width = image.pixels.shape[:2]
    geotag, refusal = None, None
    try:
        geotag = _geotag(data, metadata, now)
    except BadGeotag as error:
        refusal = Refusal(error.code, error.detail)
    return Upload(digest, len(data), MEDIA_TYPES[image.format], width, height, geotag, refusal)


def _geotag(data: bytes, metadata: FrameMetadata, now: datetime) -> Geotag:
    """The vehicle's word goes before EXIF, position and time each as a whole."""
    exif, gps = _exif(data)
    lat, lon, heading = exif_position(gps)
    told = metadata.lat is not None or metadata.lon is not None
    if told:
        lat, lon = metadata.lat, metadata.lon
    if metadata.heading_deg is not None:
        heading = metadata.heading_deg
    captured_at = metadata.captured_at or exif_time(exif, gps)
    return check_geotag(lat, lon, captured_at, heading, "metadata" if told else "exif", now)


def _exif(data: bytes) -> tuple[dict[int, object], dict[int, object]]:
    """The Exif and GPS directories; empty where the tags are missing or broken, which then reads as no position."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            tags = image.getexif()
            return dict(tags.get_ifd(EXIF_DIRECTORY)), dict(tags.get_ifd(GPS_DIRECTORY))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, KeyError, EOFError):
        return {}, {}

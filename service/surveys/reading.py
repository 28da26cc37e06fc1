"""Reads an upload once: is it an image we take, how large, and what do its EXIF tags say of place and time."""

import hashlib
import io
import struct
from dataclasses import dataclass, replace
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from inference.images import ImageRefused, decode_image
from inference.quality import FootageQuality, judge
from service.surveys.geotag import (
    BadGeotag,
    Geotag,
    Stated,
    check_geotag,
    compass,
    exif_stated,
    is_place,
    keepable,
)
from service.surveys.schemas import FrameMetadata

GPS_DIRECTORY, EXIF_DIRECTORY = 0x8825, 0x8769
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
NOTHING_STATED = Stated()


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
    stated: Stated = NOTHING_STATED  # also of a frame whose place or time is refused, so that it can be mended
    picture_hash: int | None = None
    quality: FootageQuality | None = None


def read_upload(data: bytes, metadata: FrameMetadata, max_pixels: int, now: datetime) -> Upload:
    """Never raises for bad content: the refusal is part of the value, so that it can be kept and shown."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = decode_image(data, max_pixels)
    except ImageRefused as error:
        detail = f"expected {error.expected}, got {error.got}"
        return Upload(digest, len(data), None, None, None, None, Refusal(error.code, detail))
    height, width = image.pixels.shape[:2]
    said = _said(data, metadata)
    geotag, refusal = None, None
    try:
        geotag = check_geotag(
            said.lat, said.lon, said.captured_at or said.camera_at, said.heading_deg, said.position_source or "", now
        )
    except BadGeotag as error:
        refusal = Refusal(error.code, error.detail)
    return Upload(
        digest, len(data), MEDIA_TYPES[image.format], width, height, geotag, refusal,
        _kept(said), picture_hash(image.pixels), judge(image.pixels),
    )  # fmt: skip


def picture_hash(pixels: NDArray[np.uint8]) -> int:
    """64 signed bits that stay nearly the same when a picture is scaled or encoded again (difference hash: is each
    cell of an 8 x 8 grid brighter than its right neighbour)."""
    grey = cv2.cvtColor(cv2.resize(pixels, (9, 8), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    bits = np.packbits(grey[:, :-1] > grey[:, 1:])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _said(data: bytes, metadata: FrameMetadata) -> Stated:
    """The vehicle's word goes before EXIF, position, its error and time each as a whole.

    The error is of the place it came with: EXIF's says nothing of a place in the metadata.
    """
    said = exif_stated(*_exif(data))
    if metadata.lat is not None or metadata.lon is not None:
        said = replace(said, lat=metadata.lat, lon=metadata.lon, position_source="metadata")
    if any(one is not None for one in (metadata.lat, metadata.lon, metadata.gps_dop, metadata.gps_sd_m)):
        said = replace(said, gps_dop=metadata.gps_dop, gps_sd_m=metadata.gps_sd_m)
    if metadata.heading_deg is not None:
        said = replace(said, heading_deg=compass(metadata.heading_deg), heading_source="metadata")
    told = metadata.captured_at
    if told and told.tzinfo is None:
        return replace(said, camera_at=keepable(told))
    return replace(said, captured_at=told, time_source="metadata") if told else said


def _kept(said: Stated) -> Stated:
    """Without the places and times that no row should hold."""
    if not is_place(said.lat, said.lon):
        said = replace(said, lat=None, lon=None, position_source=None, gps_dop=None, gps_sd_m=None)
    if keepable(said.captured_at) is None:
        said = replace(said, captured_at=None, time_source=None)
    return said


def _exif(data: bytes) -> tuple[dict[int, object], dict[int, object]]:
    """The Exif and GPS directories; empty where the tags are missing or broken, which then reads as no position."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            tags = image.getexif()
            return _directory(tags, EXIF_DIRECTORY), _directory(tags, GPS_DIRECTORY)
    except (UnidentifiedImageError, Image.DecompressionBombError, *BROKEN_TAGS):
        return {}, {}


BROKEN_TAGS = (
    OSError, ValueError, SyntaxError, TypeError, LookupError, EOFError, AttributeError, ArithmeticError, struct.error
)  # fmt: skip


def _directory(tags: Image.Exif, pointer: int) -> dict[int, object]:
    """One directory by itself: a broken one takes nothing from the other."""
    try:
        return dict(tags.get_ifd(pointer))
    except BROKEN_TAGS:
        return {}

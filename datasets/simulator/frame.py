"""One rendered survey frame with its exact ground truth, and the JPEG a survey camera would have stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO
from math import isnan

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

LOCAL_TIME = timezone(timedelta(hours=3))  # Saudi Arabia keeps one offset all year
MAKE, MODEL = "Rasid", "Drive simulator"
JPEG_QUALITY = 88
FULL_FRAME_MM = 36.0
RADIUS_PER_SD = 1.51  # of a round Gaussian, the radius that holds 68 of 100: what telephones write as their error


@dataclass(frozen=True)
class Truth:
    """A defect as this frame shows it: box of its visible pixels, true place, distance on the ground."""

    class_key: str
    xyxy_px: tuple[float, float, float, float]
    defect_id: str
    lat: float
    lon: float
    distance_m: float


@dataclass(frozen=True)
class RenderedFrame:
    """Pixels are uint8 (H, W, 3) BGR; captured_at is UTC; lat, lon are the camera's place, heading_deg NaN: untold."""

    name: str
    pixels: NDArray[np.uint8]
    lat: float
    lon: float
    heading_deg: float
    captured_at: datetime
    speed_mps: float
    focal_px: float
    truths: tuple[Truth, ...]
    gps_dop: float | None = None
    gps_sd_m: float | None = None  # per axis, as the receiver states it

    def jpeg(self) -> bytes:
        """The frame as a JPEG file with position, heading, speed and time in its EXIF block."""
        out = BytesIO()
        picture = Image.fromarray(self.pixels[..., ::-1].copy())
        picture.save(out, format="JPEG", quality=JPEG_QUALITY, exif=_exif(self))
        return out.getvalue()


def _exif(frame: RenderedFrame) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = MAKE, MODEL, "Rasid"
    exif.get_ifd(0x8769).update(_camera_tags(frame))
    exif.get_ifd(0x8825).update(_gps_tags(frame))
    return exif


def _camera_tags(frame: RenderedFrame) -> dict[int, object]:
    local = frame.captured_at.astimezone(LOCAL_TIME)
    offset = local.strftime("%z")
    return {
        0x9003: local.strftime("%Y:%m:%d %H:%M:%S"),
        0x9011: f"{offset[:3]}:{offset[3:]}",
        0x9291: f"{local.microsecond // 1000:03d}",
        0xA405: round(FULL_FRAME_MM * frame.focal_px / frame.pixels.shape[1]),
    }


def _gps_tags(frame: RenderedFrame) -> dict[int, object]:
    utc = frame.captured_at
    seconds = _ratio(utc.second + utc.microsecond / 1e6, 1000)
    told: dict[int, object] = {}
    if not isnan(frame.heading_deg):
        told |= {16: "T", 17: _ratio(frame.heading_deg % 360, 100)}
    if frame.gps_dop is not None:
        told[11] = _ratio(frame.gps_dop, 100)
    if frame.gps_sd_m is not None:
        told[31] = _ratio(frame.gps_sd_m * RADIUS_PER_SD, 100)
    return {
        0: b"\x02\x03\x00\x00",
        1: "N" if frame.lat >= 0 else "S",
        2: _degrees(frame.lat),
        3: "E" if frame.lon >= 0 else "W",
        4: _degrees(frame.lon),
        7: (_ratio(utc.hour, 1), _ratio(utc.minute, 1), seconds),
        12: "K",
        13: _ratio(frame.speed_mps * 3.6, 100),
        18: "WGS-84",
        29: utc.strftime("%Y:%m:%d"),
        **told,
    }


def _degrees(value: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
    """Degrees, minutes and seconds; seconds to 0.3 mm on the ground."""
    ticks = round(abs(value) * 3600 * 100_000)
    whole, rest = divmod(ticks, 3600 * 100_000)
    minutes, ticks = divmod(rest, 60 * 100_000)
    return _ratio(whole, 1), _ratio(minutes, 1), TiffImagePlugin.IFDRational(ticks, 100_000)


def _ratio(value: float, per_unit: int) -> TiffImagePlugin.IFDRational:
    return TiffImagePlugin.IFDRational(round(value * per_unit), per_unit)

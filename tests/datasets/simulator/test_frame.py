"""A rendered frame stored as JPEG tells where, when and how fast it was taken."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datasets.simulator import RenderedFrame

CAMERA_IFD, GPS_IFD = 0x8769, 0x8825


def frame_at(
    lat: float = 26.43, lon: float = 50.09, heading_deg: float = 71.25, captured_at: datetime | None = None
) -> RenderedFrame:
    ramp = np.linspace(0, 255, 160).astype(np.uint8)
    return RenderedFrame(
        name="f.jpg",
        pixels=np.dstack([np.tile(ramp, (90, 1)), np.full((90, 160), 60, np.uint8), np.full((90, 160), 200, np.uint8)]),
        lat=lat,
        lon=lon,
        heading_deg=heading_deg,
        captured_at=captured_at or datetime(2026, 3, 4, 6, 0, 7, 250_000, tzinfo=UTC),
        speed_mps=9.5,
        focal_px=110.0,
        truths=(),
    )


def read_back(frame: RenderedFrame) -> tuple[Image.Image, dict[int, Any], dict[int, Any]]:
    picture = Image.open(BytesIO(frame.jpeg()))
    exif = picture.getexif()
    return picture, dict(exif.get_ifd(CAMERA_IFD)), dict(exif.get_ifd(GPS_IFD))


def decimal(gps: dict[int, Any], ref: int) -> float:
    degrees, minutes, seconds = (float(part) for part in gps[ref + 1])
    value = degrees + minutes / 60 + seconds / 3600
    return -value if gps[ref] in "SW" else value


@settings(max_examples=25, deadline=None)
@given(st.floats(-89, 89), st.floats(-179, 179), st.floats(0, 359.99))
def test_the_place_and_heading_written_are_the_place_and_heading_read(
    lat: float, lon: float, heading_deg: float
) -> None:
    _, _, gps = read_back(frame_at(lat, lon, heading_deg))
    assert decimal(gps, 1) == pytest.approx(lat, abs=2e-9)
    assert decimal(gps, 3) == pytest.approx(lon, abs=2e-9)
    assert float(gps[17]) == pytest.approx(heading_deg, abs=0.006)
    assert (gps[12], gps[16]) == ("K", "T")
    assert float(gps[13]) == pytest.approx(9.5 * 3.6, abs=0.006)


def test_the_gps_clock_is_utc_and_the_camera_clock_is_saudi_time() -> None:
    _, camera, gps = read_back(frame_at())
    assert gps[29] == "2026:03:04"
    assert [float(part) for part in gps[7]] == [6, 0, 7.25]
    assert (camera[0x9003], camera[0x9011], camera[0x9291]) == ("2026:03:04 09:00:07", "+03:00", "250")


def test_the_local_date_changes_three_hours_before_the_utc_date() -> None:
    _, camera, gps = read_back(frame_at(captured_at=datetime(2026, 3, 4, 22, 30, tzinfo=UTC)))
    assert gps[29] == "2026:03:04"
    assert camera[0x9003] == "2026:03:05 01:30:00"


def test_both_clocks_of_a_frame_name_the_same_moment() -> None:
    frame = frame_at()
    _, camera, _ = read_back(frame)
    local = datetime.strptime(f"{camera[0x9003]} {camera[0x9011]}", "%Y:%m:%d %H:%M:%S %z")
    assert timedelta(0) <= frame.captured_at - local < timedelta(seconds=1)


def test_the_jpeg_names_its_maker_and_keeps_the_colours() -> None:
    frame = frame_at()
    picture, _, _ = read_back(frame)
    exif = picture.getexif()
    assert (exif[0x010F], exif[0x0110]) == ("Rasid", "Drive simulator")
    assert picture.size == (160, 90)
    stored = np.asarray(picture)[..., ::-1].astype(int)
    assert np.abs(stored - frame.pixels).mean() < 4

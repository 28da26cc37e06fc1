"""Reading an upload: whatever its tags hold, it becomes a value; what was said is kept also when it is refused."""

import random
import warnings
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from PIL.TiffImagePlugin import IFDRational

from datasets.simulator import drive
from service.surveys.geotag import exif_stated
from service.surveys.reading import picture_hash, read_upload
from service.surveys.schemas import FrameMetadata
from tests.factories import DAMMAM, NOW
from tests.surveys.exif import camera_jpeg

NINE = datetime(2026, 3, 4, 9, 0)  # noqa: DTZ001 - as the camera's clock shows it
PIXELS = 1_000_000


def bits_apart(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def test_a_frame_without_a_zone_keeps_its_place_and_the_cameras_stamp() -> None:
    upload = read_upload(camera_jpeg(place=DAMMAM, camera_at=NINE), FrameMetadata(), PIXELS, NOW)
    assert upload.refusal and upload.refusal.code == "time.no_zone" and "clock of the survey" in upload.refusal.detail
    assert (upload.stated.lat, upload.stated.lon) == pytest.approx(DAMMAM, abs=1e-6)
    assert (upload.stated.camera_at, upload.stated.captured_at) == (NINE, None)


def test_a_told_time_without_a_zone_is_the_cameras_and_gives_way_to_gps_time() -> None:
    told = FrameMetadata(captured_at=NINE)
    upload = read_upload(camera_jpeg(place=DAMMAM, gps_at=NOW), told, PIXELS, NOW)
    assert upload.geotag and upload.geotag.captured_at == NOW
    assert (upload.stated.camera_at, upload.stated.gps_at, upload.stated.time_source) == (NINE, NOW, "gps")


def test_a_time_in_the_future_is_kept_so_that_it_can_be_shifted() -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    told = FrameMetadata(lat=26.4, lon=50.1, captured_at=later)
    upload = read_upload(camera_jpeg(), told, PIXELS, NOW)
    assert upload.refusal and upload.refusal.code == "time.in_future"
    assert upload.stated.captured_at == later


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (91.0, 50.0), (26.4, None)])
def test_what_is_no_place_is_not_kept_as_one(lat: float, lon: float | None) -> None:
    upload = read_upload(camera_jpeg(place=DAMMAM), FrameMetadata(lat=lat, lon=lon), PIXELS, NOW)
    assert upload.refusal and upload.refusal.code.startswith("position.")
    assert (upload.stated.lat, upload.stated.lon, upload.stated.position_source) == (None, None, None)


ERROR_OF_3_M: dict[int, object] = {11: IFDRational(12, 10), 31: IFDRational(453, 100)}


@pytest.mark.parametrize(
    ("told", "dop", "sd_m"),
    [
        ({}, 1.2, 3.0),
        ({"gps_sd_m": 0.8}, None, 0.8),
        ({"gps_dop": 2.5}, 2.5, None),
        ({"lat": 26.4, "lon": 50.1}, None, None),
        ({"lat": 26.4, "lon": 50.1, "gps_sd_m": 0.8}, None, 0.8),
        ({"lat": 0.0, "lon": 0.0, "gps_sd_m": 0.8}, None, None),
    ],
)
def test_the_error_is_of_the_place_it_came_with(told: dict[str, float], dop: float | None, sd_m: float | None) -> None:
    picture = camera_jpeg(place=DAMMAM, gps_at=NOW, gps=ERROR_OF_3_M)
    stated = read_upload(picture, FrameMetadata.model_validate(told), PIXELS, NOW).stated
    assert stated.gps_dop == dop
    assert stated.gps_sd_m == (sd_m and pytest.approx(sd_m, abs=0.01))


def test_an_error_without_a_place_is_none() -> None:
    stated = read_upload(camera_jpeg(gps_at=NOW, gps=ERROR_OF_3_M), FrameMetadata(), PIXELS, NOW).stated
    assert (stated.gps_dop, stated.gps_sd_m) == (None, None)


def test_two_thousand_broken_exif_blocks_end_as_a_value_each() -> None:
    whole = camera_jpeg(place=DAMMAM, gps_at=NOW, camera_at=NINE, subsec="5", gps={13: 36.0, 17: 90.0})
    start = whole.index(b"Exif\0\0")
    length = int.from_bytes(whole[start - 2 : start], "big")
    chance = random.Random(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow says of some that they are corrupt
        for _ in range(2000):
            broken = bytearray(whole)
            for _ in range(chance.randint(1, 8)):
                broken[chance.randrange(start + 6, start + length - 2)] = chance.randrange(256)
            upload = read_upload(bytes(broken), FrameMetadata(), PIXELS, NOW)
            assert (upload.geotag is None) == (upload.refusal is not None)


def test_a_picture_encoded_or_scaled_again_has_nearly_the_same_hash() -> None:
    for frame in drive(seed=3, frames=4):
        known = picture_hash(frame.pixels)
        _, encoded = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])
        again = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        small = cv2.resize(frame.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        assert max(bits_apart(known, picture_hash(np.asarray(one, np.uint8))) for one in (again, small)) <= 4
        assert -(2**63) <= known < 2**63


def test_nothing_stated_is_nothing_known() -> None:
    assert exif_stated({}, {}).lat is None and exif_stated({}, {}).captured_at is None

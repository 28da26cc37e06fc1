"""What the fuzzer and its making found, each by a small file: all of these once were a 500, a hang or gigabytes."""

import asyncio
import io
import struct
import threading
import tracemalloc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.blur import clean_file
from inference.errors import ImageRefused
from inference.images import decode_image
from inference.jpeg import MAX_SCANS
from service.core.errors import Unprocessable
from service.intake import sections
from service.intake.gpmf import GpsPoint, read_gps
from service.intake.mp4 import MovieTrack, read_tracks
from service.intake.multipart import receive_form
from service.intake.pieces import ArchiveRefused
from service.surveys import door
from service.surveys.reading import read_upload
from service.surveys.schemas import FrameMetadata
from service.surveys.track_files import parse_track
from service.surveys.track_points import TrackRefused
from tests.fuzz.exif import BYTE, DOUBLE, LONG, RATIONAL, SHORT, UNDEFINED, Entry, tiff
from tests.fuzz.movies import many_samples, payload_over_and_over, runs_back_and_forth
from tests.fuzz.originals import gpx, photo
from tests.fuzz.pictures import long_fill, many_scans, with_exif


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("block", [b"II+\0", b"II+\0\x08\0\0\0", b"II*\0"])
def test_an_exif_block_that_ends_in_its_own_header_says_nothing_and_stops_nothing(form: str, block: bytes) -> None:
    picture = with_exif(photo(form, 0), block)
    read = read_upload(picture, FrameMetadata(), 50_000_000, datetime.now(UTC))
    assert read.refusal is not None and read.refusal.code == "position.missing"
    assert decode_image(clean_file(picture)).width == 160


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [BYTE, SHORT, LONG, RATIONAL, UNDEFINED, DOUBLE])
@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_gps_tags_of_another_type_than_their_own_are_left_out_of_the_stored_picture(form: str, kind: int) -> None:
    gps = [Entry(tag, kind, 2, bytes(16)) for tag in range(1, 0x20)]
    pointer = Entry(0x8825, LONG, 1, struct.pack("<I", 8 + 2 + 12 + 4))
    assert decode_image(clean_file(with_exif(photo(form, 0), tiff([[pointer], gps])))).width == 160


def test_a_jpeg_of_more_scans_than_any_encoder_writes_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageRefused) as refused:
        decode_image(many_scans(MAX_SCANS, side=64))  # and the first one
    assert refused.value.code == "image.unreadable"
    assert decode_image(many_scans(20, side=64)).width == 64


def test_scans_are_counted_past_an_end_that_only_looks_like_one() -> None:
    hidden = b"\xff\xe5\0\x06\xff\xd9\xff\xd9"
    bomb = many_scans(MAX_SCANS, side=64)
    first = bomb.index(b"\xff\xda")
    with pytest.raises(ImageRefused):
        decode_image(bomb[:first] + hidden + bomb[first:])


def test_bytes_behind_the_end_that_look_like_scans_are_not_counted() -> None:
    assert decode_image(photo("jpeg", 1) + b"\xff\xda\0\x02" * 1000).width == 160


def test_a_run_of_fill_bytes_is_looked_at_once() -> None:
    assert clean_file(long_fill())  # the time was the square of the run's length: days


def test_a_form_whose_boundary_is_longer_than_any_is_refused_by_name(tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"--" + b"b" * 3000

    form = receive_form(f"multipart/form-data; boundary={'b' * 3000}", body(), tmp_path / "coming", "archive", 1000)
    with ThreadPoolExecutor(1) as pool, pytest.raises(Unprocessable) as refused:
        pool.submit(asyncio.run, form).result()
    assert refused.value.code == "request.invalid"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "shift_jis", "gb18030"])
def test_a_gpx_in_an_encoding_of_many_bytes_is_refused_by_name(encoding: str) -> None:
    with pytest.raises(TrackRefused) as refused:
        parse_track(gpx(0).replace(b"UTF-8", encoding.encode()), "a.gpx")
    assert refused.value.code == "track.unreadable"


@pytest.mark.parametrize("empty", [b"{}", b"[]"])
def test_a_list_of_millions_of_nothings_is_refused_before_it_is_read(empty: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(TrackRefused) as refused:
        parse_track(b"[" + (empty + b",") * 2_500_000 + b"1]", "mapillary_image_description.json")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.code == "track.too_long"
    assert peak_bytes < 50_000_000


@pytest.mark.parametrize("film", [many_samples(4_000_000, 64), runs_back_and_forth(0), runs_back_and_forth(2**31)])
def test_an_index_that_claims_millions_takes_no_gigabytes(film: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(ArchiveRefused) as refused:
        read_tracks(io.BytesIO(film))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.code == "video.unreadable"
    assert peak_bytes < 500_000_000


class Counting(io.BytesIO):
    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def test_telemetry_that_many_samples_share_is_read_once() -> None:
    film = payload_over_and_over()
    telemetry = next(track for track in read_tracks(io.BytesIO(film)) if track.format == "gpmd")
    file = Counting(film)
    assert read_gps(file, telemetry) == []
    assert 0 < file.read_bytes <= len(film)


def test_telemetry_outside_of_the_file_is_none() -> None:
    far, second = np.array([2**62, -5]), np.array([0.0, 1.0])
    track = MovieTrack("meta", "gpmd", 0, 0, far, np.array([100, 100]), second, second)
    assert read_gps(io.BytesIO(bytes(1000)), track) == []


def drive(*north_m: float) -> sections.Section:
    points = [GpsPoint(float(at), 26.4 + way / 111_195, 50.1, 3, 1.0, 1.7e9 + at) for at, way in enumerate(north_m)]
    (section,) = sections.split_sections(points)
    return section


def test_a_drive_beyond_every_road_is_refused_while_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MAX_CROSSINGS", 100)
    assert len(sections.stops_every([drive(0, 45)], 0.5)) == 91
    with pytest.raises(ArchiveRefused) as refused:
        sections.stops_every([drive(0, 60)], 0.5)
    assert refused.value.code == "video.too_many_frames"


def test_a_heading_is_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = drive(*(index % 2 / 10 for index in range(100)), 20)
    assert sections.place_at(stand, 50.0).heading_deg == pytest.approx(0, abs=1)
    monkeypatch.setattr(sections, "MAX_FIXES_REACHED", 10)
    assert sections.place_at(stand, 50.0).heading_deg is None


def test_only_so_many_pictures_are_read_at_once_as_memory_is_reckoned_for(monkeypatch: pytest.MonkeyPatch) -> None:
    most = door.AT_ONCE
    together, lock, reading, seen = threading.Barrier(most, timeout=60), threading.Lock(), [0], [0]

    def read(*_: object) -> None:
        with lock:
            reading[0] += 1
            seen.append(reading[0])
        together.wait()
        with lock:
            reading[0] -= 1

    def nothing(*_: object, **__: object) -> Any:
        return None

    monkeypatch.setattr(door, "read_upload", read)
    monkeypatch.setattr(door, "refuse_under_pressure", nothing)
    monkeypatch.setattr(door, "receive_frame", nothing)
    runtime: Any = type(
        "R", (), {"settings": type("S", (), {"max_image_bytes": 10, "max_image_pixels": 10}), "store": None}
    )
    arguments: tuple[Any, ...] = (None, runtime, None, b"x", "a.jpg", FrameMetadata(), "tus", datetime.now(UTC))
    with ThreadPoolExecutor(8 * most) as pool:
        list(pool.map(lambda _: door.take_frame(*arguments), range(8 * most)))
    assert max(seen) == most

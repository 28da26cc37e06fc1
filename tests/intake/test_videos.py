"""Videos become frames every so many metres, each with the place and time the vehicle had."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.intake.pieces import ArchiveRefused, Picture, Spoilt
from service.intake.videos import Drive, read_video
from service.surveys.track_points import TrackPoint
from tests.intake.videos import add_telemetry, draw_video, gps5, gps9, straight_drive

START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
BEGIN = (26.4282, 50.0910)
MAX_PIXELS, MAX_FRAMES = 50_000_000, 80
DRIVE = Drive("a", spacing_m=5.0)
METRE_NORTH = 1 / 111_195.08


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return draw_video(tmp_path_factory.mktemp("film") / "film.mp4", 80).read_bytes()  # eight seconds


@pytest.fixture
def path(tmp_path: Path, film: bytes) -> Path:
    path = tmp_path / "drive.mp4"
    path.write_bytes(film)
    return path


def frames_of(path: Path, drive: Drive, start: int = 0) -> list[Picture]:
    pieces = list(read_video(path, start, drive, MAX_PIXELS, MAX_FRAMES).pieces)
    assert all(isinstance(piece, Picture) for piece in pieces)
    return [piece for piece in pieces if isinstance(piece, Picture)]


def gpx_of(start: datetime, seconds: int, speed_mps: float = 10.0) -> list[TrackPoint]:
    step = speed_mps * METRE_NORTH
    return [
        TrackPoint(start + timedelta(seconds=second), BEGIN[0] + second * step, BEGIN[1], gps_sd_m=1 + second / 10)
        for second in range(seconds)
    ]


@pytest.mark.parametrize("payload", [gps5, gps9])
def test_frames_lie_five_metres_apart_with_place_time_and_heading(path: Path, payload: type) -> None:
    add_telemetry(path, [payload(second) for second in straight_drive(8, START, begin=BEGIN)])
    frames = frames_of(path, Drive("GX01.MP4", 5.0))
    assert len(frames) == 16  # 79 m
    for number, frame in enumerate(frames):
        assert frame.told.lat == pytest.approx(BEGIN[0] + 5 * number * METRE_NORTH, abs=2e-7)
        assert frame.told.captured_at == pytest.approx(START + number * timedelta(seconds=0.5), abs=timedelta(0, 0.002))
        assert frame.told.heading_deg == pytest.approx(0, abs=0.1)
    assert frames[3].name == "GX01.MP4 000001.500 s.jpg"


def test_each_frame_shows_the_moment_it_is_told_for(path: Path) -> None:
    add_telemetry(path, [gps9(second) for second in straight_drive(8, START, begin=BEGIN)])
    for number, frame in enumerate(frames_of(path, DRIVE)):
        pixels = np.asarray(Image.open(BytesIO(frame.data)).convert("RGB")).astype(int)
        index = 5 * number  # the wandering bar of that frame: 255 - index in green, 40 in red
        left = index * 152 // 79
        assert pixels[20:100, left + 2 : left + 6, 1].mean() == pytest.approx(255 - index, abs=12)
        assert pixels[20:100, left + 2 : left + 6, 0].mean() == pytest.approx(40, abs=12)


def test_unpacking_twice_or_from_the_middle_gives_the_same_bytes(path: Path) -> None:
    add_telemetry(path, [gps9(second) for second in straight_drive(8, START, begin=BEGIN)])
    first, second, tail = (
        [hashlib.sha256(frame.data).hexdigest() for frame in frames_of(path, DRIVE, start)] for start in (0, 0, 11)
    )
    assert first == second
    assert tail == first[11:]
    assert len(set(first)) == len(first)


def test_the_spacing_is_the_senders(path: Path) -> None:
    add_telemetry(path, [gps9(second) for second in straight_drive(8, START, begin=BEGIN)])
    assert [len(frames_of(path, Drive("a", spacing_m=metres))) for metres in (20.0, 2.0)] == [4, 40]


def test_a_video_of_more_frames_than_the_operator_takes_is_refused_before_any_decoding(path: Path) -> None:
    add_telemetry(path, [gps9(second) for second in straight_drive(8, START, begin=BEGIN)])
    assert read_video(path, 0, DRIVE, MAX_PIXELS, 16).total == 16
    with pytest.raises(ArchiveRefused, match=r"video\.too_many_frames.*at most 15 frames, got 16"):
        read_video(path, 0, DRIVE, MAX_PIXELS, 15)


def test_no_frame_is_taken_twice_when_stops_are_nearer_than_frames(path: Path) -> None:
    add_telemetry(path, [gps9(second) for second in straight_drive(8, START, begin=BEGIN)])
    names = [frame.name for frame in frames_of(path, Drive("a", spacing_m=0.25))]
    assert len(names) == len(set(names)) == 80


def test_seconds_without_a_sure_fix_give_no_frames_and_are_counted(path: Path) -> None:
    drive = straight_drive(8, START, speed_mps=15, begin=BEGIN)
    drive[0], drive[7] = replace(drive[0], fix=0), replace(drive[7], dop=9.9)
    add_telemetry(path, [gps5(second) for second in drive])
    contents = read_video(path, 0, DRIVE, MAX_PIXELS, MAX_FRAMES)
    assert contents.notes["points_unused"] == {"no_fix": 10, "imprecise": 10}
    assert contents.notes["unplaced_s"] == pytest.approx(2.0, abs=0.11)
    times = [float(piece.name.split()[1]) for piece in contents.pieces]
    assert min(times) == pytest.approx(1.0) and max(times) <= 7.0


def test_a_track_places_a_video_whose_start_was_told(path: Path) -> None:
    track = gpx_of(START - timedelta(seconds=60), 300)
    frames = frames_of(path, Drive("a", 5.0, begun_at=START + timedelta(seconds=1), track=track))
    assert len(frames) == 16
    assert frames[0].told.captured_at == START + timedelta(seconds=1)
    assert frames[0].told.lat == pytest.approx(BEGIN[0] + 610 * METRE_NORTH, abs=1e-7)
    assert [frame.told.gps_sd_m for frame in frames[:2]] == pytest.approx([7.1, 7.15]) and not frames[0].told.gps_dop


def test_frames_have_the_precision_that_the_telemetry_states(path: Path) -> None:
    first, *rest = straight_drive(8, START, begin=BEGIN)
    seconds = [replace(first, dop=0.0), *(replace(one, dop=2.5) for one in rest)]
    add_telemetry(path, [gps5(one) for one in seconds])
    dops = [frame.told.gps_dop for frame in frames_of(path, DRIVE)]
    assert dops[0] is None and dops[3:] == pytest.approx([2.5] * (len(dops) - 3))


def test_telemetry_without_gps_time_is_dated_by_the_told_start(path: Path) -> None:
    drive = [replace(second, at=None) for second in straight_drive(8, START, begin=BEGIN)]
    add_telemetry(path, [gps5(second) for second in drive])
    with pytest.raises(ArchiveRefused, match=r"video\.no_time"):
        read_video(path, 0, DRIVE, MAX_PIXELS, MAX_FRAMES)
    assert frames_of(path, Drive("a", 5.0, begun_at=START))[2].told.captured_at == START + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("drive", "code"),
    [
        (DRIVE, "video.no_position"),
        (Drive("a", 5.0, begun_at=START), "video.no_position"),
        (Drive("a", 5.0, track=gpx_of(START, 60)), "video.no_start"),
        (Drive("a", 5.0, begun_at=START + timedelta(hours=3), track=gpx_of(START, 60)), "video.outside_track"),
    ],
)
def test_a_video_that_cannot_be_placed_says_what_to_send(path: Path, drive: Drive, code: str) -> None:
    with pytest.raises(ArchiveRefused, match=code):
        read_video(path, 0, drive, MAX_PIXELS, MAX_FRAMES)


def test_a_size_over_the_limit_is_refused_before_any_decoding(path: Path) -> None:
    data = path.read_bytes()
    at = data.index(b"mp4v", data.rindex(b"stsd")) + 28  # width and height of the sample description
    path.write_bytes(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    with pytest.raises(ArchiveRefused, match=r"video\.too_many_pixels.*65535 x 65535"):
        read_video(path, 0, DRIVE, MAX_PIXELS, MAX_FRAMES)


def test_a_file_that_cannot_be_decoded_gives_every_frame_as_spoilt(path: Path) -> None:
    add_telemetry(path, [gps9(second) for second in straight_drive(8, START, begin=BEGIN)])
    data = path.read_bytes()
    at = data.index(b"mdat") + 4
    path.write_bytes(data[:at] + bytes(8_000) + data[at + 8_000 :])
    pieces = list(read_video(path, 0, DRIVE, MAX_PIXELS, MAX_FRAMES).pieces)
    assert len(pieces) == 16
    assert any(isinstance(piece, Spoilt) and piece.code == "video.undecodable" for piece in pieces)

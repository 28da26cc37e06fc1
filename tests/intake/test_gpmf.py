"""GoPro telemetry: where and when each fix was, whatever camera wrote it and however broken it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from service.intake.gpmf import GpsPoint, read_gps
from service.intake.mp4 import read_tracks
from service.intake.pieces import ArchiveRefused
from tests.intake.videos import Second, add_telemetry, draw_video, exposures, gps5, gps9, klv, nest, straight_drive

START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
BEGIN = (26.4282, 50.0910)


def points_of(path: Path) -> list[GpsPoint]:
    with path.open("rb") as file:
        telemetry = next(track for track in read_tracks(file) if track.format == "gpmd")
        return read_gps(file, telemetry)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return draw_video(tmp_path_factory.mktemp("film") / "film.mp4", 20).read_bytes()


@pytest.fixture
def path(tmp_path: Path, film: bytes) -> Path:
    path = tmp_path / "drive.mp4"
    path.write_bytes(film)
    return path


def test_gps5_points_lie_evenly_in_their_payload_with_its_fix_and_precision(path: Path) -> None:
    drive = straight_drive(3, START, begin=BEGIN)
    points = points_of(add_telemetry(path, [gps5(second) for second in drive]))
    assert [point.video_s for point in points] == pytest.approx(np.arange(30) / 10)
    assert [point.lat for point in points] == pytest.approx([lat for one in drive for lat, _ in one.places], abs=1e-7)
    assert {(point.fix, point.dop) for point in points} == {(3, 1.5)}
    assert [point.at_s for point in points] == pytest.approx(START.timestamp() + np.arange(30) / 10)


def test_gps9_points_carry_their_own_time_fix_and_precision(path: Path) -> None:
    late = straight_drive(2, datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC), begin=BEGIN)  # over midnight
    points = points_of(add_telemetry(path, [gps9(late[0]), gps9(replace(late[1], fix=2, dop=4.2))], wide=True))
    assert [point.at_s for point in points] == pytest.approx(late[0].at.timestamp() + np.arange(20) / 10)  # type: ignore[union-attr]
    assert [(points[0].fix, points[0].dop), (points[-1].fix, points[-1].dop)] == [(3, 1.5), (2, 4.2)]


@pytest.mark.parametrize("per_chunk", [1, 2, 3, 7])
@pytest.mark.parametrize("wide", [False, True])
def test_payloads_are_found_however_they_lie_in_chunks(path: Path, per_chunk: int, wide: bool) -> None:
    drive = straight_drive(7, START, begin=BEGIN)
    points = points_of(add_telemetry(path, [gps5(one) for one in drive], wide=wide, per_chunk=per_chunk))
    assert [point.lat for point in points] == pytest.approx([lat for one in drive for lat, _ in one.places], abs=1e-7)


def test_stamps_of_one_clock_shift_the_fixes_against_the_first_exposure(path: Path) -> None:
    drive = straight_drive(2, START, begin=BEGIN)
    stamped = [replace(one, stamp_us=5_250_000 + index * 1_000_000) for index, one in enumerate(drive)]
    points = points_of(add_telemetry(path, [exposures(5_000_000) + gps5(one) for one in stamped]))
    assert points[0].video_s == pytest.approx(0.25)


def test_a_stamp_far_from_its_payload_is_not_believed(path: Path) -> None:
    (only,) = straight_drive(1, START, begin=BEGIN)
    points = points_of(add_telemetry(path, [exposures(0) + gps5(replace(only, stamp_us=60_000_000))]))
    assert points[0].video_s == 0.0


def test_the_camera_clock_before_the_fix_is_never_taken_for_gps_time(path: Path) -> None:
    unlocked, *locked = straight_drive(4, START, begin=BEGIN)
    local = replace(unlocked, fix=0, at=START + timedelta(hours=3))  # what the camera's own clock says
    points = points_of(add_telemetry(path, [gps5(one) for one in [local, *locked]]))
    assert [point.at_s for point in points] == pytest.approx(START.timestamp() + np.arange(40) / 10)


def test_one_wild_time_does_not_move_the_others(path: Path) -> None:
    drive = straight_drive(6, START, begin=BEGIN)
    drive[1] = replace(drive[1], at=START + timedelta(days=400))
    points = points_of(add_telemetry(path, [gps5(one) for one in drive]))
    assert [point.at_s for point in points] == pytest.approx(START.timestamp() + np.arange(60) / 10)


def test_telemetry_without_gps_time_gives_places_without_time(path: Path) -> None:
    drive = [replace(one, at=None) for one in straight_drive(2, START, begin=BEGIN)]
    points = points_of(add_telemetry(path, [gps5(one) for one in drive]))
    assert len(points) == 20
    assert {point.at_s for point in points} == {None}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff" * 50,
        nest(b"DEVC", nest(b"STRM", klv(b"GPS5", "l", 20, 1, bytes(20)))),  # no SCAL
        nest(b"DEVC", nest(b"STRM", klv(b"SCAL", "l", 4, 1, bytes(4)) + klv(b"GPS5", "l", 20, 1, bytes(20)))),  # by 0
        nest(b"DEVC", nest(b"STRM", klv(b"TYPE", "c", 1, 3, b"?x!") + klv(b"GPS9", "?", 32, 1, bytes(32)))),
        gps5(Second([BEGIN], START))[:-12],
    ],
    ids=["empty", "noise", "no scale", "zero scale", "unknown type", "cut"],
)
def test_a_broken_payload_costs_only_its_own_second(path: Path, payload: bytes) -> None:
    first, _, last = straight_drive(3, START, begin=BEGIN)
    points = points_of(add_telemetry(path, [gps5(first), payload, gps5(last)]))
    assert [round(point.video_s, 1) for point in points] == [n / 10 for n in [*range(10), *range(20, 30)]]


def test_a_recording_cut_short_says_what_is_missing(path: Path) -> None:
    data = add_telemetry(path, [gps5(one) for one in straight_drive(2, START, begin=BEGIN)]).read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4])
    with pytest.raises(ArchiveRefused, match=r"video\.unreadable.*no moov box"):
        points_of(path)


def test_mutated_videos_are_read_or_refused_and_nothing_else(path: Path) -> None:
    whole = add_telemetry(path, [gps9(one) for one in straight_drive(3, START, begin=BEGIN)]).read_bytes()
    index = whole.rindex(b"moov") - 4
    random = np.random.default_rng(11)
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for place in random.integers(index, len(data), random.integers(1, 6)):
            data[place] = random.choice([0, 1, 0x7F, 0x80, 0xFF, int(random.integers(256))])
        path.write_bytes(data)
        try:
            with path.open("rb") as file:
                for track in read_tracks(file):
                    if track.format == "gpmd":
                        assert len(read_gps(file, track)) <= 30
        except ArchiveRefused:
            refused += 1
    assert 0 < refused < 400

"""Whole surveys in one file: kept once, unpacked piece by piece whatever happens, visible throughout."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.core.clock import utc_now
from service.core.errors import TooLarge
from service.core.runtime import Runtime
from service.intake import archive_files, archives, unpacking
from service.intake.models import Archive, ArchiveState
from service.surveys.door import take_frame
from service.surveys.models import Frame, FrameState
from tests.factories import jpeg, make_vehicle
from tests.intake.sent_archives import BEGIN, START, gpx, photo, photos, seen, send, spooled, unpack
from tests.intake.videos import add_telemetry, draw_video, gps5, straight_drive
from tests.intake.zip_files import quoting_bomb, zip_of


class Killed(BaseException):
    """The end of a worker, as far as this process can play it."""


def received(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count(Frame.id)).where(Frame.state == FrameState.RECEIVED)) or 0


def keep(session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, name: str = "a.zip") -> Archive:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    archive = archives.receive_archive(session, runtime, vehicle, path, name, digest, None, utc_now())
    session.commit()
    return archive


def test_a_zip_is_kept_and_queued_then_unpacked_into_frames(
    client: TestClient, session: Session, runtime: Runtime
) -> None:
    vehicle, key = make_vehicle(session)
    data = zip_of(photos(3) | {"readme.txt": b"hello", "broken.jpg": b"\xff\xd8\xff nothing"})
    answer = send(client, key, data, survey="morning")
    assert answer.status_code == 202
    assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()
    assert spooled(runtime) == [f"{vehicle.id}-{answer.json()['sha256']}"]
    jobs = session.execute(text("SELECT task_name, args FROM procrastinate_jobs")).all()
    assert jobs == [("unpack_archive", {"archive_id": answer.json()["id"]})]
    unpack(runtime, answer)
    body = seen(client, key, answer)
    counts = {name: body["entries"][name] for name in ("total", "done", "frames", "again", "skipped")}
    assert counts == {"total": 5, "done": 5, "frames": 3, "again": 0, "skipped": 1}
    assert body["state"] == "unpacked"
    assert list(body["entries"]["refused"].values()) == [1]
    assert body["entries"]["refused_pieces"][0]["name"] == "broken.jpg"
    assert body["entries"]["skipped_names"] == ["readme.txt"]
    assert received(session) == 3
    assert set(session.scalars(select(Frame.came_by))) == {"archive"}
    assert spooled(runtime) == []


def test_the_same_bytes_again_are_the_same_archive(client: TestClient, session: Session, runtime: Runtime) -> None:
    _, key = make_vehicle(session)
    data = zip_of(photos(2))
    first, second = send(client, key, data), send(client, key, data, name="renamed.zip")
    assert (first.json()["id"], first.status_code) == (second.json()["id"], second.status_code)
    unpack(runtime, first)
    third = send(client, key, data)
    assert (third.status_code, third.json()["state"]) == (200, "unpacked")
    assert spooled(runtime) == []
    assert received(session) == 2


def test_frames_that_came_before_are_counted_as_again(client: TestClient, session: Session, runtime: Runtime) -> None:
    _, key = make_vehicle(session)
    both = photos(4)
    unpack(runtime, send(client, key, zip_of(dict(list(both.items())[:2]))))
    answer = send(client, key, zip_of(both))
    unpack(runtime, answer)
    entries = seen(client, key, answer)["entries"]
    assert (entries["frames"], entries["again"]) == (2, 2)
    assert received(session) == 4


def test_a_track_inside_is_read_before_the_images(client: TestClient, session: Session, runtime: Runtime) -> None:
    _, key = make_vehicle(session)
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2026:03:04 09:00:05", 0x9011: "+03:00"}
    answer = send(client, key, zip_of({"a.jpg": jpeg(exif=exif), "zz/way.gpx": gpx()}))
    unpack(runtime, answer)
    entries = seen(client, key, answer)["entries"]
    assert (entries["frames"], entries["tracks"], entries["refused"]) == (1, 1, {})
    frame = session.scalars(select(Frame)).one()
    assert frame.lat == pytest.approx(BEGIN[0] + 5 / 10000)


def test_work_stopped_anywhere_goes_on_there_and_counts_nothing_twice(
    client: TestClient, session: Session, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = make_vehicle(session)
    answer = send(client, key, zip_of(photos(6)))
    left = [2]

    def dying(*arguments: Any) -> Any:
        receipt = take_frame(*arguments)
        left[0] -= 1
        if left[0] < 0:
            raise Killed  # after the frame's row was written, before it was kept
        return receipt

    monkeypatch.setattr(unpacking, "take_frame", dying)
    with pytest.raises(Killed):
        unpack(runtime, answer)
    assert seen(client, key, answer)["entries"]["done"] == 2
    monkeypatch.undo()
    unpack(runtime, answer)
    entries = seen(client, key, answer)["entries"]
    assert (entries["frames"], entries["again"], entries["done"]) == (6, 0, 6)
    assert received(session) == 6


def test_a_piece_that_ends_the_worker_each_time_is_passed_over(
    client: TestClient, session: Session, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = make_vehicle(session)
    files = photos(4)
    poison = files["DCIM/1.jpg"]
    answer = send(client, key, zip_of(files))

    def dying(*arguments: Any) -> Any:
        if arguments[3] == poison:
            raise Killed
        return take_frame(*arguments)

    monkeypatch.setattr(unpacking, "take_frame", dying)
    for _ in range(unpacking.MAX_TRIES):
        with pytest.raises(Killed):
            unpack(runtime, answer)
    unpack(runtime, answer)
    body = seen(client, key, answer)
    assert (body["state"], body["entries"]["frames"]) == ("unpacked", 3)
    assert body["entries"]["refused"] == {"archive.gave_up": 1}


def test_a_failing_store_passes_no_piece_over(
    client: TestClient, session: Session, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = make_vehicle(session)
    answer = send(client, key, zip_of(photos(2)))

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking, "take_frame", full)
    for _ in range(unpacking.MAX_TRIES + 2):
        with pytest.raises(OSError, match="No space"):
            unpack(runtime, answer)
    monkeypatch.undo()
    unpack(runtime, answer)
    assert seen(client, key, answer)["entries"]["frames"] == 2


def test_too_many_waiting_frames_pause_the_work(client: TestClient, session: Session, runtime: Runtime) -> None:
    _, key = make_vehicle(session)
    tight = Runtime(runtime.settings.model_copy(update={"max_frames_waiting": 3}), runtime.database, runtime.store)
    answer = send(client, key, zip_of(photos(20)))
    archives.unpack_archive(tight, answer.json()["id"])
    body = seen(client, key, answer)
    assert (body["state"], body["entries"]["done"]) == ("received", 4)  # one more than may wait
    session.execute(text("TRUNCATE procrastinate_jobs CASCADE"))
    assert archives.enqueue_waiting_archives(session, utc_now() + timedelta(minutes=1)) == 1
    session.commit()
    unpack(runtime, answer)
    assert seen(client, key, answer)["entries"]["frames"] == 20


def test_a_video_with_telemetry_becomes_frames(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    _, key = make_vehicle(session)
    film = draw_video(tmp_path / "film.mp4", 40)
    add_telemetry(film, [gps5(second) for second in straight_drive(4, START, begin=BEGIN)])
    answer = send(client, key, film.read_bytes(), name="GX01.MP4", spacing_m=10)
    unpack(runtime, answer)
    body = seen(client, key, answer)
    assert (body["kind"], body["state"], body["entries"]["frames"], body["entries"]["refused"]) == (
        "video", "unpacked", 4, {},
    )  # fmt: skip
    frames = session.scalars(select(Frame).order_by(Frame.captured_at)).all()
    assert [frame.captured_at for frame in frames] == [START + timedelta(seconds=n) for n in range(4)]
    assert [frame.heading_deg for frame in frames] == pytest.approx([0] * 4, abs=0.2)


def test_the_operators_limits_hold_in_the_job_that_unpacks(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    _, key = make_vehicle(session)
    film = draw_video(tmp_path / "film.mp4", 40)
    add_telemetry(film, [gps5(second) for second in straight_drive(4, START, begin=BEGIN)])
    limits = {"zip_max_files": 3, "video_spacing_m": 10.0, "max_track_bytes": 1_000}
    strict = replace(runtime, settings=runtime.settings.model_copy(update=limits))
    video, four = send(client, key, film.read_bytes(), name="GX01.MP4"), send(client, key, zip_of(photos(4)))
    track = send(client, key, zip_of(photos(1, 9) | {"way.gpx": gpx() + b" " * 1_000}))
    for answer in (video, four, track):
        unpack(strict, answer)
    assert seen(client, key, video)["entries"]["frames"] == 4  # 39 m
    assert seen(client, key, four)["reason_code"] == "zip.too_many_entries"
    assert seen(client, key, track)["entries"]["refused"] == {"zip.entry_too_large": 1}


def test_an_archive_over_the_operators_limit_is_refused_and_not_kept(
    session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    vehicle, _ = make_vehicle(session)
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of({"a.txt": bytes(2_000)}))
    small = replace(runtime, settings=runtime.settings.model_copy(update={"max_archive_bytes": 1_000}))
    with pytest.raises(TooLarge, match=r"archive\.too_many_bytes.*at most 1000"):
        keep(session, small, vehicle, path)
    assert spooled(runtime) == []


def test_a_video_without_place_is_refused_and_retried_when_its_track_came(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    _, key = make_vehicle(session)
    film = draw_video(tmp_path / "film.mp4", 40).read_bytes()
    answer = send(client, key, film, name="film.mp4", survey="drive")
    unpack(runtime, answer)
    body = seen(client, key, answer)
    assert (body["state"], body["reason_code"]) == ("refused", "video.no_position")
    assert "GPX" in body["reason_detail"]
    way = gpx().replace(b"</trkpt>", b"<extensions><accuracy>4.53</accuracy></extensions></trkpt>")
    unpack(runtime, send(client, key, zip_of({"way.gpx": way}), survey="drive"))
    retry = f"/api/v1/archives/{answer.json()['id']}/retry"
    assert client.post(retry, headers=key, json={"captured_at": "2026-03-04T09:00:00"}).status_code == 422  # no zone
    again = client.post(retry, headers=key, json={"captured_at": "2026-03-04T09:00:00+03:00", "spacing_m": 11})
    unpack(runtime, again)
    body = seen(client, key, answer)
    assert (body["state"], body["entries"]["frames"], body["entries"]["notes"]["placed_by"]) == ("unpacked", 4, "track")
    assert session.scalars(select(Frame.gps_sd_m)).all() == pytest.approx([3.0] * 4, abs=0.01)
    assert client.post(retry, headers=key).json()["code"] == "archive.state"


def mutations(whole: bytes, count: int, begin: int, seed: int) -> Iterable[bytes]:
    random = np.random.default_rng(seed)
    for _ in range(count):
        data = bytearray(whole)
        for place in random.integers(begin, len(data), random.integers(1, 8)):
            data[place] = random.integers(256)
        yield bytes(data[: random.integers(len(data) // 2, len(data))] if random.random() < 0.15 else data)


def test_mutated_archives_end_as_unpacked_or_refused(session: Session, runtime: Runtime, tmp_path: Path) -> None:
    vehicle, _ = make_vehicle(session)
    film = draw_video(tmp_path / "film.mp4", 20)
    add_telemetry(film, [gps5(second) for second in straight_drive(2, START, begin=BEGIN)])
    whole = film.read_bytes()
    small = zip_of({"1.jpg": photo(1), "2.jpg": photo(2), "x.txt": b"x"})
    hostile = [quoting_bomb(photo(1), 50), zip_of({}), b"PK\x05\x06", b"\0\0\0\x08moov", b"\0\0\0\x01mdat" + bytes(8)]
    hostile += mutations(small, 150, 0, 2)
    hostile += mutations(whole, 50, whole.rindex(b"moov"), 3)
    hostile += mutations(whole, 30, 0, 4)
    ends: dict[str, int] = {"unsupported": 0}
    for data in hostile:
        path = tmp_path / "hostile"
        path.write_bytes(data)
        if archives.sniff(path) is None:
            ends["unsupported"] += 1
            continue
        archive = keep(session, runtime, vehicle, path)
        archives.unpack_archive(runtime, archive.id)
        session.refresh(archive)
        ends[archive.state.value] = ends.get(archive.state.value, 0) + 1
        assert archive.state is not ArchiveState.REFUSED or (archive.reason_code and archive.reason_detail)
    assert ends.keys() == {"unsupported", "unpacked", "refused"}, ends


def test_an_archive_that_gave_nothing_is_refused_with_its_commonest_reason(
    client: TestClient, session: Session, runtime: Runtime
) -> None:
    _, key = make_vehicle(session)
    answer = send(client, key, zip_of({"a.txt": b"a"}))
    unpack(runtime, answer)
    body = seen(client, key, answer)
    assert (body["state"], body["reason_code"]) == ("refused", "archive.no_frames")
    assert len(spooled(runtime)) == 1  # it may be retried


def test_files_nobody_waits_for_are_deleted(session: Session, runtime: Runtime, tmp_path: Path) -> None:
    vehicle, _ = make_vehicle(session)
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of({"a.txt": b"a"}))
    archive = keep(session, runtime, vehicle, path)
    archives.unpack_archive(runtime, archive.id)
    archive_files.coming_file(runtime.settings).write_bytes(b"left by a killed server")
    now = utc_now()
    assert archives.delete_stale_archives(runtime, now) == 0
    kept = timedelta(hours=runtime.settings.keep_refused_archives_h)
    assert archives.delete_stale_archives(runtime, now + kept + timedelta(hours=1)) == 2
    assert spooled(runtime) == []
    session.refresh(archive)
    assert archive.spool_name is None
    assert keep(session, runtime, vehicle, path).state is ArchiveState.RECEIVED  # sent again it begins anew


def test_a_file_lost_from_the_disk_is_named(session: Session, runtime: Runtime, tmp_path: Path) -> None:
    vehicle, _ = make_vehicle(session)
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of(photos(1)))
    archive = keep(session, runtime, vehicle, path)
    archive_files.remove(runtime.settings, archive.spool_name or "")
    archives.unpack_archive(runtime, archive.id)
    session.refresh(archive)
    assert archive.reason_code == "archive.lost"
    keep(session, runtime, vehicle, path)
    archives.unpack_archive(runtime, archive.id)
    assert received(session) == 1

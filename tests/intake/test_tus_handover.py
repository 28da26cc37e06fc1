"""What becomes of a whole upload: decided by its content, exactly once, whatever dies in between."""

import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core.clock import utc_now
from service.core.events import Event
from service.core.runtime import Runtime
from service.intake import handover, tus_api
from service.intake.models import Archive, Upload, UploadState
from service.intake.spool import SpoolFile
from service.intake.uploads import delete_expired, finish_stranded, spool_of
from service.surveys.door import take_frame
from service.surveys.models import Frame, Track
from tests.factories import DAMMAM, NOW, jpeg, make_vehicle
from tests.intake.tus_support import (
    BODY,
    PLACE,
    TUS,
    VERSION,
    append,
    create,
    create_frame,
    head,
    spool_path,
    told,
    upload_row,
)
from tests.surveys.gpx import gpx

Key = dict[str, str]


class PowerCut(Exception):
    """Stands for kill -9: nothing after it happens."""


@pytest.fixture
def key(session: Session) -> Key:
    return make_vehicle(session)[1]


def zip_of(**files: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def send_whole(client: TestClient, key: Key, data: bytes, **values: str) -> str:
    """Sends it in one request; returns the upload's address."""
    url = create(client, key, len(data), told(**values)).headers["location"]
    assert append(client, key, url, 0, data).status_code == 204
    return str(url)


def count(session: Session, table: type[Frame] | type[Upload] | type[Archive]) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"GIF89a" + bytes(50), "image.unsupported_format"),
        (lambda: jpeg()[:-400], "image.truncated"),
        (lambda: b"\x7fELF" + bytes(50), "upload.unknown_content"),
        (lambda: b"\xff\xd8\xff" + bytes(2_000_000), "image.too_many_bytes"),
        (lambda: b"<gpx></gpx>", "track.no_survey"),
    ],
)
def test_a_refused_content_has_arrived_and_says_why(
    client: TestClient, session: Session, runtime: Runtime, key: Key, make: Callable[[], bytes], code: str
) -> None:
    data = make()
    url = create(client, key, len(data), told(**PLACE)).headers["location"]
    last = append(client, key, url, 0, data)
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(data)))
    assert (last.headers["rasid-state"], last.headers["rasid-reason"]) == ("refused", code)
    shown = client.get(f"/api/v1/uploads/{url.rsplit('/', 1)[1]}", headers=key).json()
    assert (shown["state"], shown["reason_code"]) == ("refused", code)
    assert "expected" in shown["reason_detail"]
    if code.startswith("image.") and code != "image.too_many_bytes":
        assert session.get_one(Frame, shown["frame_id"]).reason_code == code
    assert not spool_path(runtime, url).exists()
    assert session.scalars(select(Event.to_state).where(Event.subject_kind == "upload")).all() == ["refused"]


def test_a_frame_without_a_place_is_refused_and_taken_when_it_comes_with_one(
    client: TestClient, session: Session, key: Key
) -> None:
    data = jpeg()
    refused = upload_row(session, send_whole(client, key, data))
    assert (refused.state, refused.reason_code) == (UploadState.REFUSED, "position.missing")
    mended = upload_row(session, send_whole(client, key, data, **PLACE))
    assert (mended.state, mended.frame_id) == (UploadState.FINISHED, refused.frame_id)
    assert count(session, Frame) == 1


def test_a_zip_becomes_an_archive_and_keeps_its_bytes(client: TestClient, session: Session, key: Key) -> None:
    url = send_whole(client, key, zip_of(**{"a.jpg": jpeg()}), filename="../drive.zip", survey="morning")
    archive = session.get_one(Archive, upload_row(session, url).archive_id)
    assert (archive.kind, archive.filename, archive.state) == ("zip", "drive.zip", "received")
    assert head(client, key, url).headers["rasid-archive-id"] == str(archive.id)


def test_a_gpx_becomes_the_track_of_its_survey(client: TestClient, session: Session, key: Key) -> None:
    points = [(NOW + timedelta(seconds=second), DAMMAM[0], DAMMAM[1]) for second in range(3)]
    url = send_whole(client, key, gpx(points), filename="drive.gpx", survey="morning")
    track = session.get_one(Track, upload_row(session, url).track_id)
    assert (track.survey.name, track.filename) == ("morning", "drive.gpx")


def test_a_track_that_is_none_is_refused_and_leaves_no_survey(client: TestClient, session: Session, key: Key) -> None:
    url = send_whole(client, key, b'{"no": "track"}', survey="morning")
    assert (upload_row(session, url).reason_code or "").startswith("track.")
    assert client.get("/api/v1/surveys", headers=key).json()["items"] == []


def test_the_last_bytes_sent_again_change_nothing(client: TestClient, session: Session, key: Key) -> None:
    data = jpeg()
    url = create_frame(client, key, len(data))
    first = append(client, key, url, 0, data)
    assert append(client, key, url, 0, data).status_code == 409
    again = append(client, key, url, len(data))
    assert (again.status_code, again.headers["rasid-frame-id"]) == (204, first.headers["rasid-frame-id"])
    asked = head(client, key, url)
    assert asked.headers["rasid-frame-id"] == first.headers["rasid-frame-id"]
    assert count(session, Frame) == 1


@pytest.mark.parametrize("by", ["head", "patch", "job"])
@pytest.mark.parametrize("dies", ["before", "within"])
def test_a_server_that_dies_between_the_last_byte_and_the_frame_loses_and_doubles_nothing(
    client: TestClient, session: Session, runtime: Runtime, key: Key, monkeypatch: pytest.MonkeyPatch,
    by: str, dies: str,
) -> None:  # fmt: skip
    data = jpeg()
    url = create_frame(client, key, len(data))

    def cut(*arguments: object) -> None:
        if dies == "within":
            take_frame(*arguments)  # type: ignore[arg-type]
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(handover, "take_frame", cut)
        assert append(client, key, url, 0, data).status_code == 500
    row = upload_row(session, url)
    assert (row.state, row.offset_bytes, count(session, Frame)) == (UploadState.OPEN, len(data), 0)
    if by == "head":
        assert head(client, key, url).headers["rasid-state"] == "finished"
    elif by == "patch":
        assert append(client, key, url, len(data)).headers["rasid-state"] == "finished"
    else:
        assert finish_stranded(runtime, utc_now()) == 1
    assert finish_stranded(runtime, utc_now()) == 0
    assert upload_row(session, url).state is UploadState.FINISHED
    assert count(session, Frame) == 1
    assert not spool_path(runtime, url).exists()


def test_a_server_that_dies_before_it_deletes_the_bytes_deletes_them_later(
    client: TestClient, session: Session, runtime: Runtime, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise PowerCut

    data = jpeg()
    url = create_frame(client, key, len(data))
    half = create_frame(client, key, len(data))
    append(client, key, half, 0, data[:100])
    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "remove", cut)
        assert append(client, key, url, 0, data).status_code == 500
    assert upload_row(session, url).state is UploadState.FINISHED
    assert spool_path(runtime, url).exists()
    assert delete_expired(runtime, utc_now()) == 0
    assert not spool_path(runtime, url).exists()
    assert spool_path(runtime, half).exists()
    assert append(client, key, url, len(data)).status_code == 204  # the client that got no answer


def test_bytes_written_but_not_counted_when_the_server_died_are_sent_again(
    client: TestClient, session: Session, runtime: Runtime, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg()
    url = create_frame(client, key, len(data))
    append(client, key, url, 0, data[:500])
    spool_path(runtime, url).write_bytes(data[:500] + b"half of a block that the disk got")
    assert head(client, key, url).headers["upload-offset"] == "500"
    assert append(client, key, url, 500, data[500:]).headers["rasid-state"] == "finished"


def test_bytes_that_a_restored_backup_does_not_have_are_asked_for_again(
    client: TestClient, runtime: Runtime, key: Key
) -> None:
    data = jpeg()
    url = create_frame(client, key, len(data))
    append(client, key, url, 0, data[:500])
    spool_path(runtime, url).write_bytes(data[:200])
    assert head(client, key, url).headers["upload-offset"] == "200"
    spool_path(runtime, url).unlink()
    assert append(client, key, url, 200, data[200:]).status_code == 409
    assert head(client, key, url).headers["upload-offset"] == "0"
    assert append(client, key, url, 0, data).headers["rasid-state"] == "finished"


def test_one_upload_that_cannot_be_handed_over_stops_no_other(
    client: TestClient, session: Session, runtime: Runtime, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [jpeg(), jpeg()]
    urls = [create_frame(client, key, len(data)) for data in files]
    for url, data in zip(urls, files, strict=True):
        row = upload_row(session, url)
        row.offset_bytes = len(data)
        session.commit()
        spool_of(runtime.settings).folder.mkdir(parents=True, exist_ok=True)
        spool_path(runtime, url).write_bytes(data)

    def store_away(*arguments: object) -> object:
        if arguments[3] == files[0]:
            raise OSError("the store does not answer")
        return take_frame(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(handover, "take_frame", store_away)
        assert finish_stranded(runtime, utc_now()) == 1
    assert [upload_row(session, url).state for url in urls] == [UploadState.OPEN, UploadState.FINISHED]
    assert finish_stranded(runtime, utc_now()) == 1


def test_an_upload_expires_when_nothing_came_for_long_and_says_so(
    client: TestClient, session: Session, runtime: Runtime, key: Key
) -> None:
    url = create_frame(client, key, 1000)
    append(client, key, url, 0, b"12345")
    before = upload_row(session, url).expires_at
    append(client, key, url, 5, b"67890")
    expires_at = upload_row(session, url).expires_at
    assert expires_at > before  # every byte moves it
    assert delete_expired(runtime, expires_at - timedelta(seconds=1)) == 0
    assert delete_expired(runtime, expires_at) == 1
    assert not spool_path(runtime, url).exists()
    gone = head(client, key, url)
    assert gone.status_code == 410 and "upload-offset" not in gone.headers
    assert append(client, key, url, 10, b"x").status_code == 410
    row = upload_row(session, url)
    assert (row.state, row.reason_code) == (UploadState.REFUSED, "upload.expired")
    assert "10 came" in (row.reason_detail or "")
    assert delete_expired(runtime, row.expires_at) == 1
    assert count(session, Upload) == 0


def test_an_overdue_upload_takes_nothing_even_before_the_job_ran(
    client: TestClient, session: Session, key: Key
) -> None:
    url = create_frame(client, key, 1000)
    upload_row(session, url).expires_at = utc_now() - timedelta(seconds=1)
    session.commit()
    assert append(client, key, url, 0, b"x").status_code == 410


def test_a_whole_upload_never_expires(client: TestClient, session: Session, runtime: Runtime, key: Key) -> None:
    data = jpeg()
    url = create_frame(client, key, len(data))
    row = upload_row(session, url)
    row.offset_bytes, row.expires_at = len(data), NOW
    session.commit()
    spool_of(runtime.settings).folder.mkdir(parents=True, exist_ok=True)
    spool_path(runtime, url).write_bytes(data)
    assert delete_expired(runtime, utc_now()) == 0
    assert finish_stranded(runtime, utc_now()) == 1


def test_files_of_no_upload_are_swept_and_strange_ones_left(runtime: Runtime, session: Session) -> None:
    spool = spool_of(runtime.settings)
    orphan = UUID(int=7)
    spool.take(orphan, 5).close()
    spool.wish(orphan)
    strange = spool.folder / ".nfs0001"
    strange.touch()
    assert delete_expired(runtime, utc_now()) == 0
    assert list(spool.folder.iterdir()) == [strange]


def test_a_creation_whose_whole_body_came_is_handed_over_at_once_and_again_is_the_same_frame(
    client: TestClient, session: Session, key: Key
) -> None:
    data = jpeg()
    given = key | VERSION | BODY | {"Upload-Length": str(len(data)), "Upload-Metadata": told(**PLACE)}
    first, lost_answer = (client.post(TUS, headers=given, content=data) for _ in range(2))
    assert first.headers["rasid-frame-id"] == lost_answer.headers["rasid-frame-id"]
    assert count(session, Frame) == 1
    assert tus_api.FOLDER in first.headers["location"]

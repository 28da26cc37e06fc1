"""Every MUST of tus 1.0.0 that a request can probe, and who may see which upload."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.intake.models import Upload
from service.surveys.models import Frame
from tests.factories import jpeg, make_municipality, make_user, make_vehicle, sign_in
from tests.intake.tus_support import (
    BODY,
    PLACE,
    TUS,
    VERSION,
    append,
    create,
    create_frame,
    head,
    offset_of,
    spool_path,
    told,
    upload_row,
)

Key = dict[str, str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"tus_max_size_bytes": 1_000_000, "tus_open_uploads": 3})


@pytest.fixture
def key(session: Session) -> Key:
    return make_vehicle(session)[1]


def sha1(data: bytes) -> str:
    return "sha1 " + b64encode(hashlib.sha1(data).digest()).decode()


def test_a_frame_sent_in_parts_is_the_frame_and_its_bytes_leave_the_spool(
    client: TestClient, session: Session, runtime: Runtime, key: Key
) -> None:
    data = jpeg()
    url = create_frame(client, key, len(data), survey="morning", heading_deg="90")
    first = append(client, key, url, 0, data[:1000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1000")
    assert "rasid-state" not in first.headers and "upload-expires" in first.headers
    last = append(client, key, url, 1000, data[1000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(data)))
    frame = session.scalars(select(Frame)).one()
    assert (last.headers["rasid-state"], last.headers["rasid-frame-id"]) == ("finished", str(frame.id))
    assert (frame.came_by, frame.filename, frame.heading_deg) == ("tus", "a.jpg", 90)
    assert frame.sha256 == hashlib.sha256(data).hexdigest()
    assert frame.survey.name == "morning"
    assert not spool_path(runtime, url).exists()


def test_options_tells_what_is_offered_to_anybody_of_any_version(client: TestClient) -> None:
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        for path in (TUS, f"{TUS}/", f"{TUS}/x"):
            answer = client.options(path, headers=headers)
            assert answer.status_code == 204
            assert answer.headers["tus-version"] == "1.0.0"
            assert answer.headers["tus-max-size"] == "1000000"
            assert set(answer.headers["tus-extension"].split(",")) == {
                "creation", "creation-with-upload", "expiration", "termination", "checksum"
            }  # fmt: skip
            assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("HEAD", "/x"), ("PATCH", "/x"), ("DELETE", "/x")])
def test_every_refusal_names_the_protocol(client: TestClient, key: Key, method: str, path: str) -> None:
    stranger = client.request(method, TUS + path, headers=VERSION)
    other_version = client.request(method, TUS + path, headers=key | {"Tus-Resumable": "9.9.9"})
    assert (stranger.status_code, other_version.status_code) == (401, 412)
    assert other_version.headers["tus-version"] == "1.0.0"
    wrong_method = client.request("PUT", TUS + path, headers=key | VERSION)
    assert wrong_method.status_code == 405
    for answer in (stranger, other_version, wrong_method):
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_new_upload_says_where_it_is_and_until_when(client: TestClient, session: Session, key: Key) -> None:
    answer = create(client, key, 10)
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"{TUS}/")
    expires_at = upload_row(session, answer.headers["location"]).expires_at
    assert answer.headers["upload-expires"] == expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert client.post(f"{TUS}/", headers=key | VERSION | {"Upload-Length": "1"}).status_code == 201


def test_the_offset_can_be_asked_at_any_time_and_metadata_comes_back_as_given(client: TestClient, key: Key) -> None:
    metadata = told(filename="شارع.jpg", sequence="S1") + ",flag"
    url = create(client, key, 10, metadata).headers["location"]
    append(client, key, url, 0, b"01234")
    answer = head(client, key, url)
    assert answer.status_code == 200 and answer.content == b""
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("5", "10")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["upload-metadata"] == metadata
    append(client, key, url, 5, b"56789")
    whole = head(client, key, url)
    assert (whole.status_code, whole.headers["upload-offset"]) == (200, "10")
    assert "upload-metadata" not in head(client, key, create(client, key, 10).headers["location"]).headers


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Tus-Resumable": "9.9.9"}, 412),
        ({"Tus-Resumable": ""}, 412),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Upload-Offset": "3"}, 409),
        ({"Upload-Offset": "6"}, 409),
        ({"Upload-Offset": "-5"}, 400),
        ({"Upload-Offset": ""}, 400),
        ({"Upload-Checksum": "crc32 AAAA"}, 400),
        ({"Authorization": "Bearer rvk_guess"}, 401),
    ],
)
def test_a_refused_request_writes_nothing(
    client: TestClient, runtime: Runtime, key: Key, changes: dict[str, str], status: int
) -> None:
    url = create(client, key, 10).headers["location"]
    append(client, key, url, 0, b"01234")
    headers = VERSION | BODY | key | {"Upload-Offset": "5"} | changes
    assert client.patch(url, headers=headers, content=b"xxxxx").status_code == status
    assert offset_of(client, key, url) == 5
    assert spool_path(runtime, url).read_bytes() == b"01234"


def test_more_bytes_than_promised_are_refused_whole(client: TestClient, runtime: Runtime, key: Key) -> None:
    url = create(client, key, 10).headers["location"]
    append(client, key, url, 0, b"01234")
    declared = append(client, key, url, 5, b"567890")
    assert (declared.status_code, declared.json()["code"]) == (413, "upload.overrun")

    def pieces() -> Iterator[bytes]:
        yield b"567"
        yield b"890"

    undeclared = append(client, key, url, 5, pieces())
    assert (undeclared.status_code, undeclared.json()["code"]) == (413, "upload.overrun")
    assert offset_of(client, key, url) == 5
    assert spool_path(runtime, url).read_bytes() == b"01234"


def test_a_body_in_pieces_that_fits_is_taken(client: TestClient, key: Key) -> None:
    url = create(client, key, 10).headers["location"]
    assert append(client, key, url, 0, iter([b"01", b"234"])).headers["upload-offset"] == "5"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "ten"}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "1000001"}, 413),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": "5", "Upload-Concat": "partial"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "filename not*base64"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "lat bm9ydGg="}, 422),
    ],
)
def test_a_creation_that_cannot_end_well_makes_no_upload(
    client: TestClient, session: Session, key: Key, headers: dict[str, str], status: int
) -> None:
    assert client.post(TUS, headers=key | VERSION | headers).status_code == status
    assert session.scalar(select(func.count(Upload.id))) == 0


def test_a_body_counts_only_if_its_checksum_is_right(client: TestClient, runtime: Runtime, key: Key) -> None:
    url = create(client, key, 10).headers["location"]
    right = append(client, key, url, 0, b"01234", Upload_Checksum=sha1(b"01234"))
    assert (right.status_code, right.headers["upload-offset"]) == (204, "5")
    wrong = append(client, key, url, 5, b"56789", Upload_Checksum=sha1(b"other"))
    assert (wrong.status_code, wrong.json()["code"]) == (460, "upload.checksum")
    assert offset_of(client, key, url) == 5
    assert spool_path(runtime, url).read_bytes() == b"01234"
    assert append(client, key, url, 5, b"56789", Upload_Checksum=sha1(b"56789")).status_code == 204


def test_a_creation_may_bring_the_first_bytes_or_all(client: TestClient, session: Session, key: Key) -> None:
    data = jpeg()
    given = key | VERSION | BODY | {"Upload-Length": str(len(data)), "Upload-Metadata": told(**PLACE)}
    part = client.post(TUS, headers=given, content=data[:1000])
    assert (part.status_code, part.headers["upload-offset"]) == (201, "1000")
    whole = client.post(TUS, headers=given | {"Upload-Checksum": sha1(data)}, content=data)
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(data)))
    assert whole.headers["rasid-state"] == "finished"
    assert session.scalar(select(func.count(Frame.id))) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"Content-Type": "image/jpeg"}, 415), ({"Upload-Checksum": sha1(b"other")}, 460), ({"Upload-Length": "3"}, 413)],
)
def test_a_creation_whose_body_is_refused_leaves_no_upload(
    client: TestClient, session: Session, key: Key, changes: dict[str, str], status: int
) -> None:
    given = VERSION | BODY | {"Upload-Length": "10"} | changes
    assert client.post(TUS, headers=key | given, content=b"01234").status_code == status
    assert session.scalar(select(func.count(Upload.id))) == 0


def test_a_zero_length_upload_is_an_empty_image(client: TestClient, session: Session, key: Key) -> None:
    answer = create(client, key, 0, told(filename="a.jpg"))
    assert (answer.status_code, answer.headers["rasid-reason"]) == (201, "image.empty")
    shown = head(client, key, answer.headers["location"])
    assert (shown.status_code, shown.headers["upload-offset"]) == (200, "0")
    assert session.scalars(select(Frame)).one().reason_code == "image.empty"


def test_a_terminated_upload_is_gone_with_its_bytes(client: TestClient, runtime: Runtime, key: Key) -> None:
    url = create(client, key, 10).headers["location"]
    append(client, key, url, 0, b"01234")
    assert client.delete(url, headers=key | VERSION).status_code == 204
    assert not spool_path(runtime, url).exists()
    assert head(client, key, url).status_code == 404
    assert append(client, key, url, 5, b"56789").status_code == 404
    assert client.delete(url, headers=key | VERSION).status_code == 404


def test_a_client_that_may_only_post_names_the_method_in_a_header(client: TestClient, key: Key) -> None:
    url = create(client, key, 10).headers["location"]
    given = key | VERSION | BODY | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(url, headers=given, content=b"01234").headers["upload-offset"] == "5"
    assert client.post(url, headers=key | VERSION | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204


def test_another_vehicles_upload_does_not_exist(client: TestClient, session: Session, key: Key) -> None:
    url = create(client, key, 10).headers["location"]
    _, other = make_vehicle(session)
    for answer in (
        head(client, other, url),
        append(client, other, url, 0, b"01234"),
        client.delete(url, headers=other | VERSION),
        client.get(f"/api/v1/uploads/{url.rsplit('/', 1)[1]}", headers=other),
    ):
        assert answer.status_code == 404 and "upload-offset" not in answer.headers
    assert client.get("/api/v1/uploads", headers=other).json()["items"] == []
    assert offset_of(client, key, url) == 0


def test_a_user_sends_nothing_and_sees_only_the_uploads_of_their_municipality(
    client: TestClient, session: Session, key: Key
) -> None:
    url = create(client, key, 10, told(filename="../../etc/passwd")).headers["location"]
    near = sign_in(session, make_user(session, Role.INSPECTOR))
    far = sign_in(session, make_user(session, Role.INSPECTOR, make_municipality(session, "riyadh")))
    assert create(client, near, 10).status_code == 403
    (shown,) = client.get("/api/v1/uploads", headers=near).json()["items"]
    assert (shown["filename"], shown["state"], shown["offset_bytes"]) == ("passwd", "open", 0)
    assert url.endswith(shown["public_id"])
    assert client.get("/api/v1/uploads", headers=far).json()["items"] == []
    assert client.get(f"/api/v1/uploads/{shown['public_id']}", headers=far).status_code == 404


def test_uploads_are_listed_in_pages_by_state_with_their_reasons(client: TestClient, key: Key) -> None:
    for data in (b"no image", b"nor this"):
        append(client, key, create(client, key, 8).headers["location"], 0, data)
    still_open = create(client, key, 8).headers["location"]
    page = client.get("/api/v1/uploads", headers=key, params={"limit": 2}).json()
    assert [item["reason_code"] for item in page["items"]] == ["upload.unknown_content"] * 2
    rest = client.get("/api/v1/uploads", headers=key, params={"after": page["next"]}).json()
    assert [item["state"] for item in rest["items"]] == ["open"] and rest["next"] is None
    mine = client.get("/api/v1/uploads", headers=key, params={"state": "open"}).json()["items"]
    assert [item["public_id"] for item in mine] == [still_open.rsplit("/", 1)[1]]


def test_a_vehicle_cannot_open_uploads_without_end(client: TestClient, session: Session, key: Key) -> None:
    urls = [create(client, key, 10).headers["location"] for _ in range(3)]
    refused = create(client, key, 10)
    assert (refused.status_code, refused.json()["code"]) == (429, "upload.too_many_open")
    assert int(refused.headers["retry-after"]) > 0
    assert create(client, make_vehicle(session)[1], 10).status_code == 201  # the limit is each vehicle's own
    append(client, key, urls[0], 0, b"0123456789")
    assert create(client, key, 10).status_code == 201


def test_uploads_whose_creation_was_never_answered_make_room(client: TestClient, session: Session, key: Key) -> None:
    begun = create(client, key, 10).headers["location"]
    append(client, key, begun, 0, b"01234")
    lost = [create(client, key, 10).headers["location"] for _ in range(2)]
    for url in (begun, lost[0]):
        upload_row(session, url).created_at = upload_row(session, url).created_at.replace(year=2020)
        session.commit()
    assert create(client, key, 10).status_code == 201
    assert [head(client, key, url).status_code for url in (begun, *lost)] == [200, 404, 200]

"""Sending archives over HTTP: who may, what is refused at the door, and that nothing of it stays behind."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.runtime import Runtime
from service.intake.models import Archive
from tests.factories import make_municipality, make_user, make_vehicle, sign_in
from tests.intake.sent_archives import photos, send, spooled
from tests.intake.zip_files import zip_of

HALF_A_FORM = b'--b\r\nContent-Disposition: form-data; name="archive"; filename="a"\r\n\r\nPK'


def test_nobody_else_sees_or_retries_an_archive(client: TestClient, session: Session, runtime: Runtime) -> None:
    _, key = make_vehicle(session)
    _, neighbour = make_vehicle(session)
    far = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "jeddah")))
    near = sign_in(session, make_user(session, Role.INSPECTOR))
    address = f"/api/v1/archives/{send(client, key, zip_of(photos(1))).json()['id']}"
    for stranger in (neighbour, far):
        assert client.get(address, headers=stranger).status_code == 404
        assert client.post(f"{address}/retry", headers=stranger).status_code == 404
        assert client.get("/api/v1/archives", headers=stranger).json()["items"] == []
    assert [one["kind"] for one in client.get("/api/v1/archives", headers=near).json()["items"]] == ["zip"]
    assert send(client, near, zip_of(photos(1))).status_code == 403
    assert send(client, {}, zip_of(photos(1))).status_code == 401


@pytest.mark.parametrize(
    ("name", "data", "told", "status", "code"),
    [
        ("a.zip", b"", {}, 422, "archive.empty"),
        ("a.zip", b"just text", {}, 415, "archive.unsupported"),
        ("a.jpg", b"\xff\xd8\xff" + zip_of({"a.jpg": b"x"}), {}, 415, "archive.unsupported"),  # an image and a ZIP
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(20), {}, 415, "archive.unsupported"),
        ("a.zip", zip_of({"a": b"a"}), {"spacing_m": 0.1}, 422, "metadata.invalid"),
        ("a.zip", zip_of({"a": b"a"}), {"captured_at": "2026-03-04T09:00:00"}, 422, "metadata.invalid"),
        ("a.zip", zip_of({"a": b"a"}), {"survey": "a\0b"}, 422, "metadata.invalid"),
    ],
)
def test_what_is_no_archive_is_refused_and_leaves_no_file(
    client: TestClient, session: Session, runtime: Runtime,
    name: str, data: bytes, told: dict[str, Any], status: int, code: str,
) -> None:  # fmt: skip
    _, key = make_vehicle(session)
    answer = send(client, key, data, name, **told)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert spooled(runtime) == []
    assert session.scalar(select(func.count(Archive.id))) == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"nothing", "multipart/form-data; boundary=b", 422),
        (HALF_A_FORM, "multipart/form-data; boundary=b", 422),
        (b"", "multipart/form-data", 415),
    ],
)  # fmt: skip
def test_a_body_that_is_no_whole_form_is_refused_and_leaves_no_file(
    client: TestClient, session: Session, runtime: Runtime, body: bytes, content_type: str, status: int
) -> None:
    _, key = make_vehicle(session)
    answer = client.post("/api/v1/archives", headers=key | {"Content-Type": content_type}, content=body)
    assert answer.status_code == status, answer.text
    assert spooled(runtime) == []

"""Reports of what blurring missed or took too much of, and blurring a stored picture after the fact."""

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from inference.images import decode_image
from service.accounts.permissions import Role
from service.core.events import Event
from service.core.runtime import Runtime
from service.core.storage import Store
from service.surveys.mending import delete_blob
from service.surveys.models import Frame
from tests.factories import make_frame, make_municipality, make_survey, make_user, make_vehicle, sign_in
from tests.images import encode_image

BOX = [200.0, 100.0, 300.0, 160.0]
Headers = dict[str, str]


@pytest.fixture
def picture() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    return encode_image(noise)


@pytest.fixture
def frame(session: Session, store: Store, picture: bytes) -> Frame:
    store.put("frames/raw", picture)
    found = make_frame(session, blob_key="frames/raw", blur={"model": "m 1", "boxes_xyxy_px": [], "kinds": []})
    session.commit()
    return found


@pytest.fixture
def inspector(session: Session) -> Headers:
    return sign_in(session, make_user(session))


def report(client: TestClient, headers: Headers, frame_id: int, **changes: Any) -> Response:
    body = {"kind": "missing", "box_xyxy_px": BOX, "note": "a plate"} | changes
    return client.post(f"/api/v1/frames/{frame_id}/blur-reports", headers=headers, json=body)


def settle(client: TestClient, headers: Headers, report_id: int, how: str) -> Response:
    return client.post(f"/api/v1/blur-reports/{report_id}/{how}", headers=headers)


def test_a_report_joins_the_queue_and_the_same_report_again_is_the_same(
    client: TestClient, inspector: Headers, frame: Frame
) -> None:
    first, again = report(client, inspector, frame.id), report(client, inspector, frame.id)
    assert (first.status_code, again.status_code) == (201, 200) and first.json()["id"] == again.json()["id"]
    queue = client.get("/api/v1/blur-reports?state=open", headers=inspector).json()
    assert [(one["frame_id"], one["box_xyxy_px"], one["note"]) for one in queue["items"]] == [
        (frame.id, BOX, "a plate")
    ]
    assert client.get("/api/v1/blur-reports?state=done", headers=inspector).json()["items"] == []


def test_blurring_after_the_fact_replaces_the_stored_picture_and_tells_it(
    client: TestClient, inspector: Headers, frame: Frame, runtime: Runtime, session: Session, picture: bytes
) -> None:
    made = report(client, inspector, frame.id).json()
    settled = settle(client, inspector, made["id"], "blur")
    assert settled.status_code == 200 and settled.json()["state"] == "done"
    session.refresh(frame)
    assert frame.blob_key is not None and frame.blob_key != "frames/raw"
    shown = client.get(f"/api/v1/frames/{frame.id}/image", headers=inspector).content
    before, after = decode_image(picture).pixels, decode_image(shown).pixels
    x0, y0, x1, y1 = map(int, BOX)
    assert after[y0:y1, x0:x1].std() < 25 < before[y0:y1, x0:x1].std()
    assert np.abs(before[300:].astype(int) - after[300:]).mean() < 3
    assert frame.blur == {"model": "m 1", "boxes_xyxy_px": [BOX], "kinds": ["reported"]}
    event = session.scalars(select(Event).where(Event.subject_kind == "frame", Event.action == "blur")).one()
    assert event.subject_id == frame.id and event.data == {"report_id": made["id"], "box_xyxy_px": BOX}


def test_the_picture_as_it_was_is_deleted_by_a_job_of_the_same_transaction(
    client: TestClient, inspector: Headers, frame: Frame, runtime: Runtime, session: Session
) -> None:
    settle(client, inspector, report(client, inspector, frame.id).json()["id"], "blur")
    assert waiting_deletions(session) == ["frames/raw"]
    delete_blob(runtime, "frames/raw")
    assert not runtime.store.exists("frames/raw")
    assert client.get(f"/api/v1/frames/{frame.id}/image", headers=inspector).status_code == 200


def test_frames_that_share_a_file_are_blurred_together(
    client: TestClient, inspector: Headers, frame: Frame, session: Session
) -> None:
    other = make_frame(session, make_survey(session), blob_key="frames/raw")
    session.commit()
    settle(client, inspector, report(client, inspector, frame.id).json()["id"], "blur")
    session.refresh(frame)
    session.refresh(other)
    assert other.blob_key == frame.blob_key != "frames/raw"
    assert other.blur is not None and other.blur["boxes_xyxy_px"] == [BOX]


def test_two_reports_of_one_frame_are_both_blurred(
    client: TestClient, inspector: Headers, frame: Frame, session: Session
) -> None:
    elsewhere = [400.0, 300.0, 460.0, 380.0]
    for box in (BOX, elsewhere):
        settle(client, inspector, report(client, inspector, frame.id, box_xyxy_px=box).json()["id"], "blur")
    after = decode_image(client.get(f"/api/v1/frames/{frame.id}/image", headers=inspector).content).pixels
    assert after[100:160, 200:300].std() < 25 and after[300:380, 400:460].std() < 25
    session.refresh(frame)
    assert frame.blur is not None and frame.blur["boxes_xyxy_px"] == [BOX, elsewhere]


def test_settling_twice_changes_nothing_and_settling_otherwise_is_a_conflict(
    client: TestClient, inspector: Headers, frame: Frame, session: Session
) -> None:
    first = report(client, inspector, frame.id).json()["id"]
    once, again = settle(client, inspector, first, "blur"), settle(client, inspector, first, "blur")
    assert once.json() == again.json() and settle(client, inspector, first, "decline").status_code == 409
    second = report(client, inspector, frame.id).json()["id"]
    assert second != first and settle(client, inspector, second, "decline").json()["state"] == "declined"
    assert settle(client, inspector, second, "decline").status_code == 200
    assert settle(client, inspector, second, "blur").status_code == 409
    events = session.scalars(select(Event.action).where(Event.subject_kind == "blur_report").order_by(Event.id))
    assert list(events) == ["report", "blur", "report", "decline"]


def test_too_much_blurring_is_acknowledged_and_cannot_be_blurred(
    client: TestClient, inspector: Headers, frame: Frame
) -> None:
    made = report(client, inspector, frame.id, kind="too_much").json()["id"]
    assert settle(client, inspector, made, "blur").json()["code"] == "blur_report.kind"
    assert settle(client, inspector, made, "acknowledge").json()["state"] == "done"
    missing = report(client, inspector, frame.id).json()["id"]
    assert settle(client, inspector, missing, "acknowledge").status_code == 409


@pytest.mark.parametrize(
    "box", [[0, 0, 700, 10], [-1, 0, 10, 10], [10, 10, 10, 50], [50, 10, 10, 50], [1, 2, 3], ["a", 1, 2, 3]]
)
def test_a_box_outside_the_picture_or_without_a_size_is_refused(
    client: TestClient, inspector: Headers, frame: Frame, box: list[object]
) -> None:
    assert report(client, inspector, frame.id, box_xyxy_px=box).status_code == 422


def test_a_frame_without_a_picture_has_nothing_to_report(
    client: TestClient, inspector: Headers, session: Session
) -> None:
    bare = make_frame(session, blob_key=None)
    session.commit()
    assert report(client, inspector, bare.id).json()["code"] == "frame.no_image"


def test_reports_of_another_municipality_are_neither_made_nor_seen_nor_settled(
    client: TestClient, inspector: Headers, frame: Frame, session: Session
) -> None:
    made = report(client, inspector, frame.id).json()["id"]
    stranger = sign_in(session, make_user(session, municipality=make_municipality(session, "khobar")))
    assert report(client, stranger, frame.id).status_code == 404
    assert client.get("/api/v1/blur-reports", headers=stranger).json()["items"] == []
    assert [settle(client, stranger, made, how).status_code for how in ("blur", "acknowledge", "decline")] == [404] * 3


def test_vehicles_report_nothing_and_units_settle_nothing(client: TestClient, frame: Frame, session: Session) -> None:
    _, key = make_vehicle(session)
    unit = sign_in(session, make_user(session, Role.UNIT))
    assert report(client, key, frame.id).status_code == 403
    assert client.get("/api/v1/blur-reports", headers=key).status_code == 403
    assert client.get("/api/v1/blur-reports", headers=unit).status_code == 403


def waiting_deletions(session: Session) -> list[str]:
    rows = session.execute(text("SELECT args ->> 'key' FROM procrastinate_jobs WHERE task_name = 'delete_blob'"))
    return list(rows.scalars())

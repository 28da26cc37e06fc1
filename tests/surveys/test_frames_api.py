"""Sending frames: each one becomes exactly one visible row, whatever it is and however often it comes."""

import hashlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from datasets.simulator import drive
from service.accounts.permissions import Role
from service.core.events import Event
from service.core.runtime import Runtime
from service.surveys.models import Frame, FrameState
from tests.factories import (
    DAMMAM,
    NOW,
    jpeg,
    make_municipality,
    make_user,
    make_vehicle,
    send_frame,
    sign_in,
    square,
)
from tests.surveys.exif import camera_jpeg


def test_a_new_frame_is_stored_and_queued_in_one_go(client: TestClient, session: Session, runtime: Runtime) -> None:
    _, key = make_vehicle(session)
    data = jpeg()
    answer = send_frame(client, key, data, survey="morning")
    assert answer.status_code == 201
    frame = session.scalars(select(Frame)).one()
    assert (frame.state, frame.sha256) == ("received", hashlib.sha256(data).hexdigest())
    assert frame.blob_key is not None and runtime.store.get(frame.blob_key) == data
    jobs = session.execute(text("SELECT task_name, args FROM procrastinate_jobs")).all()
    assert jobs == [("process_survey", {"survey_id": frame.survey_id})]
    assert session.scalars(select(Event.action)).all() == ["receive"]


def test_the_same_bytes_again_are_the_same_frame(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    data = jpeg()
    first, second = send_frame(client, key, data), send_frame(client, key, data, name="renamed.jpg")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert session.scalar(select(func.count(Frame.id))) == 1
    assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 1


def test_many_frames_of_a_survey_wait_as_one_job(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    for _ in range(3):
        assert send_frame(client, key, survey="morning").status_code == 201
    assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 1
    assert session.scalar(select(func.count(Frame.id))) == 3


def test_place_and_time_are_read_from_exif(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    rendered = next(drive(seed=7, frames=2))
    answer = client.post("/api/v1/frames", headers=key, files={"image": (rendered.name, rendered.jpeg())})
    assert answer.status_code == 201, answer.text
    frame = answer.json()
    assert frame["position_source"] == "exif"
    assert frame["lat"] == pytest.approx(rendered.lat, abs=1e-6)
    assert frame["lon"] == pytest.approx(rendered.lon, abs=1e-6)
    assert frame["heading_deg"] == pytest.approx(rendered.heading_deg % 360, abs=0.01)
    assert frame["captured_at"][:19] == rendered.captured_at.isoformat()[:19]


def test_the_positioning_error_of_exif_reaches_the_frame(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    picture = camera_jpeg(place=DAMMAM, gps_at=NOW, gps={31: IFDRational(906, 100)})
    answer = client.post("/api/v1/frames", headers=key, files={"image": ("a.jpg", picture)})
    assert (answer.status_code, answer.json()["gps_sd_m"]) == (201, pytest.approx(6.0, abs=0.01))
    assert session.scalars(select(Frame.gps_sd_m)).one() == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize(
    "told", ['{"gps_sd_m": 0}', '{"gps_sd_m": 1000.1}', '{"gps_sd_m": NaN}', '{"gps_sd_m": -1}', '{"gps_dop": 100}']
)
def test_an_error_of_the_fix_that_is_none_is_refused_by_name(client: TestClient, session: Session, told: str) -> None:
    _, key = make_vehicle(session)
    answer = client.post("/api/v1/frames", headers=key, files={"image": ("a.jpg", jpeg())}, data={"metadata": told})
    assert (answer.status_code, answer.json()["code"]) == (422, "metadata.invalid")
    assert told[2:8] in answer.json()["detail"]


def _png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than anyone should decode."""
    buffer = BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda: b"", 422, "image.empty"),
        (lambda: b"GIF89a" + b"\0" * 50, 415, "image.unsupported_format"),
        (lambda: jpeg()[:-400], 422, "image.truncated"),
        (lambda: _png_of_size(60_000, 60_000), 413, "image.too_many_pixels"),
    ],
)
def test_a_bad_image_is_a_row_with_a_reason_and_a_problem_document(
    client: TestClient, session: Session, make: Callable[[], bytes], status: int, code: str
) -> None:
    _, key = make_vehicle(session)
    answer = send_frame(client, key, make())
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["code"]) == (status, code)
    assert "expected" in problem["detail"] and "got" in problem["detail"]
    shown = client.get(f"/api/v1/frames/{problem['frame_id']}", headers=key).json()
    assert (shown["state"], shown["reason_code"]) == ("refused", code)
    assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


def test_a_frame_refused_for_its_place_is_taken_when_it_comes_with_one(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    data = jpeg()
    refused = send_frame(client, key, data, lat=None, lon=None)
    assert (refused.status_code, refused.json()["code"]) == (422, "position.missing")
    again = send_frame(client, key, data, lat=None, lon=None)
    assert again.status_code == 422
    mended = send_frame(client, key, data)
    assert mended.status_code == 201
    assert mended.json()["id"] == refused.json()["frame_id"]
    assert mended.json()["reason_code"] is None
    states = [(event.from_state, event.to_state) for event in session.scalars(select(Event).order_by(Event.id))]
    assert states == [(None, "refused"), ("refused", "received")]


def test_metadata_that_is_no_metadata_is_refused_with_the_field_named(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    answer = send_frame(client, key, lat="north")
    assert answer.status_code == 422
    assert answer.json()["code"] == "metadata.invalid"
    assert "lat" in answer.json()["detail"]


def test_too_many_bytes_are_refused_at_the_door(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    answer = send_frame(client, key, b"\xff\xd8\xff" + bytes(2_500_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


def test_a_wrong_revoked_or_absent_key_sends_nothing(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    assert send_frame(client, {}).status_code == 401
    assert send_frame(client, {"Authorization": "Bearer rvk_guess"}).status_code == 401
    admin = sign_in(session, make_user(session, Role.ADMIN))
    assert client.delete(f"/api/v1/vehicles/{vehicle.id}/key", headers=admin).json()["revoked"] is True
    assert send_frame(client, key).status_code == 401
    assert session.scalar(select(func.count(Frame.id))) == 0


def test_a_user_cannot_send_frames(client: TestClient, session: Session) -> None:
    admin = sign_in(session, make_user(session, Role.ADMIN))
    assert send_frame(client, admin).status_code == 403


def test_a_vehicle_sees_its_own_frames_only(client: TestClient, session: Session) -> None:
    _, mine = make_vehicle(session)
    _, other = make_vehicle(session)
    frame_id = send_frame(client, mine).json()["id"]
    assert client.get(f"/api/v1/frames/{frame_id}", headers=mine).status_code == 200
    assert client.get(f"/api/v1/frames/{frame_id}", headers=other).status_code == 404
    assert client.get("/api/v1/frames", headers=other).json() == {"items": [], "next": None}


def test_a_neighbour_municipality_finds_neither_frame_nor_image_nor_events(
    client: TestClient, session: Session
) -> None:
    _, key = make_vehicle(session)
    frame_id = send_frame(client, key).json()["id"]
    neighbour = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))
    for path in ("", "/image", "/events"):
        assert client.get(f"/api/v1/frames/{frame_id}{path}", headers=neighbour).status_code == 404
    assert client.get("/api/v1/surveys", headers=neighbour).json()["items"] == []


def test_a_frame_belongs_to_the_municipality_it_was_taken_in(client: TestClient, session: Session) -> None:
    home = make_municipality(session, "dammam", square(49.9, 26.3))
    other = make_municipality(session, "khobar", square(50.1, 26.1))
    _, key = make_vehicle(session, home)
    inside = send_frame(client, key, lat=DAMMAM[0], lon=DAMMAM[1]).json()
    beyond = send_frame(client, key, lat=26.2, lon=50.2).json()
    nowhere = send_frame(client, key, lat=24.7, lon=46.7).json()
    assert [inside["municipality_id"], beyond["municipality_id"]] == [home.id, other.id]
    assert nowhere["municipality_id"] == home.id


def test_lists_page_by_key_without_gap_or_repeat(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    sent = [send_frame(client, key).json()["id"] for _ in range(5)]
    seen, after = [], None
    for _ in range(3):
        page = client.get("/api/v1/frames", headers=key, params={"limit": 2} | ({"after": after} if after else {}))
        seen += [item["id"] for item in page.json()["items"]]
        after = page.json()["next"]
    assert (seen, after) == (sent, None)


def test_surveys_count_their_frames_by_state(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    send_frame(client, key, survey="a")
    send_frame(client, key, survey="a", lat=None)
    send_frame(client, key, survey="b")
    counts = {row["name"]: row["frames_by_state"] for row in client.get("/api/v1/surveys", headers=key).json()["items"]}
    assert counts == {"a": {"received": 1, "refused": 1}, "b": {"received": 1}}


def test_a_path_in_a_file_name_is_only_a_name(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    assert send_frame(client, key, name="..\\..\\etc/passwd.jpg").json()["filename"] == "passwd.jpg"


def test_grey_and_palette_images_are_frames_too(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    buffer = BytesIO()
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (100, 1))).save(buffer, "PNG")
    assert send_frame(client, key, buffer.getvalue(), name="a.png").status_code == 201


def test_a_file_name_that_is_no_text_is_kept_as_far_as_it_is(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="\\ud800.jpg"\r\n\r\nabc\r\n--x--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x; charset=raw_unicode_escape"}
    assert client.post("/api/v1/frames", headers=key | kind, content=form).status_code == 415
    assert session.scalars(select(Frame.filename)).one() == "?.jpg"


def test_a_failed_frame_that_is_refused_when_it_comes_again_tells_so_in_its_history(
    client: TestClient, session: Session
) -> None:
    _, key = make_vehicle(session)
    data = jpeg()
    frame_id = send_frame(client, key, data).json()["id"]
    session.get_one(Frame, frame_id).state = FrameState.FAILED
    session.commit()
    assert send_frame(client, key, data, lat=0, lon=0).status_code == 422
    history = client.get(f"/api/v1/frames/{frame_id}/events", headers=key).json()
    assert (history[-1]["from_state"], history[-1]["to_state"]) == ("failed", "refused")

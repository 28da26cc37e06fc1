"""The main job as its people live it: a vehicle's frame becomes a work order that is repaired, inspected and closed."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import pipeline
from service.accounts.permissions import Role
from service.core.runtime import Runtime
from service.defects.models import Defect
from service.surveys.models import Survey
from service.surveys.service import take_batch
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit
from tests.factories import NOW, jpeg, make_municipality, make_user, make_vehicle, send_frame, sign_in
from tests.models import blob_image

POTHOLE = {"pothole": [(280, 330, 344, 394)]}


def process_everything(runtime: Runtime, session: Session) -> None:
    for survey_id in session.scalars(select(Survey.id)).all():
        pipeline.process_survey(runtime, survey_id)
    session.rollback()  # the test's session looks again


@pytest.fixture
def people(session: Session) -> dict[str, dict[str, str]]:
    """Headers of a vehicle, an inspector, a supervisor and a foreman of the pothole machine, all of Dammam."""
    dammam = make_municipality(session)
    create_default_operations(session, dammam)
    unit = session.scalars(select(Unit).where(Unit.key == "pothole_machine")).one()
    _, vehicle = make_vehicle(session, dammam)
    return {
        "vehicle": vehicle,
        "inspector": sign_in(session, make_user(session, Role.INSPECTOR)),
        "supervisor": sign_in(session, make_user(session, Role.SUPERVISOR)),
        "foreman": sign_in(session, make_user(session, Role.UNIT, unit=unit)),
    }


def test_a_frame_becomes_a_closed_work_order_and_every_step_is_on_record(
    client: TestClient, session: Session, runtime: Runtime, people: dict[str, dict[str, str]]
) -> None:
    def get(who: str, path: str) -> dict[str, Any]:
        answer = client.get(f"/api/v1{path}", headers=people[who])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def post(who: str, path: str, **body: object) -> dict[str, Any]:
        answer = client.post(f"/api/v1{path}", headers=people[who], json=body)
        assert answer.status_code < 300, answer.text
        made: dict[str, Any] = answer.json()
        return made

    frame = send_frame(client, people["vehicle"], jpeg(blob_image(POTHOLE))).json()
    process_everything(runtime, session)
    assert get("vehicle", f"/frames/{frame['id']}")["state"] == "processed"

    (defect,) = get("inspector", "/defects?state=candidate")["items"]
    assert (defect["class_key"], defect["state"], defect["sightings_count"]) == ("pothole", "candidate", 1)
    post("inspector", f"/defects/{defect['id']}/reviews", verdict="accept")
    (order,) = get("foreman", "/work-orders")["items"]
    assert (order["state"], order["quantity_unit"]) == ("open", "m2")
    assert order["due_at"] > order["opened_at"]

    path = f"/work-orders/{order['id']}"
    post("supervisor", f"{path}/assign")
    post("foreman", f"{path}/start")
    without = client.post(f"/api/v1{path}/done", headers=people["foreman"], data={"quantity": "0.4"})
    assert without.status_code == 422  # a repair is proved by a photo
    photo = {"photo": ("after.jpg", jpeg())}
    done = client.post(f"/api/v1{path}/done", headers=people["foreman"], files=photo, data={"quantity": "0.4"})
    assert done.status_code == 200, done.text
    post("inspector", f"{path}/inspection", passed=True)

    closed = get("inspector", path)
    assert (closed["state"], closed["quantity_measured"]) == ("closed", 0.4)
    assert get("inspector", f"/defects/{defect['id']}")["state"] == "resolved"
    moves = [(event["from_state"], event["to_state"]) for event in closed["events"]]
    assert moves == [
        (None, "open"),
        ("open", "assigned"),
        ("assigned", "in_progress"),
        ("in_progress", "done"),
        ("done", "closed"),
    ]


def test_the_same_hole_seen_again_is_one_defect_and_after_its_repair_reopens_the_order(
    client: TestClient, session: Session, runtime: Runtime, people: dict[str, dict[str, str]]
) -> None:
    def drive_past(days: int, strength: float = 1.0) -> None:
        seen_at = (NOW + timedelta(days=days)).isoformat()
        data = jpeg(blob_image(POTHOLE, strength=strength))
        assert send_frame(client, people["vehicle"], data, captured_at=seen_at).status_code == 201
        process_everything(runtime, session)

    drive_past(0)
    drive_past(1, strength=0.9)
    (defect,) = client.get("/api/v1/defects", headers=people["inspector"]).json()["items"]
    assert defect["sightings_count"] == 2
    client.post(f"/api/v1/defects/{defect['id']}/reviews", headers=people["inspector"], json={"verdict": "accept"})
    (order,) = client.get("/api/v1/work-orders", headers=people["supervisor"]).json()["items"]
    path = f"/api/v1/work-orders/{order['id']}"
    client.post(f"{path}/assign", headers=people["supervisor"], json={})
    client.post(f"{path}/start", headers=people["foreman"])
    files, data = {"photo": ("after.jpg", jpeg())}, {"quantity": "0.4"}
    client.post(f"{path}/done", headers=people["foreman"], files=files, data=data)
    passed = client.post(f"{path}/inspection", headers=people["inspector"], json={"passed": True})
    assert passed.json()["state"] == "closed", passed.text
    repaired = session.get_one(Defect, defect["id"])
    repaired.resolved_at = NOW + timedelta(days=2)  # as if inspected then: frames of the future are refused
    session.commit()
    drive_past(9, strength=0.8)
    assert client.get(f"/api/v1/defects/{defect['id']}", headers=people["inspector"]).json()["state"] == "confirmed"
    assert client.get(path, headers=people["supervisor"]).json()["state"] == "open"


def test_a_frame_whose_stored_image_is_gone_fails_by_name_and_its_neighbours_pass(
    client: TestClient, session: Session, runtime: Runtime, people: dict[str, dict[str, str]]
) -> None:
    lost = send_frame(client, people["vehicle"], jpeg(blob_image(POTHOLE))).json()
    kept = send_frame(client, people["vehicle"]).json()
    (runtime.settings.data_dir / "files" / "frames" / lost["sha256"][:2] / lost["sha256"]).unlink()
    process_everything(runtime, session)
    states = {
        frame["id"]: (frame["state"], frame["reason_code"])
        for frame in client.get("/api/v1/frames", headers=people["vehicle"]).json()["items"]
    }
    assert states == {lost["id"]: ("failed", "image.missing"), kept["id"]: ("processed", None)}
    again = send_frame(client, people["vehicle"], jpeg(blob_image(POTHOLE)))
    assert again.status_code == 201  # sent again it is taken again
    process_everything(runtime, session)
    assert client.get(f"/api/v1/frames/{lost['id']}", headers=people["vehicle"]).json()["state"] == "processed"


def test_processing_twice_writes_once(
    client: TestClient, session: Session, runtime: Runtime, people: dict[str, dict[str, str]]
) -> None:
    send_frame(client, people["vehicle"], jpeg(blob_image(POTHOLE)))
    with runtime.database.transaction() as other:
        frames = take_batch(other, session.scalars(select(Survey.id)).one(), 10, NOW)
    pipeline.process_frames(runtime, frames)
    pipeline.process_frames(runtime, frames)  # as when a worker died after its write and before saying so
    (defect,) = client.get("/api/v1/defects", headers=people["inspector"]).json()["items"]
    assert defect["sightings_count"] == 1
    detail = client.get(f"/api/v1/defects/{defect['id']}", headers=people["inspector"]).json()
    assert len(detail["sightings"]) == 1

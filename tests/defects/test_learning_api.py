"""What people teach the model, over HTTP: moved and drawn boxes, checked frames."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from service.defects.models import Defect, Detection, FrameCheck, Review
from service.defects.recording import SeenBox
from service.identity.locate import GroundPosition
from service.work_orders.models import WorkOrder
from tests.defects.desk import DRAWN, MOVED, Desk, count, processed, processed_now
from tests.defects.sightings import box, make_defect, see
from tests.factories import make_frame, make_user, make_vehicle, sign_in

NAMELESS = {"verdict": "move", "box_xyxy_px": MOVED}  # of which detection?


def test_a_moved_box_leaves_the_detection_and_the_state_and_is_kept_once(desk: Desk, session: Session) -> None:
    frame = processed(session)
    defect = make_defect(session, box(), frame)
    move = {"detection_id": defect.best_detection_id, "box_xyxy_px": MOVED}
    for _ in range(2):
        answer = desk.review(defect, "move", **move)
        assert (answer.status_code, answer.json()["defect"]["state"]) == (200, "candidate")
    (seen,) = desk.get(f"frames/{frame.id}/detections")
    assert (seen["moved_to_xyxy_px"], seen["box_xyxy_px"]) == (MOVED, [10, 20, 110, 70])
    assert (count(session, Review), count(session, WorkOrder)) == (1, 0)
    assert [event["action"] for event in desk.get(f"defects/{defect.id}")["events"]] == ["find", "move"]
    back = {"detection_id": defect.best_detection_id, "box_xyxy_px": [10, 20, 110, 70]}
    desk.review(defect, "accept")
    assert desk.review(defect, "move", **back).json()["defect"]["state"] == "confirmed"
    (seen,) = desk.get(f"frames/{frame.id}/detections")
    assert seen["moved_to_xyxy_px"] == [10, 20, 110, 70]


@pytest.mark.parametrize(
    "body",
    [
        {"verdict": "move"},
        NAMELESS,
        {"verdict": "accept", "box_xyxy_px": MOVED},
        {"verdict": "move", "box_xyxy_px": [110, 20, 10, 70]},
        {"verdict": "move", "box_xyxy_px": [0, 0, 641, 70]},
        {"verdict": "move", "box_xyxy_px": [-1, 0, 40, 70]},
        {"verdict": "move", "box_xyxy_px": [10, 20, 11, 70]},
    ],
)
def test_a_box_that_cannot_stand_is_unprocessable(desk: Desk, session: Session, body: dict[str, Any]) -> None:
    defect = make_defect(session, box(), processed(session))
    named: dict[str, Any] = {} if body == NAMELESS else {"detection_id": defect.best_detection_id}
    answer = desk.review(defect, **body, **named)
    assert answer.status_code == 422, answer.text
    assert count(session, Review) == 0


def test_a_verdict_names_the_sighting_looked_at_and_refuses_another_defects(desk: Desk, session: Session) -> None:
    first, second = processed(session), processed(session)
    defect = make_defect(session, box(score=0.9), first)
    see(session, [box(score=0.6)], second)
    other = make_defect(session, box(east_m=50), processed(session))
    own = session.scalars(select(Detection).where(Detection.frame_id == second.id)).one()
    assert desk.review(defect, "accept", detection_id=other.best_detection_id).status_code == 422
    assert desk.review(defect, "accept", detection_id=own.id).status_code == 200
    (kept,) = desk.get(f"defects/{defect.id}")["reviews"]
    assert kept["detection_id"] == own.id
    desk.review(other, "reject")
    (kept,) = desk.get(f"defects/{other.id}")["reviews"]
    assert kept["detection_id"] == other.best_detection_id


def test_a_rejected_defects_box_moves_no_more(desk: Desk, session: Session) -> None:
    defect = make_defect(session, box(), processed(session))
    desk.review(defect, "reject")
    answer = desk.review(defect, "move", detection_id=defect.best_detection_id, box_xyxy_px=MOVED)
    assert (answer.status_code, answer.json()["code"]) == (409, "defect.state")


def test_a_drawn_object_is_an_accepted_defect_with_its_order_and_is_kept_once(desk: Desk, session: Session) -> None:
    frame = processed(session)
    session.commit()
    answers = [desk.draw(frame) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    made = answers[0].json()
    assert (made["defect"]["state"], made["work_order"]["state"]) == ("confirmed", "open")
    assert made["detection"]["added_by_id"] and made["detection"]["box_xyxy_px"] == DRAWN
    assert made["detection"]["distance_m"] is not None  # placed on the ground as a model's box
    assert (count(session, Defect), count(session, Detection), count(session, WorkOrder)) == (1, 1, 1)
    events = desk.get(f"defects/{made['defect']['id']}")["events"]
    assert [(event["action"], event["actor_kind"]) for event in events] == [("find", "user"), ("accept", "user")]


def test_an_object_drawn_beside_a_box_of_its_frame_is_another_one(desk: Desk, session: Session) -> None:
    frame = processed(session)
    session.commit()
    first = desk.draw(frame).json()["defect"]["id"]
    shifted = [DRAWN[0] + 30, DRAWN[1], DRAWN[2] + 30, DRAWN[3]]
    assert desk.draw(frame, box_px=shifted).json()["defect"]["id"] != first


def test_an_object_drawn_where_a_candidate_waits_accepts_it_and_where_one_was_rejected_makes_a_new_one(
    desk: Desk, session: Session
) -> None:
    frame = processed_now(session)
    place = desk.draw(frame, "garbage").json()["detection"]
    there = GroundPosition(place["lat"], place["lon"], 10.0)
    seen = [
        SeenBox(key, 0.7, (left, 20.0, left + 100, 70.0), there)
        for key, left in (("pothole", 10.0), ("graffiti", 210.0))
    ]
    waiting, refused = see(session, seen, processed(session)).created
    session.commit()
    desk.review(refused, "reject")
    later = processed_now(session)
    accepted = desk.draw(later, "pothole").json()["defect"]
    assert (accepted["id"], accepted["state"], accepted["sightings_count"]) == (waiting.id, "confirmed", 2)
    assert desk.draw(later, "graffiti").json()["defect"]["id"] != refused.id


def test_only_what_a_model_has_seen_can_be_drawn_on_or_checked(desk: Desk, session: Session) -> None:
    frame = make_frame(session)
    session.commit()
    for answer in (desk.draw(frame), desk.check(frame, "pothole")):
        assert (answer.status_code, answer.json()["code"]) == (409, "frame.state")
    assert desk.draw(processed_now(session), box_px=[0, 0, 700, 10]).json()["code"] == "box.outside"


def test_a_frame_is_checked_for_classes_once_each_and_the_word_can_be_taken_back(desk: Desk, session: Session) -> None:
    frame = processed_now(session)
    for classes in (["pothole", "garbage"], ["garbage", "graffiti"], ["garbage"]):
        assert desk.check(frame, *classes).status_code == 200
    assert sorted(desk.checked(frame)) == ["garbage", "graffiti", "pothole"]
    for _ in range(2):
        assert desk.withdraw(frame, "garbage").status_code == 200
    assert sorted(desk.checked(frame)) == ["graffiti", "pothole"]
    events = session.scalars(select(Event).where(Event.subject_kind == "frame").order_by(Event.id)).all()
    assert [(event.action, event.data["class_keys"]) for event in events] == [
        ("check", ["garbage", "pothole"]),
        ("check", ["graffiti"]),
        ("uncheck", ["garbage"]),
    ]
    assert desk.check(frame).status_code == desk.check(frame, "unicorn").status_code == 422


def test_a_frame_is_not_checked_for_a_class_while_a_box_of_it_waits(desk: Desk, session: Session) -> None:
    frame = processed(session)
    defect = make_defect(session, box("pothole"), frame)
    answer = desk.check(frame, "pothole")
    assert (answer.status_code, answer.json()["code"]) == (409, "frame.undecided")
    assert answer.json()["defect_ids"] == [defect.id]
    assert desk.check(frame, "garbage").status_code == 200
    desk.review(defect, "reclassify", class_key="road_crack")
    for key in ("pothole", "road_crack"):  # as the model named it and as a person does
        assert desk.check(frame, key).status_code == 409
    desk.review(defect, "accept")
    assert desk.check(frame, "pothole", "road_crack").status_code == 200


def test_the_neighbours_frames_and_boxes_are_not_found(
    desk: Desk, client: TestClient, session: Session, neighbour: dict[str, str]
) -> None:
    frame = processed(session)
    defect = make_defect(session, box(), frame)
    desk.review(defect, "accept")
    desk.check(frame, "pothole")
    stranger = Desk(client, neighbour)
    moved = stranger.review(defect, "move", detection_id=defect.best_detection_id, box_xyxy_px=MOVED)
    for answer in (stranger.draw(frame), stranger.check(frame, "garbage"), stranger.withdraw(frame, "pothole"), moved):
        assert answer.status_code == 404, answer.text
    assert client.get(f"/api/v1/frames/{frame.id}/checks", headers=neighbour).status_code == 404
    assert stranger.exported() == [] and stranger.get("reviews/precision") == []
    assert stranger.exported(municipality_id=frame.municipality_id) == []
    assert (count(session, FrameCheck), count(session, Detection)) == (1, 1)


def test_a_role_that_may_not_teach_is_forbidden(client: TestClient, session: Session) -> None:
    frame = processed(session)
    make_defect(session, box(), frame)
    _, vehicle = make_vehicle(session)
    for who in (vehicle, sign_in(session, make_user(session, Role.UNIT))):
        desk = Desk(client, who)
        answers = [desk.draw(frame), desk.check(frame, "garbage"), desk.withdraw(frame, "garbage")]
        answers += [client.get(f"/api/v1/reviews/{what}", headers=who) for what in ("export", "precision")]
        assert {answer.status_code for answer in answers} == {403}
    inspector = sign_in(session, make_user(session, Role.INSPECTOR))
    assert client.get("/api/v1/reviews/export", headers=inspector).status_code == 403
    assert client.get("/api/v1/reviews/precision", headers=inspector).status_code == 200

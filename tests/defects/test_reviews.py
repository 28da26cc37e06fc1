from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from service.defects.models import Defect, Review, Sighting
from service.defects.states import DefectState
from service.work_orders.models import WorkOrder
from tests.defects.sightings import box, make_defect, see
from tests.factories import make_frame, make_municipality, make_survey, make_user, make_vehicle, sign_in


@pytest.fixture
def headers(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session))


def post(client: TestClient, headers: dict[str, str], defect: Defect, verdict: str, **more: Any) -> Response:
    body = {"verdict": verdict} | more
    return client.post(f"/api/v1/defects/{defect.id}/reviews", headers=headers, json=body)


def neighbour_defect(session: Session) -> Defect:
    vehicle, _ = make_vehicle(session, make_municipality(session, "khobar"))
    return make_defect(session, box(), make_frame(session, make_survey(session, vehicle)))


def test_accepting_confirms_the_defect_and_opens_its_work_order(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect = make_defect(session, box(size=1.5))
    answer = post(client, headers, defect, "accept", note="clear").json()
    assert answer["defect"]["state"] == "confirmed"
    assert answer["work_order"]["state"] == "open" and answer["work_order"]["defect_id"] == defect.id
    assert answer["work_order"]["quantity_estimated"] == 1.5 and answer["work_order"]["quantity_unit"] == "m2"


@pytest.mark.parametrize("verdict", ["accept", "reject", "reclassify", "merge"])
def test_a_verdict_sent_twice_is_kept_once(
    client: TestClient, session: Session, headers: dict[str, str], verdict: str
) -> None:
    defect, other = make_defect(session), make_defect(session, box(east_m=50))
    bodies: dict[str, dict[str, Any]] = {
        "reclassify": {"class_key": "road_crack"},
        "merge": {"merged_into_id": other.id},
    }
    more = bodies.get(verdict, {})
    first = post(client, headers, defect, verdict, **more)
    events = session.scalar(select(func.count(Event.id)))
    second = post(client, headers, defect, verdict, **more)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert session.scalar(select(func.count(Review.id))) == 1
    assert session.scalar(select(func.count(Event.id))) == events
    assert session.scalar(select(func.count(WorkOrder.id))) == (1 if verdict == "accept" else 0)


def test_a_rejected_defect_cannot_be_accepted_and_the_answer_says_why(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect = make_defect(session)
    post(client, headers, defect, "reject")
    answer = post(client, headers, defect, "accept")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "defect.state" and answer.json()["allowed"] == []


def test_reclassifying_changes_the_class_forgets_the_size_and_keeps_the_candidate(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect = make_defect(session, box("pothole", size=2.0))
    answer = post(client, headers, defect, "reclassify", class_key="garbage").json()["defect"]
    assert (answer["class_key"], answer["state"]) == ("garbage", "candidate")
    assert (answer["size"], answer["size_unit"]) == (None, "m3")
    review = session.scalars(select(Review)).one()
    assert (review.class_before, review.class_after) == ("pothole", "garbage")


def test_merging_moves_the_sightings_and_sums_up_the_target(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    source = make_defect(session, box(north_m=40, score=0.95))
    see(session, [box(north_m=40)])
    target = make_defect(session, box(north_m=0, score=0.5))
    answer = post(client, headers, source, "merge", merged_into_id=target.id).json()["defect"]
    assert (answer["state"], answer["merged_into_id"]) == ("merged", target.id)
    session.expire_all()
    assert target.sightings_count == 3 and target.score == 0.95
    assert set(session.scalars(select(Sighting.defect_id))) == {target.id}
    kept = client.get(f"/api/v1/defects/{target.id}", headers=headers).json()
    assert [event["action"] for event in kept["events"]] == ["find", "absorb"] and len(kept["sightings"]) == 3


def test_merging_into_itself_or_into_what_was_put_aside_is_refused(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect, rejected, merged, kept = (make_defect(session, box(east_m=metres)) for metres in (0, 30, 60, 90))
    post(client, headers, rejected, "reject")
    post(client, headers, merged, "merge", merged_into_id=kept.id)
    for target in (defect, rejected, merged):
        answer = post(client, headers, defect, "merge", merged_into_id=target.id)
        assert (answer.status_code, answer.json()["code"]) == (409, "defect.merge_target")
    session.expire_all()
    assert defect.state is DefectState.CANDIDATE


def test_merging_across_municipalities_is_refused_even_for_an_admin(client: TestClient, session: Session) -> None:
    ours, theirs = make_defect(session), neighbour_defect(session)
    answer = post(client, sign_in(session, make_user(session, Role.ADMIN)), ours, "merge", merged_into_id=theirs.id)
    assert (answer.status_code, answer.json()["code"]) == (409, "defect.merge_target")
    session.expire_all()
    assert ours.state is DefectState.CANDIDATE


def test_the_neighbours_defect_is_not_found(client: TestClient, session: Session, headers: dict[str, str]) -> None:
    theirs, ours = neighbour_defect(session), make_defect(session)
    assert post(client, headers, theirs, "accept").status_code == 404
    assert post(client, headers, ours, "merge", merged_into_id=theirs.id).status_code == 404
    session.expire_all()
    assert theirs.state is ours.state is DefectState.CANDIDATE


@pytest.mark.parametrize(
    "body",
    [
        {"verdict": "reclassify"},
        {"verdict": "merge"},
        {"verdict": "accept", "class_key": "garbage"},
        {"verdict": "reject", "merged_into_id": 1},
        {"verdict": "reclassify", "class_key": "unicorn"},
        {"verdict": "maybe"},
        {"verdict": "accept", "note": "x" * 1001},
    ],
)
def test_a_verdict_that_is_not_whole_is_unprocessable(
    client: TestClient, session: Session, headers: dict[str, str], body: dict[str, Any]
) -> None:
    defect = make_defect(session)
    answer = client.post(f"/api/v1/defects/{defect.id}/reviews", headers=headers, json=body)
    assert answer.status_code == 422
    assert session.scalar(select(func.count(Review.id))) == 0


def test_neither_a_unit_nor_a_vehicle_may_review(client: TestClient, session: Session) -> None:
    defect = make_defect(session)
    _, vehicle = make_vehicle(session)
    for headers in (sign_in(session, make_user(session, Role.UNIT)), vehicle):
        assert post(client, headers, defect, "accept").status_code == 403

"""A person parts what matching took for one, by the API."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.defects.models import Defect, Sighting
from tests.defects.sightings import box, make_defect, see
from tests.factories import NOW, make_frame, make_municipality, make_survey, make_user, make_vehicle, sign_in


@pytest.fixture
def headers(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session))


def seen_often(session: Session, times: int = 3) -> tuple[Defect, list[int]]:
    """A defect with so many sightings by one drive, and their detections."""
    frame = make_frame(session, captured_at=NOW)
    defect = make_defect(session, box(), frame)
    for second in range(1, times):
        see(session, [box()], make_frame(session, frame.survey, captured_at=NOW + timedelta(seconds=second)))
    session.commit()
    own = session.query(Sighting.detection_id).filter_by(defect_id=defect.id).order_by(Sighting.detection_id)
    return defect, [row[0] for row in own]


def split(client: TestClient, headers: dict[str, str], defect_id: int, ids: list[int]) -> Response:
    body: dict[str, Any] = {"detection_ids": ids}
    return client.post(f"/api/v1/defects/{defect_id}/split", headers=headers, json=body)


def test_some_sightings_become_a_candidate_of_their_own_and_twice_the_same(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect, ids = seen_often(session)
    answers = [split(client, headers, defect.id, ids[1:]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    other = answers[0].json()
    assert other["id"] != defect.id and other["state"] == "candidate" and other["sightings_count"] == 2
    assert answers[1].json()["id"] == other["id"]
    left = client.get(f"/api/v1/defects/{defect.id}", headers=headers).json()
    assert [one["id"] for one in left["sightings"]] == ids[:1]


def test_all_sightings_or_none_are_refused(client: TestClient, session: Session, headers: dict[str, str]) -> None:
    defect, ids = seen_often(session)
    for wrong in ([], ids, [10**9]):
        assert split(client, headers, defect.id, wrong).status_code == 422


def test_the_neighbours_defect_is_not_told_by_its_sightings(client: TestClient, session: Session) -> None:
    defect, ids = seen_often(session)
    vehicle, _ = make_vehicle(session, make_municipality(session, "khobar"))
    own = make_defect(session, box(), make_frame(session, make_survey(session, vehicle)))
    neighbour = sign_in(session, make_user(session, Role.INSPECTOR, make_municipality(session, "khobar")))
    assert split(client, neighbour, defect.id, ids[:1]).status_code == 404
    answer = split(client, neighbour, own.id, ids)
    assert answer.status_code == 422, answer.text

import json
from datetime import timedelta
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.database import Database
from service.core.events import SYSTEM
from service.coverage.streets import import_streets
from service.defects.models import Defect
from service.defects.priorities import refresh_all, set_priorities
from service.defects.service import move_defect, reopen_defect, resolve_defect
from service.defects.states import DefectAction
from tests.defects.sightings import box, make_defect
from tests.factories import DAMMAM, NOW, make_municipality, make_user, sign_in


def worked_out(session: Session, defect: Defect) -> dict[str, float]:
    set_priorities(session, [defect.id], NOW)
    return {key: part["points"] for key, part in defect.priority_parts.items()}


def street(session: Session, road_class: str, east_deg: float = 0.0) -> None:
    """A street northward past DAMMAM."""
    lat, lon = DAMMAM
    line = {"type": "LineString", "coordinates": [[lon + east_deg, lat - 0.002], [lon + east_deg, lat + 0.002]]}
    feature = {"type": "Feature", "id": road_class, "geometry": line, "properties": {"highway": road_class}}
    file = BytesIO(json.dumps({"type": "FeatureCollection", "features": [feature]}).encode())
    import_streets(session, make_municipality(session), file, actor=SYSTEM, now=NOW)


def test_the_stored_score_is_the_sum_of_the_stored_parts_and_working_it_out_again_changes_nothing(
    session: Session,
) -> None:
    defect = make_defect(session, box(size=1.0))
    assert set_priorities(session, [defect.id, defect.id], NOW) == 1
    told = defect.priority_parts
    assert defect.priority == pytest.approx(sum(part["points"] for part in told.values())) and defect.priority > 0
    assert told["size"] == {"points": 20, "of": 20, "because": "large"}
    assert set_priorities(session, [defect.id], NOW) == 0


def test_the_road_class_is_that_of_the_imported_street_and_unknown_without_one(session: Session) -> None:
    defect = make_defect(session)
    unknown = worked_out(session, defect)
    assert defect.priority_parts["road"]["because"] is None
    street(session, "primary")
    street(session, "service", east_deg=0.0001)  # beside it
    on_primary = worked_out(session, defect)
    assert defect.priority_parts["road"]["because"] == "primary" and on_primary["road"] > unknown["road"]


def test_a_street_a_hundred_metres_off_does_not_count(session: Session) -> None:
    defect = make_defect(session)
    street(session, "motorway", east_deg=0.001)  # 100 m
    worked_out(session, defect)
    assert defect.priority_parts["road"]["because"] is None


def test_a_defect_that_came_back_after_its_repair_is_more_urgent(session: Session) -> None:
    defect = make_defect(session)
    before = worked_out(session, defect)
    move_defect(session, defect, DefectAction.ACCEPT, SYSTEM, NOW)
    resolve_defect(session, defect, SYSTEM, NOW)
    reopen_defect(session, defect, SYSTEM, NOW, {})
    assert worked_out(session, defect)["recurrence"] > before["recurrence"] == 0


def test_a_resolved_defect_keeps_the_score_it_had(session: Session) -> None:
    defect = make_defect(session)
    move_defect(session, defect, DefectAction.ACCEPT, SYSTEM, NOW)
    resolve_defect(session, defect, SYSTEM, NOW)
    assert set_priorities(session, [defect.id], NOW) == 0


def test_a_day_later_every_live_defect_is_worked_out_anew(
    session: Session, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.defects.priorities.BATCH", 2)
    defects = [make_defect(session, box(north_m=200 * number)) for number in range(5)]
    assert refresh_all(database, NOW) == 5
    assert refresh_all(database, NOW + timedelta(days=10)) == 5
    session.expire_all()
    assert all(one.priority_parts["age"]["points"] > 0.5 for one in defects)


def test_the_priority_is_explained_to_whoever_may_see_the_defect(client: TestClient, session: Session) -> None:
    defect = make_defect(session)
    set_priorities(session, [defect.id], NOW)
    headers = sign_in(session, make_user(session, Role.INSPECTOR))
    told = client.get(f"/api/v1/defects/{defect.id}/priority", headers=headers).json()
    assert told["score"] == defect.priority == pytest.approx(sum(part["points"] for part in told["parts"]))
    assert told["parts"][0] == {"key": "class", "points": 30, "of": 30, "because": "pothole"}
    neighbour = sign_in(session, make_user(session, Role.INSPECTOR, make_municipality(session, "khobar")))
    assert client.get(f"/api/v1/defects/{defect.id}/priority", headers=neighbour).status_code == 404

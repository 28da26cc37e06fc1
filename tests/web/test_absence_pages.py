"""The list of what passes saw no more, and what a person makes of it."""

from datetime import timedelta

import pytest

from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.defects.models import Absence, Defect, Visit
from service.defects.states import DefectState
from tests.web.desk import Desk, street
from tests.web.visitor import Visitor, words_of


@pytest.fixture
def inspector(visitor: Visitor, desk: Desk) -> Visitor:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    return visitor


def vanished(desk: Desk) -> Defect:
    """A candidate that two later passes looked for in vain."""
    defect = desk.candidate()
    for hours in (1, 2):
        at = utc_now() - timedelta(hours=hours)
        frame = desk.frame(street("empty"), at)
        frame.lat = defect.lat - 9e-5  # ten metres before it, heading north
        times = {"first_at": at, "last_at": at}
        visit = Visit(defect_id=defect.id, survey_id=desk.survey.id, sightings=0, looks=1, unseen_log=-1, **times)
        desk.session.add(visit)
    defect.absence, defect.absence_at, defect.presence = Absence.GONE, utc_now(), -4.0
    desk.session.commit()
    return defect


def state_of(desk: Desk, defect: Defect) -> DefectState:
    desk.session.refresh(defect)
    return defect.state


def test_a_proposal_shows_the_picture_before_and_the_newest_look(inspector: Visitor, desk: Desk) -> None:
    defect = vanished(desk)
    page = inspector.get("/absences")
    words = words_of(page)
    assert "Gone, say later passes" in words and "2 passes looked and saw nothing." in words and "98%" in words
    assert f"/detections/{defect.best_detection_id}/thumbnail" in page.text
    look = page.text.split("/places/")[0].rsplit("/", 1)[-1]
    picture = inspector.get(f"/frames/{look}/places/{defect.id}")
    assert picture.status_code == 200 and picture.headers["content-type"] == "image/jpeg"
    assert "No pass proposes anything now." in inspector.read("/absences?kind=fixed")


def test_confirming_closes_the_defect_and_overruling_keeps_it(inspector: Visitor, desk: Desk) -> None:
    defect = vanished(desk)
    answer = inspector.post(f"/absences/{defect.id}", decision="overrule", note="still deep")
    assert answer.status_code == 303
    assert f"Defect {defect.id} stays open." in inspector.read(answer.headers["location"])
    assert state_of(desk, defect) is DefectState.CANDIDATE and defect.absence is None
    again = inspector.post(f"/absences/{defect.id}", decision="confirm")
    assert again.status_code == 409 and "This is proposed no more." in words_of(again)
    defect.absence = Absence.GONE
    desk.session.commit()
    closed = inspector.post(f"/absences/{defect.id}", decision="confirm")
    assert f"Defect {defect.id} closed." in inspector.read(closed.headers["location"])
    assert state_of(desk, defect) is DefectState.RESOLVED


def test_another_municipality_neither_lists_nor_decides_it(visitor: Visitor, desk: Desk) -> None:
    defect = vanished(desk)
    other = Desk(desk.session, desk.store, "khobar")
    visitor.sign_in(other.person(Role.INSPECTOR))
    assert "No pass proposes anything now." in visitor.read("/absences")
    assert visitor.post(f"/absences/{defect.id}", decision="confirm").status_code == 404
    frame_id = defect.best_detection.frame_id if defect.best_detection else 0
    assert visitor.get(f"/frames/{frame_id}/places/{defect.id}").status_code == 404

"""What the pages let people teach the model, and what they show of boxes that people corrected."""

import re
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import caller_of_user
from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.defects.models import Defect, Detection, Review, Verdict
from service.defects.recording import SeenBox
from service.defects.reviews import review
from service.identity.locate import GroundPosition
from tests.factories import DAMMAM
from tests.web.desk import Desk, street
from tests.web.visitor import Visitor, words_of


@pytest.fixture
def inspector(visitor: Visitor, desk: Desk) -> Visitor:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    return visitor


def decide(visitor: Visitor, defect: Defect, verdict: str, **form: Any) -> str:
    """The page that a decision leads to."""
    answer = visitor.post(f"/defects/{defect.id}/review", verdict=verdict, **form)
    assert answer.status_code == 303, words_of(answer)
    return visitor.get(answer.headers["location"]).text


def check(visitor: Visitor, defect: Defect, **form: Any) -> Any:
    return visitor.post(f"/defects/{defect.id}/checks", looked_at=defect.best_detection_id, **form)


def test_a_reviewer_says_that_nothing_was_missed_and_takes_it_back(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    page = decide(inspector, defect, "accept")
    assert f'href="/defects/{defect.id}#frame"' in page  # the way there
    answer = check(inspector, defect, class_key="garbage")
    assert answer.status_code == 303
    shown = inspector.get(answer.headers["location"]).text
    assert 'name="withdraw" value="garbage"' in shown and 'value="pothole"> ' in shown
    assert check(inspector, defect, withdraw="garbage").status_code == 303
    assert 'name="withdraw"' not in inspector.get(f"/defects/{defect.id}").text


def test_a_frame_with_an_undecided_box_is_not_complete_for_its_class(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    answer = check(inspector, defect, class_key="pothole")
    assert answer.status_code == 409 and "wait for a decision" in words_of(answer)
    nothing = check(inspector, defect)
    assert nothing.status_code == 422 and "Tick the classes" in words_of(nothing)


def test_an_accepted_defect_of_an_experimental_class_says_why_it_has_no_order(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate("damaged_sign")
    assert "Experimental" in inspector.read("/review")
    page = decide(inspector, defect, "accept")
    assert "opens no work order here" in page
    shown = inspector.read(f"/defects/{defect.id}")
    assert "opens no work order here" in shown and "Open a new work order" not in shown


def test_a_verdict_from_the_page_names_the_sighting_that_was_shown(
    inspector: Visitor, desk: Desk, session: Session
) -> None:
    defect = desk.candidate(score=0.9)
    again = desk.frame(street("again"))
    desk.see(again, [SeenBox("pothole", 0.7, (10, 20, 60, 70), GroundPosition(*DAMMAM, 15.0))])
    other = session.scalars(select(Detection.id).where(Detection.frame_id == again.id)).one()
    assert f'name="looked_at" value="{other}"' in inspector.get(f"/review?defect={defect.id}&sighting={other}").text
    decide(inspector, defect, "reject", looked_at=other)
    assert session.scalars(select(Review)).one().detection_id == other


def test_moved_and_rejected_boxes_are_drawn_as_people_left_them(
    inspector: Visitor, desk: Desk, session: Session
) -> None:
    frame = desk.frame(street("two"))
    hole, litter = desk.see(
        frame,
        [
            SeenBox("pothole", 0.9, (10, 20, 60, 70), GroundPosition(*DAMMAM, 9.0)),
            SeenBox("garbage", 0.7, (200, 220, 260, 270), GroundPosition(*DAMMAM, 9.0)),
        ],
    )
    decide(inspector, litter, "reject")
    caller = caller_of_user(desk.person(Role.INSPECTOR))
    moved = {"detection_id": hole.best_detection_id, "box_px": (15.0, 25.0, 65.0, 75.0)}
    review(session, caller, hole.id, Verdict.MOVE, now=utc_now(), **moved)  # type: ignore[arg-type]
    session.commit()
    page = inspector.get(f"/defects/{hole.id}").text
    assert re.search(r'<rect x="15.0" y="25.0" width="50.0"', page)
    assert re.search(r'class="other rejected"\s*>\s*<title>Garbage', page)
    assert "Box moved" in page

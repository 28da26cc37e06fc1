"""Moving a box and drawing what was missed, by the forms of the pages."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.defects.models import Defect, Detection, FrameCheck, Review, Verdict
from service.defects.recording import SeenBox
from service.defects.states import DefectState
from service.identity.locate import GroundPosition
from service.web.evidence import SHOWN_SIGHTINGS
from service.work_orders.models import WorkOrder
from tests.factories import DAMMAM
from tests.web.desk import Desk, street
from tests.web.visitor import ORIGIN, Visitor, words_of

MOVED = "240, 290, 400, 390"
LITTER, CRACK = "20, 300, 90, 360", "450, 310, 600, 400"


@pytest.fixture
def inspector(visitor: Visitor, desk: Desk) -> Visitor:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    return visitor


def move(visitor: Visitor, defect: Defect, box_px: str = MOVED, query: str = "", **form: Any) -> Response:
    values = {"verdict": "move", "looked_at": defect.best_detection_id, "box_px": box_px} | form
    return visitor.post(f"/defects/{defect.id}/review{query}", **values)


def draw(visitor: Visitor, defect: Defect, *drawn: tuple[str, str], query: str = "", looked_at: int = 0) -> Response:
    """Each one is a class and a box."""
    form = {
        "looked_at": str(looked_at or defect.best_detection_id),
        "class_key": [class_key for class_key, _ in drawn],
        "box_px": [box for _, box in drawn],
    }
    headers = visitor.headers | {"Origin": ORIGIN}
    return visitor.client.post(
        f"/defects/{defect.id}/objects{query}", data=form, headers=headers, follow_redirects=False
    )


def drawn_objects(session: Session) -> list[tuple[str, float, float, float, float]]:
    by_people = select(Detection).where(Detection.added_by_id.is_not(None)).order_by(Detection.id)
    return [(one.class_key, one.x0_px, one.y0_px, one.x1_px, one.y1_px) for one in session.scalars(by_people)]


def test_a_moved_box_is_a_verdict_and_the_candidate_stays_open(
    inspector: Visitor, desk: Desk, session: Session
) -> None:
    defect = desk.candidate()
    desk.candidate(north_m=100)
    answer = move(inspector, defect, query="?order=score")
    assert answer.status_code == 303, words_of(answer)
    assert answer.headers["location"].startswith(f"/review?order=score&defect={defect.id}&sighting=")
    page = inspector.get(answer.headers["location"])
    assert "Box saved." in words_of(page) and f'action="/defects/{defect.id}/review' in page.text
    assert re.search(r'<rect x="240.0" y="290.0" width="160.0"\s+height="100.0"', page.text)
    kept = session.scalars(select(Review)).one()
    assert (kept.verdict, kept.detection_id, kept.box_px) == (
        Verdict.MOVE, defect.best_detection_id, (240, 290, 400, 390),
    )  # fmt: skip
    session.refresh(defect)
    assert (defect.state, defect.class_key) == (DefectState.CANDIDATE, "pothole")


def test_the_same_move_sent_twice_is_one_verdict(inspector: Visitor, desk: Desk, session: Session) -> None:
    defect = desk.candidate()
    assert [move(inspector, defect).status_code for _ in range(2)] == [303, 303]
    assert len(session.scalars(select(Review)).all()) == 1


def test_a_reload_says_nothing_of_the_saved_box(inspector: Visitor, desk: Desk) -> None:
    answer = inspector.get(move(inspector, desk.candidate()).headers["location"])
    pushed = answer.headers["hx-push-url"]
    assert "sighting=" in pushed and "moved" not in pushed


@pytest.mark.parametrize(
    ("typed", "said"),
    [("1, 2, three", "four numbers"), ("", "four numbers"), ("600, 10, 700, 90", "outside of the frame")],
)
def test_a_box_that_cannot_stand_is_refused_and_stays_in_the_form(
    inspector: Visitor, desk: Desk, session: Session, typed: str, said: str
) -> None:
    answer = move(inspector, desk.candidate(), typed)
    assert answer.status_code == 422 and said in words_of(answer)
    assert f'value="{typed or "250.0, 300.0, 390.0, 380.0"}"' in answer.text
    assert bool(re.search(r'data-task="move"[^>]* open>', answer.text)) == bool(typed)
    assert session.scalars(select(Review)).all() == []


def test_drawn_objects_become_accepted_defects_with_work_orders(
    inspector: Visitor, desk: Desk, session: Session
) -> None:
    defect = desk.candidate()
    answer = draw(inspector, defect, ("garbage", LITTER), ("road_crack", CRACK))
    assert answer.status_code == 303, words_of(answer)
    assert drawn_objects(session) == [("garbage", 20, 300, 90, 360), ("road_crack", 450, 310, 600, 400)]
    orders = session.scalars(select(WorkOrder).order_by(WorkOrder.id)).all()
    said = words_of(inspector.get(answer.headers["location"]))
    assert "2 objects saved:" in said
    for order in orders:
        assert order.defect.state is DefectState.CONFIRMED
        assert re.search(rf"Defect {order.defect_id} , [\w ]+ · Work order {order.id}", said)
    assert len(orders) == 2


def test_the_same_drawing_sent_twice_changes_nothing(inspector: Visitor, desk: Desk, session: Session) -> None:
    defect = desk.candidate()
    first, second = (draw(inspector, defect, ("garbage", LITTER), ("road_crack", CRACK)) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert len(drawn_objects(session)) == len(session.scalars(select(WorkOrder)).all()) == 2


def test_one_wrong_box_saves_none_and_all_stay_on_the_page(inspector: Visitor, desk: Desk, session: Session) -> None:
    answer = draw(inspector, desk.candidate(), ("garbage", LITTER), ("road_crack", "450, 310, 900, 400"))
    assert answer.status_code == 422 and "outside of the frame" in words_of(answer)
    assert drawn_objects(session) == []
    assert re.search(r'data-task="draw"[^>]* open>', answer.text)
    assert re.findall(r'name="box_px" value="([^"]+)">', answer.text) == [LITTER, "450, 310, 900, 400"]


def test_saving_without_a_box_says_what_to_do(inspector: Visitor, desk: Desk) -> None:
    answer = draw(inspector, desk.candidate())
    assert answer.status_code == 422 and "Draw a box around what was missed" in words_of(answer)


def test_drawing_stays_on_the_frame_that_was_shown(inspector: Visitor, desk: Desk, session: Session) -> None:
    """However many sightings have come since, and whichever is the best by now."""
    defect = desk.candidate(score=0.5)
    shown = defect.best_detection_id
    assert shown is not None
    for number in range(SHOWN_SIGHTINGS + 1):
        frame = desk.frame(street(f"again {number}"))
        desk.see(frame, [SeenBox("pothole", 0.9, (10, 20, 60, 70), GroundPosition(*DAMMAM, 8.0))])
    answer = draw(inspector, defect, ("garbage", LITTER), looked_at=shown)
    frame_id = session.scalars(select(Detection.frame_id).where(Detection.id == shown)).one()
    assert session.scalars(select(Detection.frame_id).where(Detection.added_by_id.is_not(None))).one() == frame_id
    assert parse_qs(urlsplit(answer.headers["location"]).query)["sighting"] == [str(shown)]
    assert f"/api/v1/frames/{frame_id}/image" in inspector.get(answer.headers["location"]).text
    checked = inspector.post(f"/defects/{defect.id}/checks", looked_at=shown, class_key="graffiti")
    assert checked.status_code == 303
    assert session.scalars(select(FrameCheck)).one().frame_id == frame_id


def test_nobody_draws_on_the_neighbours_frames(inspector: Visitor, desk: Desk, session: Session) -> None:
    own, theirs = desk.candidate(), Desk(session, desk.store, "khobar").candidate()
    assert draw(inspector, theirs, ("garbage", LITTER)).status_code == 404
    answer = draw(inspector, own, ("garbage", LITTER), looked_at=theirs.best_detection_id or 0)
    assert answer.status_code == 404 and "no such frame" in words_of(answer)
    assert draw(inspector, own, ("garbage", LITTER), looked_at=999_999).status_code == 422
    assert drawn_objects(session) == []


def test_the_page_of_a_defect_keeps_its_tools_after_the_verdict(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    inspector.post(f"/defects/{defect.id}/review?desk=defect", verdict="accept")
    answer = move(inspector, defect, query="?desk=defect")
    assert answer.headers["location"] == f"/defects/{defect.id}?sighting={defect.best_detection_id}&moved=1"
    assert "Box saved." in inspector.read(answer.headers["location"])
    drawn = draw(inspector, defect, ("garbage", LITTER), query="?desk=defect")
    assert "One object saved:" in inspector.read(drawn.headers["location"])


def test_a_rejected_defect_has_no_box_to_correct(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    inspector.post(f"/defects/{defect.id}/review", verdict="reject")
    page = inspector.get(f"/defects/{defect.id}").text
    assert 'data-open="draw"' in page and 'data-open="move"' not in page
    assert move(inspector, defect, query="?desk=defect").status_code == 409


def test_a_box_from_another_site_is_refused(inspector: Visitor, desk: Desk, session: Session) -> None:
    defect = desk.candidate()
    form = {"looked_at": defect.best_detection_id, "class_key": "garbage", "box_px": LITTER}
    answer = inspector.post(f"/defects/{defect.id}/objects", origin="https://evil.example", **form)
    assert answer.status_code == 403 and drawn_objects(session) == []

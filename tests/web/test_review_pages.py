"""The review desk without a browser: what the server's pages say and what their forms do."""

import re
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from service.accounts.permissions import Role
from service.defects.models import Defect, Review
from service.defects.recording import SeenBox
from service.defects.states import DefectState
from service.identity.locate import GroundPosition
from service.web import desk_pages
from service.work_orders.models import WorkOrder
from tests.factories import DAMMAM
from tests.web.desk import PASSWORD, Desk, street
from tests.web.visitor import Visitor, words_of


@pytest.fixture
def inspector(visitor: Visitor, desk: Desk) -> Visitor:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    return visitor


def opened_by(text: str) -> int:
    """The defect that the page shows large."""
    found = re.search(r'action="/defects/(\d+)/review', text)
    assert found, "expected an open candidate"
    return int(found[1])


def decide(visitor: Visitor, defect: Defect, verdict: str, query: str = "", **form: Any) -> str:
    """The words of the page that a decision leads to."""
    answer = visitor.post(f"/defects/{defect.id}/review{query}", verdict=verdict, **form)
    assert answer.status_code == 303, words_of(answer)
    return visitor.get(answer.headers["location"]).text


def test_the_oldest_candidate_is_open_with_its_box_in_pixels_of_the_frame(inspector: Visitor, desk: Desk) -> None:
    first = desk.candidate(north_m=0)
    desk.candidate(north_m=100)
    page = inspector.get("/review").text
    assert opened_by(page) == first.id
    assert 'viewBox="0 0 640 480"' in page
    assert re.search(r'<rect x="250.0" y="300.0" width="140.0"\s+height="80.0"', page)


def test_accepting_opens_the_work_order_tells_of_it_and_shows_the_next(inspector: Visitor, desk: Desk) -> None:
    first, second = desk.candidate(north_m=0), desk.candidate(north_m=100)
    page = decide(inspector, first, "accept")
    assert opened_by(page) == second.id
    order = desk.session.scalars(select(WorkOrder).where(WorkOrder.defect_id == first.id)).one()
    said = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))
    assert f"Defect {first.id} accepted. Work order {order.id} for Pothole machine, due" in said


def test_the_same_verdict_sent_twice_is_one_review_and_one_order(
    inspector: Visitor, desk: Desk, session: Session
) -> None:
    defect = desk.candidate()
    for _ in range(2):
        decide(inspector, defect, "accept")
    assert len(session.scalars(select(Review)).all()) == len(session.scalars(select(WorkOrder)).all()) == 1


def test_rejecting_the_last_one_leaves_an_empty_queue_that_says_so(inspector: Visitor, desk: Desk) -> None:
    page = decide(inspector, desk.candidate(), "reject")
    assert "rejected" in page and "Nothing is waiting" in page


def test_after_the_last_in_order_the_first_that_was_skipped_opens(inspector: Visitor, desk: Desk) -> None:
    skipped, last = desk.candidate(north_m=0), desk.candidate(north_m=100)
    assert opened_by(decide(inspector, last, "reject")) == skipped.id


def test_a_changed_class_stays_open_for_the_verdict(inspector: Visitor, desk: Desk, session: Session) -> None:
    defect = desk.candidate("road_crack")
    desk.candidate(north_m=100)
    page = decide(inspector, defect, "reclassify", class_key="pothole")
    assert opened_by(page) == defect.id and "is now Pothole" in page
    session.refresh(defect)
    assert defect.class_key == "pothole"


def test_merging_offers_what_is_near_and_moves_the_sightings(inspector: Visitor, desk: Desk, session: Session) -> None:
    kept, far = desk.candidate(north_m=0), desk.candidate(north_m=300)
    double = desk.candidate("road_crack", north_m=9)
    page = inspector.get(f"/review?defect={double.id}").text
    assert f'name="merge_into" value="{kept.id}"' in page
    assert f'name="merge_into" value="{far.id}"' not in page
    assert "9 m away" in page
    assert "now belong to defect" in decide(inspector, double, "merge", merge_into=kept.id)
    session.refresh(double)
    assert (double.state, double.merged_into_id) == (DefectState.MERGED, kept.id)


def test_a_verdict_that_somebody_overtook_is_refused_in_its_place(inspector: Visitor, desk: Desk) -> None:
    defect, other = desk.candidate(north_m=0), desk.candidate(north_m=100)
    decide(inspector, defect, "accept")
    answer = inspector.post(f"/defects/{defect.id}/review", verdict="reject")
    assert answer.status_code == 409
    said = words_of(answer)
    assert "has been decided already" in said and "Confirmed" in said
    assert f"/review?defect={other.id}" in answer.text  # the way on


def test_a_refused_verdict_leaves_nothing_behind(inspector: Visitor, desk: Desk, session: Session) -> None:
    defect = desk.candidate()
    answer = inspector.post(f"/defects/{defect.id}/review", verdict="merge", merge_into=defect.id)
    assert answer.status_code == 409 and "Choose another one nearby" in words_of(answer)
    assert session.scalars(select(Review)).all() == []
    session.refresh(defect)
    assert defect.state is DefectState.CANDIDATE


def test_filters_hold_through_decisions(inspector: Visitor, desk: Desk) -> None:
    cracks = [desk.candidate("road_crack", north_m=at) for at in (0, 100)]
    desk.candidate("garbage", north_m=50)
    query = f"?class=road_crack&municipality={desk.municipality.id}&order=score"
    page = inspector.get(f"/review{query}").text
    assert {int(found) for found in re.findall(r'data-defect="(\d+)"', page)} == {one.id for one in cracks}
    opened = opened_by(page)
    assert query.replace("&", "&amp;") in page  # the forms carry it on
    shown = decide(inspector, next(one for one in cracks if one.id == opened), "reject", query)
    assert {opened_by(shown)} == {one.id for one in cracks} - {opened}


def test_unknown_filters_show_everything_instead_of_an_error(inspector: Visitor, desk: Desk) -> None:
    desk.candidate()
    assert "Pothole" in inspector.read("/review?class=nonsense&municipality=&order=up")


def test_other_sightings_can_be_looked_at_large(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate(score=0.9)
    again = desk.frame(street("again"))
    desk.see(again, [SeenBox("pothole", 0.7, (10, 20, 60, 70), GroundPosition(*DAMMAM, 15.0))])
    page = inspector.get(f"/review?defect={defect.id}").text
    links = re.findall(r'href="(/review\?[^"]*sighting=\d+)"( aria-current="true")?', page)
    assert [bool(current) for _, current in links] == [False, True]  # newest first, the best one shown
    other = inspector.get(links[0][0].replace("&amp;", "&")).text
    assert f"/api/v1/frames/{again.id}/image" in other
    assert f"/api/v1/frames/{again.id}/image" not in page


def test_a_defect_shows_its_history_with_who_and_when(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate("garbage")
    decide(inspector, defect, "reclassify", class_key="sand_rubble")
    decide(inspector, defect, "accept")
    said = inspector.read(f"/defects/{defect.id}")
    assert said.index("Accepted") < said.index("Class changed") < said.index("Found on a frame")
    assert "Garbage → Sand and rubble" in said and "· Inspector" in said
    assert "Work order 1 Open" in said


def test_a_decision_on_the_page_of_a_defect_returns_to_it(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    answer = inspector.post(f"/defects/{defect.id}/review?desk=defect", verdict="accept")
    assert answer.headers["location"] == f"/defects/{defect.id}"


def test_the_neighbours_defects_are_not_there(visitor: Visitor, desk: Desk, session: Session) -> None:
    own, defect = Desk(session, desk.store, "khobar"), desk.candidate()
    visitor.sign_in(own.person(Role.INSPECTOR))
    assert "Nothing is waiting" in visitor.read("/review")
    for path in (f"/defects/{defect.id}", f"/review?defect={defect.id}"):
        assert visitor.get(path).status_code == 404
    assert visitor.get(f"/detections/{defect.best_detection_id}/thumbnail").status_code == 404
    assert visitor.post(f"/defects/{defect.id}/review", verdict="accept").status_code == 404
    assert "Defect" not in visitor.read(f"/review?done={defect.id}&after={defect.id}")


def test_a_thumbnail_is_a_small_jpeg_that_browsers_may_keep(inspector: Visitor, desk: Desk) -> None:
    answer = inspector.get(f"/detections/{desk.candidate().best_detection_id}/thumbnail")
    assert answer.headers["content-type"] == "image/jpeg" and answer.content.startswith(b"\xff\xd8")
    assert "private" in answer.headers["cache-control"] and len(answer.content) < 20_000


def test_a_thumbnail_of_a_lost_image_is_not_found(inspector: Visitor, desk: Desk, session: Session) -> None:
    defect = desk.candidate()
    assert defect.best_detection is not None
    defect.best_detection.frame.blob_key = "frames/lost"
    session.commit()
    assert inspector.get(f"/detections/{defect.best_detection_id}/thumbnail").status_code == 404


def test_every_page_forbids_foreign_code_frames_and_caches(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    for path in ("/review", f"/defects/{defect.id}", "/work-orders", "/frames", "/sign-in", "/nowhere"):
        headers = inspector.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store")
        assert headers["referrer-policy"] == "same-origin"


def test_text_of_people_is_shown_and_never_run(visitor: Visitor, desk: Desk, session: Session) -> None:
    user = desk.person(Role.INSPECTOR)
    user.name = "<script>alert(1)</script>"
    session.commit()
    visitor.sign_in(user, PASSWORD)
    page = visitor.get("/review").text
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_an_unknown_page_and_an_unreadable_number_are_pages_too(inspector: Visitor) -> None:
    unknown = inspector.get("/nowhere")
    assert unknown.status_code == 404 and "no such page" in words_of(unknown)
    unreadable = inspector.get("/defects/first")
    assert unreadable.status_code == 422 and "not complete" in words_of(unreadable)


def test_programs_still_get_problem_documents(inspector: Visitor) -> None:
    answer = inspector.client.get("/api/v1/defects/999999", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_fault_is_a_page_that_says_so(inspector: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(desk_pages, "read_queue", broken)
    with capture_logs() as logged:
        answer = inspector.get("/review")
    assert [entry["event"] for entry in logged] == ["request.failed"]
    assert answer.status_code == 500 and "Nothing was changed" in words_of(answer)


def test_htmx_is_led_to_the_door_when_the_session_has_ended(visitor: Visitor) -> None:
    answer = visitor.get("/review", **{"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/review")

"""Work orders and frames as pages: who is offered which step, what is late, why a frame is not used."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from service.accounts.caller import caller_of_user
from service.accounts.models import User
from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.defects.models import Verdict
from service.defects.states import DefectState
from service.surveys.models import FrameState
from service.web.words import FRAME_REASONS
from service.work_orders.models import WorkOrder
from service.work_orders.reviews import review_defect
from service.work_orders.states import WorkOrderState
from tests.factories import jpeg, make_frame
from tests.web.desk import Desk
from tests.web.visitor import Visitor, words_of

S = WorkOrderState


@pytest.fixture
def people(desk: Desk) -> dict[str, User]:
    return {
        "supervisor": desk.person(Role.SUPERVISOR),
        "inspector": desk.person(Role.INSPECTOR),
        "unit": desk.person(Role.UNIT, "pothole_machine"),
    }


@pytest.fixture
def order(desk: Desk, people: dict[str, User], session: Session) -> WorkOrder:
    """Of a pothole, open, routed to the pothole machine."""
    defect = desk.candidate()
    caller = caller_of_user(people["inspector"])
    reviewed = review_defect(session, caller, defect.id, Verdict.ACCEPT, now=utc_now())
    session.commit()
    assert reviewed.order is not None
    return reviewed.order


def act_as(visitor: Visitor, user: User) -> Visitor:
    visitor.sign_out()
    visitor.sign_in(user)
    return visitor


def step(visitor: Visitor, order: WorkOrder, action: str, **form: Any) -> None:
    files = {"photo": ("after.jpg", jpeg(), "image/jpeg")} if action == "report_done" else None
    answer = visitor.post(f"/work-orders/{order.id}/{action}", files=files, **form)
    assert answer.status_code == 303, words_of(answer)


def offered(visitor: Visitor, order: WorkOrder) -> set[str]:
    """The steps whose forms the page has."""
    page = visitor.get(f"/work-orders/{order.id}").text
    return set(re.findall(rf'action="/work-orders/{order.id}/(\w+)"', page))


def test_an_order_goes_from_open_to_closed_through_the_forms_of_its_page(
    visitor: Visitor, desk: Desk, people: dict[str, User], order: WorkOrder, session: Session
) -> None:
    unit = desk.unit("pothole_machine")
    step(act_as(visitor, people["supervisor"]), order, "assign", unit=unit.id)
    step(act_as(visitor, people["unit"]), order, "start")
    step(visitor, order, "report_done", quantity="1.75", note="filled and rolled")
    step(act_as(visitor, people["inspector"]), order, "fail", note="the edge is loose")
    assert "the edge is loose" in act_as(visitor, people["unit"]).read(f"/work-orders/{order.id}")
    step(visitor, order, "report_done", quantity="2")
    step(act_as(visitor, people["inspector"]), order, "pass")
    session.refresh(order)
    session.refresh(order.defect)
    assert (order.state, order.quantity_measured) == (S.CLOSED, 2.0)
    assert order.defect.state is DefectState.RESOLVED
    said = visitor.read(f"/work-orders/{order.id}")
    assert "Closed done in time" in said and "filled and rolled" in said and "1.75 m²" in said


def test_the_page_offers_only_the_steps_of_the_role_and_the_state(
    visitor: Visitor, people: dict[str, User], order: WorkOrder, session: Session
) -> None:
    expected = {
        S.OPEN: ({"assign", "hold", "cancel"}, set(), {"hold"}),
        S.ASSIGNED: ({"start", "hold", "cancel"}, set(), {"start", "hold"}),
        S.IN_PROGRESS: ({"report_done", "hold", "cancel"}, set(), {"report_done", "hold"}),
        S.DONE: ({"pass", "fail"}, {"pass", "fail"}, set()),
        S.CLOSED: ({"reopen"}, set(), set()),
        S.CANCELLED: (set(), set(), set()),
    }
    for state, steps in expected.items():
        order.state = state
        session.commit()
        assert tuple(offered(act_as(visitor, user), order) for user in people.values()) == steps, state


def test_a_held_order_stops_the_clock_and_resumes(visitor: Visitor, people: dict[str, User], order: WorkOrder) -> None:
    act_as(visitor, people["supervisor"])
    step(visitor, order, "hold", reason="waiting for the water company")
    said = visitor.read(f"/work-orders/{order.id}")
    assert "on hold with" in said and "waiting for the water company" in said
    step(visitor, order, "resume")
    assert "Open 48 hours left" in visitor.read(f"/work-orders/{order.id}")


@pytest.mark.parametrize(
    ("action", "form", "said"),
    [
        ("cancel", {"reason": "  "}, "Give a reason"),
        ("cancel", {"reason": "x" * 501}, "Give a reason"),
        ("assign", {"unit": ""}, None),  # the unit that routing chose
        ("assign", {"unit": "999999"}, "Choose an active unit"),
        ("start", {}, "moved on"),
    ],
)
def test_a_form_that_cannot_be_taken_is_refused_in_its_place(
    visitor: Visitor, people: dict[str, User], order: WorkOrder,
    action: str, form: dict[str, str], said: str | None,
) -> None:  # fmt: skip
    answer = act_as(visitor, people["supervisor"]).post(f"/work-orders/{order.id}/{action}", **form)
    if said is None:
        assert answer.status_code == 303
    else:
        assert answer.status_code in {409, 422} and said in words_of(answer)
        assert f"Work order {order.id}" in words_of(answer)


@pytest.mark.parametrize(
    ("quantity", "photo", "said"),
    [
        ("", b"x", "Give the quantity"),
        ("-1", None, "Give the quantity"),
        ("nan", None, "Give the quantity"),
        ("1", b"no image", "no JPEG, PNG or WebP"),
        ("1", b"", "Add a photo"),
    ],
)
def test_a_report_without_a_photo_or_a_quantity_is_refused_and_keeps_what_was_typed(
    visitor: Visitor, people: dict[str, User], order: WorkOrder, session: Session,
    quantity: str, photo: bytes | None, said: str,
) -> None:  # fmt: skip
    order.state = S.IN_PROGRESS
    session.commit()
    files = {"photo": ("after.jpg", jpeg() if photo is None else photo, "image/jpeg")} if photo != b"" else None
    answer = act_as(visitor, people["unit"]).post(
        f"/work-orders/{order.id}/report_done", files=files, quantity=quantity, note="typed"
    )
    assert answer.status_code in {415, 422} and said in words_of(answer)
    assert "typed" in answer.text
    session.refresh(order)
    assert order.state is S.IN_PROGRESS


def test_a_step_that_the_role_may_not_take_is_forbidden(
    visitor: Visitor, people: dict[str, User], order: WorkOrder
) -> None:
    answer = act_as(visitor, people["inspector"]).post(f"/work-orders/{order.id}/cancel", reason="no")
    assert answer.status_code == 403


def test_the_list_says_how_late_and_filters_by_it(
    visitor: Visitor, desk: Desk, people: dict[str, User], order: WorkOrder, session: Session
) -> None:
    act_as(visitor, people["supervisor"])
    assert "48 hours left" in visitor.read("/work-orders")
    assert "No work order fits" in visitor.read("/work-orders?late=1")
    order.due_at = utc_now() - timedelta(hours=5, minutes=1)
    session.commit()
    assert "late by 5 hours" in visitor.read("/work-orders?late=1")
    other = desk.unit("cleaning")
    assert "No work order fits" in visitor.read(f"/work-orders?unit={other.id}")
    assert "Pothole machine" in visitor.read(f"/work-orders?unit={order.unit_id}&state=open")
    assert "No work order fits" in visitor.read("/work-orders?state=closed")


def test_a_unit_sees_its_own_orders_with_their_evidence_and_no_others(
    visitor: Visitor, desk: Desk, people: dict[str, User], order: WorkOrder
) -> None:
    act_as(visitor, people["unit"])
    assert "Pothole" in visitor.read("/work-orders")
    assert visitor.client.get(f"/api/v1/work-orders/{order.id}/image").status_code == 200
    act_as(visitor, desk.person(Role.UNIT, "cleaning"))
    assert "No work order fits" in visitor.read("/work-orders")
    assert visitor.get(f"/work-orders/{order.id}").status_code == 404


def test_times_are_saudi_for_people_and_utc_for_programs(
    visitor: Visitor, people: dict[str, User], order: WorkOrder, session: Session
) -> None:
    order.due_at = order.due_at.replace(year=2026, month=11, day=24, hour=21, minute=30, second=0)
    session.commit()
    act_as(visitor, people["supervisor"])
    assert '<time datetime="2026-11-24T21:30:00Z"' in visitor.get("/work-orders").text
    assert "25 Nov 2026, 00:30" in visitor.read("/work-orders")
    visitor.headers["Accept-Language"] = "ar"
    assert "25 نوفمبر 2026، 00:30" in visitor.read("/work-orders")


@pytest.mark.parametrize("code", FRAME_REASONS)
def test_a_frame_that_is_not_used_says_why_in_words(
    visitor: Visitor, desk: Desk, people: dict[str, User], session: Session, code: str
) -> None:
    make_frame(session, desk.survey, state=FrameState.REFUSED, reason_code=code, reason_detail="detail")
    session.commit()
    act_as(visitor, people["inspector"])
    assert FRAME_REASONS[code] in visitor.read("/frames?state=refused")
    assert "No frame fits" in visitor.read("/frames?state=failed")
    visitor.headers["Accept-Language"] = "ar"
    assert code not in visitor.read("/frames")


def test_a_reason_that_the_pages_do_not_know_is_shown_as_it_came(
    visitor: Visitor, desk: Desk, people: dict[str, User], session: Session
) -> None:
    make_frame(session, desk.survey, state=FrameState.FAILED, reason_code="lens.fog", reason_detail="wipe it")
    session.commit()
    assert "lens.fog wipe it" in act_as(visitor, people["inspector"]).read("/frames")


def test_long_lists_go_on_over_pages(visitor: Visitor, desk: Desk, people: dict[str, User], session: Session) -> None:
    for _ in range(101):
        make_frame(session, desk.survey)
    session.commit()
    act_as(visitor, people["inspector"])
    first = visitor.get("/frames?state=received")
    following = re.search(r'href="(\?[^"]*after=\d+)"', first.text)
    assert following and first.text.count("<tr>") == 101  # with the head
    second = visitor.get("/frames" + following[1].replace("&amp;", "&"))
    assert second.text.count("<tr>") == 2

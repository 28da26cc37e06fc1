"""No box that somebody drew is lost: to a wrong key, a lost connection or a refusal."""

import pytest
from playwright.sync_api import Dialog, expect
from sqlalchemy.orm import Session

from service.surveys.models import FrameState
from tests.browser.conftest import OpenPage
from tests.browser.test_boxes import desk_page, drag, drawn_boxes, rows
from tests.browser.test_review_desk import opened
from tests.web.desk import Desk

pytestmark = pytest.mark.browser


def test_unsaved_boxes_are_not_left_without_a_question(open_page: OpenPage, desk: Desk) -> None:
    first, second = desk.candidate(north_m=0), desk.candidate(north_m=100)
    page = desk_page(open_page, desk)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    page.keyboard.press("KeyD")
    drag(page, (30, 300), (100, 360))
    page.locator(f"[data-defect='{second.id}']").click()
    expect(rows(page)).to_have_count(1)
    expect(opened(page)).to_have_attribute("data-defect", str(first.id))
    assert asked == ["The boxes are not saved yet. Leave without saving?"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(f"[data-defect='{second.id}']").click()
    expect(opened(page)).to_have_attribute("data-defect", str(second.id))
    expect(page.locator("#task-draw")).to_be_hidden()


def test_a_lost_connection_loses_no_drawn_box(open_page: OpenPage, desk: Desk, session: Session) -> None:
    desk.candidate()
    page = desk_page(open_page, desk, silent=True)
    page.keyboard.press("KeyD")
    drag(page, (30, 300), (100, 360))
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.locator("#offline")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("One object saved:")
    assert len(drawn_boxes(session)) == 1


def test_a_refused_drawing_comes_back_and_can_be_saved_again(open_page: OpenPage, desk: Desk, session: Session) -> None:
    defect = desk.candidate()
    assert defect.best_detection is not None
    frame = defect.best_detection.frame
    page = desk_page(open_page, desk, silent=True)
    page.keyboard.press("KeyD")
    drag(page, (30, 300), (100, 360))
    frame.state = FrameState.RECEIVED  # it is being processed anew
    session.commit()
    page.keyboard.press("Enter")
    expect(page.locator(".alert[role=alert]:visible")).to_contain_text("has not looked at this frame yet")
    expect(rows(page)).to_have_count(1)
    expect(page.locator("[data-layer] g")).to_have_count(1)
    frame.state = FrameState.PROCESSED
    session.commit()
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("One object saved:")
    assert len(drawn_boxes(session)) == 1

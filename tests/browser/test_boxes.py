"""Boxes moved and drawn by hand, finger and keys, as they end in the database."""

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.defects.models import Detection, Review, Verdict
from service.defects.states import DefectState
from service.web.box_forms import read_box
from service.work_orders.models import WorkOrder
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.test_review_desk import ARABIC, ENGLISH, opened, sign_in
from tests.web.desk import BOX_PX, HEIGHT, WIDTH, Desk

pytestmark = pytest.mark.browser
SAVED = {ENGLISH: "Box saved.", ARABIC: "حُفظ الإطار."}
DRAWN = {ENGLISH: "2 objects saved:", ARABIC: "حُفظ تشوهان:"}
PLACE = """(image, [x, y]) => {
    const area = image.getBoundingClientRect();
    const scale = Math.min(area.width / image.naturalWidth, area.height / image.naturalHeight);
    return [
        area.x + (area.width - image.naturalWidth * scale) / 2 + x * scale,
        area.y + (area.height - image.naturalHeight * scale) / 2 + y * scale,
    ];
}"""
Point = tuple[float, float]


def on_screen(page: Page, point: Point) -> Point:
    """Where a pixel of the frame is shown."""
    x, y = page.locator("[data-stage] img").evaluate(PLACE, list(point))
    return x, y


def drag(page: Page, start: Point, end: Point) -> None:
    """With the mouse, between pixels of the frame."""
    page.mouse.move(*on_screen(page, start))
    page.mouse.down()
    page.mouse.move(*on_screen(page, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)))
    page.mouse.move(*on_screen(page, end))
    page.mouse.up()


def desk_page(open_page: OpenPage, desk: Desk, language: str = ENGLISH, **options: object) -> Page:
    page = sign_in(open_page(language, **options), desk.person(Role.INSPECTOR))
    expect(page.locator("[data-stage] img")).to_have_js_property("complete", True)
    return page


def place(page: Page) -> tuple[float, ...]:
    """The box in the form."""
    return read_box(page.locator("#task-move [name=box_px]").input_value())


def rows(page: Page) -> Locator:
    return page.locator("[data-drawn] li")


def drawn_boxes(session: Session) -> list[Detection]:
    by_people = select(Detection).where(Detection.added_by_id.is_not(None)).order_by(Detection.id)
    return list(session.scalars(by_people))


def edges(detection: Detection) -> Sequence[float]:
    return detection.x0_px, detection.y0_px, detection.x1_px, detection.y1_px


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
def test_a_dragged_box_is_saved_in_pixels_of_the_frame_and_the_candidate_stays(
    open_page: OpenPage, desk: Desk, session: Session, language: str
) -> None:
    defect = desk.candidate()
    page = desk_page(open_page, desk, language)
    page.keyboard.press("KeyE")
    expect(page.locator("#accept")).to_be_hidden()  # nobody decides with a box in hand
    drag(page, (320, 340), (360, 330))  # its middle: 40 to the right, 10 up, in both directions of writing
    expect(page.locator("#announcement")).to_contain_text("290")
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text(SAVED[language])
    expect(opened(page)).to_have_attribute("data-defect", str(defect.id))
    kept = session.scalars(select(Review)).one()
    assert kept.verdict is Verdict.MOVE and kept.detection_id == defect.best_detection_id
    assert kept.box_px == pytest.approx((290, 290, 430, 370), abs=2)
    page.keyboard.press("KeyA")
    expect(page.locator(".outcome")).to_contain_text(str(defect.id))
    session.refresh(defect)
    assert (defect.state, defect.class_key) == (DefectState.CONFIRMED, "pothole")


def test_each_handle_moves_its_own_sides_and_each_drag_can_be_undone(open_page: OpenPage, desk: Desk) -> None:
    desk.candidate()
    page = desk_page(open_page, desk)
    page.keyboard.press("KeyE")
    x0, y0, x1, y1 = BOX_PX
    across = {"w": x0, "": (x0 + x1) / 2, "e": x1}
    down = {"n": y0, "": (y0 + y1) / 2, "s": y1}
    for handle in ("nw", "n", "ne", "e", "se", "s", "sw", "w"):
        start = across[handle.strip("ns")], down[handle.strip("ew")]
        drag(page, start, (start[0] + 20, start[1] + 20))
        expected = [edge + 20 * (side in handle) for side, edge in zip("wnes", BOX_PX, strict=True)]
        assert place(page) == pytest.approx(expected, abs=2), handle
        page.keyboard.press("Control+KeyZ")
        assert place(page) == BOX_PX
    expect(page.locator("#task-move [data-save]")).to_be_disabled()


def test_keys_move_resize_reset_and_close_without_leaving_the_candidate(open_page: OpenPage, desk: Desk) -> None:
    first, _ = desk.candidate(north_m=0), desk.candidate(north_m=100)
    page = desk_page(open_page, desk)
    page.keyboard.press("KeyE")
    box = page.locator("[data-layer] g")
    expect(box).to_be_focused()
    expect(box).to_have_accessible_name("Box: Pothole")
    expect(box).to_have_accessible_description(re.compile("Drag the box"))
    assert box.locator(".halo").evaluate("one => getComputedStyle(one).stroke") == "rgb(26, 115, 232)"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert place(page) == (251, 310, 391, 390)
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+Shift+ArrowDown")
    assert place(page) == (251, 310, 390, 400)
    expect(page.locator("#announcement")).to_have_text("Left 251, top 310, 139 by 90 pixels.")
    for _ in range(40):
        page.keyboard.press("Shift+ArrowRight")
    assert place(page) == (WIDTH - 139, 310, WIDTH, 400)  # it stops at the rim and keeps its size
    page.keyboard.press("Escape")
    assert place(page) == BOX_PX
    expect(page.locator("#announcement")).to_contain_text("Taken back.")
    page.keyboard.press("Escape")
    expect(page.locator("#task-move")).to_be_hidden()
    expect(page.locator("#accept")).to_be_visible()
    expect(opened(page)).to_have_attribute("data-defect", str(first.id))


def test_typed_numbers_move_the_box_too(open_page: OpenPage, desk: Desk, session: Session) -> None:
    desk.candidate()
    page = desk_page(open_page, desk, ARABIC)
    page.keyboard.press("KeyE")
    field = page.locator("#task-move [name=box_px]")
    field.fill("٢٤٠، ٢٩٠، ٤٠٠")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#task-move [data-save]")).to_be_disabled()
    field.fill("٢٤٠، ٢٩٠، ٤٠٠، ٣٩٠")
    expect(page.locator("[data-layer] .line")).to_have_attribute("width", "160")
    field.press("Enter")
    expect(page.locator(".outcome")).to_contain_text(SAVED[ARABIC])
    assert session.scalars(select(Review)).one().box_px == (240, 290, 400, 390)


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
def test_drawn_boxes_are_listed_deleted_and_saved_where_they_were_drawn(
    open_page: OpenPage, desk: Desk, session: Session, language: str
) -> None:
    """The image is never mirrored: what is drawn at its left lies at small x in Arabic too."""
    desk.candidate()
    page = desk_page(open_page, desk, language)
    page.keyboard.press("KeyD")
    page.locator("[data-class]").select_option("garbage")
    drag(page, (30, 300), (100, 360))
    page.locator("[data-class]").select_option("road_crack")
    drag(page, (600, 440), (460, 400))  # from corner to corner, whichever comes first
    drag(page, (420, 60), (500, 120))
    expect(rows(page)).to_have_count(3)
    rows(page).nth(2).locator("[data-do=delete]").click()
    expect(rows(page)).to_have_count(2)
    expect(page.locator("[data-layer] g")).to_have_count(2)
    page.locator("#task-draw [data-save]").click()
    expect(page.locator(".outcome")).to_contain_text(DRAWN[language])
    litter, crack = drawn_boxes(session)
    assert (litter.class_key, crack.class_key) == ("garbage", "road_crack")
    assert edges(litter) == pytest.approx((30, 300, 100, 360), abs=2)
    assert edges(crack) == pytest.approx((460, 400, 600, 440), abs=2)
    assert len(session.scalars(select(WorkOrder)).all()) == 2


def test_a_box_is_drawn_by_keys_alone(open_page: OpenPage, desk: Desk, session: Session) -> None:
    desk.candidate()
    page = desk_page(open_page, desk)
    page.keyboard.press("KeyD")
    expect(page.locator("[data-class]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[data-do=add]")).to_be_focused()
    page.keyboard.press("KeyB")
    expect(page.locator("[data-layer] g")).to_have_accessible_name("Box 1: Pothole")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("KeyB")
    page.keyboard.press("Delete")
    expect(page.locator("#announcement")).to_contain_text("Box deleted.")
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # twice: saved once
    expect(page.locator(".outcome")).to_contain_text("One object saved:")
    (drawn,) = drawn_boxes(session)
    middle = (drawn.x0_px + drawn.x1_px) / 2, (drawn.y0_px + drawn.y1_px) / 2
    assert middle == pytest.approx((WIDTH / 2 - 10, HEIGHT / 2), abs=2)


def test_on_a_zoomed_frame_the_pixels_are_still_those_of_the_frame(
    open_page: OpenPage, desk: Desk, session: Session
) -> None:
    desk.candidate()
    page = desk_page(open_page, desk)
    page.keyboard.press("KeyZ")
    expect(page.locator("[data-viewport]")).to_have_class(re.compile("zoomed"))
    page.keyboard.press("KeyD")
    drag(page, (255, 385), (300, 395))
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_be_visible()
    (drawn,) = drawn_boxes(session)
    assert edges(drawn) == pytest.approx((255, 385, 300, 395), abs=1)


def test_fingers_move_the_box_and_two_fingers_zoom_instead_of_drawing(
    open_page: OpenPage, desk: Desk, session: Session
) -> None:
    desk.candidate()
    page = desk_page(open_page, desk, ARABIC, size=PHONE, touch=True)
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: Point) -> None:
        shown = [on_screen(page, point) for point in points]
        at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(shown)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    page.locator("[data-open=draw]").tap()
    touch("touchStart", (200, 200))
    touch("touchMove", (220, 220))
    touch("touchStart", (220, 220), (400, 300))
    touch("touchMove", (120, 120), (500, 400))
    touch("touchEnd")
    expect(rows(page)).to_have_count(0)
    expect(page.locator("[data-viewport]")).to_have_class(re.compile("zoomed"))
    page.locator("[data-zoom=all]").tap()
    page.locator("[data-open=move]").tap()
    touch("touchStart", (320, 340))
    touch("touchMove", (340, 330))
    touch("touchMove", (280, 310))
    touch("touchEnd")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#task-move [data-save]").tap()
    expect(page.locator(".outcome")).to_contain_text(SAVED[ARABIC])
    assert session.scalars(select(Review)).one().box_px == pytest.approx((210, 270, 350, 350), abs=3)


def test_a_click_on_the_box_takes_it_in_hand(open_page: OpenPage, desk: Desk) -> None:
    desk.candidate()
    page = desk_page(open_page, desk)
    page.mouse.click(*on_screen(page, (320, 340)))
    expect(page.locator("#task-move")).to_be_visible()

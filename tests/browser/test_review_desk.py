"""The desk as an inspector works it: by keys, in Arabic and in English, in a real Chromium."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from service.accounts.models import User
from service.accounts.permissions import Role
from tests.browser.conftest import PHONE, OpenPage
from tests.factories import jpeg
from tests.web.desk import PASSWORD, Desk, street

pytestmark = pytest.mark.browser
ENGLISH, ARABIC = "en", "ar"
WORDS = {
    ENGLISH: {
        "accepted": "accepted",
        "rejected": "rejected",
        "order": "Work order 1",
        "open": "Open",
    },
    ARABIC: {"accepted": "قُبل", "rejected": "رُفض", "order": "أمر العمل 1", "open": "مفتوح"},
}


def sign_in(page: Page, user: User) -> Page:
    page.goto("/")
    page.locator("[name=email]").fill(user.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator(".card button").click()
    expect(page.locator(".who")).to_be_visible()
    page.wait_for_load_state("load")  # scripts too: a key has somebody to listen
    return page


def opened(page: Page) -> Locator:
    return page.locator(".queue [aria-current=true]")


def scale(page: Page) -> float:
    return float(page.locator("[data-viewport]").get_attribute("data-scale") or 0)


def middle(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
def test_keys_accept_and_reject_and_the_order_appears_with_its_due_time(
    open_page: OpenPage, desk: Desk, language: str
) -> None:
    said = WORDS[language]
    first, second, third = (desk.candidate(north_m=100.0 * n) for n in range(3))
    page = sign_in(open_page(language), desk.person(Role.INSPECTOR))
    expect(opened(page)).to_have_attribute("data-defect", str(first.id))
    page.keyboard.press("KeyA")
    expect(opened(page)).to_have_attribute("data-defect", str(second.id))
    expect(page.locator(".outcome")).to_contain_text(said["accepted"])
    expect(page.locator(".outcome")).to_contain_text(said["order"])
    page.keyboard.press("KeyR")
    expect(opened(page)).to_have_attribute("data-defect", str(third.id))
    expect(page.locator(".outcome")).to_contain_text(said["rejected"])
    expect(page.locator("#announcement")).to_contain_text(said["rejected"])  # for screen readers
    expect(page).to_have_url(re.compile(rf"/review\?after={second.id}$"))  # without the message
    page.goto("/work-orders")
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(said["open"])
    expect(row.locator("time")).to_have_attribute("datetime", re.compile(r"^\d{4}-\d\d-\d\dT[\d:]{8}Z$"))
    expect(row.locator(".due")).to_contain_text("48")


def test_zoom_and_place_stay_when_the_next_defect_opens(open_page: OpenPage, desk: Desk) -> None:
    first, second = desk.candidate(north_m=0), desk.candidate(north_m=100)
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    expect(page.locator("[data-viewport]")).to_have_attribute("data-scale", "1.00")
    page.keyboard.press("KeyZ")
    expect(page.locator("[data-viewport]")).not_to_have_attribute("data-scale", "1.00")
    zoom, stage = scale(page), page.locator("[data-stage]")
    assert zoom > 1.2
    transform = stage.evaluate("stage => stage.style.transform")
    box = page.locator(".own rect").bounding_box()
    view = page.locator("[data-viewport]").bounding_box()
    assert box and view
    assert view["x"] <= box["x"] and box["x"] + box["width"] <= view["x"] + view["width"]
    page.keyboard.press("ArrowDown")
    expect(opened(page)).to_have_attribute("data-defect", str(second.id))
    assert stage.evaluate("stage => stage.style.transform") == transform
    page.keyboard.press("KeyP")
    expect(opened(page)).to_have_attribute("data-defect", str(first.id))
    page.reload()
    expect(page.locator("[data-viewport]")).to_have_attribute("data-scale", f"{zoom:.2f}")
    page.keyboard.press("Digit0")
    expect(page.locator("[data-viewport]")).to_have_attribute("data-scale", "1.00")


def test_the_wheel_zooms_where_it_points_and_dragging_moves_the_frame(open_page: OpenPage, desk: Desk) -> None:
    desk.candidate()
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    rect = page.locator(".own rect")
    before = rect.bounding_box()
    assert before
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -100)
    expect(page.locator("[data-viewport]")).to_have_class(re.compile("zoomed"))
    after = rect.bounding_box()
    assert after and after["width"] > before["width"] * 2
    assert middle(rect) == pytest.approx(x, abs=3)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20)
    page.mouse.up()
    assert middle(rect) == pytest.approx(x + 60, abs=3)


def test_boxes_lie_where_the_detector_saw_them_on_the_shown_image(open_page: OpenPage, desk: Desk) -> None:
    """The overlay and the image have one scale and origin."""
    desk.candidate()
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    image = page.locator("[data-stage] img")
    expect(image).to_have_js_property("complete", True)
    shown = page.locator("[data-stage]").evaluate(
        """stage => {
            const img = stage.querySelector("img"), area = img.getBoundingClientRect();
            const scale = Math.min(area.width / img.naturalWidth, area.height / img.naturalHeight);
            const x = area.x + (area.width - img.naturalWidth * scale) / 2;
            const y = area.y + (area.height - img.naturalHeight * scale) / 2;
            const box = stage.querySelector(".own rect").getBoundingClientRect();
            return [box.x - x, box.y - y, box.right - x, box.bottom - y].map(edge => edge / scale);
        }"""
    )
    assert shown == pytest.approx([250, 300, 390, 380], abs=5)  # within the width of the stroke


def test_arabic_is_the_mirror_image_of_english(open_page: OpenPage, desk: Desk) -> None:
    desk.candidate()
    user = desk.person(Role.INSPECTOR)
    places = {}
    for language in (ENGLISH, ARABIC):
        page = sign_in(open_page(language), user)
        parts = (".brand", ".queue", ".opened", ".decision", ".queue li img", ".zoom", "#accept")
        places[language] = {part: middle(page.locator(part).first) for part in parts}
        order = [places[language][part] for part in (".queue", ".opened", ".decision")]
        assert order == sorted(order, reverse=language == ARABIC)
    width = 1280
    for part, place in places[ENGLISH].items():
        assert places[ARABIC][part] == pytest.approx(width - place, abs=45), part  # words differ in length


def test_keys_are_letters_again_while_typing(open_page: OpenPage, desk: Desk) -> None:
    defect = desk.candidate()
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    page.keyboard.press("KeyC")
    expect(page.locator("#class")).to_be_focused()
    page.keyboard.press("KeyR")  # in a list it chooses by first letter, and decides nothing
    expect(opened(page)).to_have_attribute("data-defect", str(defect.id))
    expect(page.locator(".outcome.rejected")).to_have_count(0)


def test_a_merge_and_a_changed_class_by_hand(open_page: OpenPage, desk: Desk) -> None:
    kept, double = desk.candidate(north_m=0), desk.candidate("road_crack", north_m=9)
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    page.locator("#class").select_option("garbage")
    expect(page.locator(".outcome")).to_contain_text(f"Defect {kept.id} is now Garbage")
    page.keyboard.press("KeyN")
    expect(opened(page)).to_have_attribute("data-defect", str(double.id))
    page.wait_for_load_state("networkidle")  # the page settles after a step: what opens before is closed again
    page.keyboard.press("KeyM")
    page.locator(f"button[name=merge_into][value='{kept.id}']").click()
    expect(page.locator(".outcome")).to_contain_text(f"now belong to defect {kept.id}")
    expect(opened(page)).to_have_attribute("data-defect", str(kept.id))


def test_a_lost_connection_is_said_and_changes_nothing(open_page: OpenPage, desk: Desk) -> None:
    defect = desk.candidate()
    page = sign_in(open_page(ENGLISH, silent=True), desk.person(Role.INSPECTOR))
    page.context.set_offline(True)
    page.keyboard.press("KeyA")
    expect(page.locator("#offline")).to_be_visible()
    expect(opened(page)).to_have_attribute("data-defect", str(defect.id))
    page.context.set_offline(False)
    page.keyboard.press("KeyA")
    expect(page.locator(".outcome")).to_contain_text("accepted")
    expect(page.locator("#offline")).to_be_hidden()


def test_on_a_phone_nothing_is_cut_off_and_the_verdict_is_at_hand(open_page: OpenPage, desk: Desk) -> None:
    desk.candidate()
    page = sign_in(open_page(ARABIC, PHONE), desk.person(Role.SUPERVISOR))
    for path in ("/review", "/work-orders", "/frames"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto("/review")
    page.locator("#accept").click()
    expect(page.locator(".outcome")).to_be_visible()


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
def test_an_order_is_driven_to_closed_through_the_pages(open_page: OpenPage, desk: Desk, language: str) -> None:
    desk.candidate()
    inspector = sign_in(open_page(language), desk.person(Role.INSPECTOR))
    inspector.keyboard.press("KeyA")
    expect(inspector.locator(".outcome")).to_be_visible()

    supervisor = sign_in(open_page(language), desk.person(Role.SUPERVISOR))
    supervisor.goto("/work-orders/1")
    supervisor.locator("form[action$=assign] button").click()
    expect(supervisor.locator(".badge.assigned")).to_be_visible()

    unit = sign_in(open_page(language), desk.person(Role.UNIT, "pothole_machine"))
    unit.locator("tbody a").click()
    expect(unit.locator(".viewer img")).to_have_js_property("complete", True)
    unit.locator("form[action$=start] button").click()
    photo = {"name": "after.jpg", "mimeType": "image/jpeg", "buffer": jpeg(street("repaired"))}
    unit.locator("[name=photo]").set_input_files(photo)  # type: ignore[arg-type]
    unit.locator("[name=quantity]").fill("1.5")
    unit.locator("form[action$=report_done] button").click()
    expect(unit.locator(".badge.done")).to_be_visible()

    inspector.goto("/work-orders/1")
    proof = inspector.locator(".proofs img")
    proof.scroll_into_view_if_needed()
    expect(proof).to_have_js_property("naturalWidth", 640)
    inspector.locator("form[action$=pass] button.main").click()
    expect(inspector.locator(".badge.closed")).to_be_visible()
    expect(inspector.locator(".due.kept")).to_be_visible()
    expect(inspector.locator(".history li")).to_have_count(5)

"""The map and the time line in a real Chromium, in Arabic and in English, with nothing asked of any other host."""

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.core.settings import Settings
from service.defects.models import Visit
from tests.browser.conftest import OpenPage
from tests.browser.test_review_desk import ARABIC, ENGLISH, sign_in
from tests.web.desk import Desk
from tests.web.pmtiles_made import ATTRIBUTION, write_water

pytestmark = pytest.mark.browser
WATER = (0xC5, 0xDA, 0xE6)


def drawn(page: Page, kind: str) -> dict[str, int]:
    """How many features of each layer the map shows, once it shows some of this one."""
    figure = page.locator("[data-map]")
    page.wait_for_function(
        "kind => (JSON.parse(document.querySelector('[data-map]').dataset.drawn ?? '{}')[kind] ?? 0) > 0", arg=kind
    )
    found: dict[str, int] = json.loads(figure.get_attribute("data-drawn") or "{}")
    return found


def hosts_of(page: Page) -> set[str | None]:
    """Filled by every request that the page makes from now on."""
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc or urlsplit(request.url).scheme))
    return hosts


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
def test_the_map_shows_the_defect_its_ellipse_its_sightings_and_a_neighbour(
    open_page: OpenPage, desk: Desk, address: str, language: str
) -> None:
    first = desk.candidate()
    desk.candidate("garbage", north_m=12)
    page = open_page(language)
    hosts = hosts_of(page)
    sign_in(page, desk.person(Role.INSPECTOR))
    page.goto(f"/defects/{first.id}")
    found = drawn(page, "ellipse")
    assert (found["defect"], found["ellipse"], found["sightings"], found["others"]) == (1, 1, 1, 1)
    canvas = page.locator("[data-map] canvas")
    expect(canvas).to_be_visible()
    box, frame = canvas.bounding_box(), page.locator("[data-viewport]").bounding_box()
    assert box and frame and box["width"] > 200 and box["height"] > 200
    assert (box["x"] < frame["x"]) is (language == ARABIC)  # beside the frame, behind it in reading order
    assert hosts == {urlsplit(address).netloc}


def test_the_next_defect_is_drawn_on_the_same_map(open_page: OpenPage, desk: Desk) -> None:
    desk.candidate()
    second = desk.candidate(north_m=200)
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    drawn(page, "ellipse")
    page.locator("[data-map] canvas").evaluate("canvas => (canvas.dataset.kept = 'yes')")
    page.keyboard.press("KeyN")
    expect(page.locator("[data-map]")).to_have_attribute("data-features", f"/api/v1/defects/{second.id}/map.geojson")
    assert drawn(page, "ellipse")["defect"] == 1
    expect(page.locator("[data-map] canvas[data-kept]")).to_have_count(1)


def test_a_neighbour_on_the_map_is_chosen_to_merge_into(open_page: OpenPage, desk: Desk) -> None:
    first, second = desk.candidate(), desk.candidate("pothole", north_m=16)
    page = sign_in(open_page(ENGLISH), desk.person(Role.INSPECTOR))
    page.goto(f"/review?defect={first.id}")
    assert drawn(page, "neighbours")["neighbours"] == 1
    expect(page.locator("details.merge")).not_to_have_attribute("open", "")
    place = page.evaluate(
        f"""async () => {{
            const {{ placeOf }} = await import("/static/js/map.js");
            return placeOf({second.id});
        }}"""
    )
    page.mouse.click(place["x"], place["y"])
    button = page.locator(f"[data-neighbour='{second.id}'] button")
    expect(button).to_be_focused()
    button.click()
    expect(page.locator(".outcome")).to_contain_text("merged")


def test_the_time_line_is_walked_by_keys_and_shows_each_pass(open_page: OpenPage, desk: Desk) -> None:
    defect = desk.candidate()
    at = utc_now() - timedelta(days=3)
    desk.session.add(
        Visit(
            defect_id=defect.id, survey_id=desk.survey.id, first_at=at, last_at=at, sightings=0, looks=2, unseen_log=-1
        )
    )
    desk.session.commit()
    page = sign_in(open_page(ARABIC), desk.person(Role.INSPECTOR))
    passes = page.locator(".timeline .pass")
    expect(passes.first).not_to_be_visible()
    page.keyboard.press("KeyT")
    expect(passes).to_have_count(2)
    older, newer = (passes.nth(n).bounding_box() for n in range(2))
    assert older and newer and newer["x"] < older["x"]  # time runs with the writing
    expect(passes.first).to_contain_text("لم يُرصد شيء")
    page.keyboard.press("Tab")
    expect(passes.nth(1).locator("a")).to_be_focused()
    expect(passes.nth(1).locator("img")).to_have_js_property("complete", True)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """With a basemap for the test that is about it."""
    if "basemap" not in request.node.name:
        return settings
    write_water(tmp_path / "city.pmtiles")
    return Settings(**settings.model_dump() | {"basemap": str(tmp_path / "city.pmtiles")})


def test_a_basemap_lies_under_the_defect(open_page: OpenPage, desk: Desk, address: str) -> None:
    defect = desk.candidate()
    page = open_page(ENGLISH)
    hosts = hosts_of(page)
    sign_in(page, desk.person(Role.INSPECTOR))
    page.goto(f"/defects/{defect.id}")
    drawn(page, "ellipse")
    expect(page.locator("[data-attribution]")).to_have_text(ATTRIBUTION)
    page.wait_for_function("() => document.querySelector('[data-map]').dataset.under === 'drawn'")
    shot = Image.open(BytesIO(page.locator("[data-map] canvas").screenshot())).convert("RGB")
    assert shot.getpixel((shot.width - 12, shot.height - 12)) == WATER
    assert hosts == {urlsplit(address).netloc}

"""The map, the time line and the basemap as pages carry them, without a browser."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.accounts.permissions import Role
from service.app import create_app
from service.core.clock import utc_now
from service.core.events import SYSTEM
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.defects.models import Defect, Visit
from service.defects.recording import SeenBox
from service.defects.service import record_defect
from service.identity.gaussian import Ellipse
from service.identity.locate import GroundPosition
from service.web.basemap import ADDRESS, MOST_BYTES
from service.web.words import compass
from tests.web.desk import BOX_PX, Desk, street
from tests.web.pmtiles_made import write_water
from tests.web.visitor import Visitor, words_of


@pytest.fixture
def inspector(visitor: Visitor, desk: Desk) -> Visitor:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    return visitor


@pytest.fixture
def with_basemap(runtime: Runtime, desk: Desk, tmp_path: Path) -> Visitor:
    """An inspector at a service that has a basemap."""
    write_water(tmp_path / "city.pmtiles")
    settings = Settings(**runtime.settings.model_dump() | {"basemap": str(tmp_path / "city.pmtiles")})
    visitor = Visitor(TestClient(create_app(Runtime(settings, runtime.database, runtime.store))))
    visitor.sign_in(desk.person(Role.INSPECTOR))
    return visitor


def pass_by(desk: Desk, defect: Defect, days_ago: float, *, sightings: int = 0) -> Visit:
    at = utc_now() - timedelta(days=days_ago)
    visit = Visit(
        defect_id=defect.id, survey_id=desk.survey.id, first_at=at, last_at=at, sightings=sightings, looks=4,
        unseen_log=-2.0, heading_deg=50.0,
    )  # fmt: skip
    desk.session.add(visit)
    desk.session.commit()
    return visit


@pytest.mark.parametrize("path", ["/review?defect={}", "/defects/{}"])
def test_the_map_beside_the_frame_is_asked_of_this_service_alone(inspector: Visitor, desk: Desk, path: str) -> None:
    defect = desk.candidate()
    answer = inspector.get(path.format(defect.id))
    assert f'data-features="/api/v1/defects/{defect.id}/map.geojson"' in answer.text
    assert f'data-boundary="/api/v1/municipalities/{defect.municipality_id}/boundary.geojson"' in answer.text
    assert 'data-basemap=""' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and not re.search(r"blob:|data:|https?:|unsafe|\*", policy)


def test_passes_stand_in_the_order_of_time_with_a_repair_and_a_relapse_between(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    pass_by(desk, defect, 20)
    for action, days in (("resolve", 30), ("reopen", 10)):
        at = utc_now() - timedelta(days=days)
        record_defect(desk.session, defect, action, SYSTEM, at, from_state=defect.state)
    desk.session.commit()
    page = inspector.get(f"/defects/{defect.id}").text
    line = page[page.index('<ol class="timeline">') :]
    places = [line.index(part) for part in ("mark repaired", "pass vain", "mark relapsed", "/thumbnail")]
    assert places == sorted(places)
    words = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", line[: line.index("</ol>")]))
    assert "Nothing seen" in words and "looked on 4 frames" in words and "driving north-east" in words
    assert "Repair found good" in words and "Reopened: the repair did not last" in words


def test_the_review_page_folds_the_time_line(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    assert 'class="over-time"' not in inspector.get("/review").text  # a single pass is the frame itself
    pass_by(desk, defect, 20)
    page = inspector.get("/review").text
    assert '<details class="over-time">' in page and "pass vain" in page


def test_the_facts_tell_how_sure_the_place_is_and_what_makes_the_priority(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    defect.cov_ee_m2, defect.cov_en_m2, defect.cov_nn_m2 = 1.0, 0.0, 1.0
    defect.size, defect.size_sd, defect.priority = 0.8, 0.2, 42.0
    defect.priority_parts = {"class": {"points": 30.0, "of": 30.0, "because": "pothole"}}
    desk.session.commit()
    words = inspector.read(f"/defects/{defect.id}")
    assert "within 2.45 m in 95 of 100 cases" in words and "0.8 ± 0.2 m²" in words
    assert "Priority 42" in words and "Class 30 of 30" in words


def test_the_queue_can_begin_with_the_most_urgent(inspector: Visitor, desk: Desk) -> None:
    defects = [desk.candidate(north_m=100.0 * n) for n in range(3)]
    for defect, priority in zip(defects, (1.0, 9.0, 5.0), strict=True):
        defect.priority = priority
    desk.session.commit()
    page = inspector.get("/review?order=priority").text
    shown = [int(found) for found in re.findall(r'data-defect="(\d+)"', page)]
    assert shown == [defects[1].id, defects[2].id, defects[0].id]


def test_an_inspector_parts_two_things_and_comes_to_the_new_one(inspector: Visitor, desk: Desk) -> None:
    defect = desk.candidate()
    assert "/split" not in inspector.get(f"/defects/{defect.id}").text  # one sighting is one thing
    frame = desk.frame(street("pothole"), utc_now() - timedelta(hours=3) + timedelta(seconds=1))
    seen = SeenBox("pothole", 0.7, BOX_PX, GroundPosition(defect.lat, defect.lon, 9.0, ellipse=Ellipse.round(0.5)))
    assert desk.see(frame, [seen]) == ()
    page = inspector.get(f"/defects/{defect.id}").text
    ticks = [int(found) for found in re.findall(r'name="detection_id" value="(\d+)"', page)]
    assert len(ticks) == 2
    none = inspector.post(f"/defects/{defect.id}/split")
    assert none.status_code == 422 and "Choose some of the sightings" in words_of(none)
    answer = inspector.post(f"/defects/{defect.id}/split", detection_id=ticks[0])
    assert answer.status_code == 303 and answer.headers["location"] != f"/defects/{defect.id}"
    assert f"Defect {defect.id}" in inspector.read(answer.headers["location"])  # in its history


@pytest.mark.parametrize(
    ("heading_deg", "name"), [(0, "north"), (22.4, "north"), (22.6, "north-east"), (350, "north"), (-90, "west")]
)
def test_a_heading_has_the_name_of_the_nearest_direction(heading_deg: float, name: str) -> None:
    assert compass(heading_deg)[1] == name


def test_a_basemap_is_handed_out_in_pieces_to_who_is_signed_in(with_basemap: Visitor, tmp_path: Path) -> None:
    whole = (tmp_path / "city.pmtiles").read_bytes()
    part = with_basemap.get(ADDRESS, Range="bytes=7-9")
    assert (part.status_code, part.content) == (206, whole[7:10])
    assert part.headers["content-range"] == f"bytes 7-9/{len(whole)}" and part.headers["etag"]
    first = with_basemap.get(ADDRESS, Range="bytes=0-16383")  # more than there is
    assert first.content == whole and first.headers["content-range"] == f"bytes 0-{len(whole) - 1}/{len(whole)}"
    for refused in ("bytes=0-", "bytes=5-2", f"bytes=0-{MOST_BYTES}", "bytes=0-1,4-5", ""):
        assert with_basemap.get(ADDRESS, Range=refused).status_code == 416
    with_basemap.sign_out()
    assert with_basemap.get(ADDRESS, Range="bytes=0-1").status_code == 303


def test_pages_name_the_basemap_only_where_one_is_set(with_basemap: Visitor, visitor: Visitor, desk: Desk) -> None:
    desk.candidate()
    assert f'data-basemap="{ADDRESS}"' in with_basemap.get("/review").text
    visitor.sign_in(desk.person(Role.INSPECTOR))
    assert visitor.get(ADDRESS, Range="bytes=0-1").status_code == 404


def test_a_basemap_that_is_gone_is_missed_in_words(with_basemap: Visitor, tmp_path: Path) -> None:
    (tmp_path / "city.pmtiles").unlink()
    assert with_basemap.get(ADDRESS, Range="bytes=0-1").status_code == 404

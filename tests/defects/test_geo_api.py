"""Where defects are, as programs and the map get it."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.accounts.permissions import Role
from service.core.geodesy import moved
from service.coverage.cells import cell_number
from service.coverage.models import Street, StreetCell
from service.defects.grid import h3_cell
from service.defects.models import Absence, Defect, Sighting, Visit
from service.surveys.models import FrameState, Survey
from tests.defects.sightings import box, make_defect, see
from tests.defects.test_api import all_pages
from tests.factories import (
    DAMMAM,
    NOW,
    make_frame,
    make_municipality,
    make_survey,
    make_user,
    make_vehicle,
    sign_in,
    square,
)


@pytest.fixture
def headers(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session))


def unseen_visit(session: Session, defect: Defect, survey: Survey, days: int) -> Visit:
    """A pass that looked at the place on three frames and saw nothing; commits."""
    at = NOW + timedelta(days=days)
    visit = Visit(
        defect_id=defect.id, survey_id=survey.id, first_at=at, last_at=at + timedelta(seconds=3), sightings=0, looks=3,
        unseen_log=-2.0, heading_deg=0.0,
    )  # fmt: skip
    session.add(visit)
    session.commit()
    return visit


def features(client: TestClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/defects.geojson", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/geo+json")
    found: list[dict[str, Any]] = answer.json()["features"]
    return found


def test_a_defect_tells_how_sure_its_place_and_size_are(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect = make_defect(session)
    defect.cov_ee_m2, defect.cov_en_m2, defect.cov_nn_m2 = 4.0, 0.0, 1.0
    defect.size, defect.size_sd, defect.presence = 1.0, 0.75, -200.0
    defect.absence, defect.absence_at, defect.priority = Absence.GONE, NOW, 7.5
    session.commit()
    found = client.get(f"/api/v1/defects/{defect.id}", headers=headers).json()
    ellipse = found["ellipse_95"]
    assert (ellipse["semi_major_m"], ellipse["semi_minor_m"]) == pytest.approx((4.895, 2.448), abs=1e-3)
    assert ellipse["azimuth_deg"] == pytest.approx(90)
    assert found["size_95"] == [0.0, pytest.approx(2.47)] and found["size_sd"] == 0.75
    assert found["presence"] == pytest.approx(0, abs=1e-12)
    assert (found["absence"], found["priority"], found["visits_count"]) == ("gone", 7.5, 1)
    assert found["sightings"][0]["visit_id"] is not None and found["sightings"][0]["ellipse_95"]


def test_visits_come_page_by_page_with_those_that_saw_nothing(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect = make_defect(session, box(score=0.6))
    survey = make_survey(session, name="later drive")
    at = NOW + timedelta(days=9, seconds=1)
    stored = {"state": FrameState.PROCESSED, "blob_key": "frames/look"}
    look = make_frame(session, survey, captured_at=at, lat=DAMMAM[0] - 9e-5, **stored)
    unseen = unseen_visit(session, defect, survey, 9)
    found = all_pages(client, headers, f"/api/v1/defects/{defect.id}/visits", limit=1)
    assert [one["sightings"] for one in found] == [0, 1]
    assert found[0]["id"] == unseen.id and found[0]["best"] is None and found[0]["looks"] == 3
    assert found[0]["look_image_url"] == f"/api/v1/frames/{look.id}/image" and found[0]["survey_name"] == "later drive"
    assert found[1]["best"]["score"] == 0.6 and found[1]["look_image_url"] is None
    own = found[1]["ellipse_95"]["semi_minor_m"]
    assert own > found[1]["best"]["ellipse_95"]["semi_minor_m"]  # the vehicle's fix is in it


def test_the_best_of_a_visit_is_its_surest_sighting(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    first = make_frame(session, captured_at=NOW)
    defect = make_defect(session, box(score=0.5), first)
    second = make_frame(session, first.survey, captured_at=NOW + timedelta(seconds=1))
    see(session, [box(score=0.9)], second)
    session.commit()
    (visit,) = client.get(f"/api/v1/defects/{defect.id}/visits", headers=headers).json()["items"]
    assert visit["sightings"] == 2 and visit["best"]["frame_id"] == second.id


def test_geojson_holds_each_defect_of_the_box_once_over_its_pages_most_urgent_first(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defects = [make_defect(session, box(east_m=60 * n)) for n in range(4)]
    for defect, priority in zip(defects, (1.0, 5.0, 5.0, 3.0), strict=True):
        defect.priority = priority
    session.commit()
    west, south = DAMMAM[1] - 1e-4, DAMMAM[0] - 1e-4
    around_three = f"{west},{south},{DAMMAM[1] + 15e-4},{DAMMAM[0] + 1e-4}"
    seen: list[int] = []
    after: dict[str, Any] = {}
    while True:
        query: dict[str, Any] = {"bbox": around_three, "limit": 1} | after
        page = client.get("/api/v1/defects.geojson", headers=headers, params=query).json()
        seen += [one["id"] for one in page["features"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == [defects[2].id, defects[1].id, defects[0].id]
    everywhere = features(client, headers, bbox="-180,-90,180,90")
    assert {one["id"] for one in everywhere} == {defect.id for defect in defects}


def test_a_point_on_the_map_tells_of_a_defect_what_its_list_tells(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defect = make_defect(session)
    defect.cov_ee_m2, defect.cov_en_m2, defect.cov_nn_m2 = 4.0, 0.5, 1.0
    defect.size, defect.size_sd, defect.real_log_odds = 1.0, 0.75, 2.0
    defect.absence, defect.absence_at, defect.priority_parts = Absence.GONE, NOW, {"size": 2.5}
    bare = make_defect(session, box(north_m=30))
    bare.best_detection_id = None
    session.commit()
    listed = {one["id"]: one for one in client.get("/api/v1/defects", headers=headers).json()["items"]}
    drawn = features(client, headers, bbox="-180,-90,180,90")
    assert {one["id"] for one in drawn} == {defect.id, bare.id} == set(listed)
    for one in drawn:
        lon, lat = one["geometry"]["coordinates"]
        place = {"id": one["id"], "lat": pytest.approx(lat, abs=1e-6), "lon": pytest.approx(lon, abs=1e-6)}
        told = {name: value for name, value in one["properties"].items() if name != "kind"}
        assert told | place == listed[one["id"]]
        assert (told["image_url"] is None) is (one["id"] == bare.id)


def test_a_box_is_filtered_and_paged_as_the_whole_is(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    defects = [make_defect(session, box("pothole" if n % 2 else "garbage", east_m=40 * n)) for n in range(6)]
    vehicle, _ = make_vehicle(session, make_municipality(session, "khobar"))
    theirs = make_defect(session, box(), make_frame(session, make_survey(session, vehicle)))
    west, south, reach = DAMMAM[1] - 0.02, DAMMAM[0] - 0.02, 0.04
    queries: list[dict[str, Any]] = [
        {"order": "oldest"}, {"order": "score"}, {"class": "garbage"}, {"state": "rejected"}, {"limit": 2},
        {"order": "oldest", "after": defects[1].id}, {"order": "priority", "after": defects[3].id},
    ]  # fmt: skip
    for query in queries:
        near = features(client, headers, bbox=f"{west},{south},{west + reach},{south + reach}", **query)
        assert [one["id"] for one in near] == [one["id"] for one in features(client, headers, **query)]
        assert theirs.id not in [one["id"] for one in near]
    assert len(features(client, headers, bbox=f"{west},{south},{west + reach},{south + reach}")) == 6


def test_geojson_is_filtered_and_adds_outlines_on_demand(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    hole, heap = make_defect(session, box("pothole")), make_defect(session, box("garbage", north_m=30))
    client.post(f"/api/v1/defects/{hole.id}/reviews", headers=headers, json={"verdict": "reject"})
    (only,) = features(client, headers, state="candidate")
    assert only["id"] == heap.id and only["geometry"]["type"] == "Point"
    assert only["geometry"]["coordinates"] == [pytest.approx(heap.lon, abs=1e-6), pytest.approx(heap.lat, abs=1e-6)]
    assert only["properties"]["class_key"] == "garbage" and only["properties"]["state"] == "candidate"
    assert features(client, headers, **{"class": "graffiti"}) == []
    point, outline = features(client, headers, **{"class": "pothole", "ellipse": True})
    assert point["id"] == hole.id and outline["geometry"]["type"] == "Polygon"
    assert outline["properties"] == {"kind": "ellipse_95", "defect_id": hole.id, "class_key": "pothole"}
    assert client.get("/api/v1/defects.geojson?bbox=1,2,3", headers=headers).status_code == 422


def lying(session: Session, north_m: float, class_key: str = "pothole") -> Defect:
    """A defect so many metres north of DAMMAM, two metres sure; found alone and put there."""
    defect = make_defect(session, box(class_key, north_m=1000 + 50 * north_m))
    defect.lat, defect.lon = moved(*DAMMAM, 0, north_m)
    defect.h3_cell = h3_cell(defect.lat, defect.lon)
    defect.cov_ee_m2, defect.cov_en_m2, defect.cov_nn_m2 = 4.0, 0.0, 4.0
    session.commit()
    return defect


def test_a_report_is_likeliest_the_defect_that_is_near_and_of_its_class(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    near, far = lying(session, 3.0), lying(session, 24.0)
    other = lying(session, 3.5, "garbage")
    lying(session, 400.0)
    place = {"lat": DAMMAM[0], "lon": DAMMAM[1], "sd_m": 10}
    found = client.get("/api/v1/defects/near", headers=headers, params=place | {"class_key": "pothole"}).json()
    assert [one["defect"]["id"] for one in found] == [near.id, far.id, other.id]
    assert found[0]["distance_m"] == pytest.approx(3, abs=0.1)
    assert found[0]["mahalanobis"] == pytest.approx(3 / 104**0.5, abs=0.01) and found[0]["as_far"] > 0.9
    assert found[0]["log_ratio"] > found[1]["log_ratio"] > found[2]["log_ratio"]
    unsaid = client.get("/api/v1/defects/near", headers=headers, params=place).json()
    assert [one["defect"]["id"] for one in unsaid] == [near.id, other.id, far.id]


def test_the_map_of_a_defect_has_its_sightings_vehicles_neighbours_and_streets(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    frame = make_frame(session, lat=DAMMAM[0] - 9e-5)
    defect = make_defect(session, box(), frame)
    like, other = make_defect(session, box(north_m=35)), make_defect(session, box("garbage", east_m=9))
    make_defect(session, box(north_m=300))
    make_street(session, defect)
    told = client.get(f"/api/v1/defects/{defect.id}/map.geojson", headers=headers).json()
    by_kind: dict[str, list[Any]] = {}
    for one in told["features"]:
        by_kind.setdefault(one["properties"]["kind"], []).append(one)
    counts = {kind: len(found) for kind, found in by_kind.items()}
    assert counts == {
        "defect": 1, "ellipse_95": 1, "sighting": 1, "vehicle": 1, "sight": 1, "neighbour": 2, "street": 1
    }  # fmt: skip
    neighbours = {one["id"]: one["properties"] for one in by_kind["neighbour"]}
    assert neighbours[like.id]["same_class"] and not neighbours[other.id]["same_class"]
    sight = by_kind["sight"][0]["geometry"]["coordinates"]
    assert sight[0] == pytest.approx([frame.lon, frame.lat])
    west, south, east, north = told["bbox"]
    assert west <= defect.lon <= east and south <= frame.lat and defect.lat <= north


def make_street(session: Session, defect: Defect) -> None:
    line = {"type": "LineString", "coordinates": [[defect.lon, defect.lat - 1e-3], [defect.lon, defect.lat + 1e-3]]}
    street = Street(
        municipality_id=defect.municipality_id, source_id="1", name="King Fahd", road_class="primary", length_m=222.0,
        line=line,
    )  # fmt: skip
    session.add(street)
    session.flush()
    cell = cell_number(h3_cell(defect.lat, defect.lon))
    session.add(StreetCell(street_id=street.id, cell=cell, municipality_id=defect.municipality_id, length_m=20.0))
    session.commit()


def test_a_boundary_is_a_feature_for_those_who_see_the_municipality(client: TestClient, session: Session) -> None:
    shown = make_municipality(session, "khobar", square(50.0, 26.0))
    plain: Municipality = make_municipality(session)
    headers = sign_in(session, make_user(session, Role.ADMIN))
    told = client.get(f"/api/v1/municipalities/{shown.id}/boundary.geojson", headers=headers).json()
    assert told["geometry"]["type"] == "Polygon" and told["properties"]["name_en"] == "Khobar"
    none = client.get(f"/api/v1/municipalities/{plain.id}/boundary.geojson", headers=headers).json()
    assert none["type"] == "Feature" and none["geometry"] is None
    inspector = sign_in(session, make_user(session))
    assert client.get(f"/api/v1/municipalities/{shown.id}/boundary.geojson", headers=inspector).status_code == 404


def test_the_neighbours_places_are_neither_listed_nor_found(client: TestClient, session: Session) -> None:
    defect = make_defect(session)
    neighbour = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))
    assert features(client, neighbour) == []
    near = client.get("/api/v1/defects/near", headers=neighbour, params={"lat": DAMMAM[0], "lon": DAMMAM[1]})
    assert near.json() == []
    for path in (f"defects/{defect.id}/visits", f"defects/{defect.id}/map.geojson"):
        assert client.get(f"/api/v1/{path}", headers=neighbour).status_code == 404
    assert session.scalar(select(Sighting.defect_id)) == defect.id  # it is there all the same

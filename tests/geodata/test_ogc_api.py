"""OGC API - Features as the standard has it: documents, parameters, pages, and who sees what."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.geodata import seen
from service.geodata.asking import MAX_LIMIT
from tests.factories import NOW, make_municipality, make_user, make_vehicle, sign_in
from tests.geodata.made import CELLS, DEFECTS, ORDERS, Area, put_defect, put_order
from tests.work_orders.orders import unit_of

GEOJSON = "application/geo+json"


def items(client: TestClient, headers: dict[str, str], collection: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/ogc/collections/{collection}/items", headers=headers, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, GEOJSON), answer.text
    page: dict[str, Any] = answer.json()
    return page


def ids(client: TestClient, headers: dict[str, str], collection: str, **query: Any) -> list[object]:
    return [one["id"] for one in items(client, headers, collection, **query)["features"]]


def matched(client: TestClient, headers: dict[str, str], collection: str, **query: Any) -> int:
    number: int = items(client, headers, collection, **query)["numberMatched"]
    return number


def refused(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_every_link_of_every_document_leads_to_what_it_names(client: TestClient, area: Area) -> None:
    found, waiting = {}, ["http://testserver/ogc", "http://testserver/ogc/public"]
    while waiting:
        address = waiting.pop()
        answer = client.get(address, headers=area.headers)
        assert answer.status_code == 200, address
        found[address] = answer.headers["content-type"]
        if "after=" in address or "/items/" in address:
            continue
        for document in (answer.json(), *answer.json().get("collections", ())):
            for link in document.get("links", ()):
                assert link["type"] == found.get(link["href"], link["type"]), link
                waiting += [link["href"]] if link["href"] not in found else []
    landing = {link["rel"] for link in client.get("/ogc/").json()["links"]}
    assert landing == {"self", "service-desc", "conformance", "data"}
    assert found["http://testserver/ogc/api"] == "application/vnd.oai.openapi+json;version=3.0"
    assert found["http://testserver/ogc/collections/coverage/items"] == GEOJSON


def test_a_page_counts_what_matches_and_leads_to_the_next(client: TestClient, area: Area) -> None:
    first = items(client, area.headers, "defects", limit=10, class_key="pothole")
    assert (first["numberMatched"], first["numberReturned"], len(first["features"])) == (13, 10, 10)
    (following,) = (link["href"] for link in first["links"] if link["rel"] == "next")
    second = client.get(following, headers=area.headers).json()
    assert (second["numberMatched"], second["numberReturned"]) == (13, 3)
    assert "next" not in {link["rel"] for link in second["links"]}
    assert {one["properties"]["class_key"] for one in second["features"]} == {"pothole"}
    assert first["timeStamp"].endswith("Z")


def test_a_limit_over_the_most_is_no_error(client: TestClient, area: Area) -> None:
    assert items(client, area.headers, "defects", limit=MAX_LIMIT + 1)["numberReturned"] == DEFECTS


def test_a_page_that_ends_exactly_has_no_next(client: TestClient, area: Area) -> None:
    for collection, size in (("defects", DEFECTS), ("coverage", CELLS), ("municipalities", 1)):
        assert "next" not in {link["rel"] for link in items(client, area.headers, collection, limit=size)["links"]}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "bbox=1,2,3", "bbox=50,27,51,26", "datetime=yesterday", "state=ajar", "unknown=1",
     "limit=1&limit=2", "after=x", "crs=EPSG:3857", "unit_id=1", "f=html"],
)  # fmt: skip
def test_a_bad_or_unknown_parameter_is_a_400(client: TestClient, area: Area, query: str) -> None:
    answer = client.get(f"/ogc/collections/defects/items?{query}", headers=area.headers)
    assert refused(answer) == (400, "geodata.parameter")


@pytest.mark.parametrize("path", ["", "/conformance", "/api", "/collections", "/collections/defects"])
def test_the_documents_too_refuse_what_they_do_not_know(client: TestClient, area: Area, path: str) -> None:
    assert refused(client.get(f"/ogc{path}?limit=1", headers=area.headers)) == (400, "geodata.parameter")
    assert client.get(f"/ogc{path}?f=json", headers=area.headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/nothing/items", "/defects/items/0", "/defects/items/x", "/defects/items/99999999999999999999",
     "/coverage/items/1-x", "/coverage/items/9-8c52ae0000000ff", "/municipalities/items/-1", "/defects/items/%00"],
)  # fmt: skip
def test_what_is_not_there_is_a_404(client: TestClient, area: Area, path: str) -> None:
    assert refused(client.get(f"/ogc/collections{path}", headers=area.headers))[0] == 404


def test_a_box_takes_in_its_edges_and_may_have_heights(client: TestClient, area: Area) -> None:
    a, b = area.defects[3], area.defects[5]
    box = f"{a.lon},{min(a.lat, b.lat)},{b.lon},{max(a.lat, b.lat)}"
    west, south, east, north = box.split(",")
    assert ids(client, area.headers, "defects", bbox=box) == [one.id for one in area.defects[3:6]]
    assert matched(client, area.headers, "defects", bbox=f"{west},{south},-5,{east},{north},900") == 3
    assert matched(client, area.headers, "work_orders", bbox=box) == 3


def test_a_box_over_the_antimeridian_holds_both_sides(client: TestClient, session: Session, area: Area) -> None:
    far = [put_defect(session, area.municipality, -17.0, lon) for lon in (179.9, -179.9)]
    session.commit()
    assert ids(client, area.headers, "defects", bbox="179,-18,-179,-16") == [one.id for one in far]
    assert ids(client, area.headers, "defects", bbox="179,-18,180,-16") == [far[0].id]


def test_the_whole_world_is_a_box(client: TestClient, area: Area) -> None:
    for collection, size in (("defects", DEFECTS), ("work_orders", ORDERS), ("coverage", CELLS), ("municipalities", 1)):
        assert matched(client, area.headers, collection, bbox="-180,-90,180,90") == size


def test_cells_are_compared_with_a_box_by_their_outline_across_pages(client: TestClient, area: Area) -> None:
    cells = items(client, area.headers, "coverage")["features"]
    ring = cells[7]["geometry"]["coordinates"][0]
    lon, lat = (sum(values) / len(values) for values in zip(*ring[:-1], strict=True))
    inside = f"{lon},{lat},{lon},{lat}"
    assert ids(client, area.headers, "coverage", bbox=inside, limit=1) == [cells[7]["id"]]
    assert matched(client, area.headers, "coverage", bbox=inside) == 1


def test_defects_are_there_from_first_to_last_seen(client: TestClient, session: Session, area: Area) -> None:
    area.defects[0].last_seen_at = NOW + timedelta(days=10)
    session.commit()
    moment = (NOW + timedelta(days=2)).isoformat()
    assert ids(client, area.headers, "defects", datetime=moment) == [area.defects[0].id, area.defects[2].id]
    assert matched(client, area.headers, "defects", datetime=f"{moment}/..") == DEFECTS - 1
    assert matched(client, area.headers, "defects", datetime=f"/{moment}") == 3


def test_orders_go_on_until_they_are_closed(client: TestClient, session: Session, area: Area) -> None:
    area.orders[0].closed_at = NOW + timedelta(days=1)
    session.commit()
    assert matched(client, area.headers, "work_orders", datetime="2030-01-01T00:00:00Z") == ORDERS - 1
    assert matched(client, area.headers, "work_orders", datetime="2026-03-05") == 2


def test_coverage_counts_the_days_that_are_asked_for(client: TestClient, area: Area) -> None:
    both = items(client, area.headers, "coverage", limit=1)["features"][0]["properties"]
    one = items(client, area.headers, "coverage", datetime="2026-03-05/..", limit=1)["features"][0]["properties"]
    assert (both["passes"], both["first_day"], both["last_day"]) == (2, "2026-03-04", "2026-03-05")
    assert (one["passes"], one["first_day"]) == (1, "2026-03-05")
    assert matched(client, area.headers, "coverage", datetime="2026-03-06/..") == 0


def test_of_many_cells_no_number_is_told(client: TestClient, area: Area, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "COUNTED_CELLS", CELLS)
    assert matched(client, area.headers, "coverage") == CELLS
    monkeypatch.setattr(seen, "COUNTED_CELLS", CELLS - 1)
    page = items(client, area.headers, "coverage", limit=5)
    assert "numberMatched" not in page and page["numberReturned"] == 5


def test_a_municipality_without_a_boundary_has_no_place(client: TestClient, session: Session) -> None:
    headers = sign_in(session, make_user(session, municipality=make_municipality(session, "bare")))
    (feature,) = items(client, headers, "municipalities")["features"]
    assert feature["geometry"] is None
    assert matched(client, headers, "municipalities", bbox="-180,-90,180,90") == 0


def test_an_extent_holds_the_features_and_their_times(client: TestClient, area: Area) -> None:
    extent = client.get("/ogc/collections/defects", headers=area.headers).json()["extent"]
    lons = [one.lon for one in area.defects]
    (west, _, east, _), *_ = extent["spatial"]["bbox"]
    assert (west, east) == (min(lons), max(lons))
    assert extent["temporal"]["interval"] == [["2026-03-04T06:00:00Z", "2026-03-28T06:00:00Z"]]
    orders = client.get("/ogc/collections/work_orders", headers=area.headers).json()["extent"]
    assert orders["temporal"]["interval"] == [["2026-03-04T06:00:00Z", None]]


def test_a_neighbour_finds_nothing(client: TestClient, area: Area, neighbour: Area) -> None:
    theirs = {"defects": area.defects[0].id, "work_orders": area.orders[0].id, "municipalities": area.municipality.id}
    cell = items(client, area.headers, "coverage", limit=1)["features"][0]["id"]
    for collection, feature_id in {**theirs, "coverage": cell}.items():
        path = f"/ogc/collections/{collection}/items/{feature_id}"
        assert client.get(path, headers=area.headers).status_code == 200
        assert refused(client.get(path, headers=neighbour.headers)) == (404, "feature.unknown")
        assert feature_id not in ids(client, neighbour.headers, collection)
    assert matched(client, neighbour.headers, "defects", municipality_id=area.municipality.id) == 0


def test_each_role_has_the_collections_that_it_may_see(client: TestClient, session: Session, area: Area) -> None:
    place = area.municipality
    machine = unit_of(session, place, "pothole_machine")
    put_order(session, area.defects[20], unit_id=unit_of(session, place, "cleaning").id)
    foreman = sign_in(session, make_user(session, Role.UNIT, place, machine))
    centre = sign_in(session, make_user(session, Role.CENTRE, place))
    _, vehicle = make_vehicle(session, place)
    assert listed(client, foreman) == {"work_orders", "municipalities"}
    assert listed(client, centre) == {"defects", "work_orders", "municipalities"}
    assert listed(client, vehicle) == {"municipalities"}
    assert matched(client, foreman, "work_orders") == ORDERS
    assert refused(client.get("/ogc/collections/defects/items", headers=foreman)) == (403, "auth.permission")


def listed(client: TestClient, headers: dict[str, str]) -> set[str]:
    return {one["id"] for one in client.get("/ogc/collections", headers=headers).json()["collections"]}


def test_a_token_may_come_as_a_password_and_nobody_else_comes_in(client: TestClient, area: Area) -> None:
    for told in ((("gis", area.token)), ((area.token, ""))):
        assert client.get("/ogc/collections", auth=told).status_code == 200
    for auth in (None, ("gis", "rat_wrong"), ("", "")):
        answer = client.get("/ogc/collections", auth=auth)
        assert refused(answer) == (401, "auth.required")
        assert answer.headers["www-authenticate"] == 'Bearer, Basic realm="Rasid"'
    assert client.get("/api/v1/defects", auth=("gis", area.token)).status_code == 401

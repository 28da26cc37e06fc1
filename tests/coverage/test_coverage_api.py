"""Coverage over HTTP: figures and maps of one's own municipality, streets brought by those who may."""

from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from shapely.geometry import shape
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.accounts.permissions import Role
from tests.coverage.streets_made import LAT, LON, cells_in_a_row, collection, feature, make_street, see
from tests.factories import make_municipality, make_user, make_vehicle, sign_in, square

TODAY = date(2026, 3, 4)
URL = "/api/v1/coverage"


@pytest.fixture
def dammam(session: Session) -> Municipality:
    return make_municipality(session, boundary=square(LON - 0.1, LAT - 0.1))


@pytest.fixture
def inspector(session: Session, dammam: Municipality) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.INSPECTOR, dammam))


@pytest.fixture
def supervisor(session: Session, dammam: Municipality) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.SUPERVISOR, dammam))


def ask(client: TestClient, headers: dict[str, str], place: Municipality, path: str = "", **query: Any) -> Response:
    asked: dict[str, Any] = {"municipality_id": place.id, "from": "2026-01-01", "to": "2026-03-04"} | query
    return client.get(URL + path, headers=headers, params=asked)


def post(
    client: TestClient,
    headers: dict[str, str],
    place: Municipality,
    *roads: object,
    data: bytes | None = None,
    **form: Any,
) -> Response:
    body = collection(*roads).read() if data is None else data
    files = {"streets": ("roads.geojson", body, "application/geo+json")}
    return client.post(f"{URL}/streets", headers=headers, files=files, data={"municipality_id": place.id, **form})


def test_figures_of_imported_streets(
    client: TestClient, session: Session, dammam: Municipality, supervisor: dict[str, str]
) -> None:
    roads = (feature(source_id="a", highway="primary"), feature((LON, LAT + 0.01), (LON + 0.01, LAT + 0.01)))
    made = post(client, supervisor, dammam, *roads)
    assert made.status_code == 200, made.text
    assert (made.json()["imported"], made.json()["skipped"]) == (2, [])
    got = ask(client, supervisor, dammam).json()
    assert (got["percent"], got["target_percent"]) == (0.0, 100.0)
    assert got["street_m"] == pytest.approx(100 + 998, rel=0.001)
    assert [row["road_class"] for row in got["by_road_class"]] == [None, "primary"]


def test_without_streets_the_percentage_is_null_with_its_reason(
    client: TestClient, session: Session, dammam: Municipality, inspector: dict[str, str]
) -> None:
    see(session, dammam, cells_in_a_row(3), TODAY)
    session.commit()
    got = ask(client, inspector, dammam).json()
    assert got["percent"] is None
    assert "import" in got["percent_reason"]
    assert (got["cells"], got["days_driven"], got["last_driven"]) == (3, 1, "2026-03-04")


def test_cells_are_polygons_with_last_day_and_passes(
    client: TestClient, session: Session, dammam: Municipality, inspector: dict[str, str]
) -> None:
    see(session, dammam, cells_in_a_row(5), TODAY, TODAY - timedelta(days=1))
    session.commit()
    features: list[Any] = []
    after = None
    while True:
        answer = ask(client, inspector, dammam, "/cells.geojson", limit=2, **({"after": after} if after else {}))
        assert answer.headers["content-type"] == "application/geo+json"
        page = answer.json()
        assert page["type"] == "FeatureCollection"
        features += page["features"]
        after = page["next"]
        if after is None:
            break
    assert len({one["id"] for one in features}) == len(features) == 5
    for one in features:
        assert shape(one["geometry"]).is_valid
        assert one["properties"] == {"last_day": "2026-03-04", "passes": 2, "frames": 2}


def test_gaps_are_features_longest_first_and_paged(
    client: TestClient, session: Session, dammam: Municipality, inspector: dict[str, str]
) -> None:
    for number, cell in enumerate(cells_in_a_row(3)):
        make_street(session, dammam, {cell: 100.0 * (number + 1)}, source_id=str(number), name=f"street {number}")
    session.commit()
    first = ask(client, inspector, dammam, "/gaps", limit=2).json()
    second = ask(client, inspector, dammam, "/gaps", limit=2, after=first["next"]).json()
    rows = [one["properties"] for page in (first, second) for one in page["features"]]
    assert [(row["name"], row["gap_m"]) for row in rows] == [
        ("street 2", 300.0),
        ("street 1", 200.0),
        ("street 0", 100.0),
    ]
    assert second["next"] is None
    assert len(ask(client, inspector, dammam, "/gaps", min_m=150).json()["features"]) == 2
    box = f"{LON + 0.05},{LAT + 0.05},{LON + 0.06},{LAT + 0.06}"
    assert ask(client, inspector, dammam, "/gaps", bbox=box).json()["features"] == []


def test_a_neighbours_coverage_is_a_404(
    client: TestClient, session: Session, dammam: Municipality, supervisor: dict[str, str]
) -> None:
    khobar = make_municipality(session, "khobar")
    session.commit()
    for path in ("", "/gaps", "/cells.geojson"):
        answer = ask(client, supervisor, khobar, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "municipality.unknown")
    assert post(client, supervisor, khobar, feature()).status_code == 404


def test_who_may_not(client: TestClient, session: Session, dammam: Municipality, inspector: dict[str, str]) -> None:
    assert post(client, inspector, dammam, feature()).status_code == 403
    _, vehicle = make_vehicle(session, dammam)
    assert ask(client, vehicle, dammam).status_code == 403
    assert post(client, vehicle, dammam, feature()).status_code == 403
    assert client.get(URL, params={"municipality_id": dammam.id}).status_code == 401


def test_a_file_that_is_no_use_is_told_and_leaves_the_streets_as_they_were(
    client: TestClient, session: Session, dammam: Municipality, supervisor: dict[str, str]
) -> None:
    assert post(client, supervisor, dammam, feature()).status_code == 200
    broken = collection(feature(source_id="b")).read()[:-2]
    refused = post(client, supervisor, dammam, data=broken)
    assert (refused.status_code, refused.json()["code"]) == (422, "streets.geojson")
    assert "expected" in refused.json()["detail"]
    assert ask(client, supervisor, dammam).json()["street_m"] == pytest.approx(100, rel=0.001)


def test_keys_of_other_sources_and_removal_are_options(
    client: TestClient, session: Session, dammam: Municipality, supervisor: dict[str, str]
) -> None:
    post(client, supervisor, dammam, feature(source_id="old"))
    road = feature(source_id=None, REF="r1", TYPE="footway")
    made = post(client, supervisor, dammam, road, class_key="TYPE", id_key="REF", leave_out="sand", replace_all="true")
    assert made.json()["removed"] == 1
    assert ask(client, supervisor, dammam).json()["by_road_class"][0]["road_class"] == "footway"


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("", {"from": "2026-03-05"}, "coverage.period"),
        ("", {"from": "yesterday"}, "request.invalid"),
        ("/gaps", {"bbox": "1,2,3"}, "coverage.bbox"),
        ("/gaps", {"bbox": "3,2,1,4"}, "coverage.bbox"),
        ("/gaps", {"bbox": "nan,0,1,1"}, "coverage.bbox"),
        ("/cells.geojson", {"bbox": "0,0,181,1"}, "coverage.bbox"),
        ("/gaps", {"after": "12"}, "coverage.after"),
        ("/gaps", {"after": "1-x"}, "coverage.after"),
        ("/cells.geojson", {"after": "nowhere"}, "coverage.after"),
        ("/cells.geojson", {"limit": 5001}, "request.invalid"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_422_that_says_why(
    client: TestClient, dammam: Municipality, inspector: dict[str, str], path: str, query: dict[str, Any], code: str
) -> None:
    answer = ask(client, inspector, dammam, path, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "expected" in answer.json()["detail"]

"""What everyone may see: nothing until a municipality publishes, and then nothing that leads back."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.core.events import Event
from service.core.geodesy import distance_m
from service.defects.states import DefectState
from tests.factories import DAMMAM, make_municipality, make_user, sign_in
from tests.geodata.made import Area, put_defect

LONG_AGO = utc_now() - timedelta(days=100)
ITEMS = "/ogc/public/collections/defects/items"


@pytest.fixture
def area(session: Session) -> Area:
    """Without defects."""
    return bare(session, "dammam")


@pytest.fixture
def neighbour(session: Session) -> Area:
    return bare(session, "khobar")


def bare(session: Session, key: str) -> Area:
    place = make_municipality(session, key)
    return Area(place, [], [], sign_in(session, make_user(session, Role.SUPERVISOR, place)))


@pytest.fixture
def admin(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.ADMIN))


def publish(client: TestClient, admin: dict[str, str], area: Area, **body: Any) -> dict[str, Any]:
    answer = client.put(f"/api/v1/municipalities/{area.municipality.id}/publication", headers=admin, json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shown(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(ITEMS, params=query)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*"), answer.text
    features: list[dict[str, Any]] = answer.json()["features"]
    return features


def test_nothing_is_public_until_it_is_switched_on_and_nothing_after_it_is_off(
    client: TestClient, session: Session, admin: dict[str, str], area: Area, neighbour: Area
) -> None:
    put_defect(session, area.municipality, seen_at=LONG_AGO)
    put_defect(session, neighbour.municipality, seen_at=LONG_AGO)
    session.commit()
    assert shown(client) == []
    first, again = publish(client, admin, area, delay_days=90), publish(client, admin, area, delay_days=90)
    assert first == again and first["published"]
    before = shown(client)
    assert [one["properties"]["municipality"] for one in before] == ["dammam"]
    places = client.get("/ogc/public/collections/municipalities/items").json()
    assert [one["properties"]["key"] for one in places["features"]] == ["dammam"]
    for _ in range(2):
        gone = client.delete(f"/api/v1/municipalities/{area.municipality.id}/publication", headers=admin)
        assert gone.json()["published"] is False
    assert shown(client) == []
    assert client.get(f"{ITEMS}/{before[0]['id']}").status_code == 404
    actions = session.scalars(select(Event.action).where(Event.subject_kind == "municipality").order_by(Event.id))
    assert list(actions) == ["publish_geodata", "withdraw_geodata"]


def test_a_public_defect_tells_its_class_its_month_and_a_rough_place_and_no_more(
    client: TestClient, session: Session, admin: dict[str, str], area: Area
) -> None:
    defect = put_defect(session, area.municipality, seen_at=LONG_AGO)
    session.commit()
    publish(client, admin, area, delay_days=90, grid_m=200)
    (feature,) = shown(client)
    assert set(feature["properties"]) == {
        "municipality", "class_key", "class_en", "class_ar", "first_seen_month", "grid_m"
    }  # fmt: skip
    assert feature["properties"]["first_seen_month"] == LONG_AGO.date().replace(day=1).isoformat()
    lon, lat = feature["geometry"]["coordinates"]
    assert 0.01 < distance_m(defect.lat, defect.lon, lat, lon) < 200 * 0.71 + 1
    assert str(defect.id) != feature["id"] and len(feature["id"]) == 16
    assert client.get(f"{ITEMS}/{feature['id']}").json()["properties"] == feature["properties"]


def test_only_confirmed_defects_are_shown_and_only_after_the_delay(
    client: TestClient, session: Session, admin: dict[str, str], area: Area
) -> None:
    for state in DefectState:
        put_defect(session, area.municipality, seen_at=LONG_AGO, state=state)
    put_defect(session, area.municipality, seen_at=utc_now() - timedelta(days=89))
    session.commit()
    publish(client, admin, area, delay_days=90)
    assert len(shown(client)) == 1


def test_neighbours_on_the_street_share_a_corner_of_the_grid_and_pages_follow_no_order_of_time(
    client: TestClient, session: Session, admin: dict[str, str], area: Area
) -> None:
    for number in range(12):
        put_defect(session, area.municipality, DAMMAM[0] + number * 1e-5, seen_at=LONG_AGO + timedelta(hours=number))
    session.commit()
    publish(client, admin, area, delay_days=90, grid_m=500)
    features = shown(client)
    assert len({tuple(one["geometry"]["coordinates"]) for one in features}) <= 2
    ids = [one["id"] for one in features]
    paged, following = [], f"{ITEMS}?limit=5"
    while following:
        page = client.get(following).json()
        paged += [one["id"] for one in page["features"]]
        following = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert paged == ids == sorted(ids) and len(set(ids)) == 12


def test_a_box_feels_for_the_shown_place_alone(
    client: TestClient, session: Session, admin: dict[str, str], area: Area
) -> None:
    defect = put_defect(session, area.municipality, seen_at=LONG_AGO)
    session.commit()
    publish(client, admin, area, delay_days=90, grid_m=1000)
    ((lon, lat),) = (one["geometry"]["coordinates"] for one in shown(client))
    around = 1e-6
    assert len(shown(client, bbox=f"{lon - around},{lat - around},{lon + around},{lat + around}")) == 1
    true = f"{defect.lon - around},{defect.lat - around},{defect.lon + around},{defect.lat + around}"
    assert shown(client, bbox=true) == []
    month = LONG_AGO.date().replace(day=1)
    assert len(shown(client, datetime=f"{month}/{month}")) == 1  # by the month alone, whatever the day was


def test_only_an_administrator_publishes_and_within_bounds(
    client: TestClient, admin: dict[str, str], area: Area
) -> None:
    path = f"/api/v1/municipalities/{area.municipality.id}/publication"
    assert client.put(path, headers=area.headers, json={}).status_code == 403
    for body in ({"grid_m": 1}, {"delay_days": 0}, {"grid_m": "nan"}):
        assert client.put(path, headers=admin, json=body).status_code == 422
    assert client.get(path, headers=admin).json()["published"] is False
    assert client.put("/api/v1/municipalities/999/publication", headers=admin, json={}).status_code == 404

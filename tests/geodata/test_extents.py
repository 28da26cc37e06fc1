"""The extent of a collection: of what the caller may see, as it is now."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderState
from tests.factories import NOW, make_municipality, make_user, sign_in
from tests.geodata.made import Area, put_defect, put_order
from tests.work_orders.orders import unit_of


def extent(client: TestClient, headers: dict[str, str], collection: str, door: str = "/ogc") -> Any:
    """West, south, east, north, and the interval; None where nothing is told."""
    told = client.get(f"{door}/collections/{collection}", headers=headers)
    assert told.status_code == 200, told.text
    listed = client.get(f"{door}/collections", headers=headers).json()["collections"]
    assert told.json().get("extent") == next(one for one in listed if one["id"] == collection).get("extent")
    if "extent" not in told.json():
        return None
    found = told.json()["extent"]
    return [*found["spatial"]["bbox"][0], *found["temporal"]["interval"][0]]


@pytest.fixture
def admin(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.ADMIN))


def test_an_extent_is_of_the_callers_municipalities_alone(
    client: TestClient, session: Session, admin: dict[str, str], area: Area, neighbour: Area
) -> None:
    session.commit()
    both, own, theirs = (extent(client, who, "defects") for who in (admin, area.headers, neighbour.headers))
    assert own[1] == min(one.lat for one in area.defects) > theirs[3]
    assert both[:4] == [min(own[0], theirs[0]), theirs[1], max(own[2], theirs[2]), own[3]]
    some = make_user(session, Role.SUPERVISOR, area.municipality)
    some.municipalities = [area.municipality, neighbour.municipality]
    session.commit()
    assert extent(client, sign_in(session, some), "defects") == both


def test_an_extent_follows_what_moves_appears_goes_and_changes_hands(
    client: TestClient, session: Session, area: Area, neighbour: Area
) -> None:
    far = put_defect(session, area.municipality, 27.5, 51.5, NOW - timedelta(days=400))
    session.commit()
    before = extent(client, area.headers, "defects")
    assert before[2:4] == [51.5, 27.5] and before[4] == "2025-01-28T06:00:00Z"
    far.lat, far.lon, far.last_seen_at = 27.6, 51.6, NOW + timedelta(days=700)
    session.commit()
    moved = extent(client, area.headers, "defects")
    assert moved[2:4] == [51.6, 27.6] and moved[5] == "2028-02-02T06:00:00Z"
    far.municipality_id = neighbour.municipality.id
    session.commit()
    assert extent(client, area.headers, "defects")[2] == max(one.lon for one in area.defects)
    assert extent(client, neighbour.headers, "defects")[2:4] == [51.6, 27.6]
    session.delete(far)
    session.commit()
    assert extent(client, neighbour.headers, "defects")[2] == max(one.lon for one in neighbour.defects)


def test_the_extent_of_orders_holds_them_and_ends_when_all_are_closed(
    client: TestClient, session: Session, area: Area
) -> None:
    session.commit()
    west, south, east, north, first, last = extent(client, area.headers, "work_orders")
    places = [(one.defect.lon, one.defect.lat) for one in area.orders]
    assert all(west <= lon <= east and south <= lat <= north for lon, lat in places)
    assert (first, last) == ("2026-03-04T06:00:00Z", None)
    for number, order in enumerate(area.orders):
        order.state, order.closed_at = WorkOrderState.CLOSED, NOW + timedelta(days=20 + number)
    session.commit()
    assert extent(client, area.headers, "work_orders")[5] == "2026-04-04T06:00:00Z"
    area.orders[3].closed_at = None
    session.commit()
    assert extent(client, area.headers, "work_orders")[5] is None
    session.execute(delete(WorkOrder))
    session.commit()
    assert extent(client, area.headers, "work_orders") is None and extent(client, area.headers, "defects")


def test_a_units_user_learns_how_far_its_own_orders_reach_and_no_more(
    client: TestClient, session: Session, area: Area
) -> None:
    place = area.municipality
    put_order(session, area.defects[-1], unit_id=unit_of(session, place, "cleaning").id, opened_at=NOW)
    foreman = sign_in(session, make_user(session, Role.UNIT, place, unit_of(session, place, "pothole_machine")))
    own = extent(client, foreman, "work_orders")
    assert own[2] == max(one.defect.lon for one in area.orders) < area.defects[-1].lon
    assert extent(client, area.headers, "work_orders")[2] >= area.defects[-1].lon


def test_nothing_has_no_extent(client: TestClient, session: Session) -> None:
    headers = sign_in(session, make_user(session, municipality=make_municipality(session, "bare")))
    assert extent(client, headers, "defects") is None and extent(client, headers, "work_orders") is None


def test_the_public_extent_holds_the_shown_places_alone(
    client: TestClient, session: Session, admin: dict[str, str]
) -> None:
    place, long_ago = make_municipality(session, "dammam"), utc_now() - timedelta(days=100)
    put_defect(session, place, seen_at=long_ago)
    put_defect(session, place, 27.5, 51.5, long_ago, state="candidate")
    put_defect(session, place, 27.6, 51.6, utc_now())
    session.commit()
    assert extent(client, {}, "defects", "/ogc/public") is None
    path = f"/api/v1/municipalities/{place.id}/publication"
    assert client.put(path, headers=admin, json={"delay_days": 90, "grid_m": 200}).status_code == 200
    ((lon, lat),) = (
        one["geometry"]["coordinates"] for one in client.get("/ogc/public/collections/defects/items").json()["features"]
    )
    assert extent(client, {}, "defects", "/ogc/public")[:4] == pytest.approx([lon, lat, lon, lat], abs=1e-6)

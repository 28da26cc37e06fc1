"""Districts are imported from a file, orders lie in them, and rules send their work to a unit."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from service.accounts.districts import district_of
from service.accounts.models import District
from service.core.database import Database
from service.core.events import Event
from service.work_orders.cli import districts as command
from tests.factories import DAMMAM, square
from tests.work_orders.orders import Town, make_town

LAT, LON = DAMMAM


def feature(key: object, west: float, south: float, side: float = 0.1, **names: str) -> dict[str, Any]:
    properties = {"key": key} | (names or {"name_en": str(key), "name_ar": "حي"})
    return {"type": "Feature", "properties": properties, "geometry": square(west, south, side)}


def collection(*features: object) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


CENTRE = feature("centre", LON - 0.05, LAT - 0.05)
EAST = feature("east", LON + 0.05, LAT - 0.05)


def send(town: Town, geojson: dict[str, Any], who: str = "supervisor", **query: str) -> Any:
    path = f"/api/v1/municipalities/{town.municipality.id}/districts"
    return town.client.post(path, headers=town.headers[who], json=geojson, params=query)


def test_an_order_lies_in_the_district_that_covers_it(town: Town) -> None:
    assert send(town, collection(CENTRE, EAST)).json()["new"] == 2
    order = town.accept()
    centre = district_of(town.session, town.municipality.id, LAT, LON)
    assert centre is not None and centre.key == "centre" and order["district_id"] == centre.id
    assert district_of(town.session, town.municipality.id, LAT + 1, LON) is None
    neighbour = make_town(town.client, town.session, "khobar")
    assert district_of(town.session, neighbour.municipality.id, LAT, LON) is None


def test_orders_follow_districts_that_come_and_change_after_them(town: Town) -> None:
    order_id = town.accept()["id"]
    assert send(town, collection(CENTRE)).json()["orders_moved"] == 1
    before = town.get("unit", f"work-orders/{order_id}").json()["district_id"]
    moved_away = feature("centre", LON + 0.3, LAT)
    assert send(town, collection(moved_away, feature("west", LON - 0.05, LAT - 0.05))).json() == {
        "new": 1, "changed": 1, "same": 0, "skipped": [], "orders_moved": 1
    }  # fmt: skip
    after = town.get("unit", f"work-orders/{order_id}").json()["district_id"]
    assert after is not None and after != before


def test_a_file_imported_twice_changes_nothing_and_records_once(town: Town) -> None:
    first, second = send(town, collection(CENTRE)).json(), send(town, collection(CENTRE)).json()
    assert (first["new"], second["new"], second["same"]) == (1, 0, 1)
    assert town.session.scalar(select(func.count(Event.id)).where(Event.subject_kind == "district")) == 1


def test_a_feature_that_is_no_district_is_named_and_the_others_are_imported(town: Town) -> None:
    bow = CENTRE | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}
    unnamed = {"type": "Feature", "properties": {"key": "x2"}, "geometry": square(LON, LAT)}
    done = send(town, collection(bow, EAST, EAST, unnamed, feature("الحي", LON, LAT), 5)).json()
    assert done["new"] == 1
    assert [(one["number"], one["code"]) for one in done["skipped"]] == [
        (1, "district.boundary"), (3, "district.key"), (4, "district.name"), (5, "district.key"),
        (6, "district.feature"),
    ]  # fmt: skip


def test_other_properties_can_name_a_district_and_numbers_become_keys(town: Town) -> None:
    told = feature(1, LON, LAT, nombre="الشاطئ", id_no="17")
    assert send(town, collection(told), key_property="id_no", name_ar_property="nombre").json()["new"] == 1
    listed = town.get("unit", "districts").json()["items"]
    assert [(one["key"], one["name_en"]) for one in listed] == [("d17", "الشاطئ")]
    one = town.get("unit", f"districts/{listed[0]['id']}").json()
    assert one["boundary"]["type"] == "Polygon"


def test_a_district_is_put_once_and_the_neighbours_cannot_be_touched(town: Town) -> None:
    body = {"municipality_id": town.municipality.id, "key": "north", "name_en": "North", "name_ar": "الشمال"}
    first = town.put("supervisor", "districts", **body, boundary=square(LON, LAT))
    again = town.put("supervisor", "districts", **body, boundary=square(LON, LAT))
    assert first.status_code == 200 and first.json() == again.json()
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.put("supervisor", "districts", **body, boundary=square(LON, LAT)).status_code == 404
    assert neighbour.get("supervisor", f"districts/{first.json()['id']}").status_code == 404
    assert neighbour.get("supervisor", "districts").json()["items"] == []
    assert town.put("unit", "districts", **body, boundary=square(LON, LAT)).status_code == 403
    assert send(town, collection(CENTRE), "inspector").status_code == 403
    bad = town.put("supervisor", "districts", **body, boundary={"type": "Point", "coordinates": [0, 0]})
    assert bad.json()["code"] == "district.boundary"
    assert send(town, {"type": "Feature"}).json()["code"] == "district.file"


@pytest.fixture
def on_test_database(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))


def test_the_command_line_imports_and_lists(
    town: Town, session: Session, tmp_path: Path, on_test_database: None
) -> None:
    town.accept()
    file = tmp_path / "districts.geojson"
    file.write_text(json.dumps(collection(CENTRE, {"type": "Feature"})), "utf-8")
    done = CliRunner().invoke(command, ["import", str(file), "--municipality", "dammam"])
    assert done.exit_code == 0, done.output
    assert "1 new, 0 changed, 0 as they were; 1 orders moved" in done.output
    assert "skipped feature 2" in done.output
    assert session.scalars(select(District.key)).all() == ["centre"]
    assert "centre" in CliRunner().invoke(command, ["list", "--municipality", "dammam"]).output
    file.write_text("no json", "utf-8")
    assert CliRunner().invoke(command, ["import", str(file), "--municipality", "dammam"]).exit_code == 2

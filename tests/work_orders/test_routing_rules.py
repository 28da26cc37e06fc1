"""Rules as data: the one of the lowest rank that fits decides, and a dry run says why."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from typer.testing import CliRunner

from service.core.database import MIGRATIONS, Database
from service.core.events import Event
from service.core.hijri import SAUDI_TIME
from service.core.tables import Base
from service.defects.grid import h3_cell
from service.work_orders.cli import routing as command
from tests.coverage.streets_made import make_street
from tests.defects.sightings import box
from tests.factories import DAMMAM, square
from tests.work_orders.orders import Town, make_town, unit_of

LAT, LON = DAMMAM


def add_rule(town: Town, key: str = "special", rank: int = 10, unit: str = "cleaning", **conditions: Any) -> Any:
    unit_id = unit_of(town.session, town.municipality, unit).id
    body = {"municipality_id": town.municipality.id, "key": key, "rank": rank, "unit_id": unit_id} | conditions
    return town.post("supervisor", "routing-rules", **body)


def explain(town: Town, **query: Any) -> dict[str, Any]:
    place = {"municipality_id": town.municipality.id, "class_key": "pothole", "lat": LAT, "lon": LON}
    answer = town.get("inspector", "routing/explain", **(place | query))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_large_holes_of_main_roads_go_to_their_own_unit(town: Town) -> None:
    make_street(town.session, town.municipality, {int(h3_cell(LAT, LON), 16): 20.0}, "primary")
    town.session.commit()
    add_rule(town, class_keys=["pothole"], size_classes=["large"], road_classes=["primary", "trunk"])
    cleaning = unit_of(town.session, town.municipality, "cleaning").id
    machine = unit_of(town.session, town.municipality, "pothole_machine").id
    large, small = town.accept(box(size=0.9)), town.accept(box(north_m=60, size=0.05))
    assert (large["unit_id"], large["size_class"]) == (cleaning, "large")
    assert (small["unit_id"], small["size_class"]) == (machine, "small")
    opened = select(Event).where(Event.subject_kind == "work_order", Event.subject_id == large["id"])
    assert town.session.scalars(opened).one().data["rule"] == "special"


def test_a_dry_run_names_the_rule_that_decided_and_why_each_other_did_not(town: Town) -> None:
    add_rule(town, "rain", 5, "rain_water", incident_kinds=["rain"])
    add_rule(town, "night", 6, from_hour=20, until_hour=6)
    noon = town.now.astimezone(SAUDI_TIME).replace(hour=12)
    told = explain(town, at=noon.isoformat(), size=0.2)
    assert told["facts"]["size_class"] == "medium"
    because = {one["key"]: (one["outcome"], one["because"]) for one in told["rules"]}
    assert because["rain"] == ("unfit", "incident: expected rain, is none")
    assert because["night"] == ("unfit", "hour: expected 20 to 6, is 12")
    assert because["class_pothole"] == ("decided", "the first that fits")
    rainy = explain(town, at=noon.isoformat(), incident_kind=["rain", "storm"])
    assert rainy["unit_id"] == unit_of(town.session, town.municipality, "rain_water").id
    assert next(one for one in rainy["rules"] if one["key"] == "class_pothole")["outcome"] == "outranked"
    late = explain(town, at=(noon + timedelta(hours=10)).isoformat())
    assert late["rule_id"] == next(one["rule_id"] for one in late["rules"] if one["key"] == "night")
    assert town.session.scalar(select(func.count(Event.id)).where(Event.subject_kind == "work_order")) == 0


def test_a_district_has_its_own_unit_and_open_orders_are_routed_anew_on_request(town: Town) -> None:
    order = town.accept()
    district = town.put(
        "supervisor", "districts", municipality_id=town.municipality.id, key="centre", name_en="Centre",
        name_ar="المركز", boundary=square(LON - 0.1, LAT - 0.1),
    ).json()  # fmt: skip
    rule = add_rule(town, district_ids=[district["id"]]).json()
    told = town.get("unit", f"work-orders/{order['id']}/routing").json()
    assert told["rule_id"] == rule["id"] and told["facts"]["district_id"] == district["id"]
    assert town.act("unit", order["id"], "route").status_code == 403
    for _ in range(2):
        routed = town.act("supervisor", order["id"], "route").json()
        assert routed["unit_id"] == rule["unit_id"] != order["unit_id"]
    events = town.get("supervisor", f"work-orders/{order['id']}").json()["events"]
    assert [one["action"] for one in events] == ["open", "route"]
    town.bring(order["id"], "assign")
    assert town.act("supervisor", order["id"], "route").json()["code"] == "work_order.state"


def test_a_rule_sent_twice_is_one_and_another_content_is_a_conflict(town: Town) -> None:
    first, again = add_rule(town, weekdays=[5, 6]), add_rule(town, weekdays=[6, 5, 5])
    assert first.status_code == 201 and first.json() == again.json()
    assert add_rule(town, weekdays=[1]).json()["code"] == "routing.exists"


def test_a_rule_is_changed_and_taken_away(town: Town) -> None:
    rule = add_rule(town, class_keys=["pothole"]).json()
    body = {"rank": 10, "unit_id": rule["unit_id"], "class_keys": ["pothole"], "active": False}
    for _ in range(2):
        assert town.put("supervisor", f"routing-rules/{rule['id']}", **body).json()["active"] is False
    assert explain(town)["rules"][0]["because"] == "the rule is switched off"
    path = f"/api/v1/routing-rules/{rule['id']}"
    assert town.client.delete(path, headers=town.headers["unit"]).status_code == 403
    assert town.client.delete(path, headers=town.headers["supervisor"]).status_code == 204
    assert town.client.delete(path, headers=town.headers["supervisor"]).status_code == 404
    actions = town.session.scalars(
        select(Event.action).where(Event.subject_kind == "routing_rule").order_by(Event.id)
    )  # fmt: skip
    assert list(actions) == ["create", "change", "delete"]


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"from_hour": 3}, "routing.hours"), ({"from_hour": 3, "until_hour": 3}, "routing.hours"),
        ({"district_ids": [999]}, "routing.district"), ({"unit_id": 999_999}, "routing.unit"),
        ({"weekdays": [8]}, "request.invalid"), ({"class_keys": ["hole"]}, "request.invalid"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_be_right_is_refused(town: Town, conditions: dict[str, Any], code: str) -> None:
    assert add_rule(town, **conditions).json()["code"] == code


def test_the_neighbours_rules_can_be_neither_seen_nor_changed(town: Town) -> None:
    rule = add_rule(town).json()
    order = town.accept()
    neighbour = make_town(town.client, town.session, "khobar")
    own = unit_of(town.session, neighbour.municipality, "cleaning").id
    assert neighbour.put("supervisor", f"routing-rules/{rule['id']}", rank=1, unit_id=own).status_code == 404
    path = f"/api/v1/routing-rules/{rule['id']}"
    assert town.client.delete(path, headers=neighbour.headers["supervisor"]).status_code == 404
    place = {"municipality_id": town.municipality.id, "class_key": "pothole", "lat": LAT, "lon": LON}
    assert neighbour.get("supervisor", "routing/explain", **place).status_code == 404
    assert neighbour.get("supervisor", f"work-orders/{order['id']}/routing").status_code == 404
    assert neighbour.act("supervisor", order["id"], "route").status_code == 404


def test_the_command_line_explains(
    town: Town, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))
    add_rule(town, "big", size_classes=["large"])
    asked = ["explain", "--municipality", "dammam", "--lat", str(LAT), "--lon", str(LON), "--class"]
    done = CliRunner().invoke(command, [*asked, "pothole", "--size", "0.9", "--at", "2026-03-01T12:00"])
    assert done.exit_code == 0, done.output
    assert "goes to: cleaning" in done.output and "outranked" in done.output
    assert CliRunner().invoke(command, [*asked, "hole"]).exit_code == 2
    listed = CliRunner().invoke(command, ["rules", "--municipality", "dammam"]).output.splitlines()
    assert listed[0].split()[:3] == ["10", "big", "cleaning"]


def test_the_rules_of_earlier_releases_become_rules_of_a_class(new_database: Any) -> None:
    database: Database = new_database()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.upgrade(config, "0008")
        connection.execute(text(
            "INSERT INTO municipality (key, name_en, name_ar) VALUES ('dammam', 'Dammam', 'الدمام');"
            "INSERT INTO unit (municipality_id, key, name_en, name_ar, active) VALUES (1, 'machine', 'M', 'م', true);"
            "INSERT INTO routing_rule (municipality_id, class_key, unit_id) VALUES (1, 'pothole', 1)"
        ))  # fmt: skip
    database.migrate()
    with database.engine.begin() as connection:
        rows = connection.execute(text("SELECT key, rank, class_keys, active FROM routing_rule")).all()
        ours = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith("procrastinate")}
        differences = compare_metadata(MigrationContext.configure(connection, opts=ours), Base.metadata)
        config.attributes["connection"] = connection
        alembic.downgrade(config, "0008")
        back = connection.execute(text("SELECT class_key, unit_id FROM routing_rule")).all()
    assert differences == []
    assert [tuple(row) for row in rows] == [("class_pothole", 1000, ["pothole"], True)]
    assert [tuple(row) for row in back] == [("pothole", 1)]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2026-03-04T06:00:00"])
def test_a_time_that_no_clock_can_count_is_refused(town: Town, at: str) -> None:
    order = town.accept(box("pothole"))
    assert town.get("supervisor", f"work-orders/{order['id']}/routing", at=at).status_code == 422


def test_durability_of_days_that_no_calendar_can_count_around_is_refused(town: Town) -> None:
    assert town.get("supervisor", "repairs/durability", to="9999-12-31").status_code == 422

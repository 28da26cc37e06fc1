"""A district ends: what names it is told, no work is placed in it, and what is over keeps it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from service.accounts.models import District
from service.contracts.districts_cli import districts as command
from service.core.database import Database
from service.core.events import Event
from tests.contracts.conftest import body, make_contract, put_district
from tests.defects.sightings import box
from tests.work_orders.orders import Town, make_town, unit_of


def end(town: Town, district_id: int, **told: Any) -> Any:
    return town.post("supervisor", f"districts/{district_id}/end", reason="joined", **told)


def rule(town: Town, district_id: int, key: str = "centre_first") -> Any:
    machine = unit_of(town.session, town.municipality, "pothole_machine").id
    place = {"municipality_id": town.municipality.id, "key": key, "rank": 5, "unit_id": machine}
    return town.post("supervisor", "routing-rules", **place, district_ids=[district_id])


def district_of(town: Town, order_id: int) -> int | None:
    found: int | None = town.get("supervisor", f"work-orders/{order_id}").json()["district_id"]
    return found


def test_open_orders_leave_an_ended_district_and_orders_that_are_over_keep_it(town: Town) -> None:
    old, wider = put_district(town, "old"), put_district(town, "wider", 0.3)
    over, open_ = town.accept()["id"], town.accept(box(north_m=100))["id"]
    town.bring(over, "assign", "start", "done", "pass")
    assert end(town, old["id"]).json() == {
        "district": {key: one for key, one in old.items() if key != "boundary"} | {"ended_at": "2026-03-04T06:00:00Z"},
        "routing_rules": [], "contracts": [], "orders_moved": 1,
    }  # fmt: skip
    assert end(town, old["id"]).json()["orders_moved"] == 0
    assert (district_of(town, over), district_of(town, open_)) == (old["id"], wider["id"])
    assert town.accept(box(north_m=200))["district_id"] == wider["id"]
    put_district(town, "wider", 0.4)  # places orders anew
    assert district_of(town, over) == old["id"]
    assert len(list(town.session.scalars(select(Event).filter_by(subject_kind="district", action="end")))) == 1


def test_an_ended_district_is_listed_apart_and_put_again_is_in_use_again(town: Town) -> None:
    old = put_district(town, "old")
    end(town, old["id"])
    assert town.get("unit", "districts").json()["items"] == []
    assert [one["id"] for one in town.get("unit", "districts", ended=True).json()["items"]] == [old["id"]]
    assert town.get("unit", f"districts/{old['id']}").json()["ended_at"] is not None
    assert put_district(town, "old")["ended_at"] is None
    assert town.accept()["district_id"] == old["id"]


def test_what_names_a_district_is_told_before_it_ends(town: Town) -> None:
    old = put_district(town, "old")
    assert rule(town, old["id"]).status_code == 201
    make_contract(town, district_ids=[old["id"]])
    refused = end(town, old["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "district.used")
    assert (refused.json()["routing_rules"], refused.json()["contracts"]) == (["centre_first"], ["DMM-2026-17"])
    assert "routing rules centre_first and contracts DMM-2026-17" in refused.json()["detail"]
    assert district_of(town, town.accept()["id"]) == old["id"]
    ended = end(town, old["id"], even_if_used=True).json()
    assert (ended["contracts"], ended["district"]["ended_at"] is None) == (["DMM-2026-17"], False)


def test_a_contract_that_has_ended_and_a_rule_that_is_off_hold_no_district(town: Town) -> None:
    old = put_district(town, "old")
    made = make_contract(town, district_ids=[old["id"]])
    town.post("supervisor", f"contracts/{made['id']}/end", last_day="2026-03-01", reason="parted")
    assert end(town, old["id"]).status_code == 200


def test_nothing_new_can_name_an_ended_or_a_neighbours_district(town: Town) -> None:
    old = put_district(town, "old")
    end(town, old["id"])
    assert rule(town, old["id"]).json()["code"] == "routing.district"
    contractor = make_contract(town)["contractor"]["id"]
    told = body(town, contractor, reference="X-2", district_ids=[old["id"]])
    assert town.post("supervisor", "contracts", **told).json()["code"] == "contract.district"
    neighbour = make_town(town.client, town.session, "khobar")
    assert end(neighbour, old["id"]).status_code == 404
    assert town.post("unit", f"districts/{old['id']}/end", reason="x").status_code == 403


def test_a_repair_stays_under_the_contract_of_the_district_that_it_was_done_in(town: Town) -> None:
    old = put_district(town, "old")
    put_district(town, "wider", 0.3)
    make_contract(town, district_ids=[old["id"]])
    order_id = town.bring(town.accept()["id"], "assign", "start", "done")["id"]
    assert end(town, old["id"], even_if_used=True).json()["orders_moved"] == 1
    town.bring(order_id, "pass")
    assert town.get("supervisor", f"work-orders/{order_id}/cost").json()["amount"] == "251.25"


@pytest.fixture
def on_test_database(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))


def test_the_command_line_ends_a_district_and_lists_it_apart(town: Town, on_test_database: None) -> None:
    put_district(town, "old")
    told = ["--municipality", "dammam"]
    done = CliRunner().invoke(command, ["end", "old", *told, "--reason", "joined"])
    assert (done.exit_code, done.output) == (0, "old: ended; 0 orders moved\n")
    assert CliRunner().invoke(command, ["list", *told, "--json"]).output == "[]\n"
    assert "old" in CliRunner().invoke(command, ["list", *told, "--ended"]).output
    assert CliRunner().invoke(command, ["end", "nowhere", *told, "--reason", "joined"]).exit_code == 2
    town.session.rollback()
    assert town.session.scalars(select(District.ended_at)).one() is not None

"""A rain incident from its declaration to its closing report, in the city's own words: water first, and back again."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.accounts.permissions import Role
from service.core.events import Event
from service.defects.models import Defect
from service.work_orders.emergencies import apply_all
from tests.defects.sightings import box
from tests.factories import DAMMAM, NOW, make_municipality, make_user, square
from tests.work_orders.orders import Town, bearer, unit_of

EAST_OF_HERE = square(DAMMAM[1] + 0.1, DAMMAM[0], 0.1)


def declare(town: Town, who: str = "supervisor", **body: Any) -> dict[str, Any]:
    body = {
        "municipality_id": town.municipality.id, "kind": "rain", "name": "Rain of March",
        "starts_at": town.now.isoformat(), **body,
    }  # fmt: skip
    answer = town.post(who, "incidents", **body)
    assert answer.status_code == 201, answer.text
    declared: dict[str, Any] = answer.json()
    return declared


def order_of(town: Town, order_id: int) -> dict[str, Any]:
    found: dict[str, Any] = town.get("supervisor", f"work-orders/{order_id}").json()
    return found


def test_water_comes_first_while_it_rains_and_all_is_as_before_afterwards(town: Town) -> None:
    water, writing = town.accept(box("standing_water")), town.accept(box("graffiti", north_m=40))
    usual = order_of(town, water["id"])["due_at"]
    town.later(hours=1)
    incident = declare(town)
    assert declare(town)["id"] == incident["id"]  # sent again
    hurried = order_of(town, water["id"])
    assert hurried["due_at"] == (town.now + timedelta(hours=4)).isoformat().replace("+00:00", "Z")
    assert order_of(town, writing["id"])["due_at"] == writing["due_at"]
    parts = town.get("supervisor", f"defects/{water['defect_id']}/priority").json()
    assert {one["key"]: one["points"] for one in parts["parts"] if one["key"] == "incident"} == {"incident": 60.0}
    town.later(hours=2)
    assert town.post("supervisor", f"incidents/{incident['id']}/end").json()["ended_at"] is not None
    assert order_of(town, water["id"])["due_at"] == usual
    parts = town.get("supervisor", f"defects/{water['defect_id']}/priority").json()
    assert "incident" not in {one["key"] for one in parts["parts"]}


def test_what_is_found_later_is_hurried_too_and_what_lies_outside_is_not(town: Town) -> None:
    declare(town, area=EAST_OF_HERE)
    here = town.accept(box("standing_water"))
    assert apply_all(town.client.app.state.runtime.database, town.now) == 0  # type: ignore[attr-defined]
    declare(town, kind="other", rules={"close_hours": {"standing_water": 2}, "points": {"standing_water": 10}})
    there = town.accept(box("standing_water", north_m=60))
    assert apply_all(town.client.app.state.runtime.database, town.now) > 0  # type: ignore[attr-defined]
    assert apply_all(town.client.app.state.runtime.database, town.now) == 0  # type: ignore[attr-defined]
    due = (town.now + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert order_of(town, here["id"])["due_at"] == due == order_of(town, there["id"])["due_at"]


def test_while_it_rains_a_rule_sends_holes_to_the_rain_unit_which_can_do_more_a_day(town: Town) -> None:
    hole = town.accept(box("pothole"))
    rain = unit_of(town.session, town.municipality, "rain_water")
    usual = hole["unit_id"]
    rule = {
        "municipality_id": town.municipality.id, "key": "rain", "rank": 1, "class_keys": ["pothole"],
        "incident_kinds": ["rain"], "unit_id": rain.id,
    }  # fmt: skip
    assert town.post("supervisor", "routing-rules", **rule).status_code in {200, 201}
    incident = declare(town, rules={"capacity": {"rain_water": 40}})
    assert order_of(town, hole["id"])["unit_id"] == rain.id
    assert town.accept(box("pothole", north_m=70))["unit_id"] == rain.id
    assert town.get("supervisor", f"units/{rain.id}/day").json()["capacity"] == 40
    town.later(hours=1)
    town.post("supervisor", f"incidents/{incident['id']}/end")
    assert order_of(town, hole["id"])["unit_id"] == usual
    assert town.get("supervisor", f"units/{rain.id}/day").json()["capacity"] is None


def test_what_a_unit_refused_waits_for_a_person_while_it_rains_too(town: Town) -> None:
    rain = unit_of(town.session, town.municipality, "rain_water")
    rule = {
        "municipality_id": town.municipality.id, "key": "rain", "rank": 1, "class_keys": ["pothole"],
        "incident_kinds": ["rain"], "unit_id": rain.id,
    }  # fmt: skip
    town.post("supervisor", "routing-rules", **rule)
    refused, waits = town.accept(box("pothole"))["id"], town.accept(box("pothole", north_m=70))["id"]
    town.bring(refused, "assign")
    assert town.act("unit", refused, "refuse", reason="needs a crane").json()["unit_id"] is None
    declare(town)
    assert [order_of(town, one)["unit_id"] for one in (refused, waits)] == [None, rain.id]


def test_an_order_that_is_opened_again_after_the_rain_has_its_whole_time_once_more(town: Town) -> None:
    hole = town.accept(box("pothole"))["id"]
    incident = declare(town, kind="other", rules={"close_hours": {"pothole": 2}})
    town.bring(hole, "assign", "start", "done", "pass")
    town.post("supervisor", f"incidents/{incident['id']}/end")
    town.later(days=20)
    reopened = town.bring(hole, "reopen")
    assert apply_all(town.client.app.state.runtime.database, town.now) == 0  # type: ignore[attr-defined]
    assert order_of(town, hole)["due_at"] == reopened["due_at"] > town.now.isoformat()


def test_what_was_split_and_merged_in_the_rain_is_due_as_usual_afterwards(town: Town) -> None:
    early = town.accept(box("pothole"))
    town.later(hours=1)
    late = town.accept(box("pothole", north_m=70))
    incident = declare(town, kind="other", rules={"close_hours": {"pothole": 2}})
    assert order_of(town, late["id"])["due_at"] < early["due_at"] < late["due_at"]
    part = town.act("supervisor", early["id"], "split", key="half", quantity=0.1).json()
    other = town.accept(box("pothole", north_m=140))
    merged = town.act("supervisor", other["id"], "merge", order_ids=[late["id"]])
    assert merged.status_code == 200, merged.text
    town.post("supervisor", f"incidents/{incident['id']}/end")
    assert order_of(town, part["id"])["due_at"] == early["due_at"] == order_of(town, early["id"])["due_at"]
    assert order_of(town, other["id"])["due_at"] == late["due_at"]


def test_the_closing_report_counts_what_was_found_done_and_left(town: Town) -> None:
    before = town.accept(box("pothole"))
    town.later(hours=1)
    incident = declare(town)
    town.accept(box("pothole", north_m=50))
    town.bring(before["id"], "assign", "start")
    town.later(hours=2)
    town.bring(before["id"], "done", "pass")
    report = town.get("supervisor", f"incidents/{incident['id']}/report").json()
    assert report["final"] is False
    (holes,) = report["figures"]["classes"]
    assert (holes["class"], holes["orders"], holes["waiting"], holes["closed"], holes["late"]) == (
        "pothole", 2, 1, 1, 0,
    )  # fmt: skip
    assert holes["hours_to_close"] == pytest.approx(2.0)
    town.later(hours=1)
    town.post("supervisor", f"incidents/{incident['id']}/end")
    town.later(days=3)
    final = town.get("supervisor", f"incidents/{incident['id']}/report").json()
    assert final["final"] is True and final["figures"]["hours"] == pytest.approx(3.0)
    assert sum(unit["closed"] for unit in final["figures"]["units"]) == 1


def test_the_figures_of_an_incident_that_ended_stay_those_of_its_report(town: Town) -> None:
    order = town.accept(box("pothole"))
    incident = declare(town)
    town.later(hours=1)
    town.bring(order["id"], "assign", "start", "done", "pass")
    town.post("supervisor", f"incidents/{incident['id']}/end")
    town.later(hours=1)
    assert town.post("supervisor", f"work-orders/{order['id']}/reopen", reason="it is back").status_code == 200
    figures = town.get("supervisor", f"incidents/{incident['id']}/figures").json()
    assert figures["closed"] == 1
    assert figures == town.get("supervisor", f"incidents/{incident['id']}/report").json()["figures"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"rules": {"points": {"ponds": 3}}}, "incident.rules"),
        ({"rules": {"close_hours": {"pothole": -1}}}, "incident.rules"),
        ({"rules": {"speed": {}}}, "incident.rules"),
        ({"area": {"type": "Point", "coordinates": [50, 26]}}, "incident.area"),
        ({"starts_at": (NOW + timedelta(days=2)).isoformat()}, "incident.starts_at"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_reason(town: Town, wrong: dict[str, Any], code: str) -> None:
    body = {
        "municipality_id": town.municipality.id, "kind": "rain", "name": "Rain", "starts_at": town.now.isoformat(),
        **wrong,
    }  # fmt: skip
    answer = town.post("supervisor", "incidents", **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_only_who_manages_incidents_declares_one_and_a_neighbour_sees_none(town: Town) -> None:
    incident = declare(town)
    told = {"kind": "rain", "name": "x", "starts_at": town.now.isoformat()}
    assert town.post("inspector", "incidents", municipality_id=town.municipality.id, **told).status_code == 403
    other = make_municipality(town.session, "qatif")
    town.headers["neighbour"] = bearer(town.session, make_user(town.session, Role.SUPERVISOR, other))
    town.session.commit()
    assert town.post("supervisor", "incidents", municipality_id=other.id, **told).status_code == 404
    assert town.get("neighbour", f"incidents/{incident['id']}").status_code == 404
    assert town.get("neighbour", "incidents").json()["items"] == []
    assert town.post("neighbour", f"incidents/{incident['id']}/end").status_code == 404


def test_water_that_stands_at_one_place_in_two_winters_is_on_the_map_of_recurrences(town: Town) -> None:
    for north_m in (0, 20, 900):
        town.accept(box("standing_water", north_m=north_m))
    first, second, _ = town.session.scalars(select(Defect).order_by(Defect.id))
    first.first_seen_at = NOW - timedelta(days=380)
    town.session.commit()
    asked = {"municipality_id": town.municipality.id, "last": "2026-12-31"}
    (cell,) = town.get("supervisor", "recurrences.geojson", **asked).json()["features"]
    assert cell["properties"]["by_year"] == {"2025": 1, "2026": 1} and cell["properties"]["years"] == 2
    assert cell["properties"]["defect_ids"] == [first.id, second.id]
    assert len(town.get("supervisor", "recurrences.geojson", **asked, least=1).json()["features"]) == 2
    assert town.get("supervisor", "recurrences.geojson", municipality_id=999999).status_code == 404


def test_every_step_of_an_incident_is_an_event(town: Town) -> None:
    water = town.accept(box("standing_water"))
    incident = declare(town)
    town.put("supervisor", f"incidents/{incident['id']}", name="Rain", rules={}, area=None, note="light")
    town.post("supervisor", f"incidents/{incident['id']}/end")
    steps = select(Event.action).where(Event.subject_kind == "incident").order_by(Event.id)
    assert list(town.session.scalars(steps)) == ["declare", "change", "end", "report"]
    hurries = select(Event.action).where(
        Event.subject_kind == "work_order", Event.subject_id == water["id"], Event.action.contains("hurry")
    )
    assert list(town.session.scalars(hurries.order_by(Event.id))) == ["hurry", "unhurry"]

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from datasets.taxonomy import KEYS
from service.core.events import Event
from service.work_orders.defaults import DEFAULT_UNITS, create_default_operations
from service.work_orders.models import RoutingRule, SlaPolicy, Unit
from tests.work_orders.orders import Town, make_town, unit_of


def test_the_default_units_take_every_class_once() -> None:
    taken = [class_key for unit in DEFAULT_UNITS for class_key in unit.class_keys]
    assert sorted(taken) == sorted(KEYS)


def test_default_operations_given_twice_are_there_once_and_keep_what_was_changed(town: Town) -> None:
    policy = town.session.scalars(select(SlaPolicy).filter_by(class_key="pothole")).one()
    policy.hours_to_close = 7
    town.session.commit()
    create_default_operations(town.session, town.municipality)
    counts = [town.session.scalar(select(func.count()).select_from(t)) for t in (Unit, RoutingRule, SlaPolicy)]
    assert counts == [len(DEFAULT_UNITS), len(KEYS), len(KEYS)]
    assert town.session.scalars(select(SlaPolicy.hours_to_close).filter_by(class_key="pothole")).one() == 7


def test_a_new_rule_and_policy_hold_for_the_next_order(town: Town) -> None:
    cleaning = unit_of(town.session, town.municipality, "cleaning")
    place = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    assert town.put("supervisor", "routing-rules", unit_id=cleaning.id, **place).json()["unit_id"] == cleaning.id
    level = {"clock": "round_the_clock", "hours_to_close": 6}
    assert town.put("supervisor", "sla-policies", **level, **place).json()["hours_to_close"] == 6
    order = town.accept()
    assert order["unit_id"] == cleaning.id
    assert datetime.fromisoformat(order["due_at"]) == town.now + timedelta(hours=6)
    assert len(town.get("inspector", "routing-rules").json()["items"]) == len(KEYS)
    assert len(town.get("inspector", "sla-policies").json()["items"]) == len(KEYS)


def test_a_rule_and_a_policy_set_twice_are_recorded_once(town: Town) -> None:
    cleaning = unit_of(town.session, town.municipality, "cleaning")
    place = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    for _ in range(2):
        town.put("supervisor", "routing-rules", unit_id=cleaning.id, **place)
        town.put("supervisor", "sla-policies", clock="round_the_clock", hours_to_close=6, **place)
    policies = town.session.scalars(select(Event.action).where(Event.subject_kind == "sla_policy"))
    assert list(policies) == ["set"]
    changes = town.session.scalars(select(Event.action).where(Event.subject_kind == "routing_rule"))
    assert list(changes) == ["change"]


def test_a_unit_created_twice_is_one_unit_and_another_name_for_it_is_a_conflict(town: Town) -> None:
    body = {"municipality_id": town.municipality.id, "key": "trees", "name_en": "Trees", "name_ar": "الأشجار"}
    first, second = town.post("supervisor", "units", **body), town.post("supervisor", "units", **body)
    assert first.status_code == 201 and first.json() == second.json()
    assert town.post("supervisor", "units", **(body | {"name_en": "Other"})).json()["code"] == "unit.exists"
    renamed = town.put("supervisor", f"units/{first.json()['id']}", name_en="Palms", name_ar="النخيل", active=False)
    assert (renamed.json()["name_en"], renamed.json()["active"]) == ("Palms", False)
    assert renamed.json() in town.get("inspector", "units", municipality_id=town.municipality.id).json()["items"]


def test_the_neighbours_operations_can_be_neither_seen_nor_changed(town: Town) -> None:
    neighbour = make_town(town.client, town.session, "khobar")
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    names = {"name_en": "x", "name_ar": "x"}
    place = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    assert neighbour.put("supervisor", f"units/{machine.id}", active=False, **names).status_code == 404
    assert neighbour.put("supervisor", "routing-rules", unit_id=machine.id, **place).status_code == 404
    level = {"clock": "working_hours", "hours_to_close": 1}
    assert neighbour.put("supervisor", "sla-policies", **level, **place).status_code == 404
    new = neighbour.post("supervisor", "units", municipality_id=town.municipality.id, key="spy", **names)
    assert new.status_code == 404
    own = place | {"municipality_id": neighbour.municipality.id}
    assert neighbour.put("supervisor", "routing-rules", unit_id=machine.id, **own).status_code == 422
    for path in ("units", "routing-rules", "sla-policies"):
        rows = neighbour.get("supervisor", path, municipality_id=town.municipality.id)
        assert rows.json()["items"] == []


@pytest.mark.parametrize("who", ["inspector", "unit"])
def test_only_those_who_manage_may_change_operations(town: Town, who: str) -> None:
    place = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    assert town.put(who, "sla-policies", clock="working_hours", hours_to_close=1, **place).status_code == 403


@pytest.mark.parametrize("hours", [0, -5, 100_000, 1.5])
def test_hours_that_no_repair_can_have_are_refused(town: Town, hours: float) -> None:
    place = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    assert (
        town.put("supervisor", "sla-policies", clock="working_hours", hours_to_close=hours, **place).status_code == 422
    )

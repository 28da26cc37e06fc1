"""Refusal, transfer, referral, photos and the day's capacity, through the API on the real database."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.core.events import Event
from service.defects.models import Defect
from service.work_orders.models import Repair
from tests.defects.sightings import box
from tests.factories import jpeg
from tests.work_orders.orders import Town, make_town, unit_of


def unit_id(town: Town, key: str) -> int:
    return unit_of(town.session, town.municipality, key).id


def refer(town: Town, order_id: int, number: str = "W-17", **body: Any) -> Any:
    agency = town.put(
        "supervisor", "agencies", municipality_id=town.municipality.id, key="water", name_en="Water", name_ar="المياه",
        contact="water@example.org",
    ).json()  # fmt: skip
    due = (town.now + timedelta(days=5)).isoformat()
    told = {"agency_id": agency["id"], "number": number, "answer_due_at": due} | body
    return town.act("supervisor", order_id, "referrals", **told)


def answer(town: Town, order_id: int, referral_id: int, outcome: str, **body: Any) -> Any:
    return town.act("supervisor", order_id, f"referrals/{referral_id}/answer", outcome=outcome, **body)


def test_a_refused_order_is_back_at_dispatch_with_the_reason(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start")
    for _ in range(2):
        refused = town.act("unit", order_id, "refuse", reason="needs a crane").json()
        assert (refused["state"], refused["unit_id"], refused["state_reason"]) == ("open", None, "needs a crane")
    assert town.get("unit", f"work-orders/{order_id}").status_code == 404
    events = town.get("supervisor", f"work-orders/{order_id}").json()["events"]
    assert [one["action"] for one in events] == ["open", "assign", "start", "refuse"]
    assert events[-1]["data"] == {"reason": "needs a crane", "unit_id": unit_id(town, "pothole_machine")}
    (waiting,) = town.get("supervisor", "work-orders", without_unit=True).json()["items"]
    assert waiting["id"] == order_id and "name one" in town.act("supervisor", order_id, "assign").json()["detail"]
    again = town.act("supervisor", order_id, "assign", unit_id=unit_id(town, "cleaning"))
    assert (again.json()["state"], again.json()["state_reason"]) == ("assigned", None)
    assert town.get("supervisor", "work-orders", without_unit=True).json()["items"] == []
    assert town.act("unit", order_id, "refuse", reason="x").status_code == 404


def test_an_order_that_no_unit_has_cannot_be_refused_and_a_reason_is_needed(town: Town) -> None:
    order_id = town.accept()["id"]
    assert town.act("unit", order_id, "refuse", reason="x").json()["code"] == "work_order.state"
    assert town.act("unit", order_id, "refuse", reason=" ").status_code == 422
    assert town.act("inspector", order_id, "refuse", reason="x").status_code == 403


def test_another_unit_takes_an_order_over(town: Town) -> None:
    order_id = town.accept()["id"]
    cleaning = unit_id(town, "cleaning")
    assert town.act("supervisor", order_id, "transfer", unit_id=cleaning, reason="x").status_code == 409
    town.bring(order_id, "assign", "start")
    for _ in range(2):
        moved = town.act("supervisor", order_id, "transfer", unit_id=cleaning, reason="nearer").json()
        assert (moved["state"], moved["unit_id"]) == ("assigned", cleaning)
    assert town.act("unit", order_id, "start").status_code == 404
    assert town.act("other_unit", order_id, "start").json()["state"] == "in_progress"
    events = town.get("supervisor", f"work-orders/{order_id}").json()["events"]
    assert [one["action"] for one in events] == ["open", "assign", "start", "transfer", "start"]
    neighbour = make_town(town.client, town.session, "khobar")
    theirs = unit_id(neighbour, "cleaning")
    refused = town.act("supervisor", order_id, "transfer", unit_id=theirs, reason="x")
    assert refused.json()["code"] == "work_order.unit"
    assert neighbour.act("supervisor", order_id, "transfer", unit_id=theirs, reason="x").status_code == 404


@pytest.mark.parametrize("outcome", ["declined", "returned"])
def test_the_clock_stands_still_at_an_agency_that_sends_the_work_back(town: Town, outcome: str) -> None:
    order = town.accept()
    town.bring(order["id"], "assign")
    referral = refer(town, order["id"])
    assert referral.status_code == 201 and refer(town, order["id"]).json() == referral.json()
    told = referral.json()
    assert "stands still" in told["clock_rule"] and told["outcome"] is None
    at_agency = town.get("supervisor", f"work-orders/{order['id']}").json()
    assert (at_agency["state"], at_agency["unit_id"], at_agency["overdue"]) == ("referred", None, False)
    town.later(days=7)
    assert [one["id"] for one in town.get("supervisor", "referrals", overdue=True).json()["items"]] == [told["id"]]
    assert town.get("supervisor", f"work-orders/{order['id']}").json()["overdue"] is False
    for _ in range(2):
        back = answer(town, order["id"], told["id"], outcome, answer="not ours").json()
        assert (back["outcome"], back["answer"], back["overdue"]) == (outcome, "not ours", False)
    now = town.get("supervisor", f"work-orders/{order['id']}").json()
    assert (now["state"], now["state_reason"]) == ("open", "not ours")
    assert datetime.fromisoformat(now["due_at"]) - datetime.fromisoformat(order["due_at"]) == timedelta(days=7)
    assert answer(town, order["id"], told["id"], "done").status_code == 409
    assert town.get("supervisor", "referrals", waiting=True).json()["items"] == []
    assert [one["outcome"] for one in now["referrals"]] == [outcome]
    assert refer(town, order["id"], "W-18").json()["id"] != told["id"]


def test_what_an_agency_repaired_is_inspected_and_no_units_repair(town: Town) -> None:
    order_id = town.accept()["id"]
    referral = refer(town, order_id).json()
    assert answer(town, order_id, referral["id"], "done", quantity=3.0).json()["outcome"] == "done"
    order = town.bring(order_id, "pass")
    assert (order["state"], order["quantity_measured"], order["unit_id"]) == ("closed", 3.0, None)
    assert town.session.scalars(select(Defect.state)).one() == "resolved"
    assert town.session.scalars(select(Repair.unit_id)).one() is None


def test_what_an_agency_repaired_after_days_of_its_own_is_in_time(town: Town) -> None:
    order = town.accept()
    referral = refer(town, order["id"]).json()
    town.later(days=7)
    answer(town, order["id"], referral["id"], "done", quantity=3.0)
    done = town.get("supervisor", f"work-orders/{order['id']}").json()
    times = {name: datetime.fromisoformat(done[name]) for name in ("done_at", "due_at")}
    assert times["due_at"] - datetime.fromisoformat(order["due_at"]) == timedelta(days=7)
    assert times["done_at"] < times["due_at"] and not done["overdue"]


def test_a_cancelled_order_withdraws_its_referral_and_the_neighbour_sees_none(town: Town) -> None:
    order_id = town.accept()["id"]
    referral = refer(town, order_id).json()
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.get("supervisor", "referrals").json()["items"] == []
    assert neighbour.get("supervisor", "agencies").json()["items"] == []
    assert answer(neighbour, order_id, referral["id"], "done").status_code == 404
    other = neighbour.accept()["id"]
    theirs = neighbour.act(
        "supervisor", other, "referrals", agency_id=referral["agency"]["id"], number="1",
        answer_due_at=(town.now + timedelta(days=1)).isoformat(),
    )  # fmt: skip
    assert theirs.json()["code"] == "referral.agency"
    assert refer(town, town.accept(box(north_m=80))["id"], answer_due_at="2020-01-01T00:00:00Z").status_code == 422
    town.act("supervisor", order_id, "cancel", reason="a mistake")
    order = town.get("supervisor", f"work-orders/{order_id}").json()
    assert order["state"] == "cancelled" and order["referrals"][0]["outcome"] == "withdrawn"


def photo(town: Town, order_id: int, data: bytes, kind: str, who: str = "unit") -> Any:
    path = f"/api/v1/work-orders/{order_id}/photos"
    files = {"photo": ("p.jpg", data, "image/jpeg")}
    return town.client.post(path, headers=town.headers[who], files=files, data={"kind": kind})


def test_photos_before_and_after_are_kept_with_the_report(town: Town) -> None:
    order_id = town.accept(box(size=1.0))["id"]
    before, after = jpeg(), jpeg()
    assert photo(town, order_id, before, "before").json()["code"] == "work_order.state"
    town.bring(order_id, "assign", "start")
    first = photo(town, order_id, before, "before")
    assert first.status_code == 200 and first.json() == photo(town, order_id, before, "before").json()
    assert photo(town, order_id, after, "after").json()["quantity"] is None
    assert photo(town, order_id, after, "after", "other_unit").status_code == 404
    done = town.done(order_id, after, quantity=1.5)
    assert done.json()["quantity_far_apart"] is False
    proofs = town.get("unit", f"work-orders/{order_id}").json()["proofs"]
    assert [(one["kind"], one["quantity"]) for one in proofs] == [("before", None), ("after", 1.5)]
    assert town.client.get(proofs[0]["image_url"], headers=town.headers["unit"]).status_code == 200
    town.bring(order_id, "fail")
    assert town.done(order_id, after).json()["code"] == "proof.used"


@pytest.mark.parametrize(("measured", "far"), [(0.4, True), (0.6, False), (1.9, False), (2.0, True)])
def test_a_quantity_far_from_the_estimate_is_flagged(town: Town, measured: float, far: bool) -> None:
    order_id = town.accept(box(size=1.0))["id"]
    town.bring(order_id, "assign", "start")
    assert town.done(order_id, quantity=measured).json()["quantity_far_apart"] is far
    done = select(Event).where(Event.action == "report_done")
    assert town.session.scalars(done).one().data["far_apart"] is far
    told = town.session.scalars(select(Event).where(Event.action == "doubt")).all()
    assert [one.data["measured"] for one in told] == [measured] * far
    town.accept(box(north_m=60))  # nothing is measured of it
    for wanted in (True, False):
        rows = town.get("supervisor", "work-orders", quantity_far_apart=wanted).json()["items"]
        assert (order_id in [one["id"] for one in rows]) is (far is wanted)
        assert len(rows) == (far is wanted) + (not wanted)
    assert town.get("supervisor", f"work-orders/{order_id}").json()["doubts"] == ["quantity"] * far


def test_a_crew_gets_what_it_can_do_and_the_rest_waits_by_priority(town: Town) -> None:
    machine = unit_id(town, "pothole_machine")
    orders = [town.accept(box(north_m=60 * number)) for number in range(4)]
    path, names = f"units/{machine}/day", {"name_en": "Machine", "name_ar": "معدة", "active": True}
    assert town.get("unit", path).json()["capacity"] is None
    assert len(town.get("unit", path).json()["today"]) == 4
    assert town.put("supervisor", f"units/{machine}", **names, capacity_per_day=2).json()["capacity_per_day"] == 2
    assert town.put("supervisor", f"units/{machine}", **names).json()["capacity_per_day"] == 2
    urgent = town.put("supervisor", f"work-orders/{orders[3]['id']}/priority", priority=99, reason="a school")
    assert (urgent.json()["priority"], urgent.json()["priority_set"]) == (99, 99)
    day = town.get("unit", path).json()
    assert [one["id"] for one in day["today"]] == [orders[3]["id"], orders[0]["id"]]
    assert [one["id"] for one in day["overflow"]] == [orders[1]["id"], orders[2]["id"]]
    town.bring(orders[3]["id"], "assign", "start", "done")
    day = town.get("unit", path).json()
    assert (day["done_today"], [one["id"] for one in day["today"]], day["queued"]) == (1, [orders[0]["id"]], 2)
    town.later(days=1)
    day = town.get("unit", path, limit=1).json()
    assert (day["done_today"], len(day["today"]), day["overflow"][0]["id"]) == (0, 2, orders[2]["id"])
    assert town.put("supervisor", f"units/{machine}", **names, capacity_per_day=0).status_code == 422
    given_back = town.put("supervisor", f"work-orders/{orders[3]['id']}/priority", priority=None, reason="done")
    assert given_back.json()["priority_set"] is None


def test_what_was_measured_is_kept_to_the_thousandth_and_things_are_counted_whole(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start")
    assert town.done(order_id, quantity=0.0004).json()["code"] == "proof.quantity"
    assert town.done(order_id, quantity=0.7616002721).json()["quantity_measured"] == 0.762
    reported = town.session.scalars(select(Event).where(Event.action == "report_done")).one()
    assert reported.data["quantity"] == 0.762
    signs = town.accept(box("construction_barrier", north_m=40))["id"]
    town.act("supervisor", signs, "assign", unit_id=unit_id(town, "pothole_machine"))
    town.act("unit", signs, "start")
    assert "whole number" in town.done(signs, quantity=1.5).json()["detail"]
    assert town.done(signs, quantity=2).json()["quantity_measured"] == 2


def test_a_photo_that_was_sent_for_another_place_too_leaves_both_repairs_in_doubt(town: Town) -> None:
    first, second, third = (town.accept(box(north_m=north))["id"] for north in (0, 40, 80))
    photo = jpeg()
    for order_id in (first, second, third):
        town.bring(order_id, "assign", "start")
    town.done(first, photo, quantity=1.0)
    town.done(second, photo, quantity=1.0)
    town.done(third, quantity=1.0)
    doubts = [town.get("supervisor", f"work-orders/{one}").json()["doubts"] for one in (first, second, third)]
    assert ["picture_of_another" in own for own in doubts] == [True, True, False]
    told = town.session.scalars(select(Event).where(Event.action == "doubt", Event.subject_id == second)).all()
    assert [one.data for one in told if one.data["doubt"] == "picture_of_another"] == [
        {"doubt": "picture_of_another", "order_ids": [first]}
    ]

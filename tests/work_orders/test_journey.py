from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select

from service.core.events import Event
from service.defects.evidence import REOPEN_AFTER
from service.defects.models import Defect
from service.work_orders.models import WorkOrder
from service.work_orders.service import reopen_after_sighting
from tests.defects.sightings import box, see
from tests.factories import jpeg, make_frame, make_survey, make_vehicle
from tests.work_orders.orders import Town, unit_of


def test_a_candidate_becomes_a_closed_order_with_proof_inspection_and_history(town: Town) -> None:
    order = town.accept(box(size=1.5))
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    assert (order["state"], order["unit_id"], order["quantity_estimated"]) == ("open", machine.id, 1.5)
    assert datetime.fromisoformat(order["due_at"]) == town.now + timedelta(hours=48)
    photo = jpeg()
    town.bring(order["id"], "assign", "start")
    town.later(hours=5)
    assert town.done(order["id"], photo, quantity=2.25, note="cold asphalt").json()["quantity_measured"] == 2.25
    town.later(hours=1)
    found = town.bring(order["id"], "pass")
    assert (found["state"], found["defect"]["state"], found["overdue"]) == ("closed", "resolved", False)
    assert (
        datetime.fromisoformat(found["closed_at"]) == town.now == datetime.fromisoformat(found["defect"]["resolved_at"])
    )
    assert [event["action"] for event in found["events"]] == [
        "open",
        "assign",
        "start",
        "report_done",
        "pass",
    ]
    assert [row["passed"] for row in found["inspections"]] == [True]
    (proof,) = found["proofs"]
    assert (proof["quantity"], proof["note"]) == (2.25, "cold asphalt")
    image = town.client.get(proof["image_url"], headers=town.headers["unit"])
    assert image.content == photo and image.headers["content-type"] == "image/jpeg"


def test_a_bad_repair_goes_back_with_the_reason_and_needs_a_new_photo(town: Town) -> None:
    order_id, photo = town.accept()["id"], jpeg()
    town.bring(order_id, "assign", "start")
    town.done(order_id, photo)
    back = town.act("inspector", order_id, "inspection", passed=False, note="edge still open").json()
    assert (back["state"], back["state_reason"], back["done_at"]) == ("in_progress", "edge still open", None)
    again = town.done(order_id, photo)
    assert (again.status_code, again.json()["code"]) == (409, "proof.used")
    found = town.bring(order_id, "done", "pass")
    assert found["state"] == "closed" and found["state_reason"] is None
    assert [row["passed"] for row in found["inspections"]] == [False, True] and len(found["proofs"]) == 2


def test_an_order_whose_defect_is_seen_again_opens_with_a_new_due_time(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start", "done", "pass")
    town.later(seconds=REOPEN_AFTER.total_seconds())
    vehicle, _ = make_vehicle(town.session, town.municipality)
    frame = make_frame(town.session, make_survey(town.session, vehicle), captured_at=town.now)
    (defect,) = see(town.session, [box(size=4.0)], frame).reopened
    reopen_after_sighting(town.session, defect, town.now)
    reopen_after_sighting(town.session, defect, town.now)
    town.session.commit()
    found = town.get("supervisor", f"work-orders/{order_id}").json()
    assert (found["state"], found["defect"]["state"], found["quantity_estimated"]) == (
        "open",
        "confirmed",
        4.0,
    )
    assert (found["closed_at"], found["done_at"], found["quantity_measured"]) == (None, None, None)
    assert datetime.fromisoformat(found["due_at"]) == town.now + timedelta(hours=48)
    last = found["events"][-1]
    assert (last["action"], last["actor_kind"], last["data"]["quantity_measured"]) == (
        "reopen",
        "system",
        2.5,
    )
    assert [event["action"] for event in found["events"]].count("reopen") == 1
    assert town.bring(order_id, "assign", "start", "done", "pass")["state"] == "closed"


def test_a_supervisor_reopens_an_order_and_its_defect(town: Town) -> None:
    order_id = town.accept()["id"]
    found = town.bring(order_id, "assign", "start", "done", "pass", "reopen")
    assert (found["state"], found["state_reason"], found["defect"]["state"]) == (
        "open",
        "told so",
        "confirmed",
    )


def test_a_cancelled_order_leaves_its_defect_confirmed_and_accepting_again_opens_a_new_one(
    town: Town,
) -> None:
    order = town.accept()
    found = town.bring(order["id"], "assign", "cancel")
    assert (found["state"], found["defect"]["state"], found["actions"]) == ("cancelled", "confirmed", [])
    new = town.review(order["defect_id"])["work_order"]
    assert new["id"] != order["id"] and new["state"] == "open"
    assert town.review(order["defect_id"])["work_order"]["id"] == new["id"]
    assert town.session.scalar(select(func.count(WorkOrder.id))) == 2


def test_accepting_a_defect_twice_opens_one_order(town: Town) -> None:
    order = town.accept()
    town.bring(order["id"], "assign", "start")
    assert town.review(order["defect_id"])["work_order"]["id"] == order["id"]
    assert town.session.scalar(select(func.count(WorkOrder.id))) == 1


def test_an_order_without_a_rule_waits_for_a_person_to_choose_the_unit(town: Town) -> None:
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    names = {"name_en": machine.name_en, "name_ar": machine.name_ar}
    town.put("supervisor", f"units/{machine.id}", active=False, **names)
    order = town.accept()
    assert order["unit_id"] is None
    refused = town.act("supervisor", order["id"], "assign")
    assert (refused.status_code, refused.json()["code"]) == (422, "work_order.unit")
    assert town.act("supervisor", order["id"], "assign", unit_id=machine.id).status_code == 422
    other = unit_of(town.session, town.municipality, "cleaning")
    assert town.act("supervisor", order["id"], "assign", unit_id=other.id).json()["unit_id"] == other.id


def test_every_step_of_an_order_is_one_event_in_the_audit_trail(town: Town) -> None:
    order = town.accept()
    found = town.bring(order["id"], "hold", "resume", "assign", "start", "done", "fail", "done", "pass")
    moves = [(event["from_state"], event["to_state"]) for event in found["events"]]
    assert moves[0] == (None, "open")
    assert all(before[1] == after[0] for before, after in pairwise(moves))
    defect = town.session.get_one(Defect, order["defect_id"])
    own = select(Event.action).where(Event.subject_kind == "defect", Event.subject_id == defect.id)
    assert town.session.scalars(own.order_by(Event.id)).all() == ["find", "accept", "resolve"]

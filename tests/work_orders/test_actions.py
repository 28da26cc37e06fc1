from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from service.accounts.caller import caller_of_user
from service.accounts.permissions import Role
from service.core.database import Database
from service.core.events import Event
from service.work_orders import service
from service.work_orders.models import Inspection, Proof
from service.work_orders.states import WorkOrderAction, WorkOrderState
from tests.defects.sightings import box
from tests.factories import jpeg, make_user
from tests.work_orders.orders import Town, make_town, unit_of

PATHS: dict[str, tuple[tuple[str, ...], str, dict[str, Any]]] = {
    "assign": ((), "assign", {}),
    "start": (("assign",), "start", {}),
    "pass": (("assign", "start", "done"), "inspection", {"passed": True}),
    "fail": (("assign", "start", "done"), "inspection", {"passed": False, "note": "not flat"}),
    "hold": (("assign",), "hold", {"reason": "rain"}),
    "resume": (("assign", "hold"), "resume", {}),
    "cancel": (("assign",), "cancel", {"reason": "planned works"}),
    "reopen": (("assign", "start", "done", "pass"), "reopen", {"reason": "sunk again"}),
    "refuse": (("assign",), "refuse", {"reason": "needs a crane"}),
}
ALLOWED = {
    "assign": {"supervisor", "admin"},
    "start": {"unit", "supervisor", "admin"},
    "pass": {"inspector", "supervisor", "admin"},
    "fail": {"inspector", "supervisor", "admin"},
    "hold": {"unit", "supervisor", "admin"},
    "resume": {"supervisor", "admin"},
    "cancel": {"supervisor", "admin"},
    "reopen": {"supervisor", "admin"},
    "refuse": {"unit", "supervisor", "admin"},
}
ELSEWHERE = {
    "report_done",
    "transfer",
    "split",
    "merge",
    "refer",
    "agency_done",
    "agency_back",
}  # in tests of their own


def test_the_tables_of_this_file_name_every_action() -> None:
    assert set(PATHS) | ELSEWHERE == set(WorkOrderAction) and set(PATHS) == set(ALLOWED)


@pytest.mark.parametrize("action", PATHS)
def test_an_action_sent_twice_happens_once(town: Town, action: str) -> None:
    before, path, body = PATHS[action]
    order_id = town.accept()["id"]
    town.bring(order_id, *before)
    first = town.act("supervisor", order_id, path, **body)
    events = town.session.scalar(select(func.count(Event.id)))
    town.later(hours=1)
    second = town.act("supervisor", order_id, path, **body)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert town.session.scalar(select(func.count(Event.id))) == events


@pytest.mark.parametrize("action", PATHS)
def test_an_action_is_refused_to_every_role_it_is_not_given_to(town: Town, action: str) -> None:
    before, path, body = PATHS[action]
    order_id = town.accept()["id"]
    state = town.bring(order_id, *before)["state"]
    for who in {"inspector", "unit", "vehicle"} - ALLOWED[action]:
        assert town.act(who, order_id, path, **body).status_code == 403
    assert town.bring(order_id)["state"] == state
    who = sorted(ALLOWED[action] - {"admin"})[-1]
    assert town.act(who, order_id, path, **body).status_code == 200


@pytest.mark.parametrize("action", PATHS)
def test_the_neighbours_order_is_not_found(town: Town, action: str) -> None:
    _, path, body = PATHS[action]
    order_id = town.accept()["id"]
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.act("supervisor", order_id, path, **body).status_code == 404
    assert neighbour.done(order_id, who="unit").status_code == 404
    for page in (
        f"work-orders/{order_id}",
        f"work-orders/{order_id}/image",
        f"work-orders/{order_id}/proofs/1/image",
    ):
        assert neighbour.get("supervisor", page).status_code == 404
    assert neighbour.get("supervisor", "work-orders").json()["items"] == []


def test_a_unit_sees_and_works_on_its_own_orders_alone(town: Town) -> None:
    hole, heap = town.accept(box("pothole"))["id"], town.accept(box("garbage"))["id"]
    town.bring(hole, "assign")
    assert [row["id"] for row in town.get("unit", "work-orders").json()["items"]] == [hole]
    assert [row["id"] for row in town.get("other_unit", "work-orders").json()["items"]] == [heap]
    assert town.get("other_unit", f"work-orders/{hole}").status_code == 404
    assert town.act("other_unit", hole, "start").status_code == 404
    assert town.act("unit", hole, "start").status_code == 200
    assert town.done(hole, who="other_unit").status_code == 404


def test_an_action_out_of_turn_is_a_conflict_that_names_what_can_be_done(town: Town) -> None:
    order_id = town.accept()["id"]
    answer = town.act("supervisor", order_id, "start")
    assert (answer.status_code, answer.json()["code"]) == (409, "work_order.state")
    assert answer.json()["allowed"] == ["assign", "hold", "cancel", "split", "merge", "refer"]


def test_the_actions_shown_are_those_that_state_and_role_allow(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign")
    shown = {who: town.get(who, f"work-orders/{order_id}").json()["actions"] for who in ("unit", "inspector")}
    assert shown == {"unit": ["start", "hold", "refuse"], "inspector": []}
    assert town.bring(order_id, "hold")["actions"] == ["resume", "cancel"]


def test_assigning_an_assigned_order_to_another_unit_is_a_conflict(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign")
    other = unit_of(town.session, town.municipality, "cleaning")
    assert town.act("supervisor", order_id, "assign", unit_id=other.id).status_code == 409


def test_the_neighbours_unit_cannot_be_given_an_order(town: Town) -> None:
    order_id = town.accept()["id"]
    neighbour = make_town(town.client, town.session, "khobar")
    unit = unit_of(town.session, neighbour.municipality, "pothole_machine")
    assert town.act("supervisor", order_id, "assign", unit_id=unit.id).status_code == 422


def test_the_time_on_hold_is_added_to_the_due_time(town: Town) -> None:
    order = town.accept()
    town.bring(order["id"], "assign", "start")
    town.later(hours=40)
    town.bring(order["id"], "hold")
    town.later(hours=100)
    held = town.bring(order["id"])
    assert not held["overdue"] and held["held_from"] == "in_progress"
    resumed = town.bring(order["id"], "resume")
    assert resumed["state"] == "in_progress" and resumed["held_at"] is None
    assert datetime.fromisoformat(resumed["due_at"]) == datetime.fromisoformat(order["due_at"]) + timedelta(hours=100)
    town.later(hours=9)
    assert town.bring(order["id"])["overdue"]


def test_the_overdue_filter_agrees_with_what_each_order_says(town: Town) -> None:
    ids = [town.accept(box(east_m=40 * n))["id"] for n in range(5)]
    town.bring(ids[1], "hold")
    town.bring(ids[2], "assign", "start", "done")
    town.later(hours=72)
    town.bring(ids[3], "hold")
    town.bring(ids[4], "cancel")
    town.accept(box(east_m=400))
    rows = town.get("supervisor", "work-orders").json()["items"]
    late = [row["id"] for row in town.get("supervisor", "work-orders", overdue=True).json()["items"]]
    in_time = [row["id"] for row in town.get("supervisor", "work-orders", overdue=False).json()["items"]]
    assert late == [row["id"] for row in rows if row["overdue"]] == [ids[0], ids[3]]
    assert in_time == [row["id"] for row in rows if not row["overdue"]]


def test_orders_are_filtered_and_every_one_is_on_one_page(town: Town) -> None:
    holes = [town.accept(box("pothole", east_m=40 * n))["id"] for n in range(3)]
    heap = town.accept(box("garbage"))
    town.bring(holes[1], "assign")
    first = town.get("supervisor", "work-orders", class_key="pothole", limit=2).json()
    second = town.get("supervisor", "work-orders", class_key="pothole", limit=2, after=first["next"]).json()
    assert [row["id"] for row in first["items"] + second["items"]] == holes and second["next"] is None
    assert _ids(town, state="assigned") == [holes[1]] and _ids(town, unit_id=heap["unit_id"]) == [heap["id"]]
    assert _ids(town, municipality_id=town.municipality.id + 1) == []


def test_a_report_without_a_positive_quantity_or_a_photo_is_refused(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start")
    for quantity in (0, -1, "nan", "inf", "two", 1e9):
        assert town.done(order_id, quantity=quantity).status_code == 422
    path, headers = f"/api/v1/work-orders/{order_id}/done", town.headers["unit"]
    assert town.client.post(path, headers=headers, data={"quantity": 1}).status_code == 422
    assert town.bring(order_id)["state"] == "in_progress" and town.session.scalar(select(func.count(Proof.id))) == 0


def test_a_photo_that_cannot_be_looked_at_is_refused_with_its_reason(town: Town) -> None:
    order_id, photo = town.accept()["id"], jpeg()
    town.bring(order_id, "assign", "start")
    big = BytesIO()
    Image.new("1", (8000, 7000)).save(big, "PNG")
    refusals = {
        (415, "image.unsupported_format"): b"%PDF-1.7 not a photo",
        (422, "image.truncated"): photo[: len(photo) // 2],
        (422, "image.empty"): b"",
        (413, "image.too_many_pixels"): big.getvalue(),
        (413, "image.too_many_bytes"): photo + b"\0" * 2_000_000,
    }
    for (status, code), data in refusals.items():
        answer = town.done(order_id, data)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert town.bring(order_id)["state"] == "in_progress"


def test_the_same_proof_sent_twice_is_kept_once(town: Town) -> None:
    order_id, photo = town.accept()["id"], jpeg()
    town.bring(order_id, "assign", "start")
    first = town.done(order_id, photo)
    town.later(minutes=5)
    second = town.done(order_id, photo)
    assert first.status_code == second.status_code == 200 and first.json() == second.json()
    assert town.session.scalar(select(func.count(Proof.id))) == 1
    assert town.done(order_id, jpeg()).status_code == 409


def test_a_failed_inspection_says_why(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start", "done")
    answer = town.act("inspector", order_id, "inspection", passed=False)
    assert (answer.status_code, answer.json()["code"]) == (422, "inspection.note")
    assert town.session.scalar(select(func.count(Inspection.id))) == 0


def test_an_unknown_proof_and_a_lost_frame_are_not_found(town: Town) -> None:
    order_id = town.accept()["id"]
    assert town.get("unit", f"work-orders/{order_id}/proofs/1/image").status_code == 404
    assert town.get("unit", f"work-orders/{order_id}/image").json()["code"] == "work_order.no_image"
    assert town.get("unit", "work-orders/99999").status_code == 404


def test_what_the_database_cannot_hold_is_refused_and_is_no_fault_of_ours(town: Town) -> None:
    order, beyond = town.accept(), 2**63
    answers = [
        town.get("supervisor", f"work-orders/{beyond}"),
        town.get("supervisor", "work-orders", unit_id=beyond),
        town.get("supervisor", "defects", municipality_id=-beyond),
        town.act("supervisor", order["id"], "assign", unit_id=beyond),
        town.act("supervisor", order["id"], "hold", reason="a\0b"),
        town.act("supervisor", order["id"], "hold", reason="   "),
        town.post("inspector", f"defects/{order['defect_id']}/reviews", verdict="reject", note="\0"),
        town.done(order["id"], note="\0"),
    ]
    assert [answer.status_code for answer in answers] == [422] * len(answers)


def test_a_second_writer_waits_for_the_first_and_then_sees_its_work(town: Town, database: Database) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign")
    supervisor = caller_of_user(make_user(town.session, Role.SUPERVISOR, town.municipality))
    town.session.commit()
    with database.sessions() as first, database.sessions() as second:
        service.start(first, supervisor, order_id, town.now)
        second.execute(text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            service.start(second, supervisor, order_id, town.now)
        first.commit()
        second.rollback()
        assert service.start(second, supervisor, order_id, town.now).state is WorkOrderState.IN_PROGRESS
    assert [event["action"] for event in town.bring(order_id)["events"]] == ["open", "assign", "start"]


def _ids(town: Town, **query: Any) -> list[int]:
    return [row["id"] for row in town.get("supervisor", "work-orders", **query).json()["items"]]

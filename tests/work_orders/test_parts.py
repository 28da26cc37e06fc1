"""Orders split in two and merged into one: the defect is repaired when all of it is, and nothing is lost."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from service.defects.models import Defect
from service.work_orders.models import Repair, WorkOrder
from service.work_orders.service import reopen_after_sighting
from service.work_orders.states import WorkOrderState
from tests.defects.sightings import box
from tests.work_orders.orders import Town, make_town, unit_of


def split(town: Town, order_id: int, key: str = "north", quantity: float = 2.0, **body: Any) -> Any:
    return town.act("supervisor", order_id, "split", key=key, quantity=quantity, **body)


def merge(town: Town, order_id: int, *others: int) -> Any:
    return town.act("supervisor", order_id, "merge", order_ids=list(others))


def order(town: Town, order_id: int) -> dict[str, Any]:
    found: dict[str, Any] = town.get("supervisor", f"work-orders/{order_id}").json()
    return found


def defect_states(town: Town) -> list[str]:
    town.session.expire_all()
    return [str(one) for one in town.session.scalars(select(Defect.state).order_by(Defect.id))]


def close(town: Town, *order_ids: int) -> None:
    for order_id in order_ids:
        state = order(town, order_id)["state"]
        steps = {"open": ["assign", "start"], "assigned": ["start"]}.get(state, [])
        town.bring(order_id, *steps, "done", "pass")


def test_a_split_order_keeps_the_rest_and_its_part_has_a_crew_of_its_own(town: Town) -> None:
    whole = town.accept(box(size=5.0))
    cleaning = unit_of(town.session, town.municipality, "cleaning").id
    part = split(town, whole["id"], unit_id=cleaning).json()
    assert split(town, whole["id"], unit_id=cleaning).json()["id"] == part["id"]
    rest = order(town, whole["id"])
    assert (part["quantity_estimated"], rest["quantity_estimated"]) == (2.0, 3.0)
    assert (part["part_of_id"], part["unit_id"], part["due_at"]) == (whole["id"], cleaning, whole["due_at"])
    assert town.session.scalar(select(func.count(WorkOrder.id))) == 2
    assert split(town, whole["id"], quantity=1.0).json()["code"] == "work_order.part"
    assert split(town, whole["id"], "south", quantity=3.0).json()["code"] == "work_order.quantity"
    assert town.act("unit", whole["id"], "split", key="aa", quantity=1).status_code == 403


def test_the_defect_is_resolved_when_all_parts_are_closed(town: Town) -> None:
    whole = town.accept(box(size=5.0))
    part = split(town, whole["id"]).json()
    close(town, part["id"])
    assert defect_states(town) == ["confirmed"]
    close(town, whole["id"])
    assert defect_states(town) == ["resolved"]
    town.act("supervisor", part["id"], "reopen", reason="sank again")
    assert defect_states(town) == ["confirmed"]
    close(town, part["id"])
    assert defect_states(town) == ["resolved"]


def test_a_counted_thing_is_split_in_whole_pieces(town: Town) -> None:
    sign = town.accept(box("construction_barrier"))
    assert sign["quantity_estimated"] == 1.0
    assert split(town, sign["id"], quantity=0.5).json()["code"] == "work_order.quantity"


def test_a_part_goes_back_into_its_order(town: Town) -> None:
    whole = town.accept(box(size=5.0))
    part = split(town, whole["id"]).json()
    for _ in range(2):
        assert merge(town, whole["id"], part["id"]).json()["quantity_estimated"] == 5.0
    assert order(town, part["id"])["state"] == "merged"
    close(town, whole["id"])
    assert defect_states(town) == ["resolved"]


def test_merged_orders_are_repaired_with_the_one_that_took_them_in(town: Town) -> None:
    first, second, third = (town.accept(box(north_m=60.0 * number, size=2.0)) for number in range(3))
    town.later(hours=1)
    merged = merge(town, third["id"], first["id"], second["id"]).json()
    assert merged["quantity_estimated"] == 6.0 and merged["due_at"] == first["due_at"]
    assert merge(town, third["id"], second["id"], first["id"]).json() == merged
    assert order(town, first["id"])["merged_into_id"] == third["id"]
    assert [one["action"] for one in order(town, third["id"])["events"]] == ["open", "absorb"]
    close(town, third["id"])
    shares = [one["data"]["quantity"] for one in order(town, first["id"])["events"] if one["action"] == "share"]
    assert shares == [0.833]  # a third of 2.5
    assert defect_states(town) == ["resolved"] * 3
    repairs = town.session.scalars(select(Repair).order_by(Repair.work_order_id)).all()
    assert [one.work_order_id for one in repairs] == [first["id"], second["id"], third["id"]]
    assert all(one.verified_at and one.unit_id == third["unit_id"] for one in repairs)


def test_a_merged_order_whose_repair_failed_is_taken_up_alone(town: Town) -> None:
    first, second = (town.accept(box(north_m=60.0 * number)) for number in range(2))
    merge(town, second["id"], first["id"])
    assert town.act("supervisor", first["id"], "reopen", reason="x").json()["code"] == "work_order.merged"
    close(town, second["id"])
    town.later(days=3)
    defect = town.session.get_one(Defect, first["defect_id"])
    town.session.refresh(defect)
    defect.last_seen_at = town.now
    reopened = reopen_after_sighting(town.session, defect, town.now + timedelta(hours=1))
    town.session.commit()
    assert (reopened.id, reopened.state, reopened.merged_into_id) == (first["id"], WorkOrderState.OPEN, None)
    assert order(town, second["id"])["state"] == "closed"
    failed = town.session.scalars(select(Repair).where(Repair.failed_at.is_not(None))).one()
    assert failed.work_order_id == first["id"] and failed.lasted_days == 3.0


def test_cancelling_ends_merged_orders_too_and_their_defects_can_be_accepted_again(town: Town) -> None:
    first, second = (town.accept(box(north_m=60.0 * number)) for number in range(2))
    merge(town, second["id"], first["id"])
    town.act("supervisor", second["id"], "cancel", reason="wrong street")
    assert [order(town, one["id"])["state"] for one in (first, second)] == ["cancelled"] * 2
    assert defect_states(town) == ["confirmed"] * 2
    assert town.review(first["defect_id"])["work_order"]["state"] == "open"


def test_a_part_takes_the_place_of_its_cancelled_order(town: Town) -> None:
    whole = town.accept(box(size=9.0))
    north, south = split(town, whole["id"]).json(), split(town, whole["id"], "south").json()
    town.act("supervisor", whole["id"], "cancel", reason="not needed")
    assert (order(town, north["id"])["part_of_id"], order(town, south["id"])["part_of_id"]) == (None, north["id"])
    assert town.review(whole["defect_id"])["work_order"]["id"] == north["id"]
    close(town, north["id"])
    assert defect_states(town) == ["confirmed"]
    town.act("supervisor", south["id"], "cancel", reason="not needed")
    assert defect_states(town) == ["resolved"]


def test_only_orders_that_fit_are_merged(town: Town) -> None:
    hole, other, heap = town.accept(), town.accept(box(north_m=60)), town.accept(box("sand_rubble", north_m=120))
    assert merge(town, hole["id"], heap["id"]).json()["code"] == "work_order.merge"
    assert merge(town, hole["id"], hole["id"]).json()["code"] == "work_order.merge"
    town.bring(other["id"], "assign", "start")
    assert merge(town, hole["id"], other["id"]).json()["code"] == "work_order.state"
    neighbour = make_town(town.client, town.session, "khobar")
    assert merge(neighbour, neighbour.accept(box(east_m=90))["id"], hole["id"]).status_code == 404
    assert town.act("unit", hole["id"], "merge", order_ids=[other["id"]]).status_code == 403

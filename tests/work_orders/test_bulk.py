"""One action on many orders, and the way back."""

from typing import Any

import pytest
from sqlalchemy import func, select

from service.core.events import Event
from service.work_orders.bulk import MAX_ORDERS
from service.work_orders.models import WorkOrder
from service.work_orders.service_levels_models import OrderClock
from tests.defects.sightings import box
from tests.work_orders.orders import Town, make_town, unit_of


@pytest.fixture
def ids(town: Town) -> list[int]:
    return [town.accept(box(north_m=60.0 * number))["id"] for number in range(3)]


def bulk(town: Town, action: str, order_ids: list[int] | None = None, key: str = "k", **body: Any) -> Any:
    told = {"key": key, "action": action, "order_ids": order_ids} | body
    answer = town.post("supervisor", "work-orders/bulk", **told)
    assert answer.status_code == 200, answer.text
    return answer.json()


def undo(town: Town, done: dict[str, Any]) -> Any:
    return town.post("supervisor", f"work-orders/bulk/{done['id']}/undo")


def rows(town: Town, ids: list[int]) -> list[dict[str, Any]]:
    """What is stored, every column."""
    town.session.expire_all()
    found = [(town.session.get_one(WorkOrder, one), town.session.get_one(OrderClock, one)) for one in ids]
    return [
        {column.name: getattr(row, column.name) for row in both for column in row.__table__.columns} for both in found
    ]


def prepare(town: Town, ids: list[int], action: str) -> dict[str, Any]:
    """Brings the orders to where the action is possible, and gives what it needs."""
    cleaning = unit_of(town.session, town.municipality, "cleaning").id
    steps = {"transfer": ["assign"], "resume": ["assign", "hold"]}.get(action, [])
    for order_id in ids:
        town.bring(order_id, *steps)
    if action == "route":
        place = {"municipality_id": town.municipality.id, "class_key": "pothole"}
        town.put("supervisor", "routing-rules", unit_id=cleaning, **place)
    needs: dict[str, dict[str, Any]] = {
        "assign": {"unit_id": cleaning}, "transfer": {"unit_id": cleaning, "reason": "x"}, "hold": {"reason": "x"},
        "cancel": {"reason": "x"}, "priority": {"priority": 90, "reason": "x"},
    }  # fmt: skip
    return needs.get(action, {})


@pytest.mark.parametrize("action", ["assign", "transfer", "route", "hold", "resume", "cancel", "priority"])
def test_what_was_done_to_many_can_be_taken_back_to_the_last_column(town: Town, ids: list[int], action: str) -> None:
    needs = prepare(town, ids, action)
    before = rows(town, ids)
    town.later(minutes=10)
    done = bulk(town, action, ids, **needs)
    assert (done["done"], done["refused"]) == (3, 0)
    after = rows(town, ids)
    assert all(one != other for one, other in zip(before, after, strict=True))
    town.later(minutes=29)
    taken = undo(town, done).json()
    assert [one["undone"] for one in taken["outcomes"]] == [True] * 3
    assert rows(town, ids) == before
    assert undo(town, done).json() == taken
    assert bulk(town, action, ids, key="anew", **needs)["done"] == 3
    assert all(one != other for one, other in zip(before, rows(town, ids), strict=True))
    undo(town, bulk(town, action, ids, key="anew", **needs))
    last = town.get("supervisor", f"work-orders/{ids[0]}").json()["events"][-1]
    assert (last["action"], last["data"]["action"]) == ("undo", action)


def test_an_order_that_refuses_says_why_and_holds_up_no_other(town: Town, ids: list[int]) -> None:
    town.bring(ids[1], "assign", "start")
    neighbour = make_town(town.client, town.session, "khobar")
    foreign = neighbour.accept(box(east_m=90))["id"]
    done = bulk(town, "assign", [*ids, foreign, 999_999])
    codes = {one["order_id"]: one["code"] for one in done["outcomes"]}
    unknown = dict.fromkeys((foreign, 999_999), "work_order.unknown")
    assert codes == {ids[0]: None, ids[1]: "work_order.state", ids[2]: None} | unknown
    assert (done["done"], done["refused"]) == (2, 3)
    assert neighbour.get("supervisor", f"work-orders/{foreign}").json()["state"] == "open"
    assert [one["state"] for one in rows(town, ids)] == ["assigned", "in_progress", "assigned"]


def test_the_same_key_again_changes_nothing_and_another_content_is_a_conflict(town: Town, ids: list[int]) -> None:
    first = bulk(town, "hold", ids, reason="rain")
    events = town.session.scalar(select(func.count(Event.id)))
    town.later(hours=1)
    assert bulk(town, "hold", ids, reason="rain") == first
    assert town.session.scalar(select(func.count(Event.id))) == events
    told = {"key": "k", "action": "hold", "order_ids": ids, "reason": "sand"}
    assert town.post("supervisor", "work-orders/bulk", **told).json()["code"] == "bulk.key"


def test_orders_that_have_moved_since_stay_where_they_are(town: Town, ids: list[int]) -> None:
    done = bulk(town, "assign", ids)
    town.act("unit", ids[1], "start")
    taken = {one["order_id"]: one for one in undo(town, done).json()["outcomes"]}
    assert [taken[one]["undone"] for one in ids] == [True, False, True]
    assert taken[ids[1]]["undo_code"] == "bulk.moved"
    assert [one["state"] for one in rows(town, ids)] == ["open", "in_progress", "open"]


def test_a_cancelled_order_whose_defect_has_a_new_one_or_is_gone_stays_cancelled(town: Town, ids: list[int]) -> None:
    done = bulk(town, "cancel", ids, reason="wrong street")
    defect_id = rows(town, ids)[0]["defect_id"]
    assert town.review(defect_id)["work_order"]["id"] not in ids
    outcomes = undo(town, done).json()["outcomes"]
    assert [one["undo_code"] for one in outcomes] == ["bulk.replaced", None, None]


def test_orders_that_were_cancelled_with_others_are_not_taken_back_alone(town: Town, ids: list[int]) -> None:
    town.act("supervisor", ids[0], "merge", order_ids=[ids[1]])
    done = bulk(town, "cancel", [ids[0], ids[2]], reason="wrong street")
    outcomes = undo(town, done).json()["outcomes"]
    assert [one["undo_code"] for one in outcomes] == ["bulk.family", None]


def test_it_can_be_taken_back_for_half_an_hour(town: Town, ids: list[int]) -> None:
    done = bulk(town, "hold", ids, reason="rain")
    town.later(minutes=31)
    assert undo(town, done).json()["code"] == "bulk.too_late"


def test_a_filter_names_the_orders_and_an_empty_or_unknown_one_is_refused(town: Town, ids: list[int]) -> None:
    heap = town.accept(box("garbage", east_m=90))["id"]
    done = bulk(town, "hold", key="f", reason="rain", filter={"class_key": "pothole", "state": "open"})
    assert [one["order_id"] for one in done["outcomes"]] == ids
    assert rows(town, [heap])[0]["state"] == "open"
    body = {"key": "g", "action": "hold", "reason": "x"}
    for told, code in (
        ({"filter": {}}, "bulk.filter"), ({"filter": {"klass": "pothole"}}, "request.invalid"), ({}, "bulk.orders"),
        ({"order_ids": ids, "filter": {"state": "open"}}, "bulk.orders"),
        ({"filter": {"state": "closed"}}, "bulk.orders"), ({"order_ids": ids, "reason": None}, "bulk.reason"),
        ({"order_ids": ids, "action": "transfer"}, "bulk.unit_id"),
        ({"order_ids": list(range(1, MAX_ORDERS + 2))}, "request.invalid"),
    ):  # fmt: skip
        assert town.post("supervisor", "work-orders/bulk", **(body | told)).json()["code"] == code, told


def test_only_those_who_manage_act_on_many_and_see_their_own(town: Town, ids: list[int]) -> None:
    body = {"key": "k", "action": "hold", "reason": "x", "order_ids": ids}
    assert town.post("unit", "work-orders/bulk", **body).status_code == 403
    done = bulk(town, "hold", ids, reason="x")
    assert town.get("supervisor", f"work-orders/bulk/{done['id']}").json() == done
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.get("supervisor", f"work-orders/bulk/{done['id']}").status_code == 404
    assert neighbour.post("supervisor", f"work-orders/bulk/{done['id']}/undo").status_code == 404


def test_a_referral_withdrawn_by_mistake_waits_again(town: Town, ids: list[int]) -> None:
    agency = town.put("supervisor", "agencies", municipality_id=town.municipality.id, key="water", name_en="Water",
                      name_ar="المياه", contact="920").json()  # fmt: skip
    due = town.now.replace(year=2030).isoformat()
    town.act("supervisor", ids[0], "referrals", agency_id=agency["id"], number="1", answer_due_at=due)
    done = bulk(town, "cancel", [ids[0]], reason="a mistake")
    undo(town, done)
    order = town.get("supervisor", f"work-orders/{ids[0]}").json()
    assert (order["state"], order["referrals"][0]["outcome"]) == ("referred", None)

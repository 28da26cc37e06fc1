from typing import Any

from service.defects.models import Defect
from service.work_orders.verification import propose_absences
from tests.defects.sightings import box
from tests.work_orders.drive_by import drive_by, pass_in_vain, repaired
from tests.work_orders.orders import Town, make_town, unit_of


def proposed(town: Town, north_m: float = 0.0) -> tuple[int, Defect]:
    order_id, defect = repaired(town, north_m=north_m)
    pass_in_vain(town, defect, 2)
    propose_absences(town.session, [defect.id], town.now)
    town.session.commit()
    return order_id, defect


def queue(town: Town, who: str = "inspector", **query: Any) -> list[dict[str, Any]]:
    answer = town.get(who, "absences", **query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_a_proposal_waits_in_the_queue_with_the_passes_that_made_it_until_it_is_decided(town: Town) -> None:
    order_id, defect = proposed(town)
    (item,) = queue(town)
    assert (item["kind"], item["work_order_id"], item["defect"]["id"]) == ("fixed", order_id, defect.id)
    assert item["chance_absent"] > 0.96
    assert [one["sightings"] for one in item["passes"]] == [1, 4, 4, 4, 0, 0]
    assert queue(town, kind="gone") == [] and queue(town, municipality_id=town.municipality.id + 1) == []
    decided = town.post("inspector", f"defects/{defect.id}/absence", decision="confirm", note="seen on the picture")
    assert (decided.status_code, decided.json()["state"]) == (200, "resolved")
    assert queue(town) == []
    assert town.get("supervisor", f"work-orders/{order_id}").json()["state"] == "closed"
    again = town.post("inspector", f"defects/{defect.id}/absence", decision="confirm", note="seen on the picture")
    assert again.json() == decided.json()


def test_pages_of_the_queue_follow_one_another(town: Town) -> None:
    defects = [proposed(town, 200 * number)[1].id for number in range(3)]
    first = town.get("inspector", "absences", limit=2).json()
    assert [item["defect"]["id"] for item in first["items"]] == defects[:2]
    second = town.get("inspector", "absences", limit=2, after=first["next"]).json()
    assert [item["defect"]["id"] for item in second["items"]] == defects[2:] and second["next"] is None


def test_only_who_may_sees_the_queue_and_decides(town: Town) -> None:
    _, defect = proposed(town)
    khobar = make_town(town.client, town.session, "khobar")
    assert queue(khobar) == []
    path = f"defects/{defect.id}/absence"
    assert khobar.post("inspector", path, decision="confirm").status_code == 404
    assert town.post("unit", path, decision="confirm").status_code == 403
    assert town.get("unit", "absences").status_code == 403
    assert town.post("inspector", path, decision="perhaps").status_code == 422


def test_nothing_is_decided_where_nothing_is_proposed(town: Town) -> None:
    order = town.accept()
    answer = town.post("inspector", f"defects/{order['defect_id']}/absence", decision="confirm")
    assert (answer.status_code, answer.json()["code"]) == (409, "absence.none")


def test_how_long_repairs_last_is_told_by_unit(town: Town) -> None:
    _, defect = proposed(town)
    town.post("inspector", f"defects/{defect.id}/absence", decision="confirm")
    town.later(days=90)
    drive_by(town.session, defect, town.now)
    town.session.commit()
    (found,) = town.get("supervisor", "repairs/durability").json()
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    assert (found["key"], found["number"], found["failed"]) == (str(machine.id), 1, 0)
    assert (found["good_after_90_days"], found["good_after_365_days"], found["median_days"]) == (1.0, None, None)
    assert town.get("supervisor", "repairs/durability", by="class").json()[0]["key"] == "pothole"
    early = {"from": "2020-01-01", "to": "2020-12-31"}
    assert town.get("supervisor", "repairs/durability", **early).json() == []
    assert town.get("supervisor", "repairs/durability", **{"from": "2021-01-01", "to": "2020-12-31"}).status_code == 422


def test_a_units_day_holds_what_it_has_begun_and_then_the_most_urgent(town: Town) -> None:
    orders = [town.accept(box(north_m=200 * number)) for number in range(4)]
    for order, priority in zip(orders, (10, 50, 90, 30), strict=True):
        town.session.get_one(Defect, order["defect_id"]).priority = priority
    town.session.commit()
    town.bring(orders[0]["id"], "assign", "start")
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    day = town.get("unit", f"units/{machine.id}/day", capacity=3).json()
    assert [order["id"] for order in day["today"]] == [orders[index]["id"] for index in (0, 2, 1)]
    assert day["queued"] == 1
    khobar = make_town(town.client, town.session, "khobar")
    assert khobar.get("supervisor", f"units/{machine.id}/day").status_code == 404
    assert town.get("other_unit", f"units/{machine.id}/day").json()["today"] == []

"""The month's end on the real database: what is stated is what the events say."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.contracts import basis
from service.contracts import statement as statement_rules
from service.contracts.charging import cost_of, post_all_charges
from service.contracts.facts import order_ids_of, terms_of
from service.contracts.models import Charge, Contract, ContractStatement
from service.contracts.months import Month
from service.core.events import Event
from service.work_orders.models import WorkOrder
from tests.defects.sightings import box
from tests.work_orders.orders import Town

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def statement(town: Town, contract: dict[str, Any], month: str, who: str = "supervisor") -> dict[str, Any]:
    answer = town.get(who, f"contracts/{contract['id']}/statements/{month}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def issue(town: Town, contract: dict[str, Any], month: str) -> dict[str, Any]:
    answer = town.post("supervisor", f"contracts/{contract['id']}/statements/{month}/issue")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def year(town: Town, contract: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """January and February are issued and empty; three orders in March: good, late and good, not done."""
    issue(town, contract, "2026-01")
    issue(town, contract, "2026-02")
    good, late, waiting = (town.accept(box(north_m=200.0 * place))["id"] for place in range(3))
    town.bring(good, "assign", "start", "done", "pass")
    town.bring(late, "assign", "start")
    town.later(hours=60)  # a pothole may wait 48
    town.bring(late, "done", "pass")
    yield {"good": good, "late": late, "waiting": waiting}


def test_the_months_end_is_equal_to_the_events(town: Town, contract: dict[str, Any], year: dict[str, Any]) -> None:
    town.later(days=40)
    issued = issue(town, contract, "2026-03")
    assert (issued["state"], issued["month"]) == ("issued", "2026-03")
    passes = town.session.scalar(select(func.count()).where(Event.action == "pass"))
    measured = sum(
        Decimal(str(data["quantity"]))
        for data in town.session.scalars(select(Event.data).filter_by(action="report_done"))
    )
    (potholes,) = issued["classes"]
    assert (potholes["repairs"], Decimal(potholes["quantity"])) == (passes, measured) == (2, Decimal("5.0"))
    assert Decimal(issued["totals"]["works"]) == measured * Decimal("100.50")
    lines = [(one["order_id"], one["reason"], one["amount"], one["hours"]) for one in issued["lines"]]
    assert lines == [
        (year["good"], "repair", "251.25", None),
        (year["late"], "breach", "-500.00", None),
        (year["late"], "repair", "251.25", None),
        (year["late"], "late_hour", "-120.00", 12),
    ]
    assert {key: issued["totals"][key] for key in ("vat", "penalties", "total")} == {
        "vat": "75.38", "penalties": "-620.00", "total": "-42.12",
    }  # fmt: skip
    events = {row.id: row for row in town.session.scalars(select(Event))}
    assert {(events[one["event_id"]].subject_kind, events[one["event_id"]].subject_id) for one in issued["lines"]} == {
        ("work_order", year["good"]), ("work_order", year["late"]),
    }  # fmt: skip
    charged = town.session.scalar(select(func.sum(Charge.amount_halalas)))
    assert charged == Decimal(issued["totals"]["works"]) * 100
    assert [(one["class_key"], one["repairs"]) for one in issued["durability"]] == [("", 2), ("pothole", 2)]


def test_a_statement_issued_again_is_the_same_and_later_events_leave_it_as_it_is(
    town: Town, contract: dict[str, Any], year: dict[str, Any]
) -> None:
    town.later(days=40)
    draft = statement(town, contract, "2026-03")
    first = issue(town, contract, "2026-03")
    assert draft["sha256"] == first["sha256"]
    path = f"contracts/{contract['id']}/statements/2026-03"
    files = [town.get("supervisor", f"{path}/{kind}", language=tongue).content for kind in ("pdf", "xlsx")
             for tongue in ("ar", "en")]  # fmt: skip
    town.bring(year["good"], "reopen", "assign", "start", "done", "pass")
    town.bring(year["waiting"], "assign", "start", "done", "pass")
    assert issue(town, contract, "2026-03") == statement(town, contract, "2026-03") == first
    again = [town.get("supervisor", f"{path}/{kind}", language=tongue).content for kind in ("pdf", "xlsx")
             for tongue in ("ar", "en")]  # fmt: skip
    assert again == files
    checked = town.get("supervisor", f"{path}/check").json()
    assert (checked["same"], checked["missing"], checked["unexpected"]) == (True, [], [])
    assert town.session.scalar(select(func.count(ContractStatement.id))) == 3


def test_a_failed_repair_is_credited_in_the_month_in_which_it_fails(
    town: Town, contract: dict[str, Any], year: dict[str, Any]
) -> None:
    town.later(days=30)
    issue(town, contract, "2026-03")
    town.bring(year["good"], "reopen")
    town.later(days=30)
    april = issue(town, contract, "2026-04")
    found = {one["reason"]: one for one in april["lines"]}
    assert {reason: one["amount"] for reason, one in found.items()} == {"failed": "-251.25", "failed_repair": "-50.25"}
    assert found["failed"]["event_id"] == town.session.scalar(select(Event.id).where(Event.action == "reopen"))
    assert Decimal(april["classes"][0]["quantity"]) == Decimal("-2.5")
    assert town.get("supervisor", f"contracts/{contract['id']}/statements/2026-04/check").json()["same"]
    cost = town.get("supervisor", f"work-orders/{year['good']}/cost").json()
    assert (cost["amount"], [line["kind"] for line in cost["lines"]]) == ("0.00", ["charge", "credit"])
    rows = town.get("supervisor", f"contracts/{contract['id']}/charges").json()["items"]
    assert [(row["kind"], row["amount"]) for row in rows if row["work_order_id"] == year["good"]] == [
        ("charge", "251.25"), ("credit", "-251.25"),
    ]  # fmt: skip


def test_a_merged_order_that_is_opened_again_is_credited_its_part_of_the_common_charge(
    town: Town, contract: dict[str, Any], session: Session
) -> None:
    main, member = (town.accept(box(north_m=200.0 * place, size=1.0 + place))["id"] for place in range(2))
    assert town.act("supervisor", main, "merge", order_ids=[member]).status_code == 200
    town.bring(main, "assign", "start")
    assert town.done(main, quantity=6).status_code == 200
    town.bring(main, "pass")
    assert town.get("supervisor", f"work-orders/{member}/cost").json()["amount"] == "0.00"
    town.later(days=10)
    town.bring(member, "reopen")
    failed = town.get("supervisor", f"work-orders/{member}/cost").json()
    assert (failed["amount"], [one["quantity"] for one in failed["lines"]]) == ("-402.00", ["-4.0"])
    town.bring(main, "reopen")
    assert town.get("supervisor", f"work-orders/{main}/cost").json()["amount"] == "402.00"
    month = {(one["order_id"], one["reason"]): one["amount"] for one in statement(town, contract, "2026-03")["lines"]}
    assert month == {
        (main, "repair"): "603.00", (main, "failed"): "-201.00", (main, "failed_repair"): "-40.20",
        (member, "failed"): "-402.00", (member, "failed_repair"): "-80.40",
    }  # fmt: skip
    assert post_all_charges(session, town.now) == 3
    assert session.scalar(select(func.sum(Charge.amount_halalas))) == 0


def test_an_event_recorded_after_the_issue_is_a_named_correction_of_the_next_statement(
    town: Town, contract: dict[str, Any], year: dict[str, Any], session: Session
) -> None:
    """A unit that was out of reach sends what it measured in March."""
    town.later(days=30)
    march = issue(town, contract, "2026-03")
    passed = session.scalars(select(Event).where(Event.action == "pass", Event.subject_id == year["good"])).one()
    session.add(
        Event(**told_of(passed) | {"action": "report_done", "to_state": "done", "data": {"quantity": 3, "unit": "m2"}})
    )
    session.add(Event(**told_of(passed)))
    session.commit()
    town.later(days=30)
    april = issue(town, contract, "2026-04")
    lines = {(one["order_id"], one["amount"], one["month"], one["correction"]) for one in april["lines"]}
    assert (year["good"], "301.50", "2026-03", True) in lines and (year["good"], "-251.25", "2026-03", True) in lines
    assert statement(town, contract, "2026-03") == march
    for month in ("2026-01", "2026-02", "2026-03", "2026-04"):
        checked = town.get("supervisor", f"contracts/{contract['id']}/statements/{month}/check").json()
        assert (month, checked["same"]) == (month, True), checked


def told_of(event: Event) -> dict[str, Any]:
    names = ("at", "municipality_id", "actor_kind", "actor_id", "subject_kind", "subject_id", "action", "to_state")
    return {name: getattr(event, name) for name in names} | {"data": event.data}


def test_a_draft_reads_no_order_that_is_settled_and_says_the_same(
    town: Town, contract: dict[str, Any], year: dict[str, Any], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basis, "FOLLOWED", timedelta(days=20))
    monkeypatch.setattr(statement_rules, "FOLLOWED", timedelta(days=20))
    town.later(days=30)
    issue(town, contract, "2026-03")
    town.later(days=30)
    row = session.get_one(Contract, contract["id"])
    found = basis.basis_of(session, row, Month(2026, 4), terms_of(row))
    assert [one.order_id for one in found.orders] == [year["waiting"]]
    assert {one.order_id for one in found.settled} == {year["good"], year["late"]}
    draft = statement(town, contract, "2026-04")
    monkeypatch.setattr(basis, "_read_ids", lambda *_: order_ids_of(session, row, Month(2026, 4).end))
    assert statement(town, contract, "2026-04") == draft
    town.bring(year["good"], "reopen")
    monkeypatch.undo()
    read = basis.basis_of(session, row, Month(2026, 5), terms_of(row)).orders
    assert year["good"] in {one.order_id for one in read}


def test_a_changed_price_is_read_over_the_whole_history(
    town: Town, contract: dict[str, Any], year: dict[str, Any], session: Session
) -> None:
    town.later(days=30)
    issue(town, contract, "2026-03")
    dearer = {"class_key": "pothole", "unit_price": "110.50", "first_day": "2026-03-01"}
    assert town.post("supervisor", f"contracts/{contract['id']}/prices", **dearer).status_code == 201
    lines = [one for one in statement(town, contract, "2026-04")["lines"] if one["kind"] == "charge"]
    assert [(one["amount"], one["month"], one["correction"]) for one in lines] == [("25.00", "2026-03", True)] * 2


def test_a_check_finds_what_was_changed_behind_the_service(
    town: Town, contract: dict[str, Any], year: dict[str, Any], session: Session
) -> None:
    town.later(days=40)
    issue(town, contract, "2026-03")
    done = session.scalars(select(Event).where(Event.action == "report_done", Event.subject_id == year["good"])).one()
    done.data = done.data | {"quantity": 25.0}
    session.commit()
    checked = town.get("supervisor", f"contracts/{contract['id']}/statements/2026-03/check").json()
    assert not checked["same"]
    assert [one["amount"] for one in checked["missing"]] == ["251.25"]
    assert [one["amount"] for one in checked["unexpected"]] == ["2512.50"]


def test_months_are_issued_when_they_have_ended_and_in_order(town: Town, contract: dict[str, Any]) -> None:
    path = f"contracts/{contract['id']}/statements"
    assert town.post("supervisor", f"{path}/2026-03/issue").json()["code"] == "statement.early"
    assert town.post("supervisor", f"{path}/2026-02/issue").json()["code"] == "statement.order"
    assert town.post("supervisor", f"{path}/2025-12/issue").json()["code"] == "statement.month"
    assert town.get("supervisor", f"{path}/2026-04").json()["code"] == "statement.month"
    assert town.get("supervisor", f"{path}/2026-01/check").json()["code"] == "statement.draft"
    assert issue(town, contract, "2026-01")["totals"]["total"] == "0.00"
    assert [row["month"] for row in town.get("supervisor", path).json()["items"]] == ["2026-01"]


def test_charges_are_kept_once_and_a_changed_price_adds_the_difference(
    town: Town, contract: dict[str, Any], year: dict[str, Any], session: Session
) -> None:
    assert post_all_charges(session, town.now) == 2
    session.commit()
    town.later(days=2)
    assert post_all_charges(session, town.now) == 0
    session.commit()
    dearer = {"class_key": "pothole", "unit_price": "110.50", "first_day": "2026-03-01"}
    assert town.post("supervisor", f"contracts/{contract['id']}/prices", **dearer).status_code == 201
    assert post_all_charges(session, town.now) == 2
    session.commit()
    rows = town.get("supervisor", f"contracts/{contract['id']}/charges").json()["items"]
    assert [(row["amount"], row["correction"]) for row in rows] == [
        ("251.25", False), ("251.25", False), ("25.00", True), ("25.00", True),
    ]  # fmt: skip
    told = select(func.count()).where(Event.subject_kind == "contract", Event.action == "charge")
    assert session.scalar(told) == 4


def test_the_cost_of_an_order_says_by_which_contract_and_why_not_by_others(
    town: Town, contract: dict[str, Any], session: Session
) -> None:
    order = town.bring(town.accept()["id"], "assign", "start")
    before = town.get("supervisor", f"work-orders/{order['id']}/cost").json()
    assert (before["amount"], before["contract_id"], before["measured"]) == ("0.00", contract["id"], False)
    town.bring(order["id"], "done")
    done = town.get("supervisor", f"work-orders/{order['id']}/cost").json()
    assert (done["expected"], done["measured"], done["price"]["unit_price"]) == ("251.25", True, "100.50")
    town.bring(order["id"], "pass")
    session.expire_all()
    cost = cost_of(session, session.get_one(WorkOrder, order["id"]), town.now)
    assert (cost.amount_halalas, cost.expected_halalas) == (25_125, None)
    ended = town.post("supervisor", f"contracts/{contract['id']}/end", last_day="2026-03-01", reason="parted")
    assert ended.json()["last_day"] == "2026-03-01"
    uncovered = town.get("supervisor", f"work-orders/{order['id']}/cost").json()
    assert (uncovered["amount"], uncovered["contract_id"]) == ("0.00", None)
    assert "outside of 2026-01-01 to 2026-03-01" in uncovered["considered"][0]["why_not"]


def test_the_papers_are_a_pdf_and_an_excel_file_with_one_line_per_order(
    town: Town, contract: dict[str, Any], year: dict[str, Any]
) -> None:
    path = f"contracts/{contract['id']}/statements/2026-03"
    for language in ("ar", "en"):
        pdf = town.get("supervisor", f"{path}/pdf", language=language)
        assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
        assert "draft" in pdf.headers["content-disposition"]
        sheet = town.get("supervisor", f"{path}/xlsx", language=language)
        with ZipFile(BytesIO(sheet.content)) as book:
            orders = ElementTree.fromstring(book.read("xl/worksheets/sheet2.xml"))
            shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        words = {text.text for text in shared.iter(f"{SHEET}t")}
        assert words >= ({"معدة معالجة الحفر", "غير معروف"} if language == "ar" else {"Pothole machine", "unknown"})
        rows = orders.findall(f".//{SHEET}row")
        numbers = [row.findtext(f"{SHEET}c/{SHEET}v") for row in rows[1:]]
        assert numbers == [str(year["good"]), str(year["late"])]
        right_to_left = orders.find(f".//{SHEET}sheetView").get("rightToLeft")  # type: ignore[union-attr]
        assert right_to_left == ("1" if language == "ar" else None)


def test_a_draft_of_the_running_month_counts_hours_until_now(town: Town, contract: dict[str, Any]) -> None:
    order = town.bring(town.accept()["id"], "assign", "start")
    town.later(hours=50)  # a pothole may wait 48
    found = {one["reason"]: one for one in statement(town, contract, "2026-03")["lines"]}
    assert (found["late_hour"]["hours"], found["late_hour"]["order_id"]) == (2, order["id"])

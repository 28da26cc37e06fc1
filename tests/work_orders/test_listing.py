"""Lists of orders: every filter, every order, pages by key, CSV and Excel."""

import csv
import zipfile
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from sqlalchemy import select, text
from typer.testing import CliRunner

from service.core.database import Database
from service.core.sheets import safe
from service.work_orders.cli import orders as command
from service.work_orders.listing import OrderSort, ordered
from service.work_orders.models import LIVE, OrderSource, WorkOrder
from service.work_orders.sheets import COLUMNS
from service.work_orders.sla import WAITING
from service.work_orders.states import CLOCK_STOPPED, WorkOrderState
from tests.defects.sightings import box
from tests.factories import DAMMAM, square
from tests.work_orders.orders import Town, make_town, unit_of

SIZES = [None, 0.05, 0.3, 0.3, 0.9]


@pytest.fixture
def orders(town: Town) -> list[dict[str, Any]]:
    """Five holes an hour apart, of these sizes."""
    made = []
    for number, size in enumerate(SIZES):
        made.append(town.accept(box(north_m=60.0 * number, size=size)))
        town.later(hours=1)
    return made


def listed(town: Town, who: str = "supervisor", **query: Any) -> list[int]:
    answer = town.get(who, "work-orders", **query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


def paged(town: Town, **query: Any) -> list[int]:
    """By two, until the end."""
    found: list[int] = []
    after: dict[str, Any] = {}
    while True:
        page = town.get("supervisor", "work-orders", limit=2, **query, **after).json()
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


@pytest.mark.parametrize("sort", OrderSort)
def test_pages_of_every_order_hold_each_order_once_and_run_as_they_say(
    town: Town, orders: list[dict[str, Any]], sort: OrderSort
) -> None:
    town.put("supervisor", f"work-orders/{orders[1]['id']}/priority", priority=100, reason="a school")
    whole = town.get("supervisor", "work-orders", sort=sort.value).json()["items"]
    assert paged(town, sort=sort.value) == [one["id"] for one in whole]
    assert {one["id"] for one in whole} == {one["id"] for one in orders}
    field = {"id": "id", "due": "due_at", "opened": "opened_at", "priority": "priority",
             "quantity": "quantity_estimated"}[sort.by]  # fmt: skip
    values = [(-1 if one[field] is None else one[field], one["id"]) for one in whole]
    assert values == sorted(values, reverse=sort.descending)


def test_orders_stand_by_the_priority_that_their_defects_have_now_unless_a_person_set_one(
    town: Town, orders: list[dict[str, Any]]
) -> None:
    ids = [one["id"] for one in orders]
    town.put("supervisor", f"work-orders/{ids[1]}/priority", priority=50, reason="a school")
    for order_id, priority in zip(ids, (10, 99, 70, 30, 60), strict=True):
        town.session.get_one(WorkOrder, order_id).defect.priority = priority
    town.session.commit()
    assert listed(town, sort="-priority") == [ids[2], ids[4], ids[1], ids[3], ids[0]]
    town.put("supervisor", f"work-orders/{ids[1]}/priority", priority=None, reason="holidays")
    assert listed(town, sort="-priority") == [ids[1], ids[2], ids[4], ids[3], ids[0]]
    town.session.get_one(WorkOrder, ids[0]).defect_id = town.session.get_one(WorkOrder, ids[2]).defect_id
    town.session.get_one(WorkOrder, ids[0]).state = WorkOrderState.CANCELLED
    town.session.commit()
    assert listed(town, sort="-priority", limit=3) == [ids[1], ids[2], ids[0]]


def test_lists_run_along_their_indexes(town: Town, orders: list[dict[str, Any]]) -> None:
    """The order of each sort can be had from an index: without sorting as a way, none is needed."""
    town.session.execute(text("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off"))
    for sort in OrderSort:
        statement = ordered(select(WorkOrder.id), sort).limit(3)
        compiled = statement.compile(town.session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = town.session.scalars(text(f"EXPLAIN {compiled}")).all()
        assert not any("Sort" in line for line in plan), (sort, plan)


def test_a_page_goes_on_from_where_its_last_order_stood_though_that_has_moved(
    town: Town, orders: list[dict[str, Any]]
) -> None:
    first = town.get("supervisor", "work-orders", sort="opened", limit=2).json()
    moved = town.session.get_one(WorkOrder, orders[1]["id"])
    moved.opened_at += timedelta(days=90)
    town.session.commit()
    rest = listed(town, sort="opened", after=first["next"])
    assert rest == [orders[2]["id"], orders[3]["id"], orders[4]["id"], orders[1]["id"]]


@pytest.mark.parametrize("after", ["x", "!", "eyJ9", "-1", "99999999999999999999"])
@pytest.mark.parametrize("sort", ["id", "due", "-priority"])
def test_what_is_no_next_of_such_a_page_is_refused(town: Town, sort: str, after: str) -> None:
    answer = town.get("supervisor", "work-orders", sort=sort, after=after)
    assert (answer.status_code, answer.json()["code"]) == (422, "page.after")


def test_every_filter_keeps_what_it_asks_for(town: Town, orders: list[dict[str, Any]]) -> None:
    ids = [one["id"] for one in orders]
    heap = town.accept(box("sand_rubble", east_m=90))["id"]
    town.put("supervisor", "districts", municipality_id=town.municipality.id, key="south", name_en="South",
             name_ar="الجنوب", boundary=square(DAMMAM[1] - 0.05, DAMMAM[0] - 0.1 + 90 / 111_000, 0.1))  # fmt: skip
    south = town.get("unit", "districts").json()["items"][0]["id"]
    town.bring(ids[0], "assign")
    report = town.session.get_one(WorkOrder, ids[4])
    report.source = OrderSource.REPORT
    town.session.commit()
    machine = unit_of(town.session, town.municipality, "pothole_machine").id
    start, hour = town.now - timedelta(hours=5), timedelta(hours=1)
    assert listed(town, state="assigned") == [ids[0]]
    assert listed(town, unit_id=machine) == ids
    assert listed(town, municipality_id=town.municipality.id, class_key="sand_rubble") == [heap]
    assert listed(town, district_id=south) == [ids[0], ids[1], heap]
    assert listed(town, size_class="medium") == [ids[2], ids[3]]
    assert listed(town, source="report") == [ids[4]]
    assert listed(town, opened_from=start.isoformat(), opened_until=(start + hour).isoformat()) == [ids[0]]
    due = start + timedelta(hours=48)
    assert listed(town, due_from=(due + hour).isoformat(), due_until=(due + 3 * hour).isoformat()) == ids[1:3]
    assert listed(town, id_text=str(ids[3])) == [ids[3]]
    assert listed(town, overdue=True) == []
    town.later(hours=45)
    assert listed(town, overdue=True) == ids[:2] and ids[0] not in listed(town, overdue=False)
    assert town.get("unit", "work-orders", due_from="2026-03-04T06:00:00").status_code == 422
    assert town.get("unit", "work-orders", id_text="1%").status_code == 422


def read_csv(town: Town, who: str = "supervisor", **query: Any) -> list[list[str]]:
    answer = town.get(who, "work-orders.csv", **query)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))


def test_the_csv_has_every_order_in_its_order_and_language(town: Town, orders: list[dict[str, Any]]) -> None:
    rows = read_csv(town, sort="-opened", lang="ar")
    assert rows[0] == [arabic for _, arabic in COLUMNS.values()]
    assert [int(row[0]) for row in rows[1:]] == [one["id"] for one in reversed(orders)]
    assert rows[1][1] == "مفتوح" and rows[1][4] == "معدة معالجة الحفر"
    assert rows[1][12] == f"{town.now + timedelta(hours=2):%Y-%m-%d %H:%M}"  # opened an hour ago, three hours east
    assert read_csv(town, class_key="graffiti") == [[english for english, _ in COLUMNS.values()]]
    assert len(read_csv(town, "other_unit")) == 1
    neighbour = make_town(town.client, town.session, "khobar")
    assert len(read_csv(neighbour)) == 1 and len(read_csv(neighbour, municipality_id=town.municipality.id)) == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_reason_becomes_a_formula(town: Town, text: str) -> None:
    order_id = town.accept()["id"]
    town.session.get_one(WorkOrder, order_id).state_reason = text
    town.session.commit()
    reason = list(COLUMNS).index("reason")
    assert safe(text) == f"'{text}" and safe("harmless = 1") == "harmless = 1"
    assert read_csv(town)[1][reason].startswith("'")
    book = zipfile.ZipFile(BytesIO(town.get("supervisor", "work-orders.xlsx").content))
    assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_the_excel_sheet_runs_from_right_to_left_in_arabic(town: Town, orders: list[dict[str, Any]]) -> None:
    for language, right_to_left in (("ar", True), ("en", False)):
        answer = town.get("supervisor", "work-orders.xlsx", lang=language, sort="-id")
        assert answer.status_code == 200 and "spreadsheetml" in answer.headers["content-type"]
        book = zipfile.ZipFile(BytesIO(answer.content))
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
        view = sheet.find("x:sheetViews/x:sheetView", space)
        assert (view.get("rightToLeft") == "1") is right_to_left
        rows = sheet.findall("x:sheetData/x:row", space)
        ids = [row.find("x:c/x:v", space).text for row in rows[1:]]
        assert ids == [str(one["id"]) for one in reversed(orders)]
        headings = [cell.findtext("x:is/x:t", namespaces=space) for cell in rows[0]]
        assert headings == [names[right_to_left] for names in COLUMNS.values()]
    assert list(Path("/tmp").glob("rasid-*.xlsx")) == []


def test_the_command_line_writes_both_kinds_of_files(
    town: Town, orders: list[dict[str, Any]], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))
    for name in ("orders.csv", "orders.xlsx"):
        done = CliRunner().invoke(command, ["export", str(tmp_path / name), "--municipality", "dammam"])
        assert done.exit_code == 0 and "5 orders" in done.output, done.output
    assert len((tmp_path / "orders.csv").read_text("utf-8-sig").splitlines()) == 6
    assert zipfile.is_zipfile(tmp_path / "orders.xlsx")
    refused = CliRunner().invoke(command, ["export", "x.pdf", "--municipality", "dammam"])
    assert refused.exit_code == 2
    assert town.session.scalars(select(WorkOrder.id)).all() == [one["id"] for one in orders]


@pytest.mark.parametrize("path", ["work-orders", "work-orders.csv", "work-orders.xlsx"])
def test_a_filter_that_is_written_wrongly_is_refused_and_does_not_answer_with_every_order(
    town: Town, path: str
) -> None:
    answer = town.get("supervisor", path, stat="open")
    assert answer.status_code == 422 and "stat" in answer.json()["detail"]


def test_the_index_of_live_orders_holds_every_state_in_which_an_order_can_be_late() -> None:
    states = ", ".join(f"'{state}'" for state in sorted(WAITING | CLOCK_STOPPED))
    assert f"state IN ({states})" == LIVE

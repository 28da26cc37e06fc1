"""Figures over HTTP: right by hand, equal to the rows behind them, of one's own municipality alone."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.control.definitions import INDICATORS
from service.control.facts import refresh
from service.core.database import Database
from service.work_orders.service_levels_policies import set_policy
from service.work_orders.sla import ClockKind, Policy, ServiceLevel
from tests.control.conftest import Desk
from tests.control.lives import NOW, Street
from tests.coverage.streets_made import cells_in_a_row, make_street, see

REPAIR = ("accept", "assign", "start", "done", "pass")


def figures(desk: Desk, **query: Any) -> dict[str, dict[str, Any]]:
    answer = desk.get("indicators", **query)
    return {one["indicator"]: one for one in answer["groups"][0]["figures"]}


@pytest.fixture
def week(street: Street) -> Street:
    """Ten defects of one week; 48 hours are allowed for potholes."""
    street.live(*REPAIR)
    street.live(*REPAIR)
    street.live("accept", "assign", "start", "done")
    street.live("accept", "cancel")
    street.live("reject")
    street.live()
    late = street.live("accept", "assign")
    street.later(hours=49)
    for step in ("start", "done", "pass"):
        street.take(step, street.defects.index(late))
    street.live("accept", "assign")
    street.live("accept", "hold")
    street.live(*REPAIR, class_key="bad_billboard")
    return street


def test_the_figures_of_a_week(desk: Desk, week: Street) -> None:
    found = figures(desk)
    values = {key: one["value"] for key, one in found.items()}
    assert (values["observed"], values["received"], values["cancelled"], values["treated"]) == (9, 8, 1, 4)
    assert values["percent_treated"] == pytest.approx(100 * 4 / 7)
    assert (found["percent_in_time"]["met"], found["percent_in_time"]["of"]) == (4, 5)  # two still have time
    assert (values["completed"], values["completed_m2"], values["completed_count"]) == (4, 7.5, 2.5)
    assert (values["open"], values["percent_repairs_lasting"]) == (3, 100)
    assert (found["precision"]["met"], found["precision"]["of"]) == (8, 9)


@pytest.mark.parametrize("refreshed", [False, True])
def test_each_figure_has_as_many_rows_behind_it_as_it_says(
    desk: Desk, database: Database, session: Session, week: Street, refreshed: bool
) -> None:
    week.take("reopen", 0)
    week.live("accept")
    if refreshed:
        for _ in range(2):
            refresh(database, week.now)
    followed = 0
    for by in ("all", "unit", "class", "source", "municipality", "day"):
        for group in desk.get("indicators", by=by)["groups"]:
            for one in group["figures"]:
                if one["rows"] is None or one["indicator"] == "percent_coverage":
                    assert one["reason"], one  # no streets are imported either
                    continue
                followed += 1
                rows = desk.follow(one["rows"])
                if one["indicator"].startswith("completed_"):
                    assert sum(float(row["quantity"]) for row in rows) == one["value"]
                elif one["value"] is None:
                    assert one["reason"] and not rows, one
                elif one["of"] is None:
                    assert len(rows) == one["value"], one
                else:
                    assert len(rows) == one["of"], one
                    assert sum(row["met"] for row in rows) == one["met"], one
                    assert len(desk.follow(one["rows"], met="true")) == one["met"], one
                for part in one["parts"]:
                    assert len(desk.follow(part["rows"])) == part["value"], part
    assert followed > 100


def test_an_order_that_is_opened_again_is_received_again_and_its_repair_has_failed(desk: Desk, street: Street) -> None:
    street.live(*REPAIR)
    street.later(days=10)
    before = figures(desk, period="range", **{"from": "2026-03-01", "to": "2026-03-20"})
    street.take("reopen", 0)
    after = figures(desk, period="range", **{"from": "2026-03-01", "to": "2026-03-20"})
    assert (before["received"]["value"], before["percent_repairs_lasting"]["value"]) == (1, 100)
    assert (after["received"]["value"], after["treated"]["value"], after["open"]["value"]) == (2, 1, 1)
    assert after["percent_repairs_lasting"]["value"] == 0
    lives = desk.follow(after["received"]["rows"])
    assert [(row["outcome"], row["life"] > 0) for row in lives] == [("treated", True), ("waiting", False)]


def test_a_running_week_is_compared_with_as_much_of_the_week_before(desk: Desk, street: Street) -> None:
    street.now = NOW - timedelta(days=7)  # a Wednesday
    street.live("accept")
    street.later(days=2)
    street.live("accept")
    street.now = NOW
    street.live("accept")
    answer = desk.get("indicators", indicator="received")
    assert answer["period"]["first"] == "2026-03-01"
    assert (answer["before"]["first"], answer["before"]["last"]) == ("2026-02-22", "2026-02-25")
    (figure,) = answer["groups"][0]["figures"]
    assert (figure["value"], figure["before"], figure["change"]) == (1, 1, 0)


def test_open_orders_of_the_past_are_those_that_were_open_then(desk: Desk, street: Street) -> None:
    street.live("accept")
    street.later(days=5)
    for step in REPAIR[1:]:
        street.take(step, 0)
    street.later(days=5)
    past = figures(desk, period="range", **{"from": "2026-03-04", "to": "2026-03-06"})["open"]
    assert past["value"] == 1
    assert {part["to_days"]: part["value"] for part in past["parts"]} == {1: 0, 3: 1, 7: 0, 30: 0, 90: 0, None: 0}
    assert len(desk.follow(past["rows"])) == 1
    assert figures(desk)["open"]["value"] == 0


def test_what_nobody_keeps_is_null_with_the_reason(desk: Desk, street: Street) -> None:
    found = figures(desk)
    for key in ("percent_satisfied", "cost", "percent_treated", "percent_coverage", "precision"):
        assert found[key]["value"] is None and found[key]["reason"], key
    street.live("accept")
    by_unit = desk.get("indicators", by="unit", indicator=["observed", "precision", "percent_coverage"])["groups"]
    assert by_unit and all(one["value"] is None and one["reason"] for group in by_unit for one in group["figures"])


def test_coverage_is_that_of_the_coverage_room(desk: Desk, session: Session, street: Street) -> None:
    cells = cells_in_a_row(4)
    make_street(session, street.municipality, dict.fromkeys(cells, 100.0))
    see(session, street.municipality, cells[:3], NOW.date())
    session.commit()
    found = figures(desk)["percent_coverage"]
    assert (found["value"], found["met"], found["of"]) == (75, 300, 400)
    own = figures(desk, municipality_id=street.municipality.id)["percent_coverage"]
    answer = desk.client.get(own["rows"], headers=desk.sign_in(Role.INSPECTOR)).json()
    assert answer["percent"] == 75


def test_due_times_decide_what_is_in_time(desk: Desk, session: Session, street: Street) -> None:
    soon = ServiceLevel(ClockKind.ROUND_THE_CLOCK, hours_to_start=None, hours_to_close=2)
    set_policy(session, street.caller, Policy(None, street.municipality.id, "pothole", None, None, soon), street.now)
    session.commit()
    street.live("accept", "assign", "start", "done", "pass")  # done three hours after it was opened
    street.live("accept")
    late = figures(desk)["percent_in_time"]
    assert (late["met"], late["of"]) == (0, 1)
    street.later(hours=3)
    assert figures(desk)["percent_in_time"]["of"] == 2  # the second is late now, without any event


def test_groups_have_names_and_the_empty_ones_are_there(desk: Desk, session: Session, week: Street) -> None:
    khobar = Street(session, "khobar")
    groups = desk.get("indicators", by="municipality", who="admin")["groups"]
    assert [group["name_en"] for group in groups] == ["Dammam", "Khobar"]
    assert groups[1]["figures"][1]["value"] == 0
    names = {group["name_ar"] for group in desk.get("indicators", by="class")["groups"]}
    assert names == {"حفرة", "لوحة مشوهة"}
    assert khobar.municipality.id == 2


def test_a_neighbour_sees_nothing_of_it(desk: Desk, session: Session, week: Street) -> None:
    khobar = Street(session, "khobar")
    desk.headers["neighbour"] = desk.sign_in(Role.SUPERVISOR, khobar)
    mine, theirs = desk.get("indicators"), desk.get("indicators", who="neighbour")
    assert mine["groups"][0]["figures"][1]["value"] == 8
    assert all(not one["value"] for one in theirs["groups"][0]["figures"])
    assert desk.get("indicators/received/rows", who="neighbour")["items"] == []
    place = f"municipality_id={week.municipality.id}"
    for path in (f"indicators?{place}", f"indicators/received/rows?{place}", f"indicators/export?{place}"):
        assert desk.status("GET", path, "neighbour") == (404, "municipality.unknown")


def test_who_may_not_and_what_makes_no_sense(desk: Desk, street: Street) -> None:
    assert desk.status("GET", "indicators", "unit")[0] == 403
    for path, code in (
        ("indicators?period=range", "indicators.period"),
        ("indicators?period=range&from=2026-03-02&to=2026-03-01", "indicators.period"),
        ("indicators?period=hijri_month&on=1800-01-01", "indicators.period"),
        ("indicators?period=day&on=0001-01-01", "indicators.period"),
        ("indicators?period=month&on=9999-12-31", "indicators.period"),
        ("indicators?from=2026-03-01&to=2026-03-02", "indicators.period"),
        ("ranking?period=range&from=9999-12-31&to=9999-12-31", "indicators.period"),
        ("indicators?indicator=beauty", "indicators.unknown"),
        ("indicators?by=weather", "request.invalid"),
        ("indicators/received/rows?after=x", "indicators.after"),
    ):
        assert desk.status("GET", path) == (422, code), path
    assert desk.status("GET", "indicators/percent_coverage/rows") == (404, "indicators.rows")


def test_figures_and_rows_come_as_files(desk: Desk, week: Street) -> None:
    def fetch(path: str) -> bytes:
        answer = desk.client.get(f"/api/v1/indicators/{path}", headers=desk.headers["supervisor"])
        assert answer.status_code == 200
        return bytes(answer.content)

    lines = list(csv.DictReader(io.StringIO(fetch("export?format=csv").decode("utf-8-sig"))))
    assert {line["indicator"]: line["value"] for line in lines}["received"] == "8"
    assert lines[0]["from_hijri"].startswith("1447-")
    assert fetch("export?format=xlsx&by=class")[:2] == b"PK"
    rows = list(csv.DictReader(io.StringIO(fetch("received/rows/export?format=csv").decode("utf-8-sig"))))
    assert len(rows) == 8


def test_definitions_are_those_of_the_glossary(desk: Desk) -> None:
    told = desk.get("indicators/definitions")
    assert [one["key"] for one in told] == [one.key for one in INDICATORS]
    assert all(one["means_ar"] and one["name_ar"] for one in told)

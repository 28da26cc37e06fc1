"""Policies and calendars over HTTP: who may set them, what they answer, and that nothing is done twice."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import func, select
from typer.testing import CliRunner

from service.accounts.permissions import Role
from service.core.database import Database
from service.core.events import Event
from service.core.hijri import SAUDI_TIME
from service.work_orders.service_levels_cli import sla
from tests.factories import make_user
from tests.work_orders.orders import Town, bearer, make_town

LEVEL = {"clock": "working_hours", "hours_to_start": 3, "hours_to_close": 14}
WEEK = {"sunday": ["08:00-12:00", "16:00-20:00"], "monday": ["08:00-12:00"]}


def delete(town: Town, who: str, path: str) -> int:
    return town.client.delete(f"/api/v1/{path}", headers=town.headers[who]).status_code


def policy(town: Town, who: str = "supervisor", **told: Any) -> Response:
    return town.put(who, "sla-policies", **({"municipality_id": town.municipality.id} | LEVEL | told))


def events(town: Town, kind: str) -> list[str]:
    town.session.rollback()
    return list(town.session.scalars(select(Event.action).filter_by(subject_kind=kind).order_by(Event.id)))


@pytest.fixture
def admin(town: Town) -> str:
    town.headers["admin"] = bearer(town.session, make_user(town.session, Role.ADMIN, town.municipality))
    town.session.commit()
    return "admin"


def test_a_policy_is_set_read_changed_and_deleted_each_once(town: Town) -> None:
    steps = [
        {"level": 1, "after_hours": 0, "to_role": "supervisor"},
        {"level": 2, "after_hours": 9, "to_role": "admin"},
    ]
    first, again = (policy(town, class_key="graffiti", size_class="large", escalations=steps) for _ in range(2))
    assert first.json() == again.json() and first.json()["escalations"][1]["to_role"] == "admin"
    path = f"sla-policies/{first.json()['id']}"
    changed = policy(town, class_key="graffiti", size_class="large", hours_to_close=20)
    assert town.get("inspector", path).json() == changed.json()
    assert changed.json()["id"] == first.json()["id"]
    assert [delete(town, "supervisor", path) for _ in range(2)] == [204, 204]
    assert town.get("inspector", path).status_code == 404
    assert delete(town, "supervisor", "sla-policies/999") == 404
    assert events(town, "sla_policy") == ["set", "set", "delete"]


def test_a_neighbour_finds_and_deletes_no_policy(town: Town) -> None:
    made = policy(town, size_class="small").json()["id"]
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.get("supervisor", f"sla-policies/{made}").status_code == 404
    assert delete(neighbour, "supervisor", f"sla-policies/{made}") == 404
    assert delete(town, "supervisor", f"sla-policies/{made}") == 204
    assert delete(neighbour, "supervisor", f"sla-policies/{made}") == 404
    assert delete(town, "inspector", f"sla-policies/{made}") == 403


def test_a_shared_policy_is_an_administrators_and_holds_where_a_town_has_none(town: Town, admin: str) -> None:
    assert policy(town, municipality_id=None, min_priority=50).status_code == 403
    shared = policy(town, admin, municipality_id=None, min_priority=50).json()
    assert shared in town.get("inspector", "sla-policies").json()["items"]
    assert delete(town, "supervisor", f"sla-policies/{shared['id']}") == 403
    ask = {"municipality_id": town.municipality.id, "class_key": "pothole", "priority": 60}
    assert town.get("inspector", "sla/explain", **ask).json()["policy_id"] != shared["id"]
    own = [row["id"] for row in town.get("inspector", "sla-policies").json()["items"] if row["class_key"] == "pothole"]
    assert delete(town, "supervisor", f"sla-policies/{own[0]}") == 204
    assert town.get("inspector", "sla/explain", **ask).json()["policy_id"] == shared["id"]


@pytest.mark.parametrize(
    "told",
    [
        {"hours_to_start": 20}, {"warn_share": 1}, {"warn_share": 0}, {"clock": "sundial"}, {"size_class": "huge"},
        {"min_priority": 101}, {"class_key": "camel"}, {"hours_to_close": 0}, {"other": 1},
        {"escalations": [{"level": 2, "after_hours": 1, "to_role": "admin"},
                         {"level": 1, "after_hours": 2, "to_role": "admin"}]},
        {"escalations": [{"level": 1, "after_hours": 1, "to_role": "admin", "to_user_id": 999}]},
        {"escalations": [{"level": 1, "after_hours": 1, "to_role": "mayor"}]},
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_kept_is_refused(town: Town, told: dict[str, Any]) -> None:
    answer = policy(town, **told)
    assert answer.status_code == 422 and "expected" in answer.json()["detail"]
    assert events(town, "sla_policy") == []


def test_an_escalation_to_a_person_of_another_town_is_refused(town: Town) -> None:
    neighbour = make_town(town.client, town.session, "khobar")
    stranger = make_user(town.session, Role.SUPERVISOR, neighbour.municipality)
    town.session.commit()
    step = {"level": 1, "after_hours": 0, "to_role": "supervisor", "to_user_id": stranger.id}
    assert policy(town, escalations=[step]).json()["code"] == "sla.user"


def test_the_explanation_is_what_an_order_then_gets(town: Town) -> None:
    policy(town, class_key="pothole", hours_to_close=21)
    ask = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    told = town.get("inspector", "sla/explain", **ask).json()
    order = town.accept()
    assert (told["due_at"], told["start_due_at"]) == (order["due_at"], order["start_due_at"])
    assert told["due_at_hijri"] == order["due_at_hijri"]
    assert told["considered"][0] == {"policy_id": told["policy_id"], "why": told["considered"][0]["why"]}
    assert "holds for municipality" in told["considered"][0]["why"]
    kinds = {day["day"]: day["kind"] for day in told["days"]}
    assert kinds["2026-03-06"] == "weekend" and kinds["2026-03-04"] == "ramadan"
    assert [step["kind"] for step in told["steps"]] == ["late_start", "warn", "breach"]
    clock = town.get("inspector", f"work-orders/{order['id']}/clock").json()
    assert clock["policy_id"] == told["policy_id"] and clock["steps"] == told["steps"]


def test_an_explanation_for_another_time_changes_nothing(town: Town) -> None:
    ask = {"municipality_id": town.municipality.id, "class_key": "graffiti", "at": "2026-05-25T14:00:00+03:00"}
    told = town.get("inspector", "sla/explain", **ask).json()
    days = {day["day"]: (day["kind"], day["name_en"]) for day in told["days"]}
    assert days["2026-05-27"] == ("holiday", "Eid al-Adha Holiday")
    assert town.session.scalar(select(func.count()).select_from(Event)) == 0
    assert town.get("inspector", "sla/explain", **(ask | {"at": "2026-05-25T14:00:00"})).status_code == 422
    assert (
        town.get("inspector", "sla/explain", **(ask | {"at": "2077-11-10T14:00:00Z"})).json()["code"] == "calendar.end"
    )


def test_a_calendar_is_set_once_and_holds_for_the_next_promise(town: Town) -> None:
    place = {"municipality_id": town.municipality.id}
    usual = town.get("inspector", "calendar", **place).json()
    assert usual["week"]["sunday"] == ["07:30-14:30"] and usual["ramadan"]["sunday"] == ["10:00-15:00"]
    for _ in range(2):
        answer = town.put("supervisor", "calendar", week=WEEK, ramadan=None, public_holidays=False, **place)
        assert answer.json() == {"week": WEEK, "ramadan": None, "public_holidays": False}
    assert events(town, "municipality") == ["set_calendar"]
    policy(town, class_key="pothole", hours_to_close=5)
    assert datetime.fromisoformat(town.accept()["due_at"]) == datetime(2026, 3, 8, 17, tzinfo=SAUDI_TIME)


@pytest.mark.parametrize(
    ("week", "code"),
    [({}, "calendar.closed"), ({"sunday": ["12:00-08:00"]}, "calendar.hours"), ({"x": []}, "request.invalid")],
)
def test_a_calendar_that_cannot_be_is_refused(town: Town, week: dict[str, Any], code: str) -> None:
    place = {"municipality_id": town.municipality.id}
    answer = town.put("supervisor", "calendar", week=week, ramadan=None, **place)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_special_days_close_the_town_and_are_taken_back(town: Town) -> None:
    place = {"municipality_id": town.municipality.id}
    body = place | {
        "first_day": "2026-03-04", "last_day": "2026-03-05", "name_en": "Sandstorm", "name_ar": "عاصفة رملية"
    }  # fmt: skip
    first, again = (town.put("supervisor", "calendar/periods", **body).json() for _ in range(2))
    assert first == again and first["first_day_hijri"]["ar"] == "15 رمضان 1447"
    ask = place | {"from": "2026-03-03", "to": "2026-03-06"}
    days = town.get("inspector", "calendar/days", **ask).json()
    assert [day["kind"] for day in days] == ["ramadan", "special", "special", "weekend"]
    assert (days[1]["name_ar"], days[1]["hours"]) == ("عاصفة رملية", [])
    shorter = town.put("supervisor", "calendar/periods", hours=["10:00-11:00"], **body).json()
    assert shorter["id"] == first["id"]
    assert town.get("inspector", "calendar/days", **ask).json()[1]["hours"] == ["10:00-11:00"]
    assert town.get("inspector", "calendar/periods", **place).json()["items"] == [shorter]
    path = f"calendar/periods/{first['id']}"
    assert [delete(town, "supervisor", path) for _ in range(2)] == [204, 204]
    assert town.get("inspector", "calendar/days", **ask).json()[1]["kind"] == "ramadan"
    assert events(town, "special_period") == ["set", "set", "delete"]


def test_days_are_shown_from_today_in_saudi_arabia(town: Town) -> None:
    town.now = datetime(2026, 2, 17, 23, 30, tzinfo=SAUDI_TIME) + timedelta(hours=1)
    days = town.get("unit", "calendar/days", municipality_id=town.municipality.id).json()
    assert (len(days), days[0]["day"], days[0]["hijri"]["en"]) == (31, "2026-02-18", "1 Ramadan 1447")


@pytest.mark.parametrize(
    "dates", [("2026-03-05", "2026-03-04"), ("2020-01-01", "2026-01-01"), ("1800-01-01", "1800-01-02")]
)
def test_days_that_cannot_be_told_are_refused(town: Town, dates: tuple[str, str]) -> None:
    ask = {"municipality_id": town.municipality.id, "from": dates[0], "to": dates[1]}
    assert town.get("inspector", "calendar/days", **ask).json()["code"] == "calendar.days"


def test_the_neighbours_calendar_can_be_neither_seen_nor_changed(town: Town) -> None:
    place = {"municipality_id": town.municipality.id}
    body = place | {"first_day": "2026-03-04", "last_day": "2026-03-04", "name_en": "x", "name_ar": "x"}
    made = town.put("supervisor", "calendar/periods", **body).json()["id"]
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.get("supervisor", "calendar", **place).status_code == 404
    assert neighbour.get("supervisor", "calendar/days", **place).status_code == 404
    assert neighbour.get("supervisor", "sla/explain", class_key="pothole", **place).status_code == 404
    assert neighbour.get("supervisor", "calendar/periods", **place).json()["items"] == []
    assert neighbour.put("supervisor", "calendar", week=WEEK, ramadan=None, **place).status_code == 404
    assert neighbour.put("supervisor", "calendar/periods", **body).status_code == 404
    assert delete(neighbour, "supervisor", f"calendar/periods/{made}") == 404
    assert town.put("inspector", "calendar", week=WEEK, ramadan=None, **place).status_code == 403
    assert town.put("unit", "calendar/periods", **body).status_code == 403


def test_an_orders_clock_is_seen_by_those_who_see_the_order(town: Town) -> None:
    path = f"work-orders/{town.accept()['id']}/clock"
    assert town.get("unit", path).json()["running"]
    assert town.get("other_unit", path).status_code == 404


def test_the_command_line_explains_and_sweeps(
    town: Town, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))
    runner, ask = CliRunner(), ["explain", "--municipality", "dammam", "--class", "graffiti"]
    told = runner.invoke(sla, [*ask, "--at", "2026-03-18T14:00"])
    assert told.exit_code == 0, told.output
    assert "2026-03-19 thursday: closed (holiday, Eid al-Fitr Holiday)" in told.output
    assert "holds for municipality" in told.output and "breach" in told.output
    parsed = json.loads(runner.invoke(sla, [*ask, "--json", "--at", "2026-03-18T14:00"]).output)
    assert parsed["level"]["clock"] == "working_hours"
    assert "expected one of" in runner.invoke(sla, [*ask[:-1], "camel"]).output
    town.accept()  # in March 2026: all of its steps are past
    assert "\n5 stamped, 0 orders" in runner.invoke(sla, ["sweep"]).output
    assert "0 stamped, 0 orders" in runner.invoke(sla, ["sweep"]).output

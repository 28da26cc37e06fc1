"""Programmes and the ranking over HTTP: set once, sent twice, seen by those they are for."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from tests.control.conftest import Desk
from tests.control.lives import NOW, Street

REPAIR = ("accept", "assign", "start", "done", "pass")
NAMES = {"name_en": "Clean streets", "name_ar": "شوارع نظيفة"}
PHASE = {"name_en": "First", "name_ar": "الأولى", "first_day": "2026-03-01", "last_day": "2026-03-31"}


def programme(desk: Desk, who: str = "supervisor", **body: Any) -> int:
    told = {"key": "clean", **NAMES, **body}
    answer = desk.client.post("/api/v1/programmes", headers=desk.headers[who], json=told)
    assert answer.status_code == 201, answer.text
    made: int = answer.json()["id"]
    return made


def put(desk: Desk, path: str, who: str = "supervisor", **body: Any) -> None:
    assert desk.status("PUT", f"programmes/{path}", who, **body) == (200, None)


def test_a_programme_with_a_phase_a_target_and_an_initiative(desk: Desk, session: Session, street: Street) -> None:
    place = street.municipality.id
    for _ in range(2):  # each request may arrive twice
        made = programme(desk, municipality_id=place)
        put(desk, f"{made}/phases/first", **PHASE)
        targets = [
            {"municipality_id": place, "indicator": "percent_treated", "value": 90},
            {"municipality_id": place, "indicator": "completed_m2", "class_key": "pothole", "value": 5},
            {"municipality_id": place, "indicator": "open", "value": 0},
            {"municipality_id": place, "indicator": "cost", "value": 1000},
        ]
        put(desk, f"{made}/phases/first/targets", targets=targets)
        put(
            desk, f"{made}/phases/first/initiatives/night_shift", **NAMES, state="under_way", serves=["percent_treated"]
        )
    events = session.scalars(select(Event.action).where(Event.subject_kind == "programme").order_by(Event.id)).all()
    assert events == ["create", "set_phase", "set_targets", "set_initiative"]
    street.live(*REPAIR)
    street.live(*REPAIR)
    street.live("accept")
    (phase,) = desk.get(f"programmes/{made}")["phases"]
    found = {one["indicator"]: one for one in phase["targets"]}
    assert found["percent_treated"]["value"] == pytest.approx(200 / 3)
    assert (found["percent_treated"]["status"], found["completed_m2"]["status"]) == ("off_track", "achieved")
    assert (found["open"]["status"], found["cost"]["status"]) == ("off_track", "no_data")
    assert found["cost"]["reason"]
    assert len(desk.follow(found["completed_m2"]["rows"])) == 2
    assert phase["period"]["first_hijri"] == "1447-09-12"
    assert [one["key"] for one in phase["initiatives"]] == ["night_shift"]
    street.now = NOW + timedelta(days=40)
    (ended,) = desk.get(f"programmes/{made}")["phases"]
    assert {one["indicator"]: one["status"] for one in ended["targets"]}["percent_treated"] == "missed"
    exported = desk.client.get(f"/api/v1/programmes/{made}/export?format=csv", headers=desk.headers["supervisor"])
    assert exported.content.decode("utf-8-sig").count("\n") == 5


def test_a_programme_of_all_shows_each_its_own_targets_and_is_changed_by_who_sees_all(
    desk: Desk, session: Session, street: Street
) -> None:
    khobar = Street(session, "khobar")
    desk.headers["neighbour"] = desk.sign_in(Role.SUPERVISOR, khobar)
    made = programme(desk, "admin", key="national")
    put(desk, f"{made}/phases/first", "admin", **PHASE)
    aims = [
        {"municipality_id": one.municipality.id, "indicator": "percent_treated", "value": 90}
        for one in (street, khobar)
    ]
    put(desk, f"{made}/phases/first/targets", "admin", targets=aims)
    for who, count in (("admin", 2), ("supervisor", 1), ("neighbour", 1)):
        assert len(desk.get(f"programmes/{made}", who)["phases"][0]["targets"]) == count
    assert desk.status("PUT", f"programmes/{made}", **NAMES) == (403, "programme.scope")
    assert desk.status("POST", "programmes", key="mine", **NAMES) == (403, "programme.scope")


def test_a_neighbours_programme_is_a_404_and_an_inspector_changes_none(
    desk: Desk, session: Session, street: Street
) -> None:
    desk.headers["neighbour"] = desk.sign_in(Role.SUPERVISOR, Street(session, "khobar"))
    made = programme(desk, municipality_id=street.municipality.id)
    for method, path, body in (
        ("GET", f"programmes/{made}", {}), ("GET", f"programmes/{made}/export", {}),
        ("PUT", f"programmes/{made}", NAMES), ("PUT", f"programmes/{made}/phases/first", PHASE),
        ("PUT", f"programmes/{made}/phases/first/targets", {"targets": []}),
        ("PUT", f"programmes/{made}/phases/first/initiatives/one", NAMES),
    ):  # fmt: skip
        assert desk.status(method, path, "neighbour", **body) == (404, "programme.unknown"), path
    assert desk.get("programmes", "neighbour")["items"] == []
    assert desk.status("PUT", f"programmes/{made}", "inspector", **NAMES)[0] == 403


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("phases/first", PHASE | {"last_day": "2026-02-01"}, "phase.period"),
        ("phases/first", PHASE | {"last_day": "9999-12-31"}, "request.invalid"),
        ("phases/first/targets", {"targets": [{"municipality_id": 1, "indicator": "percent_treated", "value": 101}]},
         "target.value"),
        ("phases/other/targets", {"targets": []}, "phase.unknown"),
        ("phases/first/targets", {"targets": [{"municipality_id": 1, "indicator": "x", "value": 1}]},
         "target.indicator"),
        ("phases/first/targets", {"targets": [{"municipality_id": 9, "indicator": "open", "value": 1}]},
         "target.municipality"),
        ("phases/first/targets", {"targets": [{"municipality_id": 1, "indicator": "open", "value": 1}] * 2},
         "target.twice"),
        ("phases/first/initiatives/one", NAMES | {"serves": ["beauty"]}, "initiative.serves"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_told(desk: Desk, street: Street, path: str, body: dict[str, Any], code: str) -> None:
    made = programme(desk, municipality_id=street.municipality.id)
    put(desk, f"{made}/phases/first", **PHASE)
    status, told = desk.status("PUT", f"programmes/{made}/{path}", **body)
    assert told == code and status in {404, 422}


def test_municipalities_are_ranked_by_a_rule_that_is_data(desk: Desk, session: Session, street: Street) -> None:
    khobar = Street(session, "khobar")
    street.live(*REPAIR)
    street.live("accept")
    khobar.live(*REPAIR)
    rule: dict[str, Any] = {"weights": {"percent_treated": 1}, "minimum_received": 1, "missing": "leave_out"}
    assert desk.status("PUT", "ranking/rule", **rule) == (403, "ranking.scope")
    for _ in range(2):
        assert desk.status("PUT", "ranking/rule", "admin", **rule)[0] == 200
    assert session.scalar(select(func.count()).where(Event.action == "set_rule")) == 1
    found = desk.get("ranking", "admin")["standings"]
    assert [(one["name_en"], one["rank"], one["score"]) for one in found] == [("Khobar", 1, 100), ("Dammam", 2, 50)]
    assert found[1]["shares"][0]["points"] == 50
    assert len(desk.follow(found[1]["rows"]["percent_treated"])) == 2
    assert [one["name_en"] for one in desk.get("ranking")["standings"]] == ["Dammam"]
    earlier = desk.get("ranking", "admin", on="2026-02-01")
    assert earlier["rule"]["minimum_received"] == 20  # the rule of the end of that week
    assert all(one["rank"] is None and "received 0" in one["reason"] for one in earlier["standings"])
    export = desk.client.get("/api/v1/ranking/export?format=csv", headers=desk.headers["admin"])
    assert export.content.decode("utf-8-sig").count("percent_treated") >= 2


def test_a_rule_ranks_by_percentages_alone(desk: Desk, street: Street) -> None:
    for weights in ({"received": 1}, {"percent_treated": 0}, {}):
        body = {"weights": weights, "minimum_received": 1, "missing": "zero"}
        assert desk.status("PUT", "ranking/rule", "admin", **body) == (422, "request.invalid")

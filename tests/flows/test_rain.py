"""A rain incident as the municipality lives it, through HTTP alone: from its declaration to the paper that stays."""

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from service.accounts.permissions import Role
from service.control.incidents_cli import incidents
from service.core.events import Event
from service.core.paper import END_ISOLATE, LTR_ISOLATE
from service.core.runtime import Runtime
from service.crews.replanning import replan_changed
from service.work_orders.emergencies import apply_all
from tests.defects.sightings import box
from tests.factories import DAMMAM, make_user, square
from tests.work_orders.orders import Town, bearer, make_town, unit_of

AREA = square(DAMMAM[1] - 0.05, DAMMAM[0] - 0.05, 0.1)
CREW = {"start_lat": DAMMAM[0], "start_lon": DAMMAM[1], "shift_starts_min": 10 * 60, "shift_min": 480}


@pytest.fixture
def town(client: TestClient, session: Session) -> Town:
    """With a foreman of the rain-water unit and an agent of the 940 centre's desk."""
    made = make_town(client, session)
    rain = unit_of(session, made.municipality, "rain_water")
    made.headers["rain"] = bearer(session, make_user(session, Role.UNIT, made.municipality, rain))
    session.commit()
    return made


def declare(town: Town, **body: Any) -> int:
    told = {
        "municipality_id": town.municipality.id, "kind": "rain", "name": "Rain of March", "area": AREA,
        "starts_at": town.now.isoformat(), **body,
    }  # fmt: skip
    answer = town.post("supervisor", "incidents", **told)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def water(town: Town, north_m: float) -> int:
    return int(town.accept(box("standing_water", north_m=north_m))["id"])


def drain(town: Town, order_id: int, cubic: float) -> None:
    """The rain-water unit comes, pumps, and an inspector finds it dry."""
    assert town.act("supervisor", order_id, "assign").status_code == 200
    town.later(minutes=30)
    assert town.act("rain", order_id, "start").status_code == 200
    town.later(hours=1)
    assert town.done(order_id, quantity=cubic, who="rain").status_code == 200
    assert town.act("inspector", order_id, "inspection", passed=True).json()["state"] == "closed"


def refer(town: Town, order_id: int, number: str) -> int:
    agency = town.put(
        "supervisor", "agencies", municipality_id=town.municipality.id, key="water", name_en="National Water",
        name_ar="شركة المياه الوطنية", contact="desk",
    ).json()  # fmt: skip
    due = (town.now + timedelta(hours=2)).isoformat()
    told = town.act(
        "supervisor", order_id, "referrals", agency_id=agency["id"], number=number, answer_due_at=due
    )  # fmt: skip
    assert told.status_code == 201, told.text
    return int(told.json()["id"])


def report_by_telephone(town: Town, north_m: float) -> None:
    told = {
        "municipality_id": town.municipality.id, "class_key": "standing_water", "description": "water in the underpass",
        "lat": DAMMAM[0] + north_m / 111_000, "lon": DAMMAM[1],
    }  # fmt: skip
    answer = town.client.post(
        "/api/v1/reports", headers=town.headers["supervisor"], data={"report": json.dumps(told)}
    )  # fmt: skip
    assert answer.status_code == 201, answer.text


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(BytesIO(pdf))
    text = "\n".join(page.get_textpage().get_text_range() for page in document)
    return text.replace(LTR_ISOLATE, "").replace(END_ISOLATE, "")


def papers(town: Town, incident_id: int) -> dict[str, bytes]:
    found = {}
    for language in ("ar", "en"):
        answer = town.get("supervisor", f"incidents/{incident_id}/report.pdf", language=language)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
        found[language] = answer.content
    return found


def test_a_rain_incident_goes_from_its_declaration_to_the_closing_report(
    town: Town, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.later(days=-380)
    drain(town, water(town, 0), 30.0)  # the winter before
    town.later(days=380)
    town.session.commit()
    before = water(town, 300)  # it stood there already
    usual = town.get("supervisor", f"work-orders/{before}").json()["due_at"]
    town.later(hours=1)
    incident_id = declare(town)
    begun = town.now
    hurried = town.get("supervisor", f"work-orders/{before}").json()["due_at"]
    assert hurried == (begun + timedelta(hours=4)).isoformat().replace("+00:00", "Z") != usual

    first, elsewhere, left, asked = (water(town, north) for north in (10, 600, 900, 1200))
    outside = water(town, 30_000)
    town.session.commit()
    assert apply_all(runtime.database, town.now) == 4  # those within come first too
    report_by_telephone(town, 1500)
    done_by_agency, waits = refer(town, elsewhere, "W-1"), refer(town, asked, "W-2")
    drain(town, first, 40.0)
    answered = town.act("supervisor", elsewhere, f"referrals/{done_by_agency}/answer", outcome="done", quantity=5.0)
    assert answered.status_code == 200, answered.text
    drain(town, before, 12.5)
    town.later(hours=3)
    change = {"name": "Rain of March", "area": AREA, "rules": {"close_hours": {"standing_water": 3}}, "note": "heavier"}
    assert town.put("supervisor", f"incidents/{incident_id}", **change).status_code == 200

    figures = town.get("supervisor", f"incidents/{incident_id}/figures").json()
    (agency,) = figures["agencies"]
    told = {name: agency[name] for name in ("referred", "answered", "done", "waiting", "overdue")}
    assert told == {"referred": 2, "answered": 1, "done": 1, "waiting": 1, "overdue": 1}
    assert agency["hours_to_answer"] == pytest.approx(1.5) and figures["reports"]["received"] == 1

    ended = town.post("supervisor", f"incidents/{incident_id}/end")
    assert ended.json()["ended_at_hijri"]["en"].endswith("1447")
    report = town.get("supervisor", f"incidents/{incident_id}/report").json()
    figures = report["figures"]
    (standing,) = (one for one in figures["classes"] if one["class"] == "standing_water")
    own = {first, before, elsewhere, left, asked}
    passed = [one.subject_id for one in events(town, "pass") if one.at >= begun and one.subject_id in own]
    drained = sum(one.data["quantity"] for one in events(town, "report_done") if one.subject_id in passed)
    assert (standing["orders"], standing["closed"], standing["waiting"]) == (len(own), len(passed), 3) == (5, 2, 3)
    assert (standing["quantity"], standing["quantity_unit"]) == (drained, "m3")
    assert drained == 52.5
    assert standing["late"] == 1 == figures["late"]  # `left` alone: the others were done, or their clock stood still
    assert (standing["hours_to_start"], standing["hours_to_close"]) == (pytest.approx(1.25), pytest.approx(2.25))
    assert [one["order_id"] for one in report["open_orders"] if one["late"]] == [left]
    assert {one["order_id"] for one in report["open_orders"]} == {elsewhere, left, asked} and outside not in own
    assert [one["unit_en"] for one in report["open_orders"] if one["order_id"] == asked] == ["National Water"]
    assert [one["action"] for one in report["phases"]] == ["declare", "change", "end"]
    assert report["phases"][0]["rules"]["close_hours"]["standing_water"] == 4.0
    assert report["places_before"] is None  # the rules as changed put no class first
    assert report["final"] is True and report["area_km2"] == pytest.approx(110.5, rel=0.01)

    kept = papers(town, incident_id)
    english, arabic = text_of(kept["en"]), text_of(kept["ar"])
    for words in ("Closing report", "Rain of March", "National Water", "52.5 m³", "1447", "2026-03-04", str(left)):
        assert words in english, words
    assert "التقرير الختامي" in arabic and "رمضان" in arabic

    again = town.act("supervisor", asked, f"referrals/{waits}/answer", outcome="declined", answer="not ours")
    assert again.status_code == 200
    assert town.act("inspector", elsewhere, "inspection", passed=True).status_code == 200
    town.later(days=2)
    assert town.act("supervisor", first, "reopen", reason="it stands again").status_code == 200
    town.post("supervisor", f"incidents/{incident_id}/end")
    assert town.get("supervisor", f"incidents/{incident_id}/report").json() == report
    assert papers(town, incident_id) == kept
    assert len(events(town, "report", "incident")) == 1


def test_the_report_says_how_many_of_the_places_had_water_before(town: Town) -> None:
    town.later(days=-380)
    drain(town, water(town, 0), 30.0)
    town.later(days=380)
    incident_id = declare(town)
    water(town, 10)
    water(town, 900)
    town.later(hours=1)
    interim = town.get("supervisor", f"incidents/{incident_id}/report").json()
    found = interim["places_before"]
    assert interim["final"] is False
    assert (found["class"], found["places"], found["before"]) == ("standing_water", 2, 1)
    assert "Report of an incident that lasts" in text_of(papers(town, incident_id)["en"])
    assert "found at 2 places of 130 m, 1 of them had it before" in text_of(papers(town, incident_id)["en"])
    assert town.get("rain", f"incidents/{incident_id}/report").status_code == 403  # it names the orders of all units
    asked = {"municipality_id": town.municipality.id, "last": "2026-12-31"}
    (cell,) = town.get("supervisor", "recurrences.geojson", **asked).json()["features"]
    assert (cell["properties"]["orders"], cell["properties"]["cost_sar"]) == (2, None)
    table = town.get("supervisor", "recurrences.csv", **asked)
    assert table.headers["content-type"].startswith("text/csv")
    head, row = table.content.decode("utf-8-sig").splitlines()
    told = dict(zip(head.split(","), row.split(","), strict=True))
    assert (told["years"], told["by_year"], told["orders"], told["cost_sar"]) == ("2", "2025:1 2026:1", "2", "")


def test_what_rain_makes_urgent_is_put_into_the_crews_running_shift(town: Town, runtime: Runtime) -> None:
    unit_id = unit_of(town.session, town.municipality, "rain_water").id
    assert town.put("supervisor", f"units/{unit_id}/crew", **CREW).status_code == 200
    planned = water(town, 300)
    assert town.act("supervisor", planned, "assign").status_code == 200
    first = town.post("supervisor", f"units/{unit_id}/plans")
    assert first.status_code == 200, first.text
    assert [stop["work_order_id"] for stop in first.json()["stops"]] == [planned]
    town.later(hours=2)
    new = water(town, 700)
    assert town.act("supervisor", new, "assign").status_code == 200
    assert replan_changed(runtime.database, town.now) == 0  # it is merely new
    declare(town)  # due within four hours now, and so within the shift
    assert replan_changed(runtime.database, town.now) == 1
    (current,) = town.get("rain", f"units/{unit_id}/plans", current=True).json()["items"]
    assert (current["version"], current["reason"]) == (2, "urgent_order")
    stops = town.get("rain", f"units/{unit_id}/plans/{current['id']}").json()["stops"]
    assert {stop["work_order_id"]: stop["must"] for stop in stops} == {planned: True, new: True}


def test_an_incident_is_declared_followed_and_closed_at_the_command_line(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", town.session.get_bind().engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("service.core.clock.utc_now", lambda: town.now)
    email = make_user(town.session, Role.SUPERVISOR, town.municipality).email
    drain(town, water(town, 0), 30.0)
    town.later(days=20)
    begun, place = town.now.isoformat(), town.municipality.id
    file = tmp_path / "rain.json"
    file.write_text(json.dumps({"municipality_id": place, "kind": "rain", "name": "Rain", "starts_at": begun}))
    order_id = water(town, 20)
    town.session.commit()

    def run(*words: str) -> str:
        result = CliRunner().invoke(incidents, words)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert run("declare", str(file), "--by", email) == "Rain: id 1, 2 defects and orders changed\n"
    assert "lasts" in run("list", "--lasting")
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({"name": "Heavy rain", "rules": {"close_hours": {"standing_water": 3}}}))
    assert run("change", "1", str(changed), "--by", email) == "Heavy rain: 2 defects and orders changed\n"
    town.later(hours=5)
    assert "1 orders, 0 treated, 1 open, 1 late" in run("figures", "1")
    assert json.loads(run("figures", "1", "--json"))["late"] == 1
    assert run("close", "1", "--by", email).startswith("Heavy rain: ended 2026-03-24")
    assert run("list", "--lasting") == ""
    report = json.loads(run("report", "1"))
    assert report == town.get("supervisor", "incidents/1/report").json()
    assert [one["order_id"] for one in report["open_orders"]] == [order_id]
    out = tmp_path / "rain.pdf"
    run("report", "1", "--format", "pdf", "--language", "en", "--out", str(out))
    assert out.read_bytes() == papers(town, 1)["en"]
    water_map = json.loads(run("recurrences", "--municipality", "dammam"))
    assert [one["properties"]["episodes"] for one in water_map["features"]] == [2]
    table = run("recurrences", "--municipality", "dammam", "--format", "csv").splitlines()
    assert len(table) == 2 and table[1].split(",")[0] == water_map["features"][0]["id"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("report", "1", "--format", "pdf"), "expected --out FILE for pdf, got none"),
        (("report", "1", "--language", "fr"), "expected ar or en, got 'fr'"),
        (("recurrences", "--municipality", "dammam", "--class", "pond"), "got 'pond'"),
    ],
)
def test_a_wrong_request_is_told_in_a_line(words: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(incidents, words)
    assert result.exit_code == 2 and message in result.output


def events(town: Town, action: str, subject: str = "work_order") -> list[Event]:
    town.session.expire_all()
    own = select(Event).where(Event.subject_kind == subject, Event.action == action)
    return list(town.session.scalars(own.order_by(Event.id)))

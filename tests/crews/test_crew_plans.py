"""Plans of a unit on the real database: made, followed by another version, read by the right people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pypdfium2
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from service.core.events import SYSTEM, Event
from service.core.runtime import Runtime
from service.coverage.streets import import_streets
from service.crews.cli import crew
from service.crews.models import CrewPlan
from service.crews.replanning import replan_changed
from service.work_orders.models import WorkOrder
from tests.coverage.streets_made import collection, feature
from tests.crews.test_roads import at
from tests.defects.sightings import box
from tests.factories import DAMMAM, NOW, jpeg
from tests.work_orders.orders import Town, make_town, unit_of

CREW = {"start_lat": DAMMAM[0], "start_lon": DAMMAM[1], "shift_starts_min": 10 * 60, "shift_min": 480}
GPX = "{http://www.topografix.com/GPX/1/1}"


@pytest.fixture
def unit_id(town: Town) -> int:
    """The pothole machine with its crew set; the shift of the day begins an hour after NOW."""
    found = unit_of(town.session, town.municipality, "pothole_machine").id
    assert town.put("supervisor", f"units/{found}/crew", **CREW).status_code == 200
    return found


def order(town: Town, east_m: float, *, due_h: float = 1000, size: float | None = 0.2) -> int:
    """A pothole's order of the machine, due so many hours after NOW."""
    order_id: int = town.accept(box(east_m=east_m, size=size))["id"]
    row = town.session.get_one(WorkOrder, order_id)
    row.due_at, row.quantity_estimated = NOW + timedelta(hours=due_h), size
    town.session.commit()
    town.bring(order_id, "assign")
    return order_id


def plan(town: Town, unit_id: int, who: str = "supervisor", **body: Any) -> dict[str, Any]:
    answer = town.post(who, f"units/{unit_id}/plans", **body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def orders_of(made: dict[str, Any]) -> list[int]:
    return [stop["work_order_id"] for stop in made["stops"]]


def test_a_unit_gets_an_ordered_route_over_its_open_orders(town: Town, unit_id: int) -> None:
    ids = [order(town, east) for east in (300, -200, 600)]
    made = plan(town, unit_id)
    assert sorted(orders_of(made)) == sorted(ids) and made["version"] == 1 and made["reason"] == "first"
    assert made["stops"][0]["arrives_at"] >= made["shift_starts_at"]
    assert made["measured"] == "great_circle" and "straight lines times 1.35" in made["assumes"][0]
    assert made["drive_m"] == pytest.approx(1600 * 1.35, rel=0.01)
    (asphalt, _) = made["materials"]
    assert asphalt["amount"] == pytest.approx(0.6 * 129.25, rel=0.001) and "5 cm deep" in asphalt["assumes"]
    (event,) = town.session.scalars(select(Event).where(Event.subject_kind == "crew_plan"))
    assert (event.action, event.data["added"]) == ("plan", orders_of(made))


def test_the_same_request_again_gives_the_same_plan(town: Town, unit_id: int) -> None:
    order(town, 100)
    first = plan(town, unit_id)
    town.later(minutes=5)
    assert plan(town, unit_id) == first
    assert len(list(town.session.scalars(select(CrewPlan)))) == 1


def test_imported_streets_decide_the_distances(town: Town, unit_id: int, session: Session) -> None:
    corner = [at(0, 0), at(0, 300), at(400, 300), at(400, 0)]
    import_streets(session, town.municipality, collection(feature(*corner)), actor=SYSTEM, now=NOW)
    session.commit()
    order(town, 400)
    made = plan(town, unit_id)
    assert made["measured"] == "roads" and made["stops"][0]["by_road"]
    assert made["drive_m"] == pytest.approx(2 * 1000, rel=0.01)


def test_an_urgent_order_is_put_into_the_running_shift_and_finished_stops_stay(
    town: Town, unit_id: int, runtime: Runtime
) -> None:
    first_ids = {order(town, east) for east in (100, 200, 300)}
    before = plan(town, unit_id)
    town.later(hours=1, minutes=20)
    done = orders_of(before)[0]
    town.bring(done, "start", "done")
    assert replan_changed(runtime.database, town.now) == 0  # work that goes by the plan changes nothing
    calm = order(town, 150)
    assert replan_changed(runtime.database, town.now) == 0
    urgent = order(town, 250, due_h=2)
    assert replan_changed(runtime.database, town.now) == 1
    assert replan_changed(runtime.database, town.now) == 0
    after = town.get("unit", f"units/{unit_id}/plans", current=True).json()["items"][0]
    after = town.get("unit", f"units/{unit_id}/plans/{after['id']}").json()
    assert (after["version"], after["reason"]) == (2, "urgent_order")
    assert (after["stops"][0]["work_order_id"], after["stops"][0]["finished"]) == (done, True)
    assert after["stops"][1]["work_order_id"] == urgent and after["stops"][1]["must"]
    assert set(orders_of(after)) == first_ids | {urgent, calm}
    assert all(stop["arrives_at"] >= after["from_at"] for stop in after["stops"] if not stop["finished"])
    old = town.get("unit", f"units/{unit_id}/plans/{before['id']}").json()
    assert not old["current"] and orders_of(old) == orders_of(before)
    event = town.session.scalars(select(Event).where(Event.action == "replan")).one()
    assert event.data["reason"] == "urgent_order" and set(event.data["added"]) == {urgent, calm}


def test_a_stop_that_was_refused_leaves_the_plan(town: Town, unit_id: int, runtime: Runtime) -> None:
    ids = [order(town, east) for east in (100, 200)]
    plan(town, unit_id)
    assert town.act("unit", ids[0], "refuse", reason="a gas pipe lies there").status_code == 200
    assert replan_changed(runtime.database, town.now) == 1
    (current,) = town.get("unit", f"units/{unit_id}/plans", current=True).json()["items"]
    assert current["reason"] == "order_gone"
    assert orders_of(town.get("unit", f"units/{unit_id}/plans/{current['id']}").json()) == [ids[1]]


def test_orders_that_do_not_fit_are_listed_with_the_reason(town: Town, unit_id: int) -> None:
    town.put("supervisor", f"units/{unit_id}/crew", **(CREW | {"shift_min": 30, "break_min": 0}))
    ids = {order(town, 30 * number) for number in range(6)}
    made = plan(town, unit_id)
    assert made["skipped"] and {one["why"] for one in made["skipped"]} == {"shift_full"}
    assert set(orders_of(made)) | {one["work_order_id"] for one in made["skipped"]} == ids


def test_the_sheet_has_map_stops_and_photos_in_both_languages(town: Town, unit_id: int, session: Session) -> None:
    order_id = order(town, 120)
    frame = session.get_one(WorkOrder, order_id).defect.best_detection.frame  # type: ignore[union-attr]
    pixels = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    frame.blob_key = "frames/photo.jpg"
    town.client.app.state.runtime.store.put("frames/photo.jpg", jpeg(pixels))  # type: ignore[attr-defined]
    session.commit()
    made = plan(town, unit_id)
    own = f"units/{unit_id}/plans/{made['id']}/sheet"
    for language, words in (("ar", "محطات"), ("en", "Stops")):
        answer = town.get("unit", own, language=language)
        assert answer.headers["content-type"] == "application/pdf"
        pages = pypdfium2.PdfDocument(BytesIO(answer.content))
        text = "".join(page.get_textpage().get_text_range() for page in pages)
        assert str(order_id) in text and (language == "ar" or words in text)
        assert sum(one.type == 3 for page in pages for one in page.get_objects()) == 1
        assert town.get("unit", own, language=language).content == answer.content


def test_gpx_and_geojson_lead_to_the_stops_in_their_order(town: Town, unit_id: int) -> None:
    for east in (300, 100, 200):
        order(town, east)
    made = plan(town, unit_id)
    own = f"units/{unit_id}/plans/{made['id']}"
    answer = town.get("unit", f"{own}/gpx")
    assert answer.headers["content-type"] == "application/gpx+xml"
    root = ElementTree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == (f"{GPX}gpx", "1.1")
    assert [child.tag for child in root] == [f"{GPX}{tag}" for tag in ("metadata", "wpt", "wpt", "wpt", "rte", "trk")]
    route = [float(point.get("lon", "nan")) for point in root.iter(f"{GPX}rtept")]
    assert route == pytest.approx([stop["lon"] for stop in made["stops"]], abs=1e-6)
    geojson = town.get("unit", f"{own}/geojson")
    assert geojson.headers["content-type"].startswith("application/geo+json")
    way, *stops = geojson.json()["features"]
    assert way["geometry"]["type"] == "LineString"
    assert [one["properties"]["work_order_id"] for one in stops] == orders_of(made)


def test_only_the_own_unit_and_its_municipality_see_plans(town: Town, unit_id: int, session: Session) -> None:
    order(town, 100)
    made = plan(town, unit_id, "unit")
    neighbour = make_town(town.client, session, "khobar")
    session.commit()
    for suffix in ("", f"/{made['id']}", f"/{made['id']}/sheet", f"/{made['id']}/gpx", f"/{made['id']}/geojson"):
        assert town.get("other_unit", f"units/{unit_id}/plans{suffix}").status_code == 404
        assert neighbour.get("supervisor", f"units/{unit_id}/plans{suffix}").status_code == 404
    assert town.post("other_unit", f"units/{unit_id}/plans").status_code == 404
    assert town.post("inspector", f"units/{unit_id}/plans").status_code == 403
    assert town.put("unit", f"units/{unit_id}/crew", **CREW).status_code == 403


def test_a_unit_without_a_crew_and_a_shift_that_is_over_are_conflicts(town: Town, unit_id: int) -> None:
    other = unit_of(town.session, town.municipality, "cleaning").id
    assert town.post("supervisor", f"units/{other}/plans").json()["code"] == "crew.unknown"
    late = town.post("supervisor", f"units/{unit_id}/plans", day="2026-03-01")
    assert (late.status_code, late.json()["code"]) == (409, "plan.shift_over")


def test_from_where_and_when_the_crew_says_it_goes_on(town: Town, unit_id: int) -> None:
    order(town, 1000)
    lat, lon = at(900, 0)[::-1]
    made = plan(town, unit_id, "unit", from_at="2026-03-04T12:00:00+03:00", from_lat=lat, from_lon=lon)
    assert made["from_at"] == "2026-03-04T09:00:00Z"
    assert made["stops"][0]["drive_m"] == pytest.approx(135, rel=0.02)
    assert town.post("unit", f"units/{unit_id}/plans", from_at="2026-03-04T12:00:00").status_code == 422


def test_a_crew_sets_times_of_its_own(town: Town, unit_id: int) -> None:
    slow = {"fixed_min": 20, "per_unit_min": 0, "least_min": 20, "most_min": 20, "unknown_min": 20}
    answer = town.put("supervisor", f"units/{unit_id}/crew", **CREW, work_times={"pothole": slow})
    assert answer.status_code == 200
    order(town, 100)
    assert plan(town, unit_id)["work_s"] == 20 * 60
    times = town.get("unit", f"units/{unit_id}/crew/times").json()
    assert times["pothole"]["because"] == "set for this crew" and "5-10 minutes" not in times["garbage"]["because"]
    wrong = CREW | {"work_times": {"pothole": slow | {"least_min": 30}}}
    assert town.put("supervisor", f"units/{unit_id}/crew", **wrong).status_code == 422


def test_what_a_crew_did_today_without_a_plan_counts_against_its_capacity_too(town: Town, unit_id: int) -> None:
    unit_of(town.session, town.municipality, "pothole_machine").capacity_per_day = 2
    first = order(town, 100)
    order(town, 200), order(town, 300)
    town.bring(first, "start", "done")
    assert len(plan(town, unit_id)["stops"]) == 1
    tomorrow = (town.now + timedelta(days=1)).date().isoformat()
    assert len(plan(town, unit_id, day=tomorrow)["stops"]) == 2


def test_finished_stops_count_against_the_units_capacity(town: Town, unit_id: int) -> None:
    unit_of(town.session, town.municipality, "pothole_machine").capacity_per_day = 2
    ids = [order(town, east) for east in (100, 200, 300)]
    before = plan(town, unit_id)
    assert len(before["stops"]) == 2 and [one["why"] for one in before["skipped"]] == ["capacity"]
    town.later(hours=2)
    town.bring(orders_of(before)[0], "start", "done")
    after = plan(town, unit_id)
    assert len(after["stops"]) == 2 and after["finished_count"] == 1
    assert set(orders_of(after)) | {one["work_order_id"] for one in after["skipped"]} == set(ids)


def test_an_order_begun_is_planned_first_from_where_it_lies(town: Town, unit_id: int) -> None:
    begun = order(town, 500)
    order(town, 100)
    town.later(hours=2)
    town.bring(begun, "start")
    made = plan(town, unit_id)
    assert orders_of(made)[0] == begun and made["stops"][0]["drive_m"] == 0


def test_the_command_line_plans_prints_and_takes_along(
    town: Town, unit_id: int, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(town, 100)

    @contextmanager
    def opened(settings: object) -> Iterator[Runtime]:
        yield runtime

    monkeypatch.setattr("service.core.runtime.open_runtime", opened)
    monkeypatch.setattr("service.core.clock.utc_now", lambda: NOW)
    told = CliRunner().invoke(crew, ["plan", "pothole_machine", "--municipality", "dammam"])
    assert told.exit_code == 0, told.output
    assert "1 stops" in told.output and "Asphalt" in told.output and "straight lines" in told.output
    sheet = tmp_path / "sheet.pdf"
    command = ["plan", "pothole_machine", "--municipality", "dammam", "--format", "pdf", "--out", str(sheet)]
    assert CliRunner().invoke(crew, command).exit_code == 0
    assert sheet.read_bytes().startswith(b"%PDF")
    settings = tmp_path / "crew.json"
    settings.write_text(json.dumps(CREW | {"speed_kmh": 1}), "utf-8")
    refused = CliRunner().invoke(crew, ["set", "pothole_machine", str(settings), "--municipality", "dammam"])
    assert refused.exit_code == 2 and "speed_kmh" in refused.output

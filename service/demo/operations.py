"""The city's day after the drive: a resident calls 940, units get their routes, the manager sees figures."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from service.core.clock import utc_now
from service.core.geodesy import moved
from service.core.hijri import SAUDI_TIME
from service.demo.client import Client
from service.demo.town import TOWNS

CALLER_ERRS_M = 6.0
TOLD = "In front of the school"
INDICATORS = {"received": "received", "treated": "treated", "percent_treated": "% treated", "open": "open"}


@dataclass(frozen=True)
class Call:
    """A citizen's report that the centre merged with a known defect."""

    report_id: int
    number: str
    defect_id: int
    chance: float  # of the first proposal
    by_itself: bool  # nobody had to decide


@dataclass(frozen=True)
class Route:
    """A unit's shift of tomorrow."""

    municipality: str
    unit: str
    stops: int
    left_out: int
    drive_km: float
    work_h: float


@dataclass(frozen=True)
class Day:
    call: Call | None  # none where no order had a unit
    routes: list[Route]
    indicators: dict[str, dict[str, float | None]]  # municipality -> indicator


def call_centre(agent: Client, order: Any) -> Call:
    """A resident reports what the order is for, from a few metres off; the agent takes the best proposal."""
    lat, lon = moved(order["lat"], order["lon"], 45.0, CALLER_ERRS_M)
    told = {"class_key": order["class_key"], "description": TOLD, "lat": lat, "lon": lon}
    report = agent.post_form("/reports", {"report": json.dumps(told)})
    best = agent.get(f"/reports/{report['id']}/proposals")[0]
    by_itself = report["defect_id"] is not None
    if not by_itself:
        report = agent.post(f"/reports/{report['id']}/merge", defect_id=best["defect"]["id"])
    return Call(report["id"], report["number"], report["defect_id"], best["chance"], by_itself)


def plan_routes(supervisor: Client, sheets: Path | None) -> list[Route]:
    """Plans tomorrow's shift of every unit with open orders from a depot in the middle of its town; writes sheets."""
    places = {place["id"]: place for place in supervisor.items("/municipalities")}
    depots = {town.key: ((town.south + town.north) / 2, (town.west + town.east) / 2) for town in TOWNS}
    busy = {order["unit_id"] for order in supervisor.items("/work-orders", state="open")}
    tomorrow = (utc_now() + timedelta(days=1)).astimezone(SAUDI_TIME).date().isoformat()
    routes = []
    for unit in supervisor.items("/units"):
        if unit["id"] not in busy:
            continue
        place = places[unit["municipality_id"]]
        lat, lon = depots[place["key"]]
        supervisor.put(f"/units/{unit['id']}/crew", start_lat=lat, start_lon=lon)
        plan = supervisor.post(f"/units/{unit['id']}/plans", day=tomorrow)
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            pdf = supervisor.download(f"/units/{unit['id']}/plans/{plan['id']}/sheet")
            (sheets / f"{place['key']}-{unit['key']}.pdf").write_bytes(pdf)
        routes.append(Route(
            place["name_en"], unit["name_en"], plan["stops_count"], plan["skipped_count"], plan["drive_m"] / 1000,
            plan["work_s"] / 3600,
        ))  # fmt: skip
    return routes


def figures_today(supervisor: Client) -> dict[str, dict[str, float | None]]:
    groups = supervisor.get("/indicators", period="day", by="municipality", indicator=list(INDICATORS))["groups"]
    return {one["name_en"]: {figure["indicator"]: figure["value"] for figure in one["figures"]} for one in groups}


def print_day(day: Day, console: Console) -> None:
    if day.call is not None:
        who = "by itself" if day.call.by_itself else "by the agent"
        console.print(
            f"A resident's call to 940 became report {day.call.number}, merged {who} with defect {day.call.defect_id} "
            f"(chance {day.call.chance:.2f})."
        )
    routes = Table("municipality", "unit", "stops", "left out", "drive, km", "work, h", title="Tomorrow's shifts")
    for one in day.routes:
        routes.add_row(
            one.municipality, one.unit, str(one.stops), str(one.left_out), f"{one.drive_km:.1f}", f"{one.work_h:.1f}"
        )
    console.print(routes)
    figures = Table("municipality", *INDICATORS.values(), title="Indicators of today")
    for name, values in sorted(day.indicators.items()):
        figures.add_row(name, *(_shown(values[key]) for key in INDICATORS))
    console.print(figures)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}" if value == round(value) else f"{value:.1f}"

"""What came out of the demo, counted through the API and printed as tables."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from datasets.simulator import Truth
from datasets.taxonomy import BY_KEY
from service.core.geodesy import distance_m
from service.demo.client import Client
from service.demo.operations import Day, print_day

FOUND_WITHIN_M = 12.0  # a defect of the right class this near to a drawn one counts as having found it


@dataclass(frozen=True)
class DrawnFound:
    """Rendered frames alone, for one class: how the drawn defects and the reported ones meet."""

    drawn: int  # that a frame showed
    found: int  # of these, with a reported defect within FOUND_WITHIN_M
    reported: int
    wrong: int  # of these, with no drawn one within FOUND_WITHIN_M


@dataclass(frozen=True)
class Report:
    sent: dict[str, int]  # answers by HTTP status
    frames_by_state: dict[str, int]
    refused_by_reason: dict[str, int]
    synthetic_positions: int
    defects: dict[str, dict[str, int]]  # class -> state -> count
    work_orders: dict[str, dict[str, dict[str, int]]]  # municipality -> unit -> state -> count
    verdicts: dict[str, int]
    seconds_upload: float
    seconds_until_processed: float
    images_per_s: float
    drawn_found: dict[str, DrawnFound]
    day: Day

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def count_outcomes(supervisor: Client) -> dict[str, Any]:
    """Frames by state and reason, defects by class and state, work orders by municipality, unit and state."""
    frames = list(supervisor.items("/frames", limit=500))
    places = {place["id"]: place["name_en"] for place in supervisor.items("/municipalities")}
    units = {unit["id"]: unit["name_en"] for unit in supervisor.items("/units")}
    defects: dict[str, Counter[str]] = defaultdict(Counter)
    for defect in supervisor.items("/defects", limit=500):
        defects[defect["class_key"]][defect["state"]] += 1
    orders: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for order in supervisor.items("/work-orders", limit=500):
        unit = units.get(order["unit_id"], "no unit")
        orders[places[order["municipality_id"]]][unit][order["state"]] += 1
    return {
        "frames_by_state": dict(Counter(frame["state"] for frame in frames)),
        "refused_by_reason": dict(Counter(frame["reason_code"] for frame in frames if frame["reason_code"])),
        "defects": {key: dict(states) for key, states in defects.items()},
        "work_orders": {
            place: {unit: dict(states) for unit, states in by_unit.items()} for place, by_unit in orders.items()
        },
    }


def score_against_truth(supervisor: Client, truths: list[Truth]) -> dict[str, DrawnFound]:
    """Compares by class and place; empty when no frame was rendered."""
    if not truths:
        return {}
    drawn: dict[str, dict[str, Truth]] = defaultdict(dict)
    for truth in truths:
        drawn[truth.class_key][truth.defect_id] = truth
    reported: dict[str, list[Any]] = defaultdict(list)
    for defect in supervisor.items("/defects", limit=500):
        reported[defect["class_key"]].append(defect)

    def meet(truth: Truth, defect: Any) -> bool:
        return distance_m(truth.lat, truth.lon, defect["lat"], defect["lon"]) <= FOUND_WITHIN_M

    return {
        key: DrawnFound(
            drawn=len(drawn[key]),
            found=sum(any(meet(truth, one) for one in reported[key]) for truth in drawn[key].values()),
            reported=len(reported[key]),
            wrong=sum(not any(meet(truth, one) for truth in drawn[key].values()) for one in reported[key]),
        )
        for key in sorted(drawn.keys() | reported.keys())
    }


def print_report(report: Report, console: Console) -> None:
    _print_frames(report, console)
    defects = Table("class", "صنف", "candidate", "confirmed", "rejected", "resolved", title="Defects by class")
    for key, states in sorted(report.defects.items()):
        counts = [str(states.get(state, 0)) for state in ("candidate", "confirmed", "rejected", "resolved")]
        defects.add_row(BY_KEY[key].name_en, BY_KEY[key].name_ar, *counts)
    console.print(defects)
    orders = Table("municipality", "unit", "open", "closed", "other", title="Work orders")
    for place, units in sorted(report.work_orders.items()):
        for unit, states in sorted(units.items()):
            other = sum(states.values()) - states.get("open", 0) - states.get("closed", 0)
            orders.add_row(place, unit, str(states.get("open", 0)), str(states.get("closed", 0)), str(other))
    console.print(orders)
    print_day(report.day, console)
    if report.drawn_found:
        title = f"Against the drawing (right class within {FOUND_WITHIN_M:g} m)"
        truth = Table("class", "drawn", "found", "reported", "of these wrong", title=title)
        for key, score in report.drawn_found.items():
            truth.add_row(
                BY_KEY[key].name_en, str(score.drawn), str(score.found), str(score.reported), str(score.wrong)
            )
        console.print(truth)
    total = sum(report.frames_by_state.values())
    console.print(
        f"{total} frames: sent in {report.seconds_upload:.1f} s, processed {report.seconds_until_processed:.1f} s "
        f"after the first was sent: {report.images_per_s:.2f} images/s"
    )


def _print_frames(report: Report, console: Console) -> None:
    states = Table("state", "frames", title="Frames by state")
    for state, count in sorted(report.frames_by_state.items()):
        states.add_row(state, str(count))
    for reason, count in sorted(report.refused_by_reason.items()):
        states.add_row(f"  {reason}", str(count), style="yellow")
    console.print(states)
    if report.synthetic_positions:
        console.print(
            f"[yellow]{report.synthetic_positions} frames carried no place or time and were given a synthetic drive "
            "through Dammam: their positions, municipality and repeated sightings mean nothing.[/yellow]"
        )

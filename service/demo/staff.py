"""The scripted people of the demo: an inspector who decides every candidate, crews that repair."""

from typing import Any

from rich.console import Console

from service.demo.client import Client
from service.demo.survey import progress_bar

ACCEPT_SCORE, ACCEPT_SIGHTINGS = 0.4, 2
RULE = f"accept from score {ACCEPT_SCORE} or {ACCEPT_SIGHTINGS} sightings on, reject the rest"


def review_all(inspector: Client, console: Console) -> dict[str, int]:
    """Decides every candidate by RULE; returns how many got which verdict."""
    verdicts = {"accept": 0, "reject": 0}
    with progress_bar(console) as progress:
        for defect in progress.track(list(inspector.items("/defects", state="candidate")), description="Reviews"):
            good = defect["score"] >= ACCEPT_SCORE or defect["sightings_count"] >= ACCEPT_SIGHTINGS
            verdict = "accept" if good else "reject"
            inspector.post(f"/defects/{defect['id']}/reviews", verdict=verdict)
            verdicts[verdict] += 1
    return verdicts


def first_orders(supervisor: Client) -> list[Any]:
    """The first open order of each unit."""
    first_of_unit: dict[int, Any] = {}
    for order in supervisor.items("/work-orders", state="open"):
        if order["unit_id"] is not None:
            first_of_unit.setdefault(order["unit_id"], order)
    return list(first_of_unit.values())


def repair(supervisor: Client, orders: list[Any], photo: bytes) -> None:
    """Takes orders through assignment, work, proof and inspection."""
    for order in orders:
        path = f"/work-orders/{order['id']}"
        supervisor.post(f"{path}/assign")
        supervisor.post(f"{path}/start")
        supervisor.report_done(order["id"], photo, order["quantity_estimated"] or 1.0)
        supervisor.post(f"{path}/inspection", passed=True, note="demo")

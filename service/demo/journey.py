"""The journey itself: send, wait, decide, take a call, repair, plan, count."""

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from service.demo.client import Client
from service.demo.frames import DemoFrame
from service.demo.operations import Day, call_centre, figures_today, plan_routes
from service.demo.report import Report, count_outcomes, score_against_truth
from service.demo.staff import RULE, first_orders, repair, review_all
from service.demo.survey import send_survey, wait_until_processed
from service.demo.town import Staff


def travel(
    base_url: str, staff: Staff, frames: Iterable[DemoFrame], total: int, console: Console, sheets: Path | None
) -> Report:
    """From the first frame to tomorrow's routes, all through the API; what is counted is what the API says."""
    inspector, supervisor = Client(base_url, staff.inspector), Client(base_url, staff.supervisor)
    vehicles = {town: Client(base_url, key) for town, key in staff.vehicle_keys.items()}
    sent = send_survey(frames, total, vehicles, console)
    wait_until_processed(supervisor, console)
    seconds = time.monotonic() - sent.started_at
    console.print(f"The inspector's script: {RULE}. Then a crew repairs one order of each unit.")
    verdicts = review_all(inspector, console)
    day = _run_city(supervisor, sent.last_taken, sheets)
    return Report(
        sent={str(status): count for status, count in sorted(sent.answers.items())},
        synthetic_positions=sent.synthetic_positions,
        verdicts=verdicts,
        seconds_upload=sent.seconds,
        seconds_until_processed=seconds,
        images_per_s=sent.answers.total() / seconds,
        drawn_found=score_against_truth(supervisor, sent.truths),
        day=day,
        **count_outcomes(supervisor),
    )


def _run_city(supervisor: Client, photo: bytes, sheets: Path | None) -> Day:
    orders = first_orders(supervisor)
    call = call_centre(supervisor, orders[0]) if orders else None
    repair(supervisor, orders, photo)
    return Day(call, plan_routes(supervisor, sheets), figures_today(supervisor))

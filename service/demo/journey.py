"""The journey itself: send, wait, decide, repair, count."""

import time
from collections.abc import Iterable

from rich.console import Console

from service.demo.client import Client
from service.demo.frames import DemoFrame
from service.demo.report import Report, count_outcomes, score_against_truth
from service.demo.staff import RULE, repair_some, review_all
from service.demo.survey import send_survey, wait_until_processed
from service.demo.town import Staff


def travel(base_url: str, staff: Staff, frames: Iterable[DemoFrame], total: int, console: Console) -> Report:
    """From the first frame to the last closed order, all through the API; what is counted is what the API says."""
    inspector, supervisor = Client(base_url, staff.inspector), Client(base_url, staff.supervisor)
    vehicles = {town: Client(base_url, key) for town, key in staff.vehicle_keys.items()}
    sent = send_survey(frames, total, vehicles, console)
    wait_until_processed(supervisor, console)
    seconds = time.monotonic() - sent.started_at
    console.print(f"The inspector's script: {RULE}. Then a crew repairs one order of each unit.")
    verdicts = review_all(inspector, console)
    repair_some(supervisor, sent.last_taken)
    return Report(
        sent={str(status): count for status, count in sorted(sent.answers.items())},
        synthetic_positions=sent.synthetic_positions,
        verdicts=verdicts,
        seconds_upload=sent.seconds,
        seconds_until_processed=seconds,
        images_per_s=sent.answers.total() / seconds,
        drawn_found=score_against_truth(supervisor, sent.truths),
        **count_outcomes(supervisor),
    )

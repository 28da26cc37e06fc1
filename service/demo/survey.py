"""Sends a survey and waits until every frame of it has been seen to, showing both."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from datasets.simulator import Truth
from service.demo.client import Client
from service.demo.frames import DemoFrame

POLL_S = 0.5


@dataclass
class Sent:
    """What was sent and how it was answered."""

    answers: Counter[int] = field(default_factory=Counter)  # HTTP status -> frames
    synthetic_positions: int = 0
    truths: list[Truth] = field(default_factory=list)
    last_taken: bytes = b""  # the newest image that the service took
    started_at: float = 0.0  # monotonic seconds
    seconds: float = 0.0


def send_survey(frames: Iterable[DemoFrame], total: int, vehicles: dict[str, Client], console: Console) -> Sent:
    """Every frame through the vehicle of its town, one after the other, as on one link."""
    sent = Sent(started_at=time.monotonic())
    with progress_bar(console) as progress:
        task = progress.add_task("Frames sent", total=total)
        for frame in frames:
            status = vehicles[frame.town].send(frame)
            sent.answers[status] += 1
            sent.synthetic_positions += frame.synthetic_position
            sent.truths += frame.truths
            if status < 300:
                sent.last_taken = frame.data
            progress.advance(task)
    sent.seconds = time.monotonic() - sent.started_at
    return sent


def wait_until_processed(supervisor: Client, console: Console) -> None:
    """Returns when no frame waits any more."""
    with progress_bar(console) as progress:
        task = progress.add_task("Frames processed", total=None)
        while True:
            states: Counter[str] = Counter()
            for survey in supervisor.items("/surveys"):
                states.update(survey["frames_by_state"])
            waiting = states["received"]
            progress.update(task, total=states.total(), completed=states.total() - waiting)
            if not waiting:
                return
            time.sleep(POLL_S)


def progress_bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)

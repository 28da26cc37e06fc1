"""Measures whether a city's questions stay quick: lists and indicators over ever more defects and events."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import text

from service.app import create_app
from service.bench.operations_city import DAYS, PLACES, fill_city, found_city
from service.control.facts import rebuild, refresh
from service.core.clock import utc_now
from service.core.database import Database
from service.core.runtime import Runtime, open_runtime
from service.core.settings import Settings

CHANGED = 100  # defects that change after the sums were last refreshed: a busy minute of a region
CHANGE = """
    INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
    SELECT now(), municipality_id, 'user', 'work_order', id, 'hold', state, '{}' FROM work_order
    WHERE id % greatest(1, (SELECT count(*) FROM work_order) / :changed) = 0
"""


@dataclass
class Measured:
    """One size: seconds of preparing, and of each question the milliseconds of its repetitions."""

    defects: int
    events: int
    orders: int
    fill_s: float
    rebuild_s: float
    refresh_s: float  # of CHANGED defects
    answers_ms: dict[str, list[float]] = field(default_factory=dict)

    def p95_ms(self, question: str) -> float:
        return float(np.percentile(self.answers_ms[question], 95))


Ask = Callable[[str], Any]


def measure_operations(
    sizes: Sequence[int], most_events: int, repeats: int, advance: Callable[[str], None] = lambda _: None
) -> list[Measured]:
    """A fresh embedded database for each size, with ten events a defect and at most `most_events`."""
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="rasid-bench-") as folder:
            Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
            with open_runtime(Settings(data_dir=Path(folder), privacy="off", worker_in_server=False)) as runtime:
                measured.append(_measure(runtime, size, min(most_events, 10 * size), repeats, advance))
    return measured


def questions() -> dict[str, str]:
    """What people ask over and over, as the address under /api/v1."""
    place, unit = 1, 1
    return {
        "defects, oldest": "defects",
        "defects, candidates of a municipality": f"defects?state=candidate&municipality_id={place}",
        "defects, highest priority": "defects?order=priority&state=confirmed",
        "defects, highest score of a class": f"defects?order=score&class_key=garbage&municipality_id={place}",
        "orders, oldest": "work-orders",
        "orders, open of a municipality": f"work-orders?state=open&municipality_id={place}",
        "orders, in progress of a unit": f"work-orders?state=in_progress&unit_id={unit}",
        "orders, overdue": "work-orders?overdue=true",
        "orders, overdue of a class": f"work-orders?overdue=true&class_key=graffiti&municipality_id={place}",
        "indicators, week": "indicators",
        "indicators, week by municipality": "indicators?by=municipality",
        "indicators, month of a municipality by unit": f"indicators?period=month&by=unit&municipality_id={place}",
        "indicators, Hijri month by class": "indicators?period=hijri_month&by=class",
        "indicators, a year by municipality": "indicators?period=range&from={year}&to={today}&by=municipality",
        "indicators, three years by class": "indicators?period=range&from={first}&to={today}&by=class",
        "ranking, week": "ranking",
        "rows behind received, month": "indicators/received/rows?period=month",
        "rows behind % in time, year": "indicators/percent_in_time/rows?period=range&from={year}&to={today}&met=false",
    }


def _measure(runtime: Runtime, size: int, events: int, repeats: int, advance: Callable[[str], None]) -> Measured:
    now = utc_now()
    advance(f"{size:,} defects: filling")
    started = time.perf_counter()
    secret = found_city(runtime.database, now)
    orders = fill_city(runtime.database, size, events, now)
    fill_s = time.perf_counter() - started
    advance(f"{size:,} defects: counting anew")
    rebuild_s = _timed(lambda: rebuild(runtime.database, now))
    found = Measured(size, events, orders, fill_s, rebuild_s, 0.0)
    client = TestClient(create_app(runtime))
    days = {"today": now.date(), "year": now.date() - timedelta(364), "first": now.date() - timedelta(DAYS)}

    def ask(path: str) -> None:
        answer = client.get(f"/api/v1/{path.format(**days)}", headers={"Authorization": f"Bearer {secret}"})
        if answer.status_code != 200:
            raise RuntimeError(f"expected an answer to {path}, got {answer.status_code}: {answer.text}")

    _repeat(found, ask, questions(), repeats, advance)
    _change(runtime.database)
    live = {f"{name}, {CHANGED:,} changed since": path for name, path in questions().items() if name.startswith("ind")}
    _repeat(found, ask, live, repeats, advance)
    refresh(runtime.database, now)
    found.refresh_s = _timed(lambda: refresh(runtime.database, now))
    return found


def _repeat(found: Measured, ask: Ask, asked: dict[str, str], repeats: int, advance: Callable[[str], None]) -> None:
    """In turns, so that a busy moment of the machine hits all alike; the first turn is not counted."""
    for turn in range(repeats + 1):
        advance(f"{found.defects:,} defects: questions, turn {turn} of {repeats}")
        for name, path in asked.items():
            elapsed_ms = 1000 * _timed(lambda path=path: ask(path))  # type: ignore[misc]
            if turn:
                found.answers_ms.setdefault(name, []).append(elapsed_ms)


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _change(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text(CHANGE), {"changed": CHANGED})


def as_json(found: Sequence[Measured]) -> dict[str, Any]:
    sizes = [
        {
            "defects": one.defects, "events": one.events, "orders": one.orders, "fill_s": one.fill_s,
            "rebuild_s": one.rebuild_s, "refresh_s": one.refresh_s,
            "p95_ms": {name: one.p95_ms(name) for name in one.answers_ms},
            "median_ms": {name: float(np.median(values)) for name, values in one.answers_ms.items()},
        }
        for one in found
    ]  # fmt: skip
    load = [round(one, 1) for one in os.getloadavg()]  # over 1, 5 and 15 minutes: others may have used the machine too
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"measured_at": measured_at, "cores": os.cpu_count(), "load": load, "places": PLACES, "sizes": sizes}


def as_markdown(found: Sequence[Measured]) -> str:
    """A row for each question: p95 at each size, and how it grew from the smallest to the largest."""
    head = "|p95, ms|" + "".join(f"{one.defects:,} defects, {one.events:,} events|" for one in found) + "growth|"
    lines = [head, "|---|" + "---|" * (len(found) + 1)]
    for name in found[0].answers_ms:
        values = [one.p95_ms(name) for one in found]
        lines.append(f"|{name}|" + "".join(f"{value:.1f}|" for value in values) + f"{values[-1] / values[0]:.1f} x|")
    for name, seconds in (("counting anew", "rebuild_s"), (f"refresh of {CHANGED:,} defects", "refresh_s")):
        spent = [getattr(one, seconds) for one in found]
        lines.append(
            f"|{name}, seconds|" + "".join(f"{value:.1f}|" for value in spent) + f"{spent[-1] / spent[0]:.1f} x|"
        )
    return "\n".join(lines)

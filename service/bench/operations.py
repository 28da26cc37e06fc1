"""Measures whether a city's questions stay quick: lists and indicators over ever more defects and events."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import text

from service.accounts.caller import caller_of_secret
from service.app import create_app
from service.bench.operations_city import PLACES, Secrets, fill_city, found_city
from service.bench.operations_questions import INDICATORS, address, by_regions, indicators, limit_ms, lists
from service.control.facts import rebuild, refresh
from service.core.clock import utc_now
from service.core.database import Database
from service.core.i18n import Language
from service.core.runtime import Runtime, open_runtime
from service.core.settings import Settings
from service.work_orders.listing import OrderFilter, OrderSort
from service.work_orders.sheets import order_sheet

CHANGED = 100  # defects that change after the sums were last refreshed: a busy minute of a region
MANY = 100_000  # that change at once, as after a night of uploads
CHANGE = """
    INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
    SELECT now(), municipality_id, 'user', 'work_order', id, 'hold', state, '{}' FROM work_order
    WHERE id % greatest(1, (SELECT count(*) FROM work_order) / :changed) = 0 LIMIT :changed
"""
EXPORT = "export of orders, until its first thousand"


@dataclass
class Measured:
    """One size: seconds of preparing, and of each question the milliseconds of its repetitions."""

    defects: int
    events: int
    orders: int
    fill_s: float
    rebuild_s: float
    refresh_s: float = 0.0  # of CHANGED defects
    refresh_many_s: float = 0.0  # of MANY, or as many as there are orders
    answers_ms: dict[str, list[float]] = field(default_factory=dict)

    def p95_ms(self, question: str) -> float:
        return float(np.percentile(self.answers_ms[question], 95))

    def median_ms(self, question: str) -> float:
        return float(np.median(self.answers_ms[question]))


Questions = dict[str, Callable[[], object]]


def measure_operations(
    sizes: Sequence[int], most_events: int, repeats: int, advance: Callable[[str], None] = lambda _: None
) -> list[Measured]:
    """A fresh embedded database for each size, with ten events a defect and at most `most_events`."""
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="rasid-bench-") as folder:
            Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
            with open_runtime(_settings(Path(folder))) as runtime:
                measured.append(_measure(runtime, size, min(most_events, 10 * size), repeats, advance))
    return measured


def _settings(folder: Path) -> Settings:
    """As in service, but one address may ask Open311 as often as it likes."""
    return Settings(data_dir=folder, privacy="off", worker_in_server=False, open311_reads_per_minute=1_000_000)


def _measure(runtime: Runtime, size: int, events: int, repeats: int, advance: Callable[[str], None]) -> Measured:
    now = utc_now()
    advance(f"{size:,} defects: filling")
    started = time.perf_counter()
    secrets = found_city(runtime.database, now)
    orders = fill_city(runtime.database, size, events, now)
    fill_s = time.perf_counter() - started
    advance(f"{size:,} defects: counting anew")
    found = Measured(size, events, orders, fill_s, _timed(lambda: rebuild(runtime.database, now)))
    asked = _questions(runtime, secrets, size, now)
    _repeat(found, asked, repeats, advance)
    _change(runtime.database, CHANGED)
    live = {f"{name}, {CHANGED} changed since": ask for name, ask in asked.items() if name.startswith(INDICATORS)}
    _repeat(found, live, repeats, advance)
    found.refresh_s = _refreshed(runtime.database, now)
    _change(runtime.database, MANY)
    found.refresh_many_s = _refreshed(runtime.database, now)
    return found


def _questions(runtime: Runtime, secrets: Secrets, size: int, now: datetime) -> Questions:
    client = TestClient(create_app(runtime))

    def ask(path: str, secret: str) -> Any:
        answer = client.get(address(path), headers={"Authorization": f"Bearer {secret}"})
        if answer.status_code != 200:
            raise RuntimeError(f"expected an answer to {path}, got {answer.status_code}: {answer.text}")
        return answer

    def export() -> None:
        with runtime.database.transaction() as session:
            caller = caller_of_secret(session, secrets.admin, now)
        assert caller is not None
        sheet = order_sheet(runtime.database, caller, OrderFilter(), now, OrderSort.PRIORITY_HIGHEST, Language.ENGLISH)
        next(iter(sheet.rows))

    whole = lists(now, size) | indicators(now)
    second = ask("work-orders?sort=-priority", secrets.admin).json()["next"]
    found: Questions = {}
    for secret, paths in ((secrets.admin, whole), (secrets.region, by_regions(whole))):
        for name, path in paths.items():
            found[name] = partial(ask, path.format(next=second), secret)
    return found | {EXPORT: export}


def _repeat(found: Measured, asked: Questions, repeats: int, advance: Callable[[str], None]) -> None:
    """In turns, so that a busy moment of the machine hits all alike; the first turn is not counted."""
    for turn in range(repeats + 1):
        advance(f"{found.defects:,} defects: questions, turn {turn} of {repeats}")
        for name, ask in asked.items():
            elapsed_ms = 1000 * _timed(ask)
            if turn:
                found.answers_ms.setdefault(name, []).append(elapsed_ms)


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _refreshed(database: Database, now: datetime) -> float:
    """The first run marks the newest event, the second counts up to there."""
    refresh(database, now)
    return _timed(lambda: refresh(database, now))


def _change(database: Database, changed: int) -> None:
    with database.transaction() as session:
        session.execute(text(CHANGE), {"changed": changed})


def as_json(found: Sequence[Measured]) -> dict[str, Any]:
    sizes = [
        {
            "defects": one.defects, "events": one.events, "orders": one.orders, "fill_s": one.fill_s,
            "rebuild_s": one.rebuild_s, "refresh_s": one.refresh_s, "refresh_many_s": one.refresh_many_s,
            "p95_ms": {name: one.p95_ms(name) for name in one.answers_ms},
            "median_ms": {name: one.median_ms(name) for name in one.answers_ms},
        }
        for one in found
    ]  # fmt: skip
    load = [round(one, 1) for one in os.getloadavg()]  # over 1, 5 and 15 minutes: others may have used the machine too
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"measured_at": measured_at, "cores": os.cpu_count(), "load": load, "places": PLACES, "sizes": sizes}


def as_markdown(found: Sequence[Measured]) -> str:
    """A row for each question: median and p95 at each size, and how p95 grew from the smallest to the largest; in bold
    what takes longer than it may."""
    head = "|ms: median / p95|" + "".join(f"{one.defects:,} defects, {one.events:,} events|" for one in found)
    lines = [head + "growth of p95|", "|---|" + "---|" * (len(found) + 1)]
    for name in found[0].answers_ms:
        cells = "".join(f"{one.median_ms(name):.0f} / {_told(one.p95_ms(name), limit_ms(name))}|" for one in found)
        lines.append(f"|{name}|{cells}{found[-1].p95_ms(name) / found[0].p95_ms(name):.1f} x|")
    preparing = {
        "counting anew": "rebuild_s", f"refresh of {CHANGED} defects": "refresh_s",
        f"refresh of {MANY:,} (or all)": "refresh_many_s",
    }  # fmt: skip
    for name, seconds in preparing.items():
        spent = [getattr(one, seconds) for one in found]
        lines.append(f"|{name}, seconds|{''.join(f'{value:.1f}|' for value in spent)}{spent[-1] / spent[0]:.1f} x|")
    return "\n".join(lines)


def _told(value_ms: float, most_ms: float) -> str:
    return f"{value_ms:.0f}" if value_ms <= most_ms else f"**{value_ms:.0f}**"

"""Measures the sweep of service levels over many open orders: with nothing due, and after a long time of downtime."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from service.bench.operations_city import found_city
from service.core.clock import utc_now
from service.core.database import Database
from service.core.runtime import open_runtime
from service.core.settings import Settings
from service.work_orders.service_levels_sweep import bring_forward, sweep

IDLE_SWEEPS = 20
DOWN = timedelta(days=60)  # by then all of an order's steps have fallen due
FILL = (
    """INSERT INTO defect (municipality_id, class_key, state, lat, lon, h3_cell, score, sightings_count, priority,
           first_seen_at, last_seen_at)
       SELECT 1 + n % :places, 'pothole', 'confirmed', 26.4, 50.1, '8c536e0000001ff', 0.9, 1, n % 100, at, at
       FROM generate_series(1, :orders) AS n,
           LATERAL (SELECT CAST(:now AS timestamptz) - n * INTERVAL '1 minute' AS at) AS seen""",
    """INSERT INTO work_order (defect_id, municipality_id, class_key, state, quantity_unit, opened_at, due_at)
       SELECT id, municipality_id, class_key, 'open', 'm2', first_seen_at, first_seen_at + INTERVAL '48 hours'
       FROM defect ORDER BY id""",
)


@dataclass(frozen=True)
class Swept:
    orders: int  # open
    adopt_s: float  # the first sweep: each gets its clock, and what fell due before is stamped
    adopted: int
    idle_ms: float  # median of IDLE_SWEEPS, nothing due, as it is every minute
    hourly_ms: float  # the same with a look for orders without a clock
    urgent_s: float  # asking for orders that a policy by priority brings forward
    catch_up_s: float  # after DOWN
    stamped: int


def measure_sweeps(sizes: Sequence[int], advance: Callable[[str], None] = lambda _: None) -> list[Swept]:
    """A fresh embedded database for each number of open orders."""
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="rasid-bench-") as folder:
            Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
            with open_runtime(Settings(data_dir=Path(folder), privacy="off", worker_in_server=False)) as runtime:
                measured.append(_measure(runtime.database, size, utc_now(), advance))
    return measured


def _measure(database: Database, size: int, now: datetime, advance: Callable[[str], None]) -> Swept:
    advance(f"{size:,} open orders: filling")
    found_city(database, now)
    _fill(database, size, now)
    advance(f"{size:,} open orders: giving them clocks")
    adopt_s, first = _timed(lambda: sweep(database, now))
    advance(f"{size:,} open orders: nothing due")
    idle_ms, hourly_ms = (
        1000 * median(_timed(lambda adopt=adopt: sweep(database, now, adopt=adopt))[0] for _ in range(IDLE_SWEEPS))  # type: ignore[misc]
        for adopt in (False, True)
    )
    urgent_s, _ = _timed(lambda: bring_forward(database, now))
    advance(f"{size:,} open orders: catching up")
    catch_up_s, last = _timed(lambda: sweep(database, now + DOWN))
    return Swept(size, adopt_s, first.adopted, idle_ms, hourly_ms, urgent_s, catch_up_s, last.stamped)


def _fill(database: Database, size: int, now: datetime) -> None:
    with database.transaction() as session:
        places = session.scalar(text("SELECT count(*) FROM municipality"))
        for step in FILL:
            statement = text(step)
            wanted = {"places": places, "orders": size, "now": now}
            session.execute(statement, {name: wanted[name] for name in statement.compile().params})
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM (ANALYZE)"))


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    given = act()
    return time.perf_counter() - started, given


def as_json(found: Sequence[Swept]) -> dict[str, Any]:
    return {"sizes": [asdict(one) for one in found]}


def as_markdown(found: Sequence[Swept]) -> str:
    lines = [
        "|open orders|nothing due, ms|once an hour, ms|all due after 60 days, s|steps|clocks for all, s|forward, s|",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        lines.append(
            f"|{one.orders:,}|{one.idle_ms:.1f}|{one.hourly_ms:.0f}|{one.catch_up_s:.1f}|{one.stamped:,}|{one.adopt_s:.1f}|{one.urgent_s:.2f}|"
        )
    return "\n".join(lines)

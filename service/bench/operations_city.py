"""A database of twenty municipalities with three years of defects, orders, verdicts and events, to ask questions of."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from datasets.taxonomy import CLASSES
from service.accounts.models import Municipality, User, Vehicle
from service.accounts.permissions import Role
from service.accounts.service import issue_token
from service.core.database import Database
from service.defects.grid import h3_cell
from service.surveys.models import Frame, FrameState, Survey
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit

PLACES, DAYS = 20, 3 * 365  # municipalities, and how long ago the first defect was found
LAT, LON, REACH_DEG = 26.4, 50.1, 0.15
DEFECT = (
    "id", "municipality_id", "class_key", "state", "lat", "lon", "h3_cell", "score", "sightings_count", "visits_count",
    "priority", "first_seen_at", "last_seen_at", "created_at",
)  # fmt: skip
ORDER = (
    "id", "defect_id", "municipality_id", "unit_id", "class_key", "state", "quantity_unit", "quantity_measured",
    "opened_at", "due_at", "done_at", "closed_at",
)  # fmt: skip
# What hangs on them, in proportion: a box and a sighting each, a verdict on all but candidates, the repairs of orders.
REST = (
    """INSERT INTO detection (id, frame_id, class_key, score, x0_px, y0_px, x1_px, y1_px, model_name, model_version,
           lat, lon) OVERRIDING USER VALUE
       SELECT d.id, f.id, d.class_key, d.score, 0, 0, 9, 9, 'bench', '1', d.lat, d.lon
       FROM defect AS d JOIN frame AS f ON f.municipality_id = d.municipality_id ORDER BY d.id""",
    "INSERT INTO sighting (detection_id, defect_id) SELECT id, id FROM defect ORDER BY id",
    """INSERT INTO review (defect_id, user_id, detection_id, verdict, class_before, class_after, created_at)
       SELECT d.id, (SELECT min(id) FROM user_account), d.id, CASE d.state WHEN 'rejected' THEN 'reject' ELSE 'accept'
           END, d.class_key, d.class_key, d.created_at + INTERVAL '6 hours'
       FROM defect AS d WHERE d.state <> 'candidate' ORDER BY d.id""",
    """INSERT INTO repair (work_order_id, defect_id, unit_id, municipality_id, class_key, done_at, verified_at,
           failed_at)
       SELECT id, defect_id, unit_id, municipality_id, class_key, done_at, closed_at,
           CASE WHEN id % 12 = 0 THEN done_at + INTERVAL '40 days' END
       FROM work_order WHERE done_at IS NOT NULL ORDER BY id""",
    """INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
       SELECT created_at, municipality_id, 'system', 'defect', id, 'find', 'candidate', '{}' FROM defect ORDER BY id""",
    """INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
       SELECT o.opened_at + n * INTERVAL '3 hours', o.municipality_id, 'user', 'work_order', o.id,
           (ARRAY['open', 'assign', 'start', 'report_done', 'pass'])[n], o.state, '{}'
       FROM work_order AS o, generate_series(1, CASE WHEN o.closed_at IS NULL THEN 2 ELSE 5 END) AS n ORDER BY o.id""",
)
FRAME_EVENTS = """
    INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
    SELECT CAST(:first AS timestamptz) + n * CAST(:step AS interval), 1 + n % :places, 'system', 'frame', n, 'process',
        'processed', '{}' FROM generate_series(1, greatest(0, :events - (SELECT count(*) FROM event))) AS n
"""


def found_city(database: Database, now: datetime) -> str:
    """Municipalities with units, a frame each, and somebody who may see all; the secret of their session."""
    with database.transaction() as session:
        user = User(email="bench@example.org", name="Bench", password_hash="-", role=Role.ADMIN, active=True)
        session.add(user)
        for number in range(PLACES):
            place = Municipality(key=f"place_{number}", name_en=f"Place {number}", name_ar=f"بلدية {number}")
            session.add(place)
            session.flush()
            create_default_operations(session, place)
            _add_frame(session, place, now)
        return issue_token(session, user, now + timedelta(days=1))


def _add_frame(session: Session, place: Municipality, now: datetime) -> None:
    vehicle = Vehicle(municipality_id=place.id, name="bench", key_prefix="bench", camera={})
    session.add(vehicle)
    session.flush()
    survey = Survey(vehicle_id=vehicle.id, municipality_id=place.id, name="bench")
    session.add(survey)
    session.flush()
    session.add(Frame(
        survey_id=survey.id, vehicle_id=vehicle.id, municipality_id=place.id, sha256=f"{place.id:064d}",
        filename="bench.jpg", state=FrameState.PROCESSED, size_bytes=1, width=1920, height=1080, captured_at=now,
    ))  # fmt: skip


def fill_city(database: Database, size: int, events: int, now: datetime) -> int:
    """Rows by COPY, what follows from them in SQL; returns the number of orders."""
    rng = np.random.default_rng(size)
    first = now - timedelta(days=DAYS)
    with database.transaction() as session:
        places = list(session.scalars(select(Municipality.id).order_by(Municipality.id)))
        units = {place: list(session.scalars(select(Unit.id).where(Unit.municipality_id == place))) for place in places}
        orders: list[tuple[object, ...]] = []
        _copy(session, "defect", DEFECT, _defects(rng, size, places, units, first, now, orders))
        _copy(session, "work_order", ORDER, orders)
        for step in REST:
            session.execute(text(step))
        gap = timedelta(days=DAYS) / max(1, events)
        session.execute(text(FRAME_EVENTS), {"first": first, "step": gap, "places": len(places), "events": events})
        for table in ("defect", "work_order", "detection"):
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"))
    _analyze(database)
    return len(orders)


def _copy(session: Session, table: str, columns: Sequence[str], rows: Iterator[Any] | Sequence[Any]) -> None:
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), named)
    connection = session.connection().connection.driver_connection
    assert connection is not None
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _defects(
    rng: np.random.Generator, size: int, places: Sequence[int], units: dict[int, list[int]], first: datetime,
    now: datetime, orders: list[tuple[object, ...]],
) -> Iterator[tuple[object, ...]]:  # fmt: skip
    """A tenth are candidates, a tenth were rejected; the others have an order, which goes to `orders`."""
    ages_s = np.sort(rng.uniform(0, (now - first).total_seconds(), size)).tolist()
    kinds, spots = rng.integers(0, len(CLASSES), size).tolist(), rng.uniform(-REACH_DEG, REACH_DEG, (size, 2)).tolist()
    chances, scores = rng.random(size).tolist(), rng.uniform(0.2, 0.95, size).tolist()
    days = np.stack([rng.exponential(2.5, size), rng.exponential(2.0, size)], axis=1).tolist()
    for number in range(size):
        found, kind = first + timedelta(seconds=ages_s[number]), CLASSES[kinds[number]]
        place = places[number % len(places)]
        lat, lon = LAT + spots[number][0], LON + spots[number][1]
        state = "candidate" if chances[number] < 0.1 else "rejected" if chances[number] < 0.2 else "confirmed"
        if state == "confirmed":
            order = _order(number + 1, place, units[place], kind.key, kind.unit.value, found, days[number], now)
            orders.append(order)
            state = "resolved" if order[5] == "closed" else state
        yield (
            number + 1, place, kind.key, state, lat, lon, h3_cell(lat, lon), scores[number], 1, 1,
            100 * chances[number], found, found, found,
        )  # fmt: skip


def _order(
    number: int, place: int, units: list[int], class_key: str, unit: str, found: datetime, days: list[float],
    now: datetime,
) -> tuple[object, ...]:  # fmt: skip
    opened = min(found + timedelta(hours=6), now)
    done = opened + timedelta(days=days[0] + (2000 if number % 25 == 0 else 0))  # some nobody ever takes up
    closed = done + timedelta(days=days[1])
    state = "closed" if closed < now else "done" if done < now else ("open", "assigned", "in_progress")[number % 3]
    return (
        number, number, place, units[number % len(units)], class_key, state, unit, 2.5 if done < now else None, opened,
        opened + timedelta(hours=72), done if done < now else None, closed if closed < now else None,
    )  # fmt: skip


def _analyze(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM (ANALYZE)"))

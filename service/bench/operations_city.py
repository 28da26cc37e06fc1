"""A database of twenty municipalities with three years of defects, orders, verdicts and events, to ask questions of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from datasets.taxonomy import CLASSES, DefectClass
from service.accounts.models import Municipality, User, Vehicle
from service.accounts.permissions import Role
from service.accounts.service import issue_token
from service.bench.operations_around import LAT, LON, REACH_DEG, fill_around
from service.contracts.models import Contract, Contractor
from service.core.database import Database
from service.defects.grid import h3_cell
from service.surveys.models import Survey
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit

PLACES, DAYS = 20, 3 * 365  # municipalities, and how long ago the first defect was found
DEFECT = (
    "id", "municipality_id", "class_key", "state", "lat", "lon", "h3_cell", "score", "sightings_count", "visits_count",
    "priority", "best_detection_id", "first_seen_at", "last_seen_at", "created_at",
)  # fmt: skip
ORDER = (
    "id", "defect_id", "municipality_id", "unit_id", "class_key", "state", "quantity_unit", "quantity_measured",
    "opened_at", "due_at", "done_at", "closed_at", "priority_set", "rank",
)  # fmt: skip
DEFECTS_A_FRAME = 5
# Foreign keys hold by the way the rows are made; asking for each of ten million would take most of the time.
TRUSTED = "SET LOCAL session_replication_role = replica"
# What hangs on defects and orders, in proportion: frames, a box and a sighting each, a verdict on all but candidates,
# the repairs of orders and what they cost, and of every fifth defect a citizen's report.
REST = (
    """INSERT INTO frame (id, survey_id, vehicle_id, municipality_id, sha256, filename, state, size_bytes, width,
           height, captured_at, lat, lon, received_at)
       OVERRIDING SYSTEM VALUE
       SELECT n, own.survey_id, own.vehicle_id, own.municipality_id, 'frame ' || n, 'bench.jpg', 'processed', 1, 1920,
           1080, first.created_at, first.lat, first.lon, first.created_at
       FROM generate_series(1, :frames) AS n JOIN defect AS first ON first.id = n
       JOIN (SELECT id AS survey_id, vehicle_id, municipality_id FROM survey) AS own USING (municipality_id)""",
    """INSERT INTO detection (id, frame_id, class_key, score, x0_px, y0_px, x1_px, y1_px, model_name, model_version,
           lat, lon) OVERRIDING SYSTEM VALUE
       SELECT id, 1 + (id - 1) % :frames, class_key, score, 0, 0, 9, 9, 'bench', '1', lat, lon FROM defect
       ORDER BY id""",
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
    """INSERT INTO report (municipality_id, number, source, digest, class_key, description, lat, lon, place_sd_m,
           state, step, defect_id, received_at, updated_at, closed_at)
       SELECT municipality_id, 'bench-' || id, 'centre', md5(id::text), class_key, 'told on the telephone', lat, lon,
           10, told.state, told.step, id, created_at, coalesce(told.closed_at, created_at), told.closed_at
       FROM defect JOIN (VALUES ('candidate', 'received', 'received', NULL),
           ('rejected', 'rejected', 'rejected', now()),
           ('confirmed', 'accepted', 'confirmed', NULL), ('resolved', 'closed', 'fixed', now())
       ) AS told (of_state, state, step, closed_at) ON told.of_state = defect.state
       WHERE id % 7 = 0 ORDER BY id""",
    """INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
       SELECT created_at, municipality_id, 'system', 'defect', id, 'find', 'candidate', '{}' FROM defect ORDER BY id""",
    """INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
       SELECT o.opened_at + n * INTERVAL '3 hours', o.municipality_id, 'user', 'work_order', o.id,
           (ARRAY['open', 'assign', 'start', 'report_done', 'pass'])[n], o.state, '{}'
       FROM work_order AS o, generate_series(1, CASE WHEN o.closed_at IS NULL THEN 2 ELSE 5 END) AS n ORDER BY o.id""",
    """INSERT INTO charge (contract_id, work_order_id, unit_id, class_key, kind, key, event_id, at, quantity,
           quantity_unit, amount_halalas, reason, correction)
       SELECT own.contract_id, o.id, o.unit_id, o.class_key, 'charge', 'closing:' || e.id, e.id, o.closed_at,
           o.quantity_measured, o.quantity_unit, 12500, 'closed', FALSE
       FROM work_order AS o JOIN contract_unit AS own ON own.unit_id = o.unit_id
       JOIN event AS e ON e.subject_kind = 'work_order' AND e.subject_id = o.id AND e.action = 'pass' ORDER BY o.id""",
)
FRAME_EVENTS = """
    INSERT INTO event (at, municipality_id, actor_kind, subject_kind, subject_id, action, to_state, data)
    SELECT CAST(:first AS timestamptz) + n * CAST(:step AS interval), 1 + n % :places, 'system', 'frame',
        1 + n % :frames, 'process', 'processed', '{}'
    FROM generate_series(1, greatest(0, :events - (SELECT count(*) FROM event))) AS n
"""


@dataclass(frozen=True)
class Secrets:
    """Of the sessions of two people."""

    admin: str
    region: str  # sees three municipalities


def found_city(database: Database, now: datetime) -> Secrets:
    """Municipalities with units under a contract, and people who look at them."""
    with database.transaction() as session:
        for number in range(PLACES):
            place = Municipality(key=f"place_{number}", name_en=f"Place {number}", name_ar=f"بلدية {number}")
            session.add(place)
            session.flush()
            create_default_operations(session, place)
            _add_survey(session, place)
            _add_contract(session, place, now)
        some = list(session.scalars(select(Municipality).order_by(Municipality.id).limit(3)))
        admin = User(email="admin@example.org", name="A", password_hash="-", role=Role.ADMIN, active=True)
        region = User(email="region@example.org", name="R", password_hash="-", role=Role.SUPERVISOR, active=True)
        region.municipalities = some
        session.add_all([admin, region])
        session.flush()
        until = now + timedelta(days=1)
        return Secrets(issue_token(session, admin, until), issue_token(session, region, until))


def _add_survey(session: Session, place: Municipality) -> None:
    vehicle = Vehicle(municipality_id=place.id, name="bench", key_prefix="bench", camera={})
    session.add(vehicle)
    session.flush()
    session.add(Survey(vehicle_id=vehicle.id, municipality_id=place.id, name="bench"))


def _add_contract(session: Session, place: Municipality, now: datetime) -> None:
    company = Contractor(municipality_id=place.id, registration="1010000000", name_en="Company", name_ar="شركة")
    units = list(session.scalars(select(Unit).where(Unit.municipality_id == place.id)))
    session.add(Contract(
        municipality_id=place.id, contractor=company, reference="bench", vat_percent=Decimal(15), service_hours={},
        first_day=(now - timedelta(DAYS + 1)).date(), last_day=(now + timedelta(DAYS)).date(), class_keys=[],
        district_ids=[], units=units,
    ))  # fmt: skip


def fill_city(database: Database, size: int, events: int, now: datetime) -> int:
    """Rows by COPY, what follows from them in SQL; returns the number of orders."""
    rng = np.random.default_rng(size)
    first = now - timedelta(days=DAYS)
    frames = max(PLACES, size // DEFECTS_A_FRAME // PLACES * PLACES)  # so that a defect and its frame share a place
    with database.transaction() as session:
        session.execute(text(TRUSTED))
        places = list(session.scalars(select(Municipality.id).order_by(Municipality.id)))
        units = {place: list(session.scalars(select(Unit.id).where(Unit.municipality_id == place))) for place in places}
        orders: list[tuple[object, ...]] = []
        _copy(session, "defect", DEFECT, _defects(rng, size, places, units, first, now, orders))
        _copy(session, "work_order", ORDER, orders)
        session.execute(text("ANALYZE defect, work_order"))
        for step in REST:
            statement = text(step)
            session.execute(statement, {"frames": frames} if "frames" in statement.compile().params else {})
        fill_around(session, size, now)
        filler = {"first": first, "step": timedelta(days=DAYS) / max(1, events), "places": len(places)}
        session.execute(text(FRAME_EVENTS), filler | {"events": events, "frames": frames})
        for table in ("defect", "work_order", "detection", "frame"):
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
    priorities = (100 * rng.beta(2, 5, size)).tolist()
    days = np.stack([rng.exponential(2.5, size), rng.exponential(2.0, size)], axis=1).tolist()
    for number in range(size):
        found, kind = first + timedelta(seconds=ages_s[number]), CLASSES[kinds[number]]
        place = places[number % len(places)]
        lat, lon = LAT + spots[number][0], LON + spots[number][1]
        state = "candidate" if chances[number] < 0.1 else "rejected" if chances[number] < 0.2 else "confirmed"
        if state == "confirmed":
            order = _order(
                number + 1, place, units[place][kinds[number] % len(units[place])], kind, found, days[number],
                priorities[number], now,
            )  # fmt: skip
            orders.append(order)
            state = "resolved" if order[5] == "closed" else state
        yield (
            number + 1, place, kind.key, state, lat, lon, h3_cell(lat, lon), scores[number], 1, 1,
            priorities[number], number + 1, found, found, found,
        )  # fmt: skip


def _order(
    number: int, place: int, unit_id: int, kind: DefectClass, found: datetime, days: list[float], priority: float,
    now: datetime,
) -> tuple[object, ...]:  # fmt: skip
    opened = min(found + timedelta(hours=6), now)
    done = opened + timedelta(days=days[0] + (2000 if number % 25 == 0 else 0))  # some nobody ever takes up
    closed = done + timedelta(days=days[1])
    set_by_person = 90.0 if number % 100 == 0 else None
    state = "closed" if closed < now else "done" if done < now else ("open", "assigned", "in_progress")[number % 3]
    return (
        number, number, place, unit_id, kind.key, state, kind.unit.value, 2.5 if done < now else None, opened,
        opened + timedelta(hours=72), done if done < now else None, closed if closed < now else None,
        set_by_person, priority if set_by_person is None else set_by_person,
    )  # fmt: skip


def _analyze(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM (ANALYZE)"))

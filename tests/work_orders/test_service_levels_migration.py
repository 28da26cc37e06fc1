"""Service levels of earlier releases go on as they were."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from service.core.database import MIGRATIONS, Database
from service.core.events import Event
from service.core.tables import Base
from service.work_orders.models import SlaPolicy, WorkOrder
from service.work_orders.service_levels_sweep import sweep
from service.work_orders.sla import ClockKind

NOW = datetime(2026, 3, 4, 6, tzinfo=UTC)
MINE = {"sla_policy", "start_due_at", "working_calendar", "special_period", "order_clock"}
EARLIER_RELEASE = """
INSERT INTO municipality (key, name_en, name_ar) VALUES ('dammam', 'Dammam', 'الدمام');
INSERT INTO defect (municipality_id, class_key, state, lat, lon, h3_cell, score, sightings_count, first_seen_at,
    last_seen_at) VALUES (1, 'pothole', 'confirmed', 0, 0, 'c', 0.5, 1, now(), now());
INSERT INTO sla_policy (municipality_id, class_key, hours) VALUES (1, 'pothole', 36);
INSERT INTO work_order (defect_id, municipality_id, class_key, state, quantity_unit, opened_at, due_at)
    VALUES (1, 1, 'pothole', 'open', 'm2', '2026-03-03 06:00+00', '2026-03-04 18:00+00');
"""


def upgraded(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_policies_and_open_orders_of_an_earlier_release_go_on_as_they_were(
    new_database: Callable[[], Database],
) -> None:
    database = new_database()
    upgraded(database, "0008")
    with database.engine.begin() as connection:
        connection.execute(text(EARLIER_RELEASE))
    database.migrate()
    with database.transaction() as session:
        policy = session.scalars(select(SlaPolicy)).one()
        assert (policy.clock, policy.hours_to_close, policy.hours_to_start) == (ClockKind.ROUND_THE_CLOCK, 36, None)
    assert sweep(database, NOW, adopt=False).adopted == 0
    assert sweep(database, NOW).adopted == 1
    sweep(database, NOW + timedelta(days=2))
    with database.transaction() as session:
        order, due = session.scalars(select(WorkOrder)).one(), datetime(2026, 3, 4, 18, tzinfo=UTC)
        assert order.due_at == due and order.start_due_at is None
        told = [(one.action, one.at) for one in session.scalars(select(Event).order_by(Event.id))]
    warned = datetime(2026, 3, 4, 9, tzinfo=UTC)  # three quarters of 36 hours
    late = [("escalate", due + timedelta(hours=hours)) for hours in (7, 21)]
    assert told == [("warn", warned), ("breach", due), *late]


def test_the_migrated_tables_are_those_of_the_models(migrated: Database) -> None:
    with migrated.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [str(one) for one in compare_metadata(context, Base.metadata)]
    assert [one for one in differences if any(name in one for name in MINE)] == []

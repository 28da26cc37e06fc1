"""Databases of earlier releases become this release's, with what people said in them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Row, text

from service.control.facts import rebuild
from service.core.database import MIGRATIONS, Database

FIRST_RELEASE = """
INSERT INTO municipality (key, name_en, name_ar) VALUES ('dammam', 'Dammam', 'الدمام');
INSERT INTO user_account (email, name, password_hash, role, active, failed_logins)
    VALUES ('a@example.org', 'A', 'x', 'inspector', true, 0);
INSERT INTO vehicle (municipality_id, name, camera, key_hash, key_prefix) VALUES (1, 'v', '{}', 'h', 'p');
INSERT INTO survey (vehicle_id, municipality_id, name) VALUES (1, 1, 's');
INSERT INTO frame (survey_id, vehicle_id, municipality_id, sha256, filename, state, size_bytes)
    VALUES (1, 1, 1, 'x', 'f', 'processed', 1);
INSERT INTO detection (frame_id, class_key, score, x0_px, y0_px, x1_px, y1_px, model_name, model_version, lat, lon)
    SELECT 1, 'pothole', 0.5, 0, 0, 9, 9, 'tiny', '1', 0, 0 FROM generate_series(1, 3);
INSERT INTO defect (municipality_id, class_key, state, lat, lon, h3_cell, score, sightings_count, first_seen_at,
    last_seen_at, best_detection_id)
    VALUES (1, 'pothole', 'confirmed', 0, 0, 'c', 0.5, 1, now(), now(), 1),
           (1, 'pothole', 'confirmed', 0, 0, 'c', 0.5, 2, now(), now(), 2);
INSERT INTO review (defect_id, user_id, verdict, class_before, class_after)
    VALUES (1, 1, 'accept', 'pothole', 'pothole'), (2, 1, 'accept', 'pothole', 'pothole');
"""


def test_a_verdict_of_the_first_release_counts_as_looked_at_where_there_was_one_box_to_look_at(
    new_database: Callable[[], Database],
) -> None:
    database = _migrated(new_database(), "0001", FIRST_RELEASE)
    with database.engine.begin() as connection:
        looked_at = connection.execute(text("SELECT detection_id FROM review ORDER BY id")).scalars().all()
        moved = text("UPDATE review SET verdict = 'move', x0_px = 1, y0_px = 1, x1_px = 5, y1_px = 5 WHERE id = 1")
        assert connection.execute(moved).rowcount == 1
    assert looked_at == [1, None]


RATED_ALONE = """
INSERT INTO municipality (key, name_en, name_ar) VALUES ('dammam', 'Dammam', 'الدمام');
INSERT INTO report (municipality_id, number, source, digest, class_key, description, place_sd_m, media_urls, state,
    step, received_at, updated_at, closings)
    SELECT 1, n, 'centre', n, nullif(n, 'b'), 'a hole', 5, '{}', 'closed', 'closed', now(), now(), 1
    FROM unnest(ARRAY['a', 'b', 'c']) AS n;
UPDATE report SET class_key = 'pothole' WHERE class_key IS NOT NULL;
INSERT INTO rating (report_id, municipality_id, closing, stars, satisfied, created_at)
    SELECT id, 1, 1, 5, number <> 'c', '2026-03-31T21:30:00Z' FROM report;
"""


def test_ratings_of_reports_without_a_defect_are_counted_as_if_they_always_had_been(
    new_database: Callable[[], Database],
) -> None:
    database = _migrated(new_database(), "0018", RATED_ALONE)
    moved = _sums(database)
    assert [(str(row[0]), row[1], row[2]) for row in moved[-1]] == [
        ("2026-04-01", "pothole", 2),
        ("2026-04-01", None, 1),
    ]
    rebuild(database, datetime(2026, 4, 2, tzinfo=UTC))
    assert _sums(database) == moved


def _migrated(database: Database, since: str, rows: str) -> Database:
    """With rows that were written at an earlier revision."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, since)
        connection.execute(text(rows))
    database.migrate()
    return database


def _sums(database: Database) -> list[list[Row[*tuple[Any, ...]]]]:
    wanted = (
        "SELECT to_jsonb(one) FROM indicator_case AS one ORDER BY ref_id",
        "SELECT to_jsonb(one) - 'id' FROM indicator_day AS one ORDER BY class_key",
        "SELECT day, class_key, rated FROM indicator_month ORDER BY class_key",
    )
    with database.engine.begin() as connection:
        return [list(connection.execute(text(one))) for one in wanted]

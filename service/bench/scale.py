"""Measures whether matching stays flat: the same drive through a city with a thousand and with a million defects."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from psycopg import sql
from sqlalchemy import text

from datasets.simulator.city import build_city
from service.accounts.models import Vehicle
from service.bench.identity import Condition, near_recall, observe_passes, rates_of
from service.bench.surveys import DriveBook, drive_pass, found_city
from service.core.database import Database
from service.defects.grid import h3_cell
from service.surveys.models import Survey

AROUND_DEG, CLEAR_DEG = 0.5, 0.03  # the stored defects lie in a square around the drive, none where it goes
SEEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = ("pothole", "garbage", "road_crack", "sand_rubble")
DEFECT_COLUMNS = (
    "municipality_id", "class_key", "state", "lat", "lon", "cov_ee_m2", "cov_en_m2", "cov_nn_m2", "h3_cell", "score",
    "sightings_count", "visits_count", "first_seen_at", "last_seen_at", "class_votes",
)  # fmt: skip
ONE_VISIT_EACH = text("""
    INSERT INTO visit (defect_id, survey_id, first_at, last_at, sightings, looks, unseen_log, lat, lon, cov_ee_m2,
        cov_en_m2, cov_nn_m2, gps_sd_m)
    SELECT id, :survey_id, first_seen_at, last_seen_at, 1, 1, 0, lat, lon, 1, 0, 1, 2.5 FROM defect
    WHERE municipality_id = :municipality_id
""")


def measure_scale(
    database: Database, sizes: Sequence[int], condition: Condition, batch_frames: int, most_frames: int
) -> dict[int, float]:
    """Frames per second of recording one drive with so many defects stored, in a municipality for each size.

    The stored ones lie around the drive's streets, so that what it passes by is the same and what grows is the city.
    """
    city, rates = build_city(condition.seed, streets_km=condition.streets_km), rates_of(condition)
    (frames,) = observe_passes(replace(condition, passes=1), city, rates)
    speeds = {}
    for size in sizes:
        municipality_id = found_city(database, f"stored-{size}")
        store_defects(database, municipality_id, size, city.frame.to_wgs84(0.0, 0.0))
        started = time.perf_counter()
        drive_pass(database, DriveBook(municipality_id), frames[:most_frames], 0.0, batch_frames, near_recall(rates))
        speeds[size] = min(len(frames), most_frames) / (time.perf_counter() - started)
    return speeds


def store_defects(database: Database, municipality_id: int, count: int, middle: tuple[float, float]) -> None:
    """Candidates seen once, of several classes, spread evenly around `middle` (lat, lon) but not near it."""
    rng = np.random.default_rng(count)
    statement = sql.SQL("COPY defect ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, DEFECT_COLUMNS)))
    with database.transaction() as session:
        vehicle = Vehicle(municipality_id=municipality_id, name="stored", key_prefix="stored", camera={})
        session.add(vehicle)
        session.flush()
        survey = Survey(vehicle_id=vehicle.id, municipality_id=municipality_id, name="stored")
        session.add(survey)
        session.flush()
        connection = session.connection().connection.driver_connection
        assert connection is not None
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for lat, lon in _places(rng, count, middle):
                class_key = CLASSES[int(rng.integers(len(CLASSES)))]
                copy.write_row((
                    municipality_id, class_key, "candidate", lat, lon, 8.0, 0.0, 8.0, h3_cell(lat, lon), 0.5, 1, 1,
                    SEEN_AT, SEEN_AT, f'{{"{class_key}": 0.5}}',
                ))  # fmt: skip
        session.execute(ONE_VISIT_EACH, {"survey_id": survey.id, "municipality_id": municipality_id})
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE defect, visit"))


def _places(rng: np.random.Generator, count: int, middle: tuple[float, float]) -> Iterator[tuple[float, float]]:
    while count:
        steps = rng.uniform(-AROUND_DEG, AROUND_DEG, (count, 2))
        steps = steps[np.abs(steps).max(axis=1) > CLEAR_DEG]
        count -= len(steps)
        yield from ((middle[0] + north, middle[1] + east) for north, east in steps.tolist())

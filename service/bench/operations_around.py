"""What a city has beside its defects and orders, to ask questions of: streets and what was seen of them, incidents, the
public steps of reports, and municipalities that publish."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.accounts.models import Municipality, User
from service.core.events import SYSTEM
from service.coverage.streets import import_streets
from service.geodata.models import Publication
from service.incidents.models import Incident
from service.incidents.rules import DEFAULTS, IncidentKind

LAT, LON, REACH_DEG = 26.4, 50.1, 0.15  # the middle of the city, and how far it goes to each side
DEFECTS_A_STREET = 2_500  # of all municipalities: fifty a kilometre and municipality in three years
STREET_DEG, APART_DEG, IN_A_ROW = 0.01, 0.005, 30  # a street is a kilometre long
ROAD_CLASSES = ("residential", "tertiary", "secondary", "primary")
PASSES, DAYS_APART = 8, 14  # a vehicle drives each street but every tenth
ENDED = 3  # incidents of each municipality that are over; one lasts
OTHERS_STREETS = (
    """INSERT INTO street (municipality_id, source_id, name, road_class, length_m, line, created_at)
       SELECT place.id, source_id, name, road_class, length_m, line, street.created_at
       FROM municipality AS place, street WHERE place.id <> street.municipality_id""",
    """INSERT INTO street_cell (street_id, cell, municipality_id, length_m)
       SELECT own.id, part.cell, own.municipality_id, part.length_m FROM street AS own
       JOIN street AS first ON first.source_id = own.source_id AND first.municipality_id = :first
       JOIN street_cell AS part ON part.street_id = first.id WHERE own.municipality_id <> :first""",
)
SEEN = """
    INSERT INTO covered_cell (municipality_id, cell, day, frames)
    SELECT DISTINCT municipality_id, cell, CAST(:today AS date) - n * :apart - CAST(street_id % :apart AS int), 2
    FROM street_cell, generate_series(0, :passes - 1) AS n WHERE street_id % 10 <> 0
"""
STEPS = """
    INSERT INTO report_update (report_id, at, state, step, noticed)
    SELECT id, received_at, 'received', 'received', TRUE FROM report
    UNION ALL SELECT id, updated_at, state, step, TRUE FROM report WHERE state <> 'received'
"""


def fill_around(session: Session, size: int, now: datetime) -> None:
    """To a city of so many defects."""
    places = list(session.scalars(select(Municipality).order_by(Municipality.id)))
    user_id = session.scalars(select(User.id).order_by(User.id).limit(1)).one()
    _add_streets(session, places[0], max(4, size // DEFECTS_A_STREET), now)
    seen = {"today": now.date(), "apart": DAYS_APART, "passes": PASSES}
    session.execute(text(SEEN), seen)
    session.execute(text(STEPS))
    for place in places:
        session.add_all(_incidents(place, user_id, now))
    for place in places[::2]:
        session.add(
            Publication(municipality_id=place.id, delay_days=30, grid_m=100.0, salt=f"{place.id:064}", since=now)
        )
    session.flush()


def _add_streets(session: Session, first: Municipality, count: int, now: datetime) -> None:
    """Read as any file of streets into one municipality, which the others have copies of."""
    document = {"type": "FeatureCollection", "features": list(_streets(count))}
    import_streets(session, first, BytesIO(json.dumps(document).encode()), actor=SYSTEM, now=now)
    for step in OTHERS_STREETS:
        statement = text(step)
        session.execute(statement, {"first": first.id} if "first" in statement.compile().params else {})


def _streets(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        row, column = divmod(number, IN_A_ROW)
        lat, west = LAT - REACH_DEG + row * APART_DEG, LON - REACH_DEG + column * STREET_DEG
        line = {"type": "LineString", "coordinates": [[west, lat], [west + STREET_DEG, lat]]}
        told = {"name": f"Street {number}", "highway": ROAD_CLASSES[number % len(ROAD_CLASSES)]}
        yield {"type": "Feature", "id": str(number), "geometry": line, "properties": told}


def _incidents(place: Municipality, user_id: int, now: datetime) -> Iterator[Incident]:
    """Rains of a day in the years before, and one that began two days ago."""
    for number in range(ENDED + 1):
        starts_at = now - timedelta(days=2 + 300 * number)
        yield Incident(
            municipality_id=place.id, kind=IncidentKind.RAIN, name=f"Rain {number}", starts_at=starts_at,
            ended_at=starts_at + timedelta(days=1) if number else None, declared_by_id=user_id,
            rules=DEFAULTS[IncidentKind.RAIN].as_json(),
        )  # fmt: skip

"""Which incidents hold at a place and a time; the rooms above ask before they route, rank and promise."""

from collections.abc import Sequence
from datetime import datetime

from shapely import Point
from shapely.geometry import shape
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.incidents.models import Incident
from service.incidents.rules import IncidentRules, parse_rules


def active_incidents(session: Session, municipality_id: int, lat: float, lon: float, at: datetime) -> list[Incident]:
    """Oldest first."""
    return [one for one in lasting(session, municipality_id, at) if covers(one, lat, lon)]


def lasting(session: Session, municipality_id: int, at: datetime) -> Sequence[Incident]:
    """All of a municipality at that time, oldest first."""
    own = (Incident.municipality_id == municipality_id, Incident.starts_at <= at)
    still = or_(Incident.ended_at.is_(None), Incident.ended_at > at)
    return session.scalars(select(Incident).where(*own, still).order_by(Incident.starts_at, Incident.id)).all()


def covers(incident: Incident, lat: float, lon: float) -> bool:
    if incident.area is None:
        return True
    assert incident.west is not None and incident.east is not None  # an area has an extent
    assert incident.south is not None and incident.north is not None
    inside = incident.west <= lon <= incident.east and incident.south <= lat <= incident.north
    return inside and bool(shape(incident.area).covers(Point(lon, lat)))


def rules_of(incident: Incident) -> IncidentRules:
    return parse_rules(incident.rules)


def points_of(incidents: Sequence[Incident], class_key: str) -> float:
    """Added to the priority of a class's things there; of several incidents the most."""
    return max((rules_of(one).points.get(class_key, 0.0) for one in incidents), default=0.0)


def close_hours_of(incidents: Sequence[Incident], class_key: str) -> float | None:
    """Within which a class's orders there must be closed, round the clock; of several incidents the least."""
    return min((hours for one in incidents if (hours := rules_of(one).close_hours.get(class_key))), default=None)


def capacity_of(incidents: Sequence[Incident], unit_key: str) -> int | None:
    """Orders a day of a unit while they last; of several incidents the most, None where none names it."""
    return max((most for one in incidents if (most := rules_of(one).capacity.get(unit_key))), default=None)

"""The imported streets around the places of a plan."""

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from service.core.plane import Floats, metres_per_degree
from service.coverage.cells import Box, ranges_around
from service.coverage.models import Street, StreetCell
from service.coverage.street_lines import from_geojson
from service.crews.roads import LonLat

MARGIN_M, MARGIN_SHARE = 1_500.0, 0.25  # a way may swing out of the places' own extent


def streets_around(session: Session, municipality_id: int, places: list[LonLat]) -> list[Floats]:
    """Centre lines (n, 2) lon, lat; none where the municipality has imported no streets there."""
    near = select(StreetCell.street_id).where(StreetCell.municipality_id == municipality_id)
    ranges = ranges_around(_box(places))
    if ranges is not None:
        near = near.where(or_(*(and_(StreetCell.cell >= low, StreetCell.cell <= high) for low, high in ranges)))
    rows = session.scalars(select(Street.line).where(Street.id.in_(near)).order_by(Street.id))
    return [part for line in rows for part in from_geojson(line)]


def streets_version(session: Session, municipality_id: int) -> str:
    """Changes with every import."""
    count, latest = session.execute(
        select(func.count(Street.id), func.max(Street.created_at)).where(Street.municipality_id == municipality_id)
    ).one()
    return f"{count}:{latest.isoformat() if latest else ''}"


def _box(places: list[LonLat]) -> Box:
    lons, lats = zip(*places, strict=True)
    per_lat, per_lon = metres_per_degree((min(lats) + max(lats)) / 2)
    up = MARGIN_M / float(per_lat) + MARGIN_SHARE * (max(lats) - min(lats))
    aside = MARGIN_M / float(per_lon) + MARGIN_SHARE * (max(lons) - min(lons))
    return Box(min(lons) - aside, min(lats) - up, max(lons) + aside, max(lats) + up)

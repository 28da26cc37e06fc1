"""Where the same trouble comes back year after year: water that stands at one place each winter is evidence for a
drain, not for another pump."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import h3
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.events import Event
from service.core.tables import JsonObject
from service.defects.models import Defect
from service.defects.states import DefectAction, DefectState

RESOLUTION = 10  # cells of 130 m across: an underpass with its ramps
ONE_EPISODE = timedelta(days=3)  # what is seen again so soon is the same water
ZONE = ZoneInfo("Asia/Riyadh")  # whose years are counted
_CAME_BACK = (DefectAction.REOPEN.value, DefectAction.RETURN.value)
_COUNTED = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


@dataclass(frozen=True)
class Recurrence:
    """One cell: on how many separate occasions a class stood there, and in which years."""

    cell: str
    episodes: int
    by_year: dict[int, int]
    defect_ids: tuple[int, ...]
    last_on: date

    @property
    def years(self) -> int:
        return len(self.by_year)


def recurrences(
    session: Session, municipality_id: int, class_key: str, first: datetime, last: datetime, least: int = 2
) -> list[Recurrence]:
    """Cells with at least so many episodes in the period, the most years first, then the most episodes.

    An episode is a defect's first sighting or its return after a repair or after it had gone; those of one cell within
    three days are one. Rejected defects do not count.
    """
    occasions = _occasions(session, municipality_id, class_key, first, last)
    cells: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for at, defect_id, lat, lon in occasions:
        cells[h3.latlng_to_cell(lat, lon, RESOLUTION)].append((at, defect_id))
    found = [_of_cell(cell, sorted(own)) for cell, own in cells.items()]
    return sorted(
        (one for one in found if one.episodes >= least), key=lambda one: (-one.years, -one.episodes, one.cell)
    )


def as_geojson(found: Iterable[Recurrence]) -> dict[str, Any]:
    """A FeatureCollection of hexagons, WGS 84."""
    return {"type": "FeatureCollection", "features": [_feature(one) for one in found]}


def _occasions(
    session: Session, municipality_id: int, class_key: str, first: datetime, last: datetime
) -> list[tuple[datetime, int, float, float]]:
    own = (Defect.municipality_id == municipality_id, Defect.class_key == class_key, Defect.state.in_(_COUNTED))
    seen = select(Defect.first_seen_at, Defect.id, Defect.lat, Defect.lon).where(
        *own, Defect.first_seen_at >= first, Defect.first_seen_at < last
    )
    again = (
        select(Event.at, Defect.id, Defect.lat, Defect.lon)
        .join(Defect, Defect.id == Event.subject_id)
        .where(Event.subject_kind == "defect", Event.action.in_(_CAME_BACK), Event.at >= first, Event.at < last, *own)
    )
    return [(row[0], row[1], row[2], row[3]) for statement in (seen, again) for row in session.execute(statement)]


def _of_cell(cell: str, occasions: list[tuple[datetime, int]]) -> Recurrence:
    starts: list[datetime] = []
    last_at: datetime | None = None
    for at, _ in occasions:
        if last_at is None or at - last_at > ONE_EPISODE:
            starts.append(at)
        last_at = at
    by_year: dict[int, int] = defaultdict(int)
    for at in starts:
        by_year[at.astimezone(ZONE).year] += 1
    assert last_at is not None  # a cell has occasions
    return Recurrence(
        cell, len(starts), dict(by_year), tuple(sorted({one for _, one in occasions})), last_at.astimezone(ZONE).date()
    )


def _feature(one: Recurrence) -> JsonObject:
    ring = [[lon, lat] for lat, lon in h3.cell_to_boundary(one.cell)]
    return {
        "type": "Feature",
        "id": one.cell,
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "properties": {
            "episodes": one.episodes, "years": one.years, "by_year": one.by_year, "defect_ids": list(one.defect_ids),
            "last_on": one.last_on.isoformat(),
        },
    }  # fmt: skip

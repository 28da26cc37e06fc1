"""Where the same trouble comes back year after year: water that stands at one place each winter is evidence for a
drain, not for another pump."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import h3
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from service.contracts.models import Charge
from service.contracts.money import to_sar
from service.core.errors import Unprocessable
from service.core.events import Event
from service.core.hijri import SAUDI_TIME
from service.core.tables import JsonObject
from service.defects.models import Defect
from service.defects.states import DefectAction, DefectState
from service.incidents.lookup import covers, rules_of
from service.incidents.models import Incident
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderState

RESOLUTION = 10  # cells of 130 m across: an underpass with its ramps
ONE_EPISODE = timedelta(days=3)  # what is seen again so soon is the same water
HEAD = (
    "cell", "lat", "lon", "years", "episodes", "by_year", "first_on", "last_on", "orders", "cost_sar", "defect_ids",
)  # fmt: skip
LONGEST_YEARS = 20
LOOK_BACK = timedelta(days=5 * 365)  # before an incident
_CAME_BACK = (DefectAction.REOPEN.value, DefectAction.RETURN.value)
_COUNTED = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


@dataclass(frozen=True)
class Recurrence:
    """One cell: on how many separate occasions a class stood there, and in which years."""

    cell: str
    episodes: int
    by_year: dict[int, int]
    defect_ids: tuple[int, ...]
    first_on: date
    last_on: date
    orders: int = 0  # opened there in the period for these defects
    cost_halalas: int | None = None  # of them, by their contracts; None: no charge is known

    @property
    def years(self) -> int:
        return len(self.by_year)

    @property
    def centre(self) -> tuple[float, float]:
        lat, lon = h3.cell_to_latlng(self.cell)
        return round(lat, 6), round(lon, 6)

    @property
    def cost_sar(self) -> float | None:
        return None if self.cost_halalas is None else float(to_sar(self.cost_halalas))


@dataclass(frozen=True)
class PlacesBefore:
    """Of an incident: at how many places its class was found or came back, and which of them had it before."""

    class_key: str
    since: date  # as far back as was looked
    places: int
    cells: tuple[Recurrence, ...]  # what was there before the incident began; the worst first

    @property
    def before(self) -> int:
        return len(self.cells)


def period(first: date | None, last: date | None, now: datetime) -> tuple[datetime, datetime]:
    """From the first day to the end of the last; five years until today where nothing is told."""
    until = last or now.astimezone(SAUDI_TIME).date()
    since = first or until.replace(year=max(1, until.year - 5), day=min(until.day, 28))
    if not since <= until or until.year - since.year > LONGEST_YEARS:
        raise Unprocessable("recurrence.period", f"expected first <= last within {LONGEST_YEARS} years")
    return datetime.combine(since, time(), SAUDI_TIME), datetime.combine(until, time.max, SAUDI_TIME)


def recurrences(
    session: Session, municipality_id: int, class_key: str, first: datetime, last: datetime, least: int = 2
) -> list[Recurrence]:
    """Cells with at least so many episodes in the period, the most years first, then the most episodes.

    An episode is a defect's first sighting or its return after a repair or after it had gone; those of one cell within
    three days are one. Rejected defects do not count.
    """
    occasions = _occasions(session, municipality_id, class_key, first, last)
    found = [one for one in _cells(occasions) if one.episodes >= least]
    work = _work(session, {defect_id for one in found for defect_id in one.defect_ids}, first, last)
    ranked = sorted(found, key=lambda one: (-one.years, -one.episodes, one.cell))
    return [_with_work(one, work) for one in ranked]


def places_before(session: Session, incident: Incident, until: datetime) -> PlacesBefore | None:
    """None where the incident's rules put no class first. The three days before its start count for neither."""
    points = rules_of(incident).points
    if not points:
        return None
    class_key = min(points, key=lambda key: (-points[key], key))
    municipality_id, begun = incident.municipality_id, incident.starts_at
    during = _occasions(session, municipality_id, class_key, begun, until + timedelta(microseconds=1))
    here = {_cell(lat, lon) for _, _, lat, lon in during if covers(incident, lat, lon)}
    earlier = recurrences(session, municipality_id, class_key, begun - LOOK_BACK, begun - ONE_EPISODE, least=1)
    since = (begun - LOOK_BACK).astimezone(SAUDI_TIME).date()
    return PlacesBefore(class_key, since, len(here), tuple(one for one in earlier if one.cell in here))


def as_rows(found: Iterable[Recurrence]) -> list[tuple[str | int | float | date | None, ...]]:
    """One row of HEAD for each cell, its place the middle."""
    return [
        (one.cell, *one.centre, one.years, one.episodes, _told_years(one), one.first_on, one.last_on, one.orders,
         one.cost_sar, " ".join(map(str, one.defect_ids)))
        for one in found
    ]  # fmt: skip


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


def _cells(occasions: Iterable[tuple[datetime, int, float, float]]) -> list[Recurrence]:
    cells: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for at, defect_id, lat, lon in occasions:
        cells[_cell(lat, lon)].append((at, defect_id))
    return [_of_cell(cell, sorted(own)) for cell, own in cells.items()]


def _cell(lat: float, lon: float) -> str:
    return str(h3.latlng_to_cell(lat, lon, RESOLUTION))


def _work(
    session: Session, defect_ids: Collection[int], first: datetime, last: datetime
) -> Mapping[int, tuple[int, int | None]]:
    """By defect how many orders were opened for it in the period, and what they cost."""
    rows = session.execute(
        select(WorkOrder.defect_id, func.count(distinct(WorkOrder.id)), func.sum(Charge.amount_halalas))
        .outerjoin(Charge, Charge.work_order_id == WorkOrder.id)
        .where(WorkOrder.defect_id.in_(defect_ids), WorkOrder.state != WorkOrderState.CANCELLED)
        .where(WorkOrder.opened_at >= first, WorkOrder.opened_at < last)
        .group_by(WorkOrder.defect_id)
    )
    return {defect_id: (orders, None if cost is None else int(cost)) for defect_id, orders, cost in rows}


def _with_work(one: Recurrence, work: Mapping[int, tuple[int, int | None]]) -> Recurrence:
    own = [work[defect_id] for defect_id in one.defect_ids if defect_id in work]
    costs = [cost for _, cost in own if cost is not None]
    return replace(one, orders=sum(orders for orders, _ in own), cost_halalas=sum(costs) if costs else None)


def _told_years(one: Recurrence) -> str:
    return " ".join(f"{year}:{count}" for year, count in sorted(one.by_year.items()))


def _of_cell(cell: str, occasions: list[tuple[datetime, int]]) -> Recurrence:
    starts: list[datetime] = []
    last_at: datetime | None = None
    for at, _ in occasions:
        if last_at is None or at - last_at > ONE_EPISODE:
            starts.append(at)
        last_at = at
    by_year: dict[int, int] = defaultdict(int)
    for at in starts:
        by_year[at.astimezone(SAUDI_TIME).year] += 1
    assert last_at is not None  # a cell has occasions
    defect_ids = tuple(sorted({defect_id for _, defect_id in occasions}))
    first_on, last_on = (at.astimezone(SAUDI_TIME).date() for at in (starts[0], last_at))
    return Recurrence(cell, len(starts), dict(by_year), defect_ids, first_on, last_on)


def _feature(one: Recurrence) -> JsonObject:
    ring = [[lon, lat] for lat, lon in h3.cell_to_boundary(one.cell)]
    return {
        "type": "Feature",
        "id": one.cell,
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "properties": {
            "episodes": one.episodes, "years": one.years, "by_year": one.by_year, "defect_ids": list(one.defect_ids),
            "first_on": one.first_on.isoformat(), "last_on": one.last_on.isoformat(), "orders": one.orders,
            "cost_sar": one.cost_sar,
        },
    }  # fmt: skip

"""Where an order lies and where it came from: its district, and who found what it mends."""

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.accounts.districts import district_map, district_of
from service.accounts.models import District
from service.defects.models import Defect, Detection, Sighting
from service.work_orders.models import OrderSource, WorkOrder
from service.work_orders.states import ENDED

BATCH = 5_000


def district_id_of(session: Session, defect: Defect) -> int | None:
    found = district_of(session, defect.municipality_id, defect.lat, defect.lon)
    return found.id if found else None


def source_of(session: Session, defect: Defect) -> OrderSource:
    """By the first sighting; what nobody saw on a frame was reported."""
    first = (
        select(Detection.added_by_id)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .where(Sighting.defect_id == defect.id)
        .order_by(Detection.id)
        .limit(1)
    )
    row = session.execute(first).one_or_none()
    if row is None:
        return OrderSource.REPORT
    return OrderSource.VEHICLE if row[0] is None else OrderSource.INSPECTOR


def place_orders(session: Session, municipality_id: int) -> int:
    """Gives every order of the municipality the district that it lies in now; returns how many changed. One that ended
    keeps a district that ended after it. Safe to run twice."""
    session.flush()
    districts = district_map(session, municipality_id)
    rows = session.execute(
        select(WorkOrder.id, WorkOrder.district_id, Defect.lat, Defect.lon, District.ended_at, WorkOrder.state)
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .outerjoin(District, District.id == WorkOrder.district_id)
        .where(WorkOrder.municipality_id == municipality_id)
    ).all()
    moved: dict[int, int | None] = {}
    for order_id, before, lat, lon, ended_at, state in rows:
        if ended_at is not None and state in ENDED:
            continue
        found = districts.district_id_at(lat, lon)
        if found != before:
            moved[order_id] = found
    _move(session, moved)
    return len(moved)


def _move(session: Session, moved: Mapping[int, int | None]) -> None:
    by_district: dict[int | None, list[int]] = {}
    for order_id, district_id in sorted(moved.items()):
        by_district.setdefault(district_id, []).append(order_id)
    for district_id, order_ids in by_district.items():
        for start in range(0, len(order_ids), BATCH):
            some = order_ids[start : start + BATCH]
            session.execute(update(WorkOrder).where(WorkOrder.id.in_(some)).values(district_id=district_id))

"""A municipality with a boundary, defects, orders and covered cells whose numbers a test can count on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.accounts.permissions import Role
from service.core.geodesy import moved
from service.coverage.models import CoveredCell
from service.defects.grid import h3_cell
from service.defects.models import Defect
from service.defects.states import DefectState
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderState
from tests.coverage.streets_made import cells_in_a_row, see
from tests.factories import DAMMAM, NOW, make_municipality, make_user, sign_in, square
from tests.work_orders.orders import unit_of

DEFECTS, ORDERS, CELLS = 25, 12, 20


@dataclass(frozen=True)
class Area:
    municipality: Municipality
    defects: list[Defect]
    orders: list[WorkOrder]
    headers: dict[str, str]  # of its supervisor

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")


def put_defect(
    session: Session, municipality: Municipality, lat: float = DAMMAM[0], lon: float = DAMMAM[1],
    seen_at: datetime = NOW, **columns: Any,
) -> Defect:  # fmt: skip
    values = {
        "municipality_id": municipality.id,
        "class_key": "pothole",
        "state": DefectState.CONFIRMED,
        "lat": lat,
        "lon": lon,
        "h3_cell": h3_cell(lat, lon),
        "score": 0.8,
        "sightings_count": 1,
        "first_seen_at": seen_at,
        "last_seen_at": seen_at,
    }
    defect = Defect(**(values | columns))
    session.add(defect)
    session.flush()
    return defect


def put_order(session: Session, defect: Defect, **columns: Any) -> WorkOrder:
    values = {
        "defect_id": defect.id,
        "municipality_id": defect.municipality_id,
        "class_key": defect.class_key,
        "state": WorkOrderState.OPEN,
        "quantity_unit": "m2",
        "opened_at": defect.first_seen_at,
        "due_at": defect.first_seen_at + timedelta(days=3),
    }
    order = WorkOrder(**(values | columns))
    session.add(order)
    session.flush()
    return order


def make_area(session: Session, key: str = "dammam", north_m: float = 0.0) -> Area:
    """Defects a day and 100 m apart, going east; every second a crack; the first of them with orders."""
    lat, lon = moved(*DAMMAM, 0, north_m)
    place = make_municipality(session, key, square(lon - 0.1, lat - 0.1))
    create_default_operations(session, place)
    defects = []
    for number in range(DEFECTS):
        where = moved(lat, lon, 90, 100.0 * number)
        kind = "road_crack" if number % 2 else "pothole"
        defects.append(put_defect(session, place, *where, NOW + timedelta(days=number), class_key=kind))
    machine = unit_of(session, place, "pothole_machine")
    orders = [put_order(session, defect, unit_id=machine.id) for defect in defects[:ORDERS]]
    see(session, place, cells_in_a_row(CELLS), NOW.date(), NOW.date() + timedelta(days=1))
    headers = sign_in(session, make_user(session, Role.SUPERVISOR, place))
    return Area(place, defects, orders, headers)


def covered(session: Session) -> int:
    return session.query(CoveredCell).count()

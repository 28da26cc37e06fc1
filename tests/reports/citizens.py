"""Reports as citizens send them, and the street that they are about."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.events import SYSTEM
from service.core.plane import LocalPlane
from service.core.runtime import Runtime
from service.defects.grid import h3_cell
from service.defects.models import Defect
from service.defects.states import DefectState
from service.reports.intake import NewReport, file_report
from service.reports.models import Report, ReportSource
from tests.factories import DAMMAM, NOW, make_municipality, square

BOUNDARY = square(DAMMAM[1] - 0.1, DAMMAM[0] - 0.1)
PLANE = LocalPlane(*DAMMAM)


def town(session: Session) -> Municipality:
    """Dammam with a boundary around it, and the usual units and rules."""
    return make_municipality(session, boundary=BOUNDARY)


def at(east_m: float, north_m: float = 0.0) -> tuple[float, float]:
    """lat, lon so far from the middle of the town."""
    return PLANE.to_wgs84(east_m, north_m)


def put_defect(
    session: Session, east_m: float = 0.0, class_key: str = "pothole", state: DefectState = DefectState.CANDIDATE
) -> Defect:
    """One that vehicles know, its place sure to three metres."""
    lat, lon = at(east_m)
    defect = Defect(
        municipality_id=town(session).id, class_key=class_key, state=state, lat=lat, lon=lon, h3_cell=h3_cell(lat, lon),
        cov_ee_m2=9.0, cov_en_m2=0.0, cov_nn_m2=9.0, score=0.8, sightings_count=1, class_votes={class_key: 0.8},
        first_seen_at=NOW, last_seen_at=NOW,
    )  # fmt: skip
    session.add(defect)
    session.flush()
    return defect


def report(
    session: Session, runtime: Runtime, east_m: float = 0.0, class_key: str | None = "pothole",
    photos: tuple[bytes, ...] = (), now: datetime = NOW + timedelta(days=1), **columns: Any,
) -> Report:  # fmt: skip
    """Files one at a place of the town."""
    town(session)
    lat, lon = at(east_m)
    told = {"source": ReportSource.WEB, "class_key": class_key, "description": f"at {east_m} m", "lat": lat, "lon": lon}
    filed, _ = file_report(session, runtime, NewReport(**(told | columns)), photos, SYSTEM, now)
    return filed

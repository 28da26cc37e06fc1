"""Vehicles that pass by a defect and see it, or look and see nothing."""

from datetime import datetime
from math import log

from sqlalchemy.orm import Session

from service.defects.models import Defect, Visit
from service.surveys.models import Survey
from tests.defects.sightings import box
from tests.factories import make_survey, make_vehicle
from tests.work_orders.orders import Town


def drive_by(
    session: Session, defect: Defect, at: datetime, sightings: int = 0, looks: int = 6, survey: Survey | None = None
) -> Visit:
    """A visit of its own survey; each look in vain would have shown the defect in two of three cases."""
    if survey is None:
        vehicle, _ = make_vehicle(session, defect.municipality)
        survey = make_survey(session, vehicle)
    visit = Visit(
        defect_id=defect.id, survey_id=survey.id, first_at=at, last_at=at, sightings=sightings, looks=looks,
        unseen_log=(looks - sightings) * log(1 / 3),
    )  # fmt: skip
    session.add(visit)
    if sightings:
        visit.lat, visit.lon, visit.gps_sd_m = defect.lat, defect.lon, 2.0
        visit.cov_ee_m2, visit.cov_en_m2, visit.cov_nn_m2 = 1.0, 0.0, 1.0
        defect.last_seen_at = max(defect.last_seen_at, at)
        defect.visits_count += 1
    session.flush()
    return visit


def repaired(town: Town, *, seen: int = 3, north_m: float = 0.0) -> tuple[int, Defect]:
    """An order that was reported done, and its defect, which so many passes had seen before; a day has passed."""
    order = town.accept(box(north_m=north_m))
    defect = town.session.get_one(Defect, order["defect_id"])
    for _ in range(seen):
        drive_by(town.session, defect, town.now, sightings=4)
        town.later(days=5)
    town.session.commit()
    town.bring(order["id"], "assign", "start", "done")
    town.session.expire_all()
    town.later(days=1)
    return order["id"], defect


def pass_in_vain(town: Town, defect: Defect, times: int, every_days: float = 10) -> None:
    for _ in range(times):
        town.later(days=every_days)
        drive_by(town.session, defect, town.now)
    town.session.commit()

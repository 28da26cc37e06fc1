"""What a candidate is called: the class that most of its sightings say, until a person has judged it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.events import SYSTEM
from service.defects.models import Defect, Review
from service.defects.service import record_defect
from service.defects.states import DefectState


def rename(session: Session, defects: set[Defect], now: datetime) -> None:
    """A candidate that nobody has judged yet is of the class that most of its sightings say."""
    unsure = {
        defect.id: defect
        for defect in defects
        if defect.state is DefectState.CANDIDATE and _main_class(defect) != defect.class_key
    }
    if not unsure:
        return
    judged = set(session.scalars(select(Review.defect_id).where(Review.defect_id.in_(unsure))))
    for defect in sorted((unsure[key] for key in unsure.keys() - judged), key=lambda defect: defect.id):
        before, defect.class_key = defect.class_key, _main_class(defect)
        defect.size, defect.size_sd, defect.size_distance_m = None, None, None
        told = {"class_before": before, "class_after": defect.class_key}
        record_defect(session, defect, "rename", SYSTEM, now, from_state=defect.state, data=told)


def _main_class(defect: Defect) -> str:
    return min(defect.class_votes, key=lambda key: (-defect.class_votes[key], key), default=defect.class_key)

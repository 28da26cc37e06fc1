"""A defect that people report before any vehicle has seen it: a candidate without a sighting, for inspection."""

from datetime import datetime

from sqlalchemy.orm import Session

from service.core.events import Actor
from service.core.tables import JsonObject
from service.defects.grid import h3_cell
from service.defects.models import Defect
from service.defects.service import record_defect
from service.defects.states import DefectState


def open_reported(
    session: Session, municipality_id: int, class_key: str, lat: float, lon: float, sd_m: float,
    reported_at: datetime, actor: Actor, now: datetime, data: JsonObject,
) -> Defect:  # fmt: skip
    """A new candidate at the place that was told, which may err by `sd_m` per axis; no box and no score yet.

    The first pass that sees it there adds its sightings, and from then on its place is that of the passes.
    """
    defect = Defect(
        municipality_id=municipality_id, class_key=class_key, state=DefectState.CANDIDATE, lat=lat, lon=lon,
        h3_cell=h3_cell(lat, lon), cov_ee_m2=sd_m**2, cov_en_m2=0.0, cov_nn_m2=sd_m**2, score=0.0, sightings_count=0,
        class_votes={}, first_seen_at=reported_at, last_seen_at=reported_at,
    )  # fmt: skip
    session.add(defect)
    session.flush()
    record_defect(session, defect, "report", actor, now, from_state=None, data=data)
    return defect

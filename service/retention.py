"""The hourly deletion of pictures, joined here because which frames are evidence is known above the surveys' room."""

from datetime import datetime

import structlog
from sqlalchemy import Select, select

from service.core.runtime import Runtime
from service.defects.models import Defect, Detection, Sighting
from service.defects.states import DefectState
from service.surveys.retention import Evidence, Purpose, delete_due_images

log = structlog.get_logger()
# A rejected defect is a false alarm, and a merged one has handed its sightings over.
_SHOWN = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


def apply_retention(runtime: Runtime, now: datetime) -> dict[Purpose, int]:
    """Deletes every picture whose time is over; how many of each purpose.

    While a defect is confirmed, its work order is not over: its frames stay however old they are.
    """
    evidence = Evidence(shown=_frames_of(*_SHOWN), held=_frames_of(DefectState.CONFIRMED))
    deleted = delete_due_images(runtime, now, evidence)
    if any(deleted.values()):
        log.info("retention.deleted", **{purpose.value: count for purpose, count in deleted.items()})
    return deleted


def _frames_of(*states: DefectState) -> Select[int]:
    return (
        select(Detection.frame_id)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Defect.state.in_(states))
    )

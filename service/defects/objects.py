"""What people see that a model missed: an object drawn on a frame becomes a sighting as the model's own do."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import Conflict
from service.defects.access import lock_defects, lock_matching, permit
from service.defects.boxes import check_box
from service.defects.models import Defect, Detection, Sighting
from service.defects.nearby import load_nearby
from service.defects.recording import Filing, SeenBox, file_detections, look_of, new_detection, sight_in
from service.defects.states import PERMISSIONS, DefectAction, DefectState
from service.identity.linking import link
from service.identity.matching import match
from service.surveys.models import Frame, FrameState

BY_PERSON = "person"  # where a model's detections carry its name


@dataclass(frozen=True)
class Drawn:
    """The defect that a drawn box shows, locked, and whether the drawing told that its repair did not last."""

    defect: Defect
    detection: Detection
    reopened: bool = False


def record_object(session: Session, caller: Caller, frame: Frame, box: SeenBox, now: datetime) -> Drawn:
    """Keeps a box that a person drew on a processed frame; the same box sent again gives the same answer.

    A defect that was rejected, is of another class or has a box on this frame already does not take it: the person
    says that something else is there. Raises Conflict for a frame without an answer of the model and Unprocessable for
    a box that cannot stand on it.
    """
    permit(caller, {PERMISSIONS[DefectAction.ACCEPT]})
    require_processed(frame)
    check_box(box.xyxy_px, frame.width or 0, frame.height or 0)
    lock_matching(session, frame.municipality_id)
    same = _same(session, frame, box)
    if same is not None:
        return same
    at = frame.captured_at or now
    nearby = load_nearby(session, frame.municipality_id, frame.survey_id, [look_of(frame, [box])], at, at)
    here = set(
        session.scalars(select(Sighting.defect_id).join(Sighting.detection).where(Detection.frame_id == frame.id))
    )
    free = {
        defect.id
        for defect in nearby.defects.values()
        if defect.id not in here and defect.state is not DefectState.REJECTED and defect.class_key == box.class_key
    }
    known = [one for one in nearby.known if one.defect in free]
    going_on = [track for track in nearby.going_on if track.defect in free]
    sight = sight_in(nearby, frame, box, now)
    (track,) = link([[sight]], going_on)
    (found,) = match([track], known, nearby.anchors, sight.gps_sd_m)
    defect = None if found.defect is None else nearby.defects[found.defect]
    detection = new_detection(frame, box, BY_PERSON, "", added_by_id=caller.actor.id)
    filing = Filing(frame, detection, defect)
    recorded = file_detections(session, [filing], nearby.visits, caller.actor, now)
    (defect,) = recorded.created + recorded.confirmed
    return Drawn(defect, detection, bool(recorded.reopened))


def require_processed(frame: Frame) -> None:
    if frame.state is not FrameState.PROCESSED:
        raise Conflict(
            "frame.state", f"expected a processed frame, frame {frame.id} is {frame.state.value}; wait for the model"
        )


def _same(session: Session, frame: Frame, box: SeenBox) -> Drawn | None:
    x0, y0, x1, y1 = box.xyxy_px
    statement = (
        select(Detection, Sighting.defect_id)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .where(Detection.frame_id == frame.id, Detection.added_by_id.is_not(None))
        .where(Detection.class_key == box.class_key, Detection.x0_px == x0, Detection.y0_px == y0)
        .where(Detection.x1_px == x1, Detection.y1_px == y1)
    )
    found = session.execute(statement).first()
    if found is None:
        return None
    (defect,) = lock_defects(session, Defect.id == found[1])
    return Drawn(defect, found[0])

"""What people decide about defects: every verdict is kept, and every verdict may arrive twice."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.core.errors import Conflict, Unprocessable
from service.core.tables import JsonObject
from service.defects.access import get_defect, lock_defects, lock_matching, moved_boxes, permit
from service.defects.boxes import BoxPx, check_box
from service.defects.merging import absorb
from service.defects.models import Defect, Detection, Review, Sighting, Verdict
from service.defects.service import move_defect
from service.defects.states import PERMISSIONS, DefectAction, DefectState

_LEADS_TO = {
    Verdict.ACCEPT: DefectState.CONFIRMED,
    Verdict.REJECT: DefectState.REJECTED,
    Verdict.MERGE: DefectState.MERGED,
    Verdict.RECLASSIFY: DefectState.CANDIDATE,
}


@dataclass(frozen=True)
class _Asked:
    """A verdict as it came."""

    verdict: Verdict
    class_key: str | None
    merge_into: int | None
    detection_id: int | None
    box_px: BoxPx | None
    note: str | None


def review(
    session: Session, caller: Caller, defect_id: int, verdict: Verdict, *, class_key: str | None = None,
    merge_into: int | None = None, detection_id: int | None = None, box_px: BoxPx | None = None,
    note: str | None = None, now: datetime,
) -> Defect:  # fmt: skip
    """Applies a verdict; one that the defect already bears changes nothing and is not kept a second time.

    `detection_id` is the sighting that the person looked at, without it the best one: the verdict counts as
    looked at for that box alone. A moved box leaves the detection, the place and the size as they are.
    The defect stays locked until the transaction ends. Accepting opens no work order by itself:
    `work_orders.reviews.review_defect` does both, since this room does not know that one. Raises Conflict for
    a move that the state does not allow and for a target that cannot take sightings.
    """
    permit(caller, {PERMISSIONS[DefectAction(verdict.value)]})
    asked = _Asked(verdict, class_key, merge_into, detection_id, box_px, note)
    _check_request(asked)
    seen = get_defect(session, caller, defect_id)
    if verdict is Verdict.MERGE:
        lock_matching(session, seen.municipality_id)
    (defect,) = lock_defects(session, Defect.id == seen.id)
    if _bears(defect, asked):
        return defect
    looked_at = _looked_at(session, defect, detection_id)
    if box_px is not None and looked_at is not None:
        check_box(box_px, looked_at.frame.width or 0, looked_at.frame.height or 0)
        if moved_boxes(session, [looked_at.id]).get(looked_at.id) == box_px:
            return defect
    class_before = defect.class_key
    move_defect(session, defect, DefectAction(verdict.value), caller.actor, now, _told(asked, defect))
    if merge_into is not None:
        absorb(session, defect, _target(session, caller, defect, merge_into), caller.actor, now)
    if class_key is not None:
        defect.class_key, defect.size, defect.size_sd, defect.size_distance_m = class_key, None, None, None
    session.add(_kept(asked, defect, class_before, looked_at, caller, now))
    session.flush()
    return defect


def _kept(
    asked: _Asked, defect: Defect, class_before: str, looked_at: Detection | None, caller: Caller, now: datetime
) -> Review:
    x0, y0, x1, y1 = asked.box_px or (None, None, None, None)
    return Review(
        defect_id=defect.id,
        user_id=caller.actor.id,
        detection_id=looked_at.id if looked_at else None,
        verdict=asked.verdict,
        class_before=class_before,
        class_after=defect.class_key,
        merged_into_id=asked.merge_into,
        x0_px=x0,
        y0_px=y0,
        x1_px=x1,
        y1_px=y1,
        note=asked.note,
        created_at=now,
    )


def _told(asked: _Asked, defect: Defect) -> JsonObject:
    """What the event says of the verdict."""
    data: JsonObject = {"note": asked.note} if asked.note else {}
    if asked.merge_into is not None:
        data["merged_into_id"] = asked.merge_into
    if asked.class_key is not None:
        data |= {"class_before": defect.class_key, "class_after": asked.class_key}
    if asked.box_px is not None:
        data |= {"detection_id": asked.detection_id, "box_px": list(asked.box_px)}
    return data


def _check_request(asked: _Asked) -> None:
    verdict, class_key = asked.verdict, asked.class_key
    if (verdict is Verdict.RECLASSIFY) != (class_key is not None):
        raise Unprocessable("review.class_key", f"expected class_key for reclassify alone, got {verdict.value}")
    if (verdict is Verdict.MERGE) != (asked.merge_into is not None):
        raise Unprocessable("review.merged_into_id", f"expected merged_into_id for merge alone, got {verdict.value}")
    if (verdict is Verdict.MOVE) != (asked.box_px is not None):
        raise Unprocessable("review.box", f"expected box_xyxy_px for move alone, got {verdict.value}")
    if verdict is Verdict.MOVE and asked.detection_id is None:
        raise Unprocessable("review.detection_id", "expected the detection whose box is moved, got none")
    if class_key is not None and class_key not in BY_KEY:
        raise Unprocessable("review.class_key", f"expected one of {', '.join(BY_KEY)}, got {class_key!r}")


def _bears(defect: Defect, asked: _Asked) -> bool:
    if asked.verdict not in _LEADS_TO or defect.state is not _LEADS_TO[asked.verdict]:
        return False
    if asked.verdict is Verdict.MERGE:
        return defect.merged_into_id == asked.merge_into
    return asked.verdict is not Verdict.RECLASSIFY or defect.class_key == asked.class_key


def _looked_at(session: Session, defect: Defect, detection_id: int | None) -> Detection | None:
    """None for a defect that only citizens have reported: there is no picture to look at."""
    if detection_id is None and defect.best_detection_id is None:
        return None
    wanted = defect.best_detection_id if detection_id is None else detection_id
    sighting = session.get(Sighting, wanted)
    if sighting is None or sighting.defect_id != defect.id:
        raise Unprocessable(
            "review.detection_id", f"expected a sighting of defect {defect.id}, got detection {wanted}; reload"
        )
    return sighting.detection


def _target(session: Session, caller: Caller, defect: Defect, target_id: int) -> Defect:
    if target_id == defect.id:
        raise Conflict(
            "defect.merge_target", f"expected another defect, got {target_id} itself; choose the one to keep"
        )
    seen = get_defect(session, caller, target_id)
    if seen.municipality_id != defect.municipality_id:
        raise Conflict(
            "defect.merge_target",
            f"expected a defect of municipality {defect.municipality_id}, got one of {seen.municipality_id}",
        )
    (target,) = lock_defects(session, Defect.id == target_id)
    if target.state in {DefectState.MERGED, DefectState.REJECTED}:
        raise Conflict(
            "defect.merge_target",
            f"expected a candidate, confirmed or resolved defect, {target_id} is {target.state.value}; "
            "choose the one it was merged into or another",
        )
    return target

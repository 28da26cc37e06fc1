"""What people said of frames, frame by frame: the material of the next training."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.api import paginate
from service.defects.access import moved_boxes
from service.defects.boxes import BoxPx
from service.defects.models import Defect, Detection, FrameCheck, Review, Sighting
from service.defects.outcomes import Outcome, outcome_of
from service.defects.precision import DECIDING
from service.defects.schemas import box_of
from service.surveys.models import Frame
from service.surveys.service import visible_frames


@dataclass(frozen=True)
class JudgedBox:
    """A box of a frame with what people made of it."""

    detection: Detection
    defect: Defect
    outcome: Outcome
    looked_at: bool
    moved_to_px: BoxPx | None

    @property
    def box_px(self) -> BoxPx:
        return self.moved_to_px or box_of(self.detection)


@dataclass(frozen=True)
class JudgedFrame:
    frame: Frame
    checked_classes: Sequence[str]
    boxes: Sequence[JudgedBox]


def list_judged_frames(
    session: Session, caller: Caller, *, municipality_id: int | None = None, since: datetime | None = None,
    after: int | None = None, limit: int = 100,
) -> tuple[list[JudgedFrame], int | None]:  # fmt: skip
    """One page, by id, of the frames that a person checked or on which they judged a box, since a time; each with all
    of its boxes and checks as they are now."""
    judged = select(Detection.frame_id).join(Review, Review.detection_id == Detection.id)
    checked = select(FrameCheck.frame_id)
    if since is not None:
        judged = judged.where(Review.created_at >= since)
        checked = checked.where(FrameCheck.created_at >= since)
    statement = visible_frames(caller).where(Frame.id.in_(union(judged, checked).subquery().select()))
    if municipality_id is not None:
        statement = statement.where(Frame.municipality_id == municipality_id)
    frames, following = paginate(session, statement, Frame.id, after, limit)
    ids = [frame.id for frame in frames]
    boxes, checks = _boxes(session, ids), _checks(session, ids)
    return [JudgedFrame(one, checks.get(one.id, []), boxes.get(one.id, [])) for one in frames], following


def _boxes(session: Session, frame_ids: Sequence[int]) -> dict[int, list[JudgedBox]]:
    statement = (
        select(Detection, Defect)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Detection.frame_id.in_(frame_ids))
        .order_by(Detection.id)
    )
    rows = session.execute(statement).all()
    ids = [detection.id for detection, _ in rows]
    looks = select(Review.detection_id).where(Review.detection_id.in_(ids), Review.verdict.in_(DECIDING))
    looked_at, moved = set(session.scalars(looks)), moved_boxes(session, ids)
    found: dict[int, list[JudgedBox]] = {}
    for detection, defect in rows:
        by_person = detection.added_by_id is not None
        outcome = outcome_of(defect.state, defect.class_key, detection.class_key, by_person=by_person)
        box = JudgedBox(detection, defect, outcome, by_person or detection.id in looked_at, moved.get(detection.id))
        found.setdefault(detection.frame_id, []).append(box)
    return found


def _checks(session: Session, frame_ids: Sequence[int]) -> dict[int, list[str]]:
    statement = select(FrameCheck).where(FrameCheck.frame_id.in_(frame_ids)).order_by(FrameCheck.id)
    found: dict[int, list[str]] = {}
    for check in session.scalars(statement):
        found.setdefault(check.frame_id, []).append(check.class_key)
    return found

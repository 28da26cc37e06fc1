"""A verdict with what follows from it: an accepted defect has a work order from the same transaction on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.defects.access import permit
from service.defects.boxes import BoxPx, check_box
from service.defects.courses import poses_of
from service.defects.models import Defect, Detection, Verdict
from service.defects.objects import record_object, require_processed
from service.defects.reviews import review
from service.defects.states import PERMISSIONS, DefectAction, DefectState
from service.surveys.service import get_frame
from service.work_orders.models import WorkOrder
from service.work_orders.opening import live_order, open_work_order
from service.work_orders.routing import opens_work_order
from service.work_orders.seeing import see_boxes
from service.work_orders.service import reopen_after_sighting


@dataclass(frozen=True)
class Reviewed:
    defect: Defect
    order: WorkOrder | None  # after accept, unless the class is experimental and not enabled


@dataclass(frozen=True)
class _DrawnBox:
    class_key: str
    xyxy_px: BoxPx
    score: float = 1.0


def review_defect(
    session: Session, caller: Caller, defect_id: int, verdict: Verdict, *, class_key: str | None = None,
    merge_into: int | None = None, detection_id: int | None = None, box_px: BoxPx | None = None,
    note: str | None = None, enabled: Collection[str] = (), now: datetime,
) -> Reviewed:  # fmt: skip
    """`defects.reviews.review`, and for accept the live order of the defect, opened if there is none.

    `enabled`: the experimental classes whose defects open work orders.
    """
    defect = review(
        session, caller, defect_id, verdict, class_key=class_key, merge_into=merge_into, detection_id=detection_id,
        box_px=box_px, note=note, now=now,
    )  # fmt: skip
    if verdict is not Verdict.ACCEPT:
        return Reviewed(defect, None)
    if not opens_work_order(defect.class_key, enabled):
        return Reviewed(defect, live_order(session, defect.id))
    return Reviewed(defect, open_work_order(session, defect, caller.actor, now))


def add_object(
    session: Session, caller: Caller, frame_id: int, class_key: str, box_px: BoxPx, enabled: Collection[str],
    now: datetime,
) -> tuple[Detection, Reviewed]:  # fmt: skip
    """A box that a person drew where the model missed an object: it is its defect's sighting and accepts it.

    The same box sent again gives the same answer. Raises NotFound for a frame outside of the caller's
    municipalities, and as `defects.objects.record_object` does.
    """
    permit(caller, {PERMISSIONS[DefectAction.ACCEPT]})
    frame = get_frame(session, caller, frame_id)
    require_processed(frame)
    width, height = frame.width or 0, frame.height or 0
    check_box(box_px, width, height)
    (seen,) = see_boxes(frame, poses_of(session, [frame])[frame.id], [_DrawnBox(class_key, box_px)])
    drawn = record_object(session, caller, frame, seen, now)
    defect = drawn.defect
    if drawn.reopened:
        return drawn.detection, Reviewed(defect, reopen_after_sighting(session, defect, now, caller.actor))
    if defect.state is DefectState.CANDIDATE:
        reviewed = review_defect(
            session, caller, defect.id, Verdict.ACCEPT, detection_id=drawn.detection.id, enabled=enabled, now=now
        )
        return drawn.detection, reviewed
    return drawn.detection, Reviewed(defect, live_order(session, defect.id))

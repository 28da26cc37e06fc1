"""HTTP for what people teach the model: checked frames, verdicts as training material, precision by them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep
from service.core.fields import RowId
from service.defects import checks
from service.defects.export import list_judged_frames
from service.defects.learning_schemas import (
    CheckIn,
    ExportedFrame,
    FrameChecksOut,
    PrecisionOut,
    checks_out,
    exported_frame,
    precision_out,
)
from service.defects.precision import count_verdicts
from service.defects.schemas import ClassKey
from service.surveys.service import get_frame

router = APIRouter()
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_DEFECTS))]
ExporterDep = Annotated[Caller, Depends(require(Permission.EXPORT_REVIEWS))]


@router.get("/frames/{frame_id}/checks")
def list_checks(frame_id: RowId, caller: ViewerDep, session: SessionDep) -> FrameChecksOut:
    """The classes of which a person said that nothing was missed on the frame."""
    get_frame(session, caller, frame_id)
    return checks_out(frame_id, checks.list_checks(session, frame_id))


@router.post("/frames/{frame_id}/checks")
def post_checks(frame_id: RowId, body: CheckIn, caller: CallerDep, session: SessionDep, now: NowDep) -> FrameChecksOut:
    """Says that every object of these classes on the frame has a box and each box is right. Said again it changes
    nothing; 409 while a box of these classes waits for its verdict."""
    return checks_out(frame_id, checks.check_frame(session, caller, frame_id, body.class_keys, now))


@router.delete("/frames/{frame_id}/checks/{class_key}")
def withdraw_check(
    frame_id: RowId, class_key: ClassKey, caller: CallerDep, session: SessionDep, now: NowDep
) -> FrameChecksOut:
    """Takes that word back; done again it changes nothing."""
    return checks_out(frame_id, checks.withdraw_check(session, caller, frame_id, class_key, now))


@router.get("/reviews/export")
def export_reviews(
    caller: ExporterDep, session: SessionDep, municipality_id: RowId | None = None, since: AwareDatetime | None = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[ExportedFrame]:  # fmt: skip
    """Frames with what people said of them: all boxes as judged, moved, reclassified or drawn, and the classes checked.
    `since` leaves out frames without a verdict or check from then on. `rasid data from-reviews` reads this."""
    frames, following = list_judged_frames(
        session, caller, municipality_id=municipality_id, since=since, after=after, limit=limit
    )
    return Page(items=[exported_frame(frame) for frame in frames], next=following)


@router.get("/reviews/precision")
def get_precision(
    caller: ViewerDep, session: SessionDep, class_key: ClassKey | None = None, model_version: str | None = None,
    municipality_id: RowId | None = None, since: AwareDatetime | None = None, until: AwareDatetime | None = None,
) -> list[PrecisionOut]:  # fmt: skip
    """By class and model: of the boxes that people looked at (from `since`, before `until`), how many were right.
    Candidates that nobody opened are not in it, nor boxes that joined a defect decided on another frame."""
    counted = count_verdicts(
        session, caller, class_key=class_key, model_version=model_version, municipality_id=municipality_id,
        since=since, until=until,
    )  # fmt: skip
    return [precision_out(one) for one in counted if one.tally.judged]

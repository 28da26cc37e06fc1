"""What people report of blurring, and what becomes of it: a legible face or plate is blurred in the stored picture."""

import hashlib
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from inference.blur import Box, blur_boxes
from inference.errors import ImageRefused
from service.accounts.caller import Caller, visible
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.events import record
from service.core.queue import enqueue
from service.core.runtime import Runtime
from service.core.storage import BlobMissing
from service.core.tables import JsonObject
from service.privacy.models import BlurReport, BlurReportState
from service.surveys.mending import DELETE_BLOB
from service.surveys.models import Frame
from service.surveys.service import get_frame

LEAST_SIDE_PX = 2.0


class ReportKind(StrEnum):
    MISSING = "missing"  # somebody's face or plate can be made out
    TOO_MUCH = "too_much"  # what was blurred hides no person; the picture under it was never kept


def report_blur(
    session: Session, caller: Caller, frame_id: int, kind: ReportKind, box: Box, note: str | None, now: datetime
) -> tuple[BlurReport, bool]:
    """The report and whether it is new; the same person's open report of the same box is the same report."""
    assert caller.user is not None
    frame = get_frame(session, caller, frame_id)
    _check_box(frame, box)
    x0, y0, x1, y1 = box
    place = {"x0_px": x0, "y0_px": y0, "x1_px": x1, "y1_px": y1}
    same = select(BlurReport).filter_by(
        frame_id=frame.id, kind=kind.value, state=BlurReportState.OPEN, reported_by_id=caller.user.id, **place
    )
    session.refresh(frame, with_for_update=True)  # a second request waits, and then finds the first one's report
    if found := session.scalar(same):
        return found, False
    report = BlurReport(
        municipality_id=frame.municipality_id, frame_id=frame.id, kind=kind.value, note=note,
        state=BlurReportState.OPEN, reported_by_id=caller.user.id, **place,
    )  # fmt: skip
    session.add(report)
    session.flush()
    _record(session, caller, report, "report", now, None)
    return report, True


def blur_reported(session: Session, runtime: Runtime, caller: Caller, report_id: int, now: datetime) -> BlurReport:
    """Blurs what was reported missing, in the stored file and for good; done before, it stays done.

    The file is written under a new key, so that nothing anywhere keeps showing the old one, and the old one goes with
    a job that is kept or lost together with this change. Frames that share the file get the new one too.
    """
    report = _lock(session, caller, report_id)
    if report.state is BlurReportState.DONE:
        return report
    _refuse_closed(report)
    if report.kind != ReportKind.MISSING:
        raise Conflict(
            "blur_report.kind", "expected a report of something legible, got one of too much blurring; what lies under "
            "it was never kept, so acknowledge the report",
        )  # fmt: skip
    box = (report.x0_px, report.y0_px, report.x1_px, report.y1_px)
    _blur_stored(session, runtime, caller, report.frame, box, {"report_id": report.id}, now)
    return _close(session, caller, report, BlurReportState.DONE, "blur", now)


def acknowledge(session: Session, caller: Caller, report_id: int, now: datetime) -> BlurReport:
    """Closes a report of too much blurring as right: the model is to learn from it, the picture cannot come back."""
    report = _lock(session, caller, report_id)
    if report.state is BlurReportState.DONE:
        return report
    _refuse_closed(report)
    if report.kind != ReportKind.TOO_MUCH:
        raise Conflict("blur_report.kind", "expected a report of too much blurring, got one of something legible; blur")
    return _close(session, caller, report, BlurReportState.DONE, "acknowledge", now)


def decline(session: Session, caller: Caller, report_id: int, now: datetime) -> BlurReport:
    """Closes a report as unfounded."""
    report = _lock(session, caller, report_id)
    if report.state is BlurReportState.DECLINED:
        return report
    _refuse_closed(report)
    return _close(session, caller, report, BlurReportState.DECLINED, "decline", now)


def _check_box(frame: Frame, box: Box) -> None:
    if frame.blob_key is None or frame.width is None or frame.height is None:
        raise Conflict("frame.no_image", f"expected a frame with a picture, frame {frame.id} has none")
    x0, y0, x1, y1 = box
    inside = min(x0, y0) >= 0 and x1 <= frame.width and y1 <= frame.height
    if not (inside and x1 - x0 >= LEAST_SIDE_PX and y1 - y0 >= LEAST_SIDE_PX):
        expected = f"x0 < x1, y0 < y1 inside {frame.width} x {frame.height} upright pixels, {LEAST_SIDE_PX:g} at least"
        raise Unprocessable("blur_report.box", f"expected {expected}, got {list(box)}")


def _lock(session: Session, caller: Caller, report_id: int) -> BlurReport:
    own = visible(select(BlurReport), BlurReport.municipality_id, caller).where(BlurReport.id == report_id)
    report = session.scalar(own.with_for_update())
    if report is None:
        raise NotFound("blur_report.unknown", f"expected a report that you may see, got id {report_id}")
    return report


def _refuse_closed(report: BlurReport) -> None:
    if report.state is not BlurReportState.OPEN:
        raise Conflict("blur_report.state", f"expected an open report, report {report.id} is {report.state.value}")


def _blur_stored(
    session: Session, runtime: Runtime, caller: Caller, frame: Frame, box: Box, why: JsonObject, now: datetime
) -> None:
    session.refresh(frame, with_for_update=True)  # another report of this frame waits for the picture of this one
    old = frame.blob_key
    if old is None:
        raise Conflict("frame.no_image", f"expected a frame with a picture, that of frame {frame.id} is deleted")
    try:
        data = blur_boxes(runtime.store.get(old), [box], runtime.settings.max_image_pixels)
    except (BlobMissing, ImageRefused) as error:
        raise Conflict("image.missing", str(error)) from error
    digest = hashlib.sha256(data).hexdigest()
    key = f"frames/{digest[:2]}/{digest}"
    if key == old:
        return
    runtime.store.put(key, data)
    for one in session.scalars(select(Frame).where(Frame.blob_key == old).order_by(Frame.id).with_for_update()):
        one.blob_key = key
        one.blur = _with_box(one.blur, box)
        record(
            session, at=now, actor=caller.actor, subject_kind="frame", subject_id=one.id, action="blur",
            municipality_id=one.municipality_id, data={**why, "box_xyxy_px": list(box)},
        )  # fmt: skip
    enqueue(session, DELETE_BLOB, lock=f"blob:{old}", key=old)


def _with_box(blur: JsonObject | None, box: Box) -> JsonObject:
    """A new value, as the database notices no change inside of one."""
    told = blur or {"model": None, "boxes_xyxy_px": [], "kinds": []}
    return {
        **told,
        "boxes_xyxy_px": [*told["boxes_xyxy_px"], list(box)],
        "kinds": [*told.get("kinds", []), "reported"],
    }


def _close(
    session: Session, caller: Caller, report: BlurReport, state: BlurReportState, action: str, now: datetime
) -> BlurReport:
    assert caller.user is not None
    before, report.state = report.state, state
    report.decided_by_id, report.decided_at = caller.user.id, now
    _record(session, caller, report, action, now, before)
    return report


def _record(
    session: Session, caller: Caller, report: BlurReport, action: str, now: datetime, before: BlurReportState | None
) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="blur_report", subject_id=report.id, action=action,
        municipality_id=report.municipality_id, from_state=before.value if before else None,
        to_state=report.state.value, data={"frame_id": report.frame_id, "kind": report.kind},
    )  # fmt: skip

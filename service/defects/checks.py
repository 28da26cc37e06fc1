"""What people looked for in a whole frame: where a class is checked, a place without a box shows nothing of it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.permissions import Permission
from service.core.errors import Conflict
from service.core.events import record
from service.defects.access import permit
from service.defects.models import Defect, Detection, FrameCheck, Sighting
from service.defects.objects import require_processed
from service.defects.states import DefectState
from service.surveys.models import Frame
from service.surveys.service import get_frame


def check_frame(
    session: Session, caller: Caller, frame_id: int, class_keys: Collection[str], now: datetime
) -> list[FrameCheck]:
    """Keeps the person's word that every object of these classes on the frame has a box and each box that stands is
    right; a class that is checked already stays as it was. Returns all checks of the frame.

    Raises Conflict while a box of these classes waits for its verdict.
    """
    permit(caller, {Permission.REVIEW})
    frame = get_frame(session, caller, frame_id)
    require_processed(frame)
    _refuse_undecided(session, frame, class_keys)
    values = [
        {"frame_id": frame.id, "class_key": key, "user_id": caller.actor.id, "created_at": now}
        for key in sorted(set(class_keys))
    ]
    added = insert(FrameCheck).values(values).on_conflict_do_nothing().returning(FrameCheck.class_key)
    _record(session, caller, frame, "check", sorted(session.scalars(added)), now)
    return list_checks(session, frame.id)


def withdraw_check(session: Session, caller: Caller, frame_id: int, class_key: str, now: datetime) -> list[FrameCheck]:
    """Takes the word back, whoever gave it; nothing happens where none was given. Returns the checks that remain."""
    permit(caller, {Permission.REVIEW})
    frame = get_frame(session, caller, frame_id)
    own = (FrameCheck.frame_id == frame.id, FrameCheck.class_key == class_key)
    gone = session.scalars(delete(FrameCheck).where(*own).returning(FrameCheck.class_key))
    _record(session, caller, frame, "uncheck", list(gone), now)
    return list_checks(session, frame.id)


def list_checks(session: Session, frame_id: int) -> list[FrameCheck]:
    return list(session.scalars(select(FrameCheck).where(FrameCheck.frame_id == frame_id).order_by(FrameCheck.id)))


def _refuse_undecided(session: Session, frame: Frame, class_keys: Collection[str]) -> None:
    waiting = (
        select(Defect.id)
        .join(Sighting, Sighting.defect_id == Defect.id)
        .join(Detection, Detection.id == Sighting.detection_id)
        .where(Detection.frame_id == frame.id, Defect.state == DefectState.CANDIDATE)
        .where(or_(Defect.class_key.in_(class_keys), Detection.class_key.in_(class_keys)))
        .order_by(Defect.id)
    )
    defect_ids = list(dict.fromkeys(session.scalars(waiting)))
    if defect_ids:
        raise Conflict(
            "frame.undecided",
            f"expected every box of {', '.join(sorted(class_keys))} on frame {frame.id} decided, defects "
            f"{', '.join(map(str, defect_ids))} are still candidates; accept or reject them first",
            defect_ids=defect_ids,
        )


def _record(session: Session, caller: Caller, frame: Frame, action: str, class_keys: list[str], now: datetime) -> None:
    if class_keys:
        state = frame.state.value
        record(
            session, at=now, actor=caller.actor, subject_kind="frame", subject_id=frame.id, action=action,
            municipality_id=frame.municipality_id, from_state=state, to_state=state, data={"class_keys": class_keys},
        )  # fmt: skip

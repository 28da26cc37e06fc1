"""Deletes pictures that no purpose asks for any more; rows, positions and detections stay, and each deletion is told.

How long each purpose lasts is a setting; a frame that shows a defect is evidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.core.events import SYSTEM, record
from service.core.queue import enqueue
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.defects.models import Defect, Detection, Sighting
from service.defects.states import DefectState
from service.surveys.mending import DELETE_BLOB
from service.surveys.models import Frame, FrameState

log = structlog.get_logger()
BATCH = 200  # frames a transaction: one that is cut short repeats little
UNUSABLE = (FrameState.REFUSED, FrameState.FAILED)
# A rejected defect is a false alarm, and a merged one has handed its sightings over.
_SHOWN = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


class Purpose(StrEnum):
    """What a stored picture is kept for."""

    PLAIN = "plain"  # processed, shows no defect
    EVIDENCE = "evidence"  # shows a defect
    UNUSABLE = "unusable"  # refused or failed: kept for a while so that it can be mended


@dataclass(frozen=True)
class Rule:
    """Frames of a purpose lose their picture when it came `days` ago; `frames` selects them whatever their age."""

    purpose: Purpose
    days: int
    frames: Select[Frame]


def rules_of(settings: Settings) -> list[Rule]:
    """A purpose whose setting is 0 keeps its pictures for good. What still waits to be processed is in no rule."""
    shown, held = _frames_of(*_SHOWN), _frames_of(DefectState.CONFIRMED)
    with_image = select(Frame).where(Frame.blob_key.is_not(None))
    processed = with_image.where(Frame.state == FrameState.PROCESSED, Frame.id.not_in(held))
    told = [
        (Purpose.PLAIN, settings.keep_plain_days, processed.where(Frame.id.not_in(shown))),
        (Purpose.EVIDENCE, settings.keep_evidence_days, processed.where(Frame.id.in_(shown))),
        (Purpose.UNUSABLE, settings.keep_unusable_days, with_image.where(Frame.state.in_(UNUSABLE))),
    ]
    return [Rule(purpose, days, frames) for purpose, days, frames in told if days]


def apply_retention(runtime: Runtime, now: datetime) -> dict[Purpose, int]:
    """Deletes every picture whose time is over, in batches; how many of each purpose. Safe to run again at any time.

    While a defect is confirmed, its work order is not over: its frames stay however old they are.
    """
    deleted = dict.fromkeys(Purpose, 0)
    for rule in rules_of(runtime.settings):
        for count in _batches(runtime, rule, now):
            deleted[rule.purpose] += count
    if any(deleted.values()):
        log.info("retention.deleted", **{purpose.value: count for purpose, count in deleted.items()})
    return deleted


def _batches(runtime: Runtime, rule: Rule, now: datetime) -> Iterator[int]:
    while True:
        with runtime.database.transaction() as session:
            count = _delete_batch(session, rule, now)
        yield count
        if count < BATCH:
            return


def _delete_batch(session: Session, rule: Rule, now: datetime) -> int:
    """The files go by jobs that are kept or lost together with the rows' new state."""
    due = rule.frames.where(Frame.received_at < now - timedelta(days=rule.days)).order_by(Frame.id).limit(BATCH)
    frames = list(session.scalars(due.with_for_update(skip_locked=True, of=Frame)))
    for frame in frames:
        enqueue(session, DELETE_BLOB, lock=f"blob:{frame.blob_key}", key=frame.blob_key)
        frame.blob_key, frame.image_deleted_at = None, now
        record(
            session, at=now, actor=SYSTEM, subject_kind="frame", subject_id=frame.id, action="delete_image",
            municipality_id=frame.municipality_id, data={"purpose": rule.purpose.value, "after_days": rule.days},
        )  # fmt: skip
    return len(frames)


def _frames_of(*states: DefectState) -> Select[int]:
    return (
        select(Detection.frame_id)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Defect.state.in_(states))
    )

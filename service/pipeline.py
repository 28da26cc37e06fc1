"""The whole machine path of a frame in one readable piece: check the drive, detect, locate, match, write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from sqlalchemy.orm import Session

from inference.detections import Detections
from inference.errors import ImageRefused
from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.core.storage import BlobMissing, Store
from service.core.telemetry import BATCH_SECONDS, DETECTIONS, FRAMES_PROCESSED
from service.coverage.counting import count_frames
from service.defects.access import lock_matching
from service.defects.courses import poses_of
from service.defects.looks import NOTHING_MEASURED, note_looks
from service.defects.mountings import keep_mounting
from service.defects.priorities import set_priorities
from service.defects.recording import SeenFrame, record_frames
from service.defects.settling import settle_survey
from service.surveys.clock_service import keep_clock
from service.surveys.lens import watch_lens
from service.surveys.models import FootageUse, Frame, FrameState
from service.surveys.reading import Refusal
from service.surveys.service import finish_frame, lock_received, take_batch
from service.surveys.track_checks import set_aside
from service.work_orders.seeing import FoundBox, see_boxes
from service.work_orders.service import reopen_after_sighting
from service.work_orders.verification import propose_absences

Outcome: TypeAlias = Detections | Refusal


def process_survey(runtime: Runtime, survey_id: int) -> int:
    """Processes the received frames of a survey in the order they were taken, and lays what they showed over what
    other surveys saw there; returns how many.

    Stopped at any moment it loses nothing: what was not written is taken again by the next job.
    """
    with runtime.database.transaction() as session:
        keep_clock(session, survey_id, utc_now())
    done: list[datetime] = []
    while True:
        with runtime.database.transaction() as session:
            watch_lens(session, survey_id, utc_now())
            keep_mounting(session, survey_id)
            frames = take_batch(session, survey_id, runtime.settings.batch_frames, utc_now())
        if not frames:
            break
        process_frames(runtime, frames)
        done += [frame.captured_at or frame.received_at for frame in frames]
    if done:
        with runtime.database.transaction() as session:
            settle_seen(
                session, survey_id, min(done), max(done), utc_now(),
                close_verified=runtime.settings.close_verified_repairs,
            )  # fmt: skip
    return len(done)


def process_frames(runtime: Runtime, frames: list[Frame]) -> int:
    """Detects outside of any transaction, then writes the whole batch in one; safe to run twice.

    What the whole drive shows to be unusable is refused first; what shows too little of the street is done at once.
    """
    with BATCH_SECONDS.time():
        with runtime.database.transaction() as session:
            sound = set_aside(session, frames, utc_now())
        outcomes = detect_frames(runtime, [frame for frame in sound if frame.footage_use is FootageUse.DEFECTS])
        write_outcomes(runtime, sound, outcomes)
    return len(frames)


def detect_frames(runtime: Runtime, frames: list[Frame]) -> dict[int, Outcome]:
    """By frame id the boxes of the stored image, or why it could not be read; on all cores at once."""
    settings = runtime.settings
    files = ((frame.id, partial(_read, runtime.store, frame.blob_key or "")) for frame in frames)
    stream = runtime.detector.stream(files, settings.inference_workers, settings.max_image_pixels)
    return {
        frame_id: Refusal(found.code, found.detail) if isinstance(found, ImageRefused) else found
        for frame_id, found in stream
    }


def _read(store: Store, key: str) -> bytes:
    try:
        return store.get(key)
    except BlobMissing as error:
        raise ImageRefused("image.missing", f"the stored file {key!r}", "none; restore it from backup") from error


def write_outcomes(runtime: Runtime, frames: list[Frame], outcomes: dict[int, Outcome]) -> None:
    """One transaction: sightings, defects, reopened orders and the frames' new states."""
    now, card = utc_now(), runtime.detector.model
    with runtime.database.transaction() as session:
        for municipality_id in sorted({frame.municipality_id for frame in frames}):  # one order: no deadlock
            lock_matching(session, municipality_id)
        finished, found = [], []
        for frame in lock_received(session, [frame.id for frame in frames]):
            outcome = outcomes.get(frame.id)  # None: it shows too little of the street
            if isinstance(outcome, Refusal):
                finish_frame(session, frame, FrameState.FAILED, now, outcome)
                continue
            if outcome is not None:
                found.append((frame, outcome.width, outcome.height, outcome))
            finish_frame(session, frame, FrameState.PROCESSED, now)
            finished.append(frame)
        seen = see(session, found)
        record_what_was_seen(
            session, seen, model_name=card.name, model_version=card.version, now=now,
            near_recall=card.near_recall, close_verified=runtime.settings.close_verified_repairs,
        )  # fmt: skip
        count_frames(session, finished)
    _count(outcomes)


def record_what_was_seen(
    session: Session, seen: Sequence[SeenFrame], *, model_name: str, model_version: str, now: datetime,
    near_recall: Mapping[str, float] = NOTHING_MEASURED, close_verified: bool = False,
) -> None:  # fmt: skip
    """Sightings, and what was looked for in vain; orders whose repair did not last are opened again, and absences
    proposed. The frames are of one survey."""
    recorded = record_frames(session, seen, model_name=model_name, model_version=model_version, now=now)
    for defect in recorded.reopened:
        reopen_after_sighting(session, defect, now)
    looked_at = [defect.id for defect in note_looks(session, seen, recorded, recorded.shown, near_recall)]
    propose_absences(session, looked_at, now, close_verified=close_verified)
    set_priorities(session, {*looked_at, *(defect.id for defect in recorded.created)}, now)


def settle_seen(
    session: Session, survey_id: int, since: datetime, until: datetime, now: datetime, *, close_verified: bool = False
) -> None:
    """Lays what a survey saw in a while over what other surveys saw there."""
    joined = settle_survey(session, survey_id, since, until, now)
    propose_absences(session, joined, now, close_verified=close_verified)
    set_priorities(session, joined, now)


def see(session: Session, found: Sequence[tuple[Frame, int, int, Iterable[FoundBox]]]) -> list[SeenFrame]:
    """Frames of one survey, each with its upright size and boxes, now with their places on the ground and sizes."""
    poses = poses_of(session, [frame for frame, *_ in found])
    return [
        SeenFrame(frame, see_boxes(frame, replace(poses[frame.id], width_px=width, height_px=height), boxes))
        for frame, width, height, boxes in found
    ]


def _count(outcomes: dict[int, Outcome]) -> None:
    for outcome in outcomes.values():
        if isinstance(outcome, Refusal):
            FRAMES_PROCESSED.labels("failed").inc()
            continue
        FRAMES_PROCESSED.labels("processed").inc()
        for found in outcome:
            DETECTIONS.labels(found.class_key).inc()

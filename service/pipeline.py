"""The whole machine path of a frame in one readable piece: detect, locate, match, write."""

from typing import TypeAlias

from inference.detections import Detections
from inference.images import ImageRefused, decode_image
from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.core.storage import BlobMissing
from service.core.telemetry import BATCH_SECONDS, DETECTIONS, FRAMES_PROCESSED
from service.defects.access import lock_matching
from service.defects.service import SeenBox, record_sightings
from service.surveys.models import Frame, FrameState
from service.surveys.reading import Refusal
from service.surveys.service import finish_frame, lock_received, take_batch
from service.work_orders.seeing import see_boxes
from service.work_orders.service import reopen_after_sighting

Outcome: TypeAlias = Detections | Refusal


def process_survey(runtime: Runtime, survey_id: int) -> int:
    """Processes the received frames of a survey in the order they were taken; returns how many.

    Stopped at any moment it loses nothing: what was not written is taken again by the next job.
    """
    total = 0
    while True:
        with runtime.database.transaction() as session:
            frames = take_batch(session, survey_id, runtime.settings.batch_frames, utc_now())
        if not frames:
            return total
        total += process_frames(runtime, frames)


def process_frames(runtime: Runtime, frames: list[Frame]) -> int:
    """Detects outside of any transaction, then writes the whole batch in one; safe to run twice."""
    with BATCH_SECONDS.time():
        outcomes = {frame.id: detect_frame(runtime, frame) for frame in frames}
        write_outcomes(runtime, frames, outcomes)
    return len(frames)


def detect_frame(runtime: Runtime, frame: Frame) -> Outcome:
    """The boxes of the stored image, or why it could not be read."""
    try:
        data = runtime.store.get(frame.blob_key or "")
        image = decode_image(data, runtime.settings.max_image_pixels)
    except BlobMissing as error:
        return Refusal("image.missing", str(error))
    except ImageRefused as error:
        return Refusal(error.code, error.detail)
    return runtime.detector.detect([image.pixels])[0]


def write_outcomes(runtime: Runtime, frames: list[Frame], outcomes: dict[int, Outcome]) -> None:
    """One transaction: sightings, defects, reopened orders and the frames' new states."""
    now, card = utc_now(), runtime.detector.model
    with runtime.database.transaction() as session:
        for municipality_id in sorted({frame.municipality_id for frame in frames}):  # one order: no deadlock
            lock_matching(session, municipality_id)
        for frame in lock_received(session, [frame.id for frame in frames]):
            outcome = outcomes[frame.id]
            if isinstance(outcome, Refusal):
                finish_frame(session, frame, FrameState.FAILED, now, outcome)
                continue
            recorded = record_sightings(
                session, frame, see(frame, outcome), model_name=card.name, model_version=card.version, now=now
            )
            for defect in recorded.reopened:
                reopen_after_sighting(session, defect, now)
            finish_frame(session, frame, FrameState.PROCESSED, now)
    _count(outcomes)


def see(frame: Frame, detections: Detections) -> list[SeenBox]:
    """The boxes with their places on the ground and their sizes."""
    return see_boxes(frame, detections.width, detections.height, detections)


def _count(outcomes: dict[int, Outcome]) -> None:
    for outcome in outcomes.values():
        if isinstance(outcome, Refusal):
            FRAMES_PROCESSED.labels("failed").inc()
            continue
        FRAMES_PROCESSED.labels("processed").inc()
        for found in outcome:
            DETECTIONS.labels(found.class_key).inc()

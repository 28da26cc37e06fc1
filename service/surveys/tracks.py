"""Tracks that come beside a survey: kept once, and every frame that waited for its place is given it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.core.events import Actor, record
from service.surveys.models import Frame, FrameState, Survey, Track
from service.surveys.placing import known_of, place, settle
from service.surveys.service import enqueue_survey
from service.surveys.track_files import parse_track, plain_name
from service.surveys.track_points import TrackPoints, TrackRefused

__all__ = ["TrackPoints", "TrackReceipt", "TrackRefused", "keep_track", "parse_track", "place", "receive_track"]

WAITING = ("position.missing", "position.null_island", "position.out_of_range", "position.stale_fix",
           "time.missing", "time.no_zone", "time.out_of_range", "time.in_future")  # fmt: skip


@dataclass(frozen=True)
class TrackReceipt:
    """`new` is false when these bytes came before; `placed` frames were refused until now."""

    track: Track
    new: bool
    placed: int


def receive_track(session: Session, survey: Survey, data: bytes, filename: str, now: datetime) -> Track:
    """The survey's track of these bytes, kept once; its refused frames that it places are received now.

    Raises TrackRefused for a file that is no track.
    """
    return keep_track(session, survey, data, filename, now, Actor("vehicle", survey.vehicle_id)).track


def keep_track(
    session: Session, survey: Survey, data: bytes, filename: str, now: datetime, actor: Actor
) -> TrackReceipt:
    points = parse_track(data, filename)
    # Waits for frames of this survey that are being received, and they for us: none misses the track.
    session.execute(select(Survey.id).where(Survey.id == survey.id).with_for_update())
    sha256 = hashlib.sha256(data).hexdigest()
    values = {"survey_id": survey.id, "sha256": sha256, "filename": plain_name(filename),
              "starts_at": points.starts_at, "ends_at": points.ends_at, "points": points.to_json()}  # fmt: skip
    made = session.scalar(insert(Track).values(values).on_conflict_do_nothing().returning(Track.id))
    track = session.scalars(select(Track).where(Track.survey_id == survey.id, Track.sha256 == sha256)).one()
    if made is None:
        return TrackReceipt(track, False, 0)
    placed = settle_waiting(session, survey.id, now, actor, "track")
    record(
        session, at=now, actor=actor, subject_kind="survey", subject_id=survey.id, action="receive_track",
        municipality_id=survey.municipality_id, data={"track_id": track.id, "points": len(points), "placed": placed},
    )  # fmt: skip
    return TrackReceipt(track, True, placed)


def settle_waiting(session: Session, survey_id: int, now: datetime, actor: Actor, action: str) -> int:
    """Tries again every frame of the survey that was refused for its place or time, with what is known now; returns
    how many are received by it. Each that changes has its event."""
    known = known_of(session, survey_id)
    waiting = select(Frame).where(
        Frame.survey_id == survey_id, Frame.state == FrameState.REFUSED, Frame.reason_code.in_(WAITING)
    )
    received = 0
    for frame in session.scalars(waiting.order_by(Frame.id).with_for_update()):
        before, reason = frame.state, frame.reason_code
        settle(session, frame, now, known)
        received += frame.state is FrameState.RECEIVED
        if (frame.state, frame.reason_code) != (before, reason):
            record(
                session, at=now, actor=actor, subject_kind="frame", subject_id=frame.id, action=action,
                municipality_id=frame.municipality_id, from_state=before.value, to_state=frame.state.value,
                data={"before": reason, "reason": frame.reason_code},
            )  # fmt: skip
    if received:
        enqueue_survey(session, survey_id)
    return received

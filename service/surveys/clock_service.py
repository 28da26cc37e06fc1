"""The camera clock of a survey: measured against GPS time, shown, and applied to frames that state no zone only when
the measurement leaves no doubt or a person confirms it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.events import SYSTEM, Actor, record
from service.surveys.clocks import STRAY_S, ClockReading, doubt, measure_clock
from service.surveys.models import Frame, FrameState, Survey
from service.surveys.placing import DELETED, known_of, settle
from service.surveys.service import visible_surveys
from service.surveys.tracks import settle_waiting

LARGEST_OFFSET_S = 60 * 365 * 86_400.0  # a camera that woke up in 1970


@dataclass(frozen=True)
class ClockState:
    """What is known and decided of a survey's clock. `doubt` says why the reading is not applied by itself;
    `used` frames were processed with the applied offset, `waiting` ones are refused for want of one."""

    survey: Survey
    reading: ClockReading | None
    doubt: str | None
    used: int
    waiting: int


def find_survey(session: Session, caller: Caller, survey_id: int) -> Survey:
    survey = session.scalar(visible_surveys(caller).where(Survey.id == survey_id))
    if survey is None:
        raise NotFound("survey.unknown", f"expected a survey that you may see, got id {survey_id}")
    return survey


def read_clock(session: Session, survey: Survey) -> ClockState:
    reading = measure_clock(_offsets_s(session, survey.id))
    return ClockState(
        survey, reading, doubt(reading), _count(session, _used(survey.id)), _count(session, _waiting(survey.id))
    )


def keep_clock(session: Session, survey_id: int, now: datetime) -> None:
    """Measures the clock and applies it where it is unambiguous and no person has decided; what it had applied by
    itself goes again when later frames contradict. Call it before frames of the survey are locked."""
    survey = session.get_one(Survey, survey_id)
    reading = measure_clock(_offsets_s(session, survey_id))
    if reading is None:
        return
    if (reading.offset_s, reading.frames) != (survey.clock_offset_s, survey.clock_frames):
        survey.clock_offset_s, survey.clock_spread_s = reading.offset_s, reading.spread_s
        survey.clock_frames = reading.frames
    if survey.clock_confirmed_by_id is not None:
        return
    wanted, applied = None if doubt(reading) else reading.offset_s, survey.clock_applied_s
    moved = wanted is not None and applied is not None and abs(wanted - applied) > STRAY_S
    if (wanted is None) != (applied is None) or moved:
        _apply(session, survey, wanted, now, SYSTEM)


def confirm_clock(session: Session, caller: Caller, survey_id: int, offset_s: float | None, now: datetime) -> Survey:
    """A person's word on what to take off the camera's times of this survey; None: nothing, whatever is measured.

    Said twice it changes nothing. Raises Conflict once frames were processed with another offset, Unprocessable for an
    offset that no clock has.
    """
    survey = find_survey(session, caller, survey_id)
    assert caller.user is not None
    if offset_s is not None and abs(offset_s) > LARGEST_OFFSET_S:
        raise Unprocessable("clock.offset", f"expected seconds within {LARGEST_OFFSET_S:.0f}, got {offset_s}")
    session.refresh(survey, with_for_update=True)
    if survey.clock_applied_s != offset_s:
        if used := _count(session, _used(survey_id)):
            raise Conflict(
                "clock.used",
                f"expected a survey none of whose frames were processed with the clock, {used} were with "
                f"{survey.clock_applied_s} s; shift the times of the frames that wait instead",
            )
        survey.clock_confirmed_by_id = caller.user.id
        _apply(session, survey, offset_s, now, caller.actor)
    elif survey.clock_confirmed_by_id is None:
        survey.clock_confirmed_by_id = caller.user.id
        _record(session, survey, now, caller.actor, survey.clock_applied_s, 0)
    return survey


def _apply(session: Session, survey: Survey, offset_s: float | None, now: datetime, actor: Actor) -> None:
    """Waits for frames of this survey that are being received, and they for us: none misses the clock."""
    session.flush()
    session.refresh(survey, with_for_update=True)
    before, survey.clock_applied_s = survey.clock_applied_s, offset_s
    session.flush()
    _derive_again(session, survey.id, now, actor)
    received = settle_waiting(session, survey.id, now, actor, "clock")
    _record(session, survey, now, actor, before, received)


def _derive_again(session: Session, survey_id: int, now: datetime, actor: Actor) -> None:
    """Frames that have their time from the clock and were not processed yet get it anew, or are refused again."""
    known = known_of(session, survey_id)
    own = select(Frame).where(
        Frame.survey_id == survey_id, Frame.time_source == "clock", Frame.state == FrameState.RECEIVED
    )
    for frame in session.scalars(own.order_by(Frame.id).with_for_update()):
        settle(session, frame, now, known)
        if frame.state is not FrameState.RECEIVED:
            record(
                session, at=now, actor=actor, subject_kind="frame", subject_id=frame.id, action="clock",
                municipality_id=frame.municipality_id, from_state=FrameState.RECEIVED.value,
                to_state=frame.state.value, data={"reason": frame.reason_code},
            )  # fmt: skip


def _record(session: Session, survey: Survey, now: datetime, actor: Actor, before: float | None, received: int) -> None:
    record(
        session, at=now, actor=actor, subject_kind="survey", subject_id=survey.id, action="set_clock",
        municipality_id=survey.municipality_id,
        data={"before_s": before, "applied_s": survey.clock_applied_s, "received": received},
    )  # fmt: skip


def _offsets_s(session: Session, survey_id: int) -> list[float]:
    rows = session.execute(
        select(Frame.camera_at, Frame.gps_at).where(
            Frame.survey_id == survey_id, Frame.camera_at.is_not(None), Frame.gps_at.is_not(None),
            Frame.reason_code.is_distinct_from(DELETED),
        )
    )  # fmt: skip
    return [
        (camera_at.replace(tzinfo=UTC) - gps_at).total_seconds() for camera_at, gps_at in rows if camera_at and gps_at
    ]


def _used(survey_id: int) -> Select[int]:
    return select(func.count(Frame.id)).where(
        Frame.survey_id == survey_id, Frame.time_source == "clock", Frame.state == FrameState.PROCESSED
    )


def _waiting(survey_id: int) -> Select[int]:
    return select(func.count(Frame.id)).where(
        Frame.survey_id == survey_id, Frame.state == FrameState.REFUSED, Frame.reason_code == "time.no_zone"
    )


def _count(session: Session, counted: Select[int]) -> int:
    return session.scalar(counted) or 0

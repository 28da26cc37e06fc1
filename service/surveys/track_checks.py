"""Takes out of a batch what the drive as a whole shows to be unusable, before any detection: refused with a reason."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from shapely import MultiPoint, Point
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.events import SYSTEM, record
from service.surveys import track_rules
from service.surveys.clocks import ClockReading, doubt
from service.surveys.models import Frame, FrameState, Survey
from service.surveys.placing import settle
from service.surveys.reading import Refusal
from service.surveys.service import enqueue_survey, lock_received
from service.surveys.track_rules import STAND_GAP_S, WINDOW, SetAside, Shot

OUTSIDE = "position.outside"
RULES = ("track.teleport", "position.stale_fix", "frame.duplicate", "track.stationary")
EDGE_DEG = 50 / 111_320  # boundaries run along the middle of streets, and a fix errs: 50 m beyond still belongs


def set_aside(session: Session, frames: list[Frame], now: datetime) -> list[Frame]:
    """Those of the received frames that may be processed, locked, in the order they were taken; the others are
    refused, each with its reason and its event.

    Neighbours are read from the database whatever their state, so the order of arrival matters only for what was
    processed before its neighbours came. A jump that later frames prove to be none is received again.
    """
    left = lock_received(session, [frame.id for frame in frames])
    for survey_id in sorted({frame.survey_id for frame in left}):
        _judge(session, survey_id, [frame for frame in left if frame.survey_id == survey_id], now)
    left = [frame for frame in left if frame.state is FrameState.RECEIVED]
    for frame in _outside(session, [frame for frame in left if not frame.accepted_as_is]):
        detail = "expected a place inside a municipality's boundary; import the boundary, mend the place or accept it"
        _refuse(session, frame, Refusal(OUTSIDE, detail), now)
    return [frame for frame in left if frame.state is FrameState.RECEIVED]


def _judge(session: Session, survey_id: int, frames: list[Frame], now: datetime) -> None:
    drive = _with_neighbours(session, survey_id, frames)
    verdicts = {
        drive[one.index].id: one
        for one in track_rules.set_aside([_shot(frame) for frame in drive], _sure_offset_s(session, survey_id))
    }
    for frame in frames:
        if one := verdicts.get(frame.id):
            _refuse(session, frame, Refusal(one.code, one.detail), now)
    _reinstate(session, drive, {frame.id for frame in frames}, verdicts, now)


def _reinstate(
    session: Session, drive: list[Frame], judged: set[int], verdicts: dict[int, SetAside], now: datetime
) -> None:
    """Jumps near the judged frames that are none any more: all neighbours that decide on them have been read."""
    for at, frame in enumerate(drive):
        near = any(other.id in judged for other in drive[max(0, at - WINDOW) : at + WINDOW + 1])
        if frame.reason_code != "track.teleport" or not near or frame.id in verdicts or frame.id in judged:
            continue
        session.refresh(frame, with_for_update=True)
        if frame.reason_code != "track.teleport":
            continue
        settle(session, frame, now)
        record(
            session, at=now, actor=SYSTEM, subject_kind="frame", subject_id=frame.id, action="reinstate",
            municipality_id=frame.municipality_id, from_state=FrameState.REFUSED.value, to_state=frame.state.value,
        )  # fmt: skip
        enqueue_survey(session, frame.survey_id)


def _with_neighbours(session: Session, survey_id: int, frames: list[Frame]) -> list[Frame]:
    """The frames and all of the survey between them and near them in time, in the order they were taken."""
    times = [frame.captured_at for frame in frames if frame.captured_at]
    first, last, near = min(times), max(times), timedelta(seconds=STAND_GAP_S)
    known = (
        Frame.survey_id == survey_id, Frame.lat.is_not(None), Frame.lon.is_not(None),
        or_(Frame.state != FrameState.REFUSED, Frame.reason_code.in_(RULES)),
    )  # fmt: skip
    at, order = Frame.captured_at, (Frame.captured_at, Frame.id)
    between = select(Frame).where(*known, at >= first - near, at <= last + near)
    before = select(Frame).where(*known, at < first - near).order_by(at.desc(), Frame.id.desc()).limit(2 * WINDOW)
    after = select(Frame).where(*known, at > last + near).order_by(*order).limit(2 * WINDOW)
    found = {frame.id: frame for statement in (before, between, after) for frame in session.scalars(statement)}
    return sorted(found.values(), key=lambda frame: (frame.captured_at, frame.id))


def _shot(frame: Frame) -> Shot:
    assert frame.captured_at is not None and frame.lat is not None and frame.lon is not None
    received_fix = frame.gps_at if frame.position_source == "exif" else None
    return Shot(
        id=frame.id,
        at_s=frame.captured_at.timestamp(),
        lat=frame.lat,
        lon=frame.lon,
        camera_s=frame.camera_at.replace(tzinfo=UTC).timestamp() if frame.camera_at else None,
        gps_s=received_fix.timestamp() if received_fix else None,
        speed_mps=frame.speed_mps if received_fix else None,
        picture_hash=frame.picture_hash,
        settled=frame.state is FrameState.PROCESSED or frame.accepted_as_is,
    )


def _sure_offset_s(session: Session, survey_id: int) -> float | None:
    survey = session.get_one(Survey, survey_id)
    if survey.clock_offset_s is None or survey.clock_spread_s is None:
        return None
    reading = ClockReading(survey.clock_offset_s, survey.clock_spread_s, survey.clock_frames, 0.0)
    return None if doubt(reading) else reading.offset_s


def _outside(session: Session, frames: list[Frame]) -> Iterable[Frame]:
    """The frames that no boundary covers; none where no municipality has one."""
    if not frames or not session.scalar(select(Municipality.id).where(Municipality.west.is_not(None)).limit(1)):
        return []
    places = {frame.id: Point(frame.lon or 0.0, frame.lat or 0.0) for frame in frames}
    west, south, east, north = MultiPoint(list(places.values())).buffer(EDGE_DEG).bounds
    near = select(Municipality.boundary).where(
        Municipality.west <= east, Municipality.east >= west, Municipality.south <= north, Municipality.north >= south
    )
    boundaries: list[BaseGeometry] = [shape(boundary) for boundary in session.scalars(near) if boundary]
    return [frame for frame in frames if not any(one.dwithin(places[frame.id], EDGE_DEG) for one in boundaries)]


def _refuse(session: Session, frame: Frame, why: Refusal, now: datetime) -> None:
    before, frame.state = frame.state, FrameState.REFUSED
    frame.reason_code, frame.reason_detail = why.code, why.detail[:500]
    record(
        session, at=now, actor=SYSTEM, subject_kind="frame", subject_id=frame.id, action="set_aside",
        municipality_id=frame.municipality_id, from_state=before.value, to_state=frame.state.value,
        data={"reason": why.code},
    )  # fmt: skip

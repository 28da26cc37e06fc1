"""A defect over time: each pass of a vehicle with its best picture, of what was there or of the place found empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, selectinload

from service.accounts.service import camera_of
from service.core.api import paginate
from service.core.geodesy import bearing_deg, distance_m
from service.core.plane import LocalPlane
from service.defects.boxes import BoxPx
from service.defects.framing import box_of_place
from service.defects.models import Defect, Detection, Sighting, Visit
from service.defects.mountings import corrected
from service.defects.visiting import whole_spot
from service.identity.gaussian import Ellipse
from service.surveys.models import Frame, FrameState, Survey

BEST_LOOK_M = 9.0  # as far ahead of the vehicle a place is large in the frame and not yet below it
PLACE_M = 3.0  # as much road as a pothole with the error of its place needs
WIDEST_LOOK_DEG = 35.0  # beside the way the vehicle heads; farther aside the frame does not show it


@dataclass(frozen=True)
class Pass:
    """One visit; `best` is its surest sighting, `look` the frame of an empty place, where one shows it."""

    visit: Visit
    survey: Survey
    best: Detection | None
    look: Frame | None


def list_visits(session: Session, defect: Defect, after: int | None, limit: int) -> tuple[list[Pass], int | None]:
    """The newest first, and the id to go on after."""
    own = select(Visit).where(Visit.defect_id == defect.id)
    visits, following = paginate(session, own, Visit.id, after, limit, descending=True)
    surveys = _surveys(session, visits)
    best = _best_detections(session, [visit.id for visit in visits])
    looks = look_frames(session, [(defect, visit) for visit in visits if visit.sightings == 0])
    passes = [Pass(one, surveys[one.survey_id], best.get(one.id), looks.get(one.id)) for one in visits]
    return passes, following


def ellipse_of_visit(visit: Visit) -> Ellipse | None:
    """Of its place with the vehicle's fix and what its camera's mounting adds; None without sightings."""
    if visit.lat is None or visit.lon is None:
        return None
    spot = whole_spot([visit], LocalPlane(visit.lat, visit.lon))
    return spot.ellipse if spot else None


def latest_looks(session: Session, defects: Sequence[Defect]) -> dict[int, Pass]:
    """By defect the newest pass that looked and saw nothing; defects without one are left out."""
    by_id = {defect.id: defect for defect in defects}
    newest = (
        select(Visit)
        .where(Visit.defect_id.in_(by_id), Visit.sightings == 0)
        .ext(distinct_on(Visit.defect_id))
        .order_by(Visit.defect_id, Visit.last_at.desc(), Visit.id.desc())
    )
    visits = list(session.scalars(newest))
    surveys = _surveys(session, visits)
    frames = look_frames(session, [(by_id[visit.defect_id], visit) for visit in visits])
    return {one.defect_id: Pass(one, surveys[one.survey_id], None, frames.get(one.id)) for one in visits}


def look_frames(session: Session, empty: Sequence[tuple[Defect, Visit]]) -> dict[int, Frame]:
    """By visit the frame that shows the defect's place best; visits without a stored picture are left out."""
    if not empty:
        return {}
    during = [
        and_(Frame.survey_id == visit.survey_id, Frame.captured_at.between(visit.first_at, visit.last_at))
        for _, visit in empty
    ]
    stored = (Frame.state == FrameState.PROCESSED, Frame.blob_key.is_not(None), Frame.lat.is_not(None))
    frames = list(session.scalars(select(Frame).where(*stored, or_(*during)).order_by(Frame.id)))
    chosen = {
        visit.id: _best_look(defect, [frame for frame in frames if _taken_during(frame, visit)])
        for defect, visit in empty
    }
    return {visit_id: frame for visit_id, frame in chosen.items() if frame is not None}


def place_on(frame: Frame, defect: Defect) -> BoxPx | None:
    """Where the frame shows the defect's place, as a box of PLACE_M; None where it does not, or nobody can tell."""
    camera = corrected(camera_of(frame.vehicle), frame.survey.mounting)
    if camera is None or frame.heading_deg is None or frame.lat is None or frame.lon is None:
        return None
    turn = radians(bearing_deg(frame.lat, frame.lon, defect.lat, defect.lon) - frame.heading_deg - camera.yaw_deg)
    away_m = distance_m(frame.lat, frame.lon, defect.lat, defect.lon)
    width_px, height_px = frame.width or 0, frame.height or 0
    return box_of_place(away_m * cos(turn), away_m * sin(turn), camera, width_px, height_px, PLACE_M)


def _best_look(defect: Defect, frames: Sequence[Frame]) -> Frame | None:
    """The one with the place ahead and nearest to BEST_LOOK_M; None where the place is ahead of none."""
    ahead = [frame for frame in frames if _is_ahead(defect, frame)]
    return min(ahead, key=lambda frame: abs(_distance_m(defect, frame) - BEST_LOOK_M), default=None)


def _is_ahead(defect: Defect, frame: Frame) -> bool:
    if frame.heading_deg is None or frame.lat is None or frame.lon is None:
        return False
    turn = bearing_deg(frame.lat, frame.lon, defect.lat, defect.lon) - frame.heading_deg
    return abs((turn + 180) % 360 - 180) <= WIDEST_LOOK_DEG


def _distance_m(defect: Defect, frame: Frame) -> float:
    assert frame.lat is not None and frame.lon is not None  # asked for in the query
    return distance_m(frame.lat, frame.lon, defect.lat, defect.lon)


def _taken_during(frame: Frame, visit: Visit) -> bool:
    at = frame.captured_at
    return frame.survey_id == visit.survey_id and at is not None and visit.first_at <= at <= visit.last_at


def _surveys(session: Session, visits: Sequence[Visit]) -> dict[int, Survey]:
    wanted = select(Survey).where(Survey.id.in_({visit.survey_id for visit in visits}))
    return {survey.id: survey for survey in session.scalars(wanted.options(selectinload(Survey.vehicle)))}


def _best_detections(session: Session, visit_ids: Sequence[int]) -> dict[int, Detection]:
    surest = (
        select(Sighting)
        .join(Sighting.detection)
        .where(Sighting.visit_id.in_(visit_ids))
        .ext(distinct_on(Sighting.visit_id))
        .order_by(Sighting.visit_id, Detection.score.desc(), Detection.id)
        .options(selectinload(Sighting.detection).selectinload(Detection.frame))
    )
    return {one.visit_id: one.detection for one in session.scalars(surest) if one.visit_id is not None}

"""Works out a frame's place and time from all that is known: its own words, the survey's tracks and its clock.

What was derived is derived anew each time, so the order in which frames, tracks and clocks come makes no difference.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.accounts.service import municipality_at
from service.surveys.geotag import BadGeotag, Geotag, Stated, check_geotag
from service.surveys.models import Frame, FrameState, Survey, Track
from service.surveys.track_points import STALE_S, Fix, TrackPoints, place_at, place_of, seconds_away

DERIVED = {"track", "mapillary", "clock"}  # sources that are no word of the frame's own
DELETED = "frame.deleted"
# A reason that says more than that nothing usable is left, and stays until there is something.
SAYS_MORE = {
    "position.missing": {"position.null_island", "position.out_of_range"},
    "time.missing": {"time.out_of_range", "time.in_future"},
}


@dataclass(frozen=True)
class Known:
    """What a survey tells of its frames: its tracks, oldest first, and how far its camera's clock is ahead."""

    tracks: tuple[TrackPoints, ...]
    clock_s: float | None


def known_of(session: Session, survey_id: int) -> Known:
    rows = session.execute(select(Track.starts_at, Track.points).where(Track.survey_id == survey_id).order_by(Track.id))
    tracks = tuple(TrackPoints.from_json(row.starts_at, row.points) for row in rows)
    return Known(tracks, session.scalar(select(Survey.clock_applied_s).where(Survey.id == survey_id)))


def place(session: Session, survey_id: int, filename: str, at: datetime | None) -> Fix | None:
    """Where a frame of the survey was by its tracks: the point that names its file, else the place at its time."""
    found = fix_of(known_of(session, survey_id).tracks, filename, at)
    return found[0] if found else None


def fix_of(tracks: tuple[TrackPoints, ...], filename: str, at: datetime | None) -> tuple[Fix, str] | None:
    """The fix and its source, mapillary or track."""
    for track in tracks:
        if named := place_of(track, filename):
            return named, "mapillary"
    for track in tracks if at else ():
        if at and (fix := place_at(track, at)):
            return fix, "track"
    return None


def write_stated(frame: Frame, stated: Stated) -> None:
    """Puts into the row what file and vehicle say; what a person said of it stays."""
    if frame.position_source != "person":
        frame.lat, frame.lon, frame.position_source = stated.lat, stated.lon, stated.position_source
        frame.gps_dop, frame.gps_sd_m = stated.gps_dop, stated.gps_sd_m
    if frame.heading_source != "person":
        frame.heading_deg, frame.heading_source = stated.heading_deg, stated.heading_source
    if frame.time_source != "person":
        frame.captured_at, frame.time_source = stated.captured_at, stated.time_source
    frame.camera_at, frame.gps_at = stated.camera_at, stated.gps_at
    frame.speed_mps = stated.speed_mps


def settle(session: Session, frame: Frame, now: datetime, known: Known | None = None) -> None:
    """Makes a frame with a readable image received, or refused for its place or time; the caller records the event
    and asks for processing. `known` spares reading the survey's tracks again for each of many frames."""
    _forget_derived(frame)
    if frame.lat is None or frame.captured_at is None or frame.heading_deg is None:
        known = known or known_of(session, frame.survey_id)
        _complete(frame, known)
    try:
        tag = _checked(frame, known, now)
    except BadGeotag as error:
        _refuse(frame, error)
        return
    frame.captured_at, frame.heading_deg = tag.captured_at, tag.heading_deg
    frame.state, frame.reason_code, frame.reason_detail = FrameState.RECEIVED, None, None
    own = session.get_one(Vehicle, frame.vehicle_id).municipality_id
    frame.municipality_id = municipality_at(session, tag.lat, tag.lon, default=own)


def _forget_derived(frame: Frame) -> None:
    if frame.time_source in DERIVED:
        frame.captured_at = frame.time_source = None
    if frame.position_source in DERIVED:
        frame.lat = frame.lon = frame.position_source = frame.gps_dop = frame.gps_sd_m = None
    if frame.heading_source in DERIVED:
        frame.heading_deg = frame.heading_source = None


def _complete(frame: Frame, known: Known) -> None:
    """The file that names the frame first: it tells the time too; then the clock, which a track by time needs."""
    if frame.captured_at is None and frame.camera_at and known.clock_s is not None:
        frame.captured_at = frame.camera_at.replace(tzinfo=UTC) - timedelta(seconds=known.clock_s)
        frame.time_source = "clock"
    found = fix_of(known.tracks, frame.filename, frame.captured_at)
    if found is None:
        return
    fix, source = found
    if frame.captured_at is None:
        frame.captured_at, frame.time_source = fix.at, source
    if frame.lat is None:
        frame.lat, frame.lon, frame.position_source = fix.lat, fix.lon, source
        frame.gps_dop, frame.gps_sd_m = fix.gps_dop, fix.gps_sd_m
    if frame.heading_deg is None and fix.heading_deg is not None:
        frame.heading_deg, frame.heading_source = fix.heading_deg, source


def _checked(frame: Frame, known: Known | None, now: datetime) -> Geotag:
    """The frame's geotag. A frame that waits for a track to place it is told what the track lacks."""
    if frame.lat is None and known and known.tracks:
        if frame.captured_at:
            away_s = min(seconds_away(track, frame.captured_at) for track in known.tracks)
            raise BadGeotag(
                "position.stale_fix",
                f"expected a point of the survey's tracks within {STALE_S:.0f} s, got the nearest {away_s:.0f} s away; "
                "check the camera's clock, or send the track of that time",
            )
        if frame.camera_at:
            check_geotag(0, 1, frame.camera_at, None, "", now)  # raises time.no_zone: without it no track can help
    source = frame.position_source or ""
    return check_geotag(frame.lat, frame.lon, frame.captured_at or frame.camera_at, frame.heading_deg, source, now)


def _refuse(frame: Frame, why: BadGeotag) -> None:
    frame.state = FrameState.REFUSED
    if frame.reason_code not in SAYS_MORE.get(why.code, ()):
        frame.reason_code, frame.reason_detail = why.code, why.detail[:500]

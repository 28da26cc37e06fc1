"""How the camera of each survey really hung: measured from what the survey saw, kept with it, and used for its places.

What is measured always starts from the told profile and from boxes as they were found, never from places worked out
with an earlier measurement, so that repeating it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from math import radians

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from service.accounts.schemas import CameraProfile
from service.accounts.service import camera_of
from service.core.plane import metres_per_degree
from service.core.tables import JsonObject
from service.defects.models import Detection, Sighting, Visit
from service.identity.appearances import Fix, Sight, middle_row
from service.identity.calibration import MIN_THINGS, Mounting, measure_mounting
from service.identity.camera import Camera
from service.identity.headings import Heading, headings_of
from service.surveys.models import Frame, Survey

# Classes of what stands or lies on the ground, with how far behind the lower edge of its box the middle may lie; a sign
# hangs, and a façade has no lower edge of its own.
DEPTHS_SD_M = {
    "pothole": 0.2, "road_crack": 0.3, "garbage": 0.7, "construction_barrier": 1.5, "sand_rubble": 1.5,
    "neglected_sidewalk": 2.5,
}  # fmt: skip
FLAT = ("pothole", "road_crack")  # seen by their middle
LATEST_VISITS = 60  # of the simulated city they show the pitch to 0.07 and the yaw to 0.22 degrees in 0.3 s
NEW_VISITS, NEW_SHARE = 5, 0.2  # measured anew after so many more, and this share of those measured before
EDGE_PX = 3.0  # a box that touches the picture's edge goes on beyond it
AROUND = timedelta(seconds=30)  # of the track before and after what was seen, for its headings


@dataclass(frozen=True)
class _Found:
    """A thing's best box on one frame."""

    visit_id: int
    frame_id: int
    class_key: str
    xyxy_px: tuple[float, float, float, float]
    width_px: int
    height_px: int


def corrected(profile: CameraProfile, mounting: JsonObject | None) -> Camera | None:
    """The camera as measured in a survey (`Survey.mounting`); as told where nothing was, or where the profile was told
    anew since; None without height, pitch or field of view."""
    told = _told(profile)
    if told is None or mounting is None or mounting["profile"] != _profile_of(profile):
        return told
    return Camera(
        told.height_m, told.pitch_deg + mounting["pitch_offset_deg"], told.hfov_deg,
        told.yaw_deg + mounting["yaw_offset_deg"], told.distortion,
        mounting["pitch_sd_deg"], mounting["yaw_sd_deg"],
    )  # fmt: skip


def keep_mounting(session: Session, survey_id: int) -> Mounting | None:
    """Measures the mounting anew once enough new things were seen, and stores it; None where it was not.

    Safe to run twice. The frames recorded before keep their places.
    """
    survey = session.get_one(Survey, survey_id)
    profile = camera_of(survey.vehicle)
    told, visits = _told(profile), _count_visits(session, survey_id)
    if told is None or visits < MIN_THINGS or not _grown(survey.mounting, visits, profile):
        return None
    things = _things(session, survey_id, told)
    mounting = measure_mounting(things, told.height_m, told.pitch_deg, told.yaw_deg, told.pitch_sd_deg, told.yaw_sd_deg)
    if mounting is not None:
        survey.mounting = asdict(mounting) | {"visits": visits, "profile": _profile_of(profile)}
    return mounting


def _told(profile: CameraProfile) -> Camera | None:
    if profile.height_m is None or profile.pitch_deg is None or profile.hfov_deg is None:
        return None
    return Camera(
        profile.height_m, profile.pitch_deg, profile.hfov_deg, profile.yaw_deg, tuple(profile.distortion),
        profile.pitch_sd_deg, profile.yaw_sd_deg,
    )  # fmt: skip


def _profile_of(profile: CameraProfile) -> JsonObject:
    """What a measurement depends on, as it comes back from the database."""
    told = (profile.height_m, profile.pitch_deg, profile.yaw_deg, profile.hfov_deg)
    return {"told": [*told, profile.pitch_sd_deg, profile.yaw_sd_deg], "distortion": list(profile.distortion)}


def _count_visits(session: Session, survey_id: int) -> int:
    seen_again = select(func.count(Visit.id)).where(Visit.survey_id == survey_id, Visit.sightings > 1)
    return session.scalar(seen_again) or 0


def _grown(mounting: JsonObject | None, visits: int, profile: CameraProfile) -> bool:
    if mounting is None or mounting["profile"] != _profile_of(profile):
        return True
    known = int(mounting["visits"])
    return visits >= known + max(NEW_VISITS, NEW_SHARE * known)


def _things(session: Session, survey_id: int, camera: Camera) -> list[list[Sight]]:
    """The sights of each of the latest visits, in the order of the drive."""
    found = _boxes(session, survey_id)
    track = _track(session, survey_id, [one.frame_id for one in found])
    index = {moment.frame_id: number for number, moment in enumerate(track)}
    places_m = [moment.fix[:2] for moment in track]
    headings = headings_of(places_m, [moment.heading_deg for moment in track], {index[one.frame_id] for one in found})
    things: dict[int, list[Sight]] = {}
    for one in sorted(found, key=lambda one: index[one.frame_id]):
        heading = headings.get(index[one.frame_id])
        if heading is not None:
            sight = _sight(one, camera, track, index[one.frame_id], heading)
            things.setdefault(one.visit_id, []).append(sight)
    return list(things.values())


def _boxes(session: Session, survey_id: int) -> list[_Found]:
    """Of each of the latest visits and each of its frames the surest box, where the picture shows all of it."""
    latest = (
        select(Visit.id)
        .where(Visit.survey_id == survey_id, Visit.sightings > 1)
        .order_by(Visit.last_at.desc(), Visit.id.desc())
        .limit(LATEST_VISITS)
    )
    surest = (
        select(Visit.id, Detection, Frame.width, Frame.height)
        .join(Sighting, Sighting.visit_id == Visit.id)
        .join(Sighting.detection)
        .join(Detection.frame)
        .where(Visit.id.in_(latest), Detection.class_key.in_(DEPTHS_SD_M))
        .where(Frame.lat.is_not(None), Frame.captured_at.is_not(None))
        .ext(distinct_on(Visit.id, Detection.frame_id))
        .order_by(Visit.id, Detection.frame_id, Detection.score.desc(), Detection.id)
    )
    found = (
        _Found(
            visit_id,
            one.frame_id,
            one.class_key,
            (one.x0_px, one.y0_px, one.x1_px, one.y1_px),
            width_px or 0,
            height_px or 0,
        )
        for visit_id, one, width_px, height_px in session.execute(surest)
    )
    return [one for one in found if _whole(one)]


def _whole(found: _Found) -> bool:
    x0, _, x1, y1 = found.xyxy_px
    return x0 > EDGE_PX and x1 < found.width_px - EDGE_PX and y1 < found.height_px - EDGE_PX


@dataclass(frozen=True)
class _Moment:
    """A frame's place and time in the plane of the drive."""

    frame_id: int
    fix: Fix
    heading_deg: float | None


def _track(session: Session, survey_id: int, frame_ids: Sequence[int]) -> list[_Moment]:
    """All frames around these, in the order they were taken; metres and seconds from the first."""
    ends = select(func.min(Frame.captured_at), func.max(Frame.captured_at)).where(Frame.id.in_(frame_ids))
    first_at, last_at = session.execute(ends).one()
    if first_at is None or last_at is None:
        return []
    around = Frame.captured_at.between(first_at - AROUND, last_at + AROUND)
    rows = session.execute(
        select(Frame.id, Frame.lat, Frame.lon, Frame.captured_at, Frame.heading_deg)
        .where(Frame.survey_id == survey_id, Frame.lat.is_not(None), Frame.lon.is_not(None), around)
        .order_by(Frame.captured_at, Frame.id)
    )
    told = [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
    _, lat_0, lon_0, _, _ = told[0]
    per_lat, per_lon = metres_per_degree(lat_0 or 0.0)
    moments = []
    for frame_id, lat, lon, at, heading_deg in told:
        assert lat is not None and lon is not None and lat_0 is not None and lon_0 is not None and at is not None
        fix = float((lon - lon_0) * per_lon), float((lat - lat_0) * per_lat), (at - first_at).total_seconds()
        moments.append(_Moment(frame_id, fix, heading_deg))
    return moments


def _sight(found: _Found, camera: Camera, track: Sequence[_Moment], number: int, heading: Heading) -> Sight:
    x0, y0, x1, y1 = found.xyxy_px
    x, y = camera.ray((x0 + x1) / 2, y1, found.width_px, found.height_px)
    if found.class_key in FLAT:
        top = camera.ray((x0 + x1) / 2, y0, found.width_px, found.height_px)[1]
        y = middle_row(y, top, radians(camera.pitch_deg))
    course = (track[heading.between[0]].fix, track[heading.between[1]].fix) if heading.between else None
    return Sight(track[number].fix, heading.deg, x, y, DEPTHS_SD_M[found.class_key], course)

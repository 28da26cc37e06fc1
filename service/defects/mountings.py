"""How the camera of each survey really hung: measured from what the survey saw, kept with it, and used for its places.

What is measured always starts from the told profile and from boxes as they were found, never from places worked out
with an earlier measurement, so that repeating it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.schemas import CameraProfile
from service.accounts.service import camera_of
from service.core.plane import metres_per_degree
from service.core.tables import JsonObject
from service.defects.models import Detection, Sighting, Visit
from service.identity.appearances import Sight
from service.identity.calibration import MIN_THINGS, Mounting, measure_mounting
from service.identity.camera import Camera
from service.identity.courses import Course, courses_of
from service.surveys.models import Frame, Survey

# What stands or lies on the ground; a sign hangs, and a façade has no lower edge of its own.
GROUND_CLASSES = (
    "pothole", "road_crack", "garbage", "construction_barrier", "sand_rubble", "neglected_sidewalk",
)  # fmt: skip
LATEST_VISITS = 100  # beyond, the errors that all things share outweigh what more of them would tell
NEW_VISITS, NEW_SHARE = 5, 0.2  # measured anew after so many more, and this share of those measured before
EDGE_PX = 3.0  # a box that touches the picture's edge goes on beyond it
AROUND = timedelta(seconds=30)  # of the track before and after what was seen, for its courses

Place = tuple[float, float]


@dataclass(frozen=True)
class _Found:
    """A thing's best box on one frame."""

    visit_id: int
    frame_id: int
    xyxy_px: tuple[float, float, float, float]
    width_px: int
    height_px: int


def corrected(profile: CameraProfile, mounting: JsonObject | None) -> Camera | None:
    """The camera as measured in a survey (`Survey.mounting`); as told where nothing was, or where the profile was told
    anew since; None without height, pitch or field of view."""
    told = _told(profile)
    if told is None or mounting is None or _profile_of(mounting) != _profile_of(profile.model_dump()):
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
        survey.mounting = asdict(mounting) | {"visits": visits} | _profile_of(profile.model_dump())
    return mounting


def _told(profile: CameraProfile) -> Camera | None:
    if profile.height_m is None or profile.pitch_deg is None or profile.hfov_deg is None:
        return None
    return Camera(
        profile.height_m, profile.pitch_deg, profile.hfov_deg, profile.yaw_deg, tuple(profile.distortion),
        profile.pitch_sd_deg, profile.yaw_sd_deg,
    )  # fmt: skip


def _profile_of(row: JsonObject) -> JsonObject:
    """What a measurement depends on."""
    told = {key: row.get(key) for key in ("height_m", "pitch_deg", "yaw_deg", "hfov_deg")}
    return told | {"distortion": list(row.get("distortion") or ())}


def _count_visits(session: Session, survey_id: int) -> int:
    seen_again = select(func.count(Visit.id)).where(Visit.survey_id == survey_id, Visit.sightings > 1)
    return session.scalar(seen_again) or 0


def _grown(mounting: JsonObject | None, visits: int, profile: CameraProfile) -> bool:
    if mounting is None or _profile_of(mounting) != _profile_of(profile.model_dump()):
        return True
    known = int(mounting["visits"])
    return visits >= known + max(NEW_VISITS, NEW_SHARE * known)


def _things(session: Session, survey_id: int, camera: Camera) -> list[list[Sight]]:
    """The sights of each of the latest visits, in the order of the drive."""
    found = _boxes(session, survey_id)
    track = _track(session, survey_id, [one.frame_id for one in found])
    if not track:
        return []
    index = {frame.id: i for i, frame in enumerate(track)}
    places_m = _places_m(track)
    wanted = {index[one.frame_id] for one in found if one.frame_id in index}
    courses = courses_of(places_m, [frame.heading_deg for frame in track], wanted)
    things: dict[int, list[Sight]] = {}
    for one in sorted(found, key=lambda one: index.get(one.frame_id, -1)):
        course = courses.get(index.get(one.frame_id, -1))
        if course is not None:
            things.setdefault(one.visit_id, []).append(_sight(one, camera, places_m, index[one.frame_id], course))
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
        select(Sighting.visit_id, Detection, Frame.width, Frame.height)
        .join(Sighting.detection)
        .join(Detection.frame)
        .where(Sighting.visit_id.in_(latest), Detection.class_key.in_(GROUND_CLASSES), Frame.survey_id == survey_id)
        .distinct(Sighting.visit_id, Detection.frame_id)
        .order_by(Sighting.visit_id, Detection.frame_id, Detection.score.desc(), Detection.id)
    )
    found = (
        _Found(visit_id, one.frame_id, (one.x0_px, one.y0_px, one.x1_px, one.y1_px), width_px or 0, height_px or 0)
        for visit_id, one, width_px, height_px in session.execute(surest)
    )
    return [one for one in found if _whole(one)]


def _whole(found: _Found) -> bool:
    x0, _, x1, y1 = found.xyxy_px
    return x0 > EDGE_PX and x1 < found.width_px - EDGE_PX and y1 < found.height_px - EDGE_PX


@dataclass(frozen=True)
class _Fix:
    id: int
    lat: float
    lon: float
    heading_deg: float | None


def _track(session: Session, survey_id: int, frame_ids: Sequence[int]) -> list[_Fix]:
    """All frames around these, in the order they were taken."""
    ends = select(func.min(Frame.captured_at), func.max(Frame.captured_at)).where(Frame.id.in_(frame_ids))
    first_at, last_at = session.execute(ends).one()
    if first_at is None:
        return []
    rows = session.execute(
        select(Frame.id, Frame.lat, Frame.lon, Frame.heading_deg)
        .where(
            Frame.survey_id == survey_id, Frame.lat.is_not(None), Frame.lon.is_not(None),
            Frame.captured_at.between(first_at - AROUND, last_at + AROUND),
        )
        .order_by(Frame.captured_at, Frame.id)
    )  # fmt: skip
    return [_Fix(*row) for row in rows]


def _places_m(track: Sequence[_Fix]) -> list[Place]:
    """East and north of the first."""
    lat, lon = track[0].lat, track[0].lon
    per_lat, per_lon = (float(metres) for metres in metres_per_degree(lat))
    return [((fix.lon - lon) * per_lon, (fix.lat - lat) * per_lat) for fix in track]


def _sight(found: _Found, camera: Camera, places_m: Sequence[Place], index: int, course: Course) -> Sight:
    x0, _, x1, y1 = found.xyxy_px
    x, y = camera.ray((x0 + x1) / 2, y1, found.width_px, found.height_px)
    start, end = (places_m[i] for i in course.between) if course.between else (None, None)
    return Sight(*places_m[index], course.heading_deg, x, y, start, end)

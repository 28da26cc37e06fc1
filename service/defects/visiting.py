"""The visits of defects: what one pass saw of one, and what all of them together say of its place."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import hypot

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.core.plane import LocalPlane
from service.defects.grid import h3_cell
from service.defects.models import Defect, Detection, Sighting, Visit
from service.defects.sights import shifted, sight_of, sights_of, spot_of, surest
from service.identity.gaussian import Ellipse, Spot, fuse
from service.identity.linking import Sight, Track
from service.identity.scores import score_log
from service.surveys.models import Frame

VISIT_GAP = timedelta(seconds=120)  # a vehicle that comes by later comes with another error of its fix
SAME_SURVEY = 0.5  # of the variance of a fix that a vehicle has in common with itself minutes later
FIX_TRUST = 1.5  # receivers state less than they err, jumps between houses above all
DEFAULT_FIX_SD_M = 3.0  # per axis, of a receiver that states nothing: a telephone's in a street
# Camera and receiver differ by a tenth of a second, always the same way: a metre at 10 m/s; and all drives err alike.
# With 1.5, 94 of 100 things of 14 simulated cities lay inside their ellipses (docs/accuracy.md has those of others).
CLOCK_SD_M = 1.6
FIX_M_PER_DOP = 2.5  # user equivalent range error of a single-frequency receiver


def fix_sd_m(frame: Frame) -> float:
    """Per axis, how far the vehicle's fix may be off: as the receiver stated it, else by its DOP or its profile."""
    profile_sd_m = frame.vehicle.camera.get("gps_sd_m") if frame.vehicle else None
    if frame.gps_sd_m is not None:
        return max(frame.gps_sd_m, 0.02)
    if frame.gps_dop is not None and frame.gps_dop > 0:
        return frame.gps_dop * FIX_M_PER_DOP
    return float(profile_sd_m or DEFAULT_FIX_SD_M)


def whole_spot(visits: Sequence[Visit], plane: LocalPlane) -> Spot | None:
    """The place by all visits, fixes included.

    Visits whose fixes were laid over the map (`settling`) err together, by what the map errs. Of the others those of
    one survey share a part of their fixes' errors, so that each of several tells less.
    """
    seen = [visit for visit in visits if visit.lat is not None]
    settled = [visit for visit in seen if visit.fix_sd_m is not None]
    of_survey = Counter(visit.survey_id for visit in seen)
    spots = []
    for visit in seen:
        if visit.fix_sd_m is None:
            again = 1 + SAME_SURVEY * (of_survey[visit.survey_id] - 1)
            spot = spot_of(visit, plane)
            spots.append(replace(spot, ellipse=spot.ellipse + Ellipse.round(FIX_TRUST * fix_of(visit) * again**0.5)))
    if settled:
        spot = fuse(shifted(visit, plane) for visit in settled)
        shared_m = hypot(_settled_var_m2(settled) ** 0.5, CLOCK_SD_M)
        spots.append(replace(spot, ellipse=spot.ellipse + Ellipse.round(shared_m)))
    return fuse(spots) if spots else None


def relative_spot(visits: Sequence[Visit], plane: LocalPlane) -> Spot:
    """The same place, with the error that it has beside its neighbours of the same passes: without the fixes'."""
    middle = whole_spot(visits, plane)
    assert middle is not None  # only visits with sightings are asked
    return replace(middle, ellipse=fuse(Spot(0.0, 0.0, spot_of(visit, plane).ellipse) for visit in visits).ellipse)


def fix_var_m2(visits: Sequence[Visit]) -> float:
    """Per axis, of what the fixes of these visits (n >= 1) leave in a place that all of them tell."""
    settled = [visit for visit in visits if visit.fix_sd_m is not None]
    told = sum(1 / fix_of(visit) ** 2 for visit in visits if visit.fix_sd_m is None)
    return 1 / (told + (1 / _settled_var_m2(settled) if settled else 0.0))


def fix_of(visit: Visit) -> float:
    """Per axis, how far the vehicle's fix may have been off."""
    return visit.gps_sd_m or DEFAULT_FIX_SD_M


def _settled_var_m2(visits: Sequence[Visit]) -> float:
    return sum((visit.fix_sd_m or 0.0) ** 2 for visit in visits) / len(visits)


@dataclass(frozen=True)
class Seen:
    """One detection that was filed under a defect."""

    defect: Defect
    detection: Detection
    frame: Frame


def visit_defects(session: Session, seen: Sequence[Seen], known: dict[int, list[Visit]]) -> dict[int, Visit]:
    """Adds the sightings to their visits, opening new ones, and puts the defects where all their visits say.

    `known`: the visits of each defect so far; it is extended. Returns the visit by detection id. The defects must be
    locked and flushed.
    """
    opened: dict[int, Visit] = {}
    adding: dict[int, tuple[Visit, list[Seen]]] = {}
    touched: dict[int, Defect] = {}
    for one in sorted(seen, key=lambda one: (_at(one.frame), one.detection.id)):
        visits = known.setdefault(one.defect.id, [])
        visit = visit_at(visits, one.frame)
        if visit is None:
            visit = _open(session, one)
            visits.append(visit)
        visit.first_at, visit.last_at = min(visit.first_at, _at(one.frame)), max(visit.last_at, _at(one.frame))
        adding.setdefault(id(visit), (visit, []))[1].append(one)
        opened[one.detection.id] = visit
        touched[one.defect.id] = one.defect
    plane = LocalPlane(seen[0].detection.lat, seen[0].detection.lon) if seen else LocalPlane(0.0, 0.0)
    before = sights_of(session, [visit for visit, _ in adding.values() if visit.sightings], plane)
    for visit, ones in adding.values():
        _see(visit, before.get(visit.id, []) if visit.sightings else [], ones, plane)
    session.flush()
    for defect in touched.values():
        place(defect, known[defect.id])
    return opened


def place(defect: Defect, visits: Sequence[Visit]) -> None:
    """Puts the defect where its visits say."""
    plane = LocalPlane(defect.lat, defect.lon)
    spot = whole_spot(visits, plane)
    defect.visits_count = sum(visit.sightings > 0 for visit in visits)
    if spot is None:
        return
    defect.lat, defect.lon = plane.to_wgs84(spot.east_m, spot.north_m)
    defect.h3_cell = h3_cell(defect.lat, defect.lon)
    defect.cov_ee_m2, defect.cov_en_m2 = spot.ellipse.cov_ee_m2, spot.ellipse.cov_en_m2
    defect.cov_nn_m2 = spot.ellipse.cov_nn_m2


def visits_of(session: Session, defect_ids: Iterable[int]) -> dict[int, list[Visit]]:
    """By defect, oldest first; those that saw nothing are among them."""
    found: dict[int, list[Visit]] = {}
    ids = sorted(set(defect_ids))
    if ids:
        rows = session.scalars(select(Visit).where(Visit.defect_id.in_(ids)).order_by(Visit.first_at, Visit.id))
        for visit in rows:
            found.setdefault(visit.defect_id, []).append(visit)
    return found


def survey_visits(session: Session, survey_id: int, since: datetime, until: datetime) -> list[Visit]:
    """What a survey passed by in a while, in the order of time."""
    rows = session.scalars(
        select(Visit)
        .where(Visit.survey_id == survey_id, Visit.last_at >= since, Visit.first_at <= until)
        .order_by(Visit.first_at, Visit.id)
    )
    return list(rows)


def visit_at(visits: Sequence[Visit], frame: Frame) -> Visit | None:
    """The one that the frame belongs to."""
    at = _at(frame)
    for visit in visits:
        same = visit.survey_id == frame.survey_id
        if same and visit.first_at - VISIT_GAP <= at <= visit.last_at + VISIT_GAP:
            return visit
    return None


def hand_over(session: Session, source: Defect, target: Defect) -> None:
    """Gives all visits of a defect to the one it is merged into, and places that anew."""
    session.flush()
    session.execute(update(Visit).where(Visit.defect_id == source.id).values(defect_id=target.id))
    source.visits_count = 0
    place(target, visits_of(session, [target.id]).get(target.id, []))


def rebuild_visits(session: Session, defect: Defect) -> list[Visit]:
    """Works the visits of a defect out of its sightings anew; passes that saw nothing stay as they are."""
    rows = session.execute(
        select(Sighting, Detection, Frame)
        .join(Detection, Sighting.detection_id == Detection.id)
        .join(Frame, Detection.frame_id == Frame.id)
        .where(Sighting.defect_id == defect.id)
        .order_by(Detection.id)
    ).all()
    old = visits_of(session, [defect.id]).get(defect.id, [])
    kept = [visit for visit in old if visit.sightings == 0]
    seen = [Seen(defect, detection, frame) for _, detection, frame in rows]
    opened = visit_defects(session, seen, {defect.id: kept})
    for sighting, detection, _ in rows:
        sighting.visit_id = opened[detection.id].id
    session.flush()
    for visit in old:
        if visit.sightings > 0:
            session.delete(visit)
    session.flush()
    return visits_of(session, [defect.id]).get(defect.id, [])


def _open(session: Session, one: Seen) -> Visit:
    at = _at(one.frame)
    visit = Visit(
        defect_id=one.defect.id, survey_id=one.frame.survey_id, first_at=at, last_at=at, sightings=0, looks=0,
        unseen_log=0.0, gps_sd_m=fix_sd_m(one.frame), heading_deg=one.frame.heading_deg,
    )  # fmt: skip
    session.add(visit)
    return visit


def _see(visit: Visit, before: list[Sight], ones: Sequence[Seen], plane: LocalPlane) -> None:
    """More sightings: the place is that of all of them."""
    gps_sd_m = visit.gps_sd_m or fix_sd_m(ones[0].frame)
    sights = surest([*before, *(sight_of(one.detection, one.frame, gps_sd_m, plane) for one in ones)])
    spot = Track(sights).spot
    visit.lat, visit.lon = plane.to_wgs84(spot.east_m, spot.north_m)
    visit.cov_ee_m2, visit.cov_en_m2 = spot.ellipse.cov_ee_m2, spot.ellipse.cov_en_m2
    visit.cov_nn_m2 = spot.ellipse.cov_nn_m2
    visit.gps_sd_m = gps_sd_m
    visit.heading_deg = ones[0].frame.heading_deg if visit.heading_deg is None else visit.heading_deg
    visit.sightings, visit.looks = len(sights), visit.looks + len(sights) - visit.sightings
    visit.score_log = sum(score_log(sight.class_key, sight.score) for sight in sights)


def _at(frame: Frame) -> datetime:
    return frame.captured_at or frame.received_at

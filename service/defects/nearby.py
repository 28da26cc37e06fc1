"""What is known around the boxes of some frames of one survey: defects, their visits, and the tracks that go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.geodesy import moved
from service.core.plane import LocalPlane
from service.defects.access import lock_defects
from service.defects.evidence import seen_again
from service.defects.grid import cells_within
from service.defects.models import Defect, Review, Verdict, Visit
from service.defects.sights import ellipse_of, sights_of, spot_of
from service.defects.states import DefectState, machine_may_confirm
from service.defects.visiting import fix_var_m2, relative_spot, survey_visits, visits_of
from service.identity.alignment import Anchor
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import LONGEST_GAP_S, Track
from service.identity.matching import Known

AROUND_BOX_M, AROUND_SDS, FURTHEST_M = 14.0, 5.6, 70.0  # at least; four standard deviations of two fixes; at most
AHEAD_M, AROUND_FRAME_M = 14.0, 14.0  # the road that a frame shows well enough to miss something there
AROUND = timedelta(seconds=160)  # twice as long as a fix remembers its error: `alignment.DRIFT_TIME_S`
OWN_PASS = timedelta(minutes=10)  # within it a vehicle's fixes are off by the same and tell nothing new of a place


@dataclass(frozen=True)
class Nearby:
    """All in metres of `plane`; every defect row is locked."""

    plane: LocalPlane
    defects: dict[int, Defect]
    known: list[Known]
    going_on: list[Track]
    anchors: list[Anchor]
    visits: dict[int, list[Visit]]


@dataclass(frozen=True)
class Look:
    """Where a frame was taken and where its boxes lie, with how far off each may be."""

    lat: float
    lon: float
    heading_deg: float | None
    places: Sequence[tuple[float, float, float]]  # lat, lon, one standard deviation in metres without the fix
    gps_sd_m: float = 0.0  # per axis, of the fix


def load_nearby(
    session: Session,
    municipality_id: int,
    survey_id: int,
    looks: Sequence[Look],
    since: datetime,
    until: datetime,
) -> Nearby:
    """Everything that frames of one survey, taken from `since` to `until`, may show; locked in one order."""
    plane = LocalPlane(looks[0].lat, looks[0].lon)
    found = lock_defects(session, Defect.municipality_id == municipality_id, Defect.h3_cell.in_(_cells(looks)))
    rows = _with_merge_targets(session, found)
    visits = visits_of(session, rows)
    usable = [defect for defect in found if _takes_sightings(_target(defect, rows), until)]
    corrected = _corrected_classes(session, [defect.id for defect in found])
    known: list[Known] = []
    going_on: dict[int, Visit] = {}
    for defect in usable:
        own, others = _parted(visits.get(defect.id, []), survey_id, since, until)
        target, also = _target(defect, rows), corrected.get(defect.id, frozenset())
        known.append(_known(defect, target, others or own, also, plane))
        last = max(own, key=lambda visit: (visit.last_at, visit.id), default=None)
        if last is not None and _near_in_time(last, since, until) and defect.merged_into_id is None:
            going_on[defect.id] = last
    seen = sights_of(session, list(going_on.values()), plane)
    tracks = [
        Track(seen[visit.id], defect_id, frozenset(sight.frame for sight in seen[visit.id]))
        for defect_id, visit in going_on.items()
    ]
    return Nearby(plane, rows, known, tracks, _anchors(session, survey_id, since, until, plane), visits)


def _anchors(session: Session, survey_id: int, since: datetime, until: datetime, plane: LocalPlane) -> list[Anchor]:
    """How far the pass lay off the map minutes before and after: by what it saw of things that others saw too."""
    own = [visit for visit in survey_visits(session, survey_id, since - AROUND, until + AROUND) if visit.sightings]
    around = visits_of(session, {visit.defect_id for visit in own})
    anchors = []
    for visit in own:
        _, others = _parted(around.get(visit.defect_id, []), survey_id, visit.first_at, visit.last_at)
        if others:
            ours, theirs = spot_of(visit, plane), relative_spot(others, plane)
            middle_s = (visit.first_at.timestamp() + visit.last_at.timestamp()) / 2
            step_m = ours.east_m - theirs.east_m, ours.north_m - theirs.north_m
            anchors.append(Anchor(middle_s, *step_m, (ours.ellipse + theirs.ellipse).mean_sd_m ** 2))
    return anchors


def _cells(looks: Iterable[Look]) -> set[str]:
    cells: set[str] = set()
    for look in looks:
        ahead = (
            (look.lat, look.lon) if look.heading_deg is None else moved(look.lat, look.lon, look.heading_deg, AHEAD_M)
        )
        cells.update(cells_within(*ahead, AROUND_FRAME_M))
        for lat, lon, sd_m in look.places:
            fix_m = max(AROUND_BOX_M, AROUND_SDS * look.gps_sd_m)
            cells.update(cells_within(lat, lon, min(fix_m + 2 * sd_m, FURTHEST_M)))
    return cells


def _parted(
    visits: Sequence[Visit], survey_id: int, since: datetime, until: datetime
) -> tuple[list[Visit], list[Visit]]:
    """Sightings of this very pass, and all others."""
    seen = [visit for visit in visits if visit.sightings]
    own = [
        visit
        for visit in seen
        if visit.survey_id == survey_id and since - OWN_PASS <= visit.last_at and visit.first_at <= until + OWN_PASS
    ]
    return own, [visit for visit in seen if visit not in own]


def _near_in_time(visit: Visit, since: datetime, until: datetime) -> bool:
    gap = timedelta(seconds=LONGEST_GAP_S)
    return since - gap <= visit.last_at and visit.first_at <= until + gap


def _known(defect: Defect, target: Defect, visits: Sequence[Visit], also: frozenset[str], plane: LocalPlane) -> Known:
    if visits:
        spot, fix_var = relative_spot(visits, plane), fix_var_m2(visits)
    else:  # a merged one, whose visits its target has
        ellipse = ellipse_of(defect) or Ellipse.round(2.0)
        spot, fix_var = Spot(*plane.to_m(defect.lat, defect.lon), ellipse), ellipse.mean_sd_m**2
    votes = {key: float(score) for key, score in defect.class_votes.items()} or {defect.class_key: 1.0}
    if defect.class_key not in votes:
        votes = {defect.class_key: 1.0}
    return Known(
        entry=defect.id,
        defect=target.id,
        spot=spot,
        fix_var_m2=fix_var,
        votes=votes,
        also=also,
    )


def _takes_sightings(defect: Defect, seen_at: datetime) -> bool:
    """A repair that did not last is a new candidate where only a person may confirm: it must not reopen by itself."""
    if defect.state is DefectState.REJECTED and defect.sightings_count == 0:
        return False  # a citizen's report in which an inspector found nothing is no false alarm of the model
    recurred = defect.state is DefectState.RESOLVED and seen_again(defect.resolved_at, seen_at)
    return machine_may_confirm(defect.class_key) or not recurred


def _with_merge_targets(session: Session, found: Iterable[Defect]) -> dict[int, Defect]:
    rows = {defect.id: defect for defect in found}
    while missing := {row.merged_into_id for row in rows.values()} - {None} - rows.keys():
        rows |= {row.id: row for row in lock_defects(session, Defect.id.in_(missing))}
    return rows


def _target(defect: Defect, rows: dict[int, Defect]) -> Defect:
    while defect.merged_into_id is not None:
        defect = rows[defect.merged_into_id]
    return defect


def _corrected_classes(session: Session, defect_ids: list[int]) -> dict[int, frozenset[str]]:
    """Classes that a person corrected: the model will go on naming the thing so."""
    corrected: dict[int, frozenset[str]] = {}
    if defect_ids:
        rows = session.execute(
            select(Review.defect_id, Review.class_before).where(
                Review.defect_id.in_(defect_ids), Review.verdict == Verdict.RECLASSIFY
            )
        )
        for defect_id, class_key in rows:
            corrected[defect_id] = corrected.get(defect_id, frozenset()) | {class_key}
    return corrected

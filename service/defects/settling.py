"""After a survey: its passages are laid over those of earlier ones, places refined, and what was filed apart joined."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core.events import SYSTEM, Event
from service.core.plane import LocalPlane
from service.defects.access import lock_defects, lock_matching
from service.defects.grid import cells_within
from service.defects.merging import absorb
from service.defects.models import Defect, Detection, Review, Sighting, Visit
from service.defects.service import move_defect
from service.defects.sights import spot_of
from service.defects.states import DefectAction, DefectState
from service.defects.visiting import fix_of, place, rebuild_visits, survey_visits, visits_of
from service.identity.drift import Passage
from service.identity.settling import NEAR_M, NEAR_SDS, FixError, settle
from service.surveys.models import Survey

PART = timedelta(minutes=15)  # of a drive at once: some hundred things
BESIDE = timedelta(seconds=160)  # before and after a part, so that its ends are known as well as its middle
NEWEST_DRIVES = 8  # further ones keep what they were settled with
# A repaired one is not taken apart from what came after it: matching tells whether the repair lasted.
_SETTLED_STATES = (DefectState.CANDIDATE, DefectState.CONFIRMED)


def settle_survey(session: Session, survey_id: int, since: datetime, until: datetime, now: datetime) -> set[int]:
    """Settles what a survey passed by in a while, a part of the drive at a time; returns the ids of defects that took
    others in.

    Safe to run twice. What people decided stays: a candidate that nobody looked at may become a part of another
    defect, and nothing else.
    """
    survey = session.get_one(Survey, survey_id)
    lock_matching(session, survey.municipality_id)
    joined: set[int] = set()
    while since <= until:
        joined |= _settle(session, survey_id, since - BESIDE, min(since + PART, until) + BESIDE, now)
        since += PART
    return joined


def _settle(session: Session, survey_id: int, since: datetime, until: datetime, now: datetime) -> set[int]:
    defects = _around(session, survey_id, since, until)
    rows = {defect.id: defect for defect in defects}
    if not rows:
        return set()
    visits = visits_of(session, rows)
    plane = LocalPlane(defects[0].lat, defects[0].lon)
    taken = _newest([visit for own in visits.values() for visit in own if visit.sightings])
    passages = _passages(session, taken, plane)
    settled = settle(passages, _decided(session, defects), _parted(session, rows))
    for visit, error in zip(taken, settled.errors, strict=True):
        visit.fix_east_m, visit.fix_north_m, visit.fix_sd_m = error.east_m, error.north_m, error.sd_m
    session.flush()
    for gone, kept in settled.joined.items():
        _join(session, rows[gone], rows[kept], now)
    for defect in defects:
        if defect.id in settled.joined.values():
            _rebuild(session, defect, taken)
        elif defect.id not in settled.joined:
            place(defect, visits[defect.id])
    session.flush()
    return set(settled.joined.values())


def _around(session: Session, survey_id: int, since: datetime, until: datetime) -> list[Defect]:
    """What the survey saw in that while and what lies beside it, locked."""
    own = [visit for visit in survey_visits(session, survey_id, since, until) if visit.sightings]
    near_m = max([NEAR_M, *(NEAR_SDS * fix_of(visit) for visit in own)])
    seen = {visit.defect_id for visit in own}
    places = session.execute(select(Defect.lat, Defect.lon).where(Defect.id.in_(seen))).all()
    cells = {cell for lat, lon in places for cell in cells_within(lat, lon, near_m)}
    municipality_id = session.get_one(Survey, survey_id).municipality_id
    return lock_defects(
        session, Defect.municipality_id == municipality_id, Defect.h3_cell.in_(cells),
        Defect.state.in_(_SETTLED_STATES),
    )  # fmt: skip


def _newest(visits: Sequence[Visit]) -> list[Visit]:
    last: dict[int, datetime] = {}
    for visit in visits:
        last[visit.survey_id] = max(visit.last_at, last.get(visit.survey_id, visit.last_at))
    newest = set(sorted(last, key=lambda survey_id: (last[survey_id], survey_id))[-NEWEST_DRIVES:])
    return [visit for visit in visits if visit.survey_id in newest]


def _passages(session: Session, visits: Sequence[Visit], plane: LocalPlane) -> list[Passage]:
    votes: dict[int, dict[str, float]] = {}
    frames: dict[int, set[int]] = {}
    rows = session.execute(
        select(Sighting.visit_id, Detection.class_key, func.sum(Detection.score), func.array_agg(Detection.frame_id))
        .join(Detection, Sighting.detection_id == Detection.id)
        .where(Sighting.visit_id.in_([visit.id for visit in visits]))
        .group_by(Sighting.visit_id, Detection.class_key)
    )
    for visit_id, class_key, score, frame_ids in rows:
        assert visit_id is not None  # asked for
        votes.setdefault(visit_id, {})[class_key] = score
        frames.setdefault(visit_id, set()).update(frame_ids)
    return [
        Passage(
            thing=visit.defect_id,
            drive=visit.survey_id,
            at_s=(visit.first_at.timestamp() + visit.last_at.timestamp()) / 2,
            spot=spot_of(visit, plane),
            gps_sd_m=fix_of(visit),
            votes=votes.get(visit.id, {}),
            frames=frozenset(frames.get(visit.id, ())),
        )
        for visit in visits
    ]


def _decided(session: Session, defects: Sequence[Defect]) -> set[int]:
    """Those of which a person said anything, and those that took others in."""
    ids = [defect.id for defect in defects]
    reviewed = set(session.scalars(select(Review.defect_id).where(Review.defect_id.in_(ids))))
    reviewed |= set(session.scalars(select(Review.merged_into_id).where(Review.merged_into_id.in_(ids))))
    return reviewed | {defect.id for defect in defects if defect.state is not DefectState.CANDIDATE}


def _parted(session: Session, ids: Collection[int]) -> set[frozenset[int]]:
    """Pairs that a person took apart."""
    events = session.scalars(
        select(Event).where(Event.subject_kind == "defect", Event.action == "split", Event.subject_id.in_(ids))
    )
    return {frozenset((event.subject_id, int(event.data["split_into_id"]))) for event in events if event.data}


def _join(session: Session, source: Defect, target: Defect, now: datetime) -> None:
    move_defect(session, source, DefectAction.MERGE, SYSTEM, now, {"merged_into_id": target.id, "by": "passes"})
    absorb(session, source, target, SYSTEM, now)


def _rebuild(session: Session, defect: Defect, before: Sequence[Visit]) -> None:
    """Two halves of one passage are one visit now; it keeps what was settled of its fix."""
    told = [
        (visit.survey_id, visit.first_at, FixError(visit.fix_east_m or 0.0, visit.fix_north_m or 0.0, visit.fix_sd_m))
        for visit in before
        if visit.fix_sd_m is not None
    ]
    visits = rebuild_visits(session, defect)
    for visit in visits:
        near = [one for one in told if one[0] == visit.survey_id and visit.first_at <= one[1] <= visit.last_at]
        if near:
            visit.fix_east_m, visit.fix_north_m, visit.fix_sd_m = near[0][2].east_m, near[0][2].north_m, near[0][2].sd_m
    place(defect, visits)

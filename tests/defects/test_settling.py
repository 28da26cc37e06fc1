"""After a survey, what was filed apart is one where all passes together say so, and people's word stands."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.core.events import Event
from service.core.geodesy import distance_m, moved
from service.defects.models import Defect, Review, Verdict, Visit
from service.defects.settling import settle_survey
from service.defects.states import DefectState
from service.surveys.models import Frame, Survey
from tests.defects.sightings import box, see
from tests.factories import DAMMAM, NOW, make_frame, make_survey, make_user, make_vehicle

STREET_M = [30.0 * number for number in range(8)]
JUMP_M, LEFT_M = 25.0, 1.5  # a fix jumped so far that matching made a new defect; what is left of it was measured later


def pass_by(session: Session, day: int, off_m: float, jump_at: int | None = None) -> Survey:
    """A survey that sees a pothole every thirty metres to the north, all of them `off_m` east of where they are."""
    survey = make_survey(session, _vehicle(session), f"day {day}")
    for number, north_m in enumerate(STREET_M):
        at = NOW + timedelta(days=day, seconds=3 * number)
        lat, lon = moved(*moved(*DAMMAM, 0, north_m - 10), 90, off_m)
        frame = make_frame(session, survey=survey, lat=lat, lon=lon, captured_at=at, heading_deg=0.0, gps_sd_m=2.5)
        see(session, [box(north_m=north_m, east_m=off_m + (JUMP_M if number == jump_at else 0.0))], frame)
    session.flush()
    return survey


def settle(session: Session, survey: Survey, day: int) -> set[int]:
    since = NOW + timedelta(days=day)
    return settle_survey(session, survey.id, since, since + timedelta(minutes=1), since + timedelta(hours=1))


def live(session: Session) -> Sequence[Defect]:
    return session.scalars(select(Defect).where(Defect.state != DefectState.MERGED).order_by(Defect.id)).all()


def test_passes_that_lie_metres_apart_meet_in_the_middle(session: Session) -> None:
    for day, off_m in enumerate((-2.0, 2.0)):
        survey = pass_by(session, day, off_m)
        settle(session, survey, day)
    defects = live(session)
    assert len(defects) == len(STREET_M)
    for defect, north_m in zip(defects, STREET_M, strict=True):
        assert distance_m(defect.lat, defect.lon, *moved(*DAMMAM, 0, north_m)) < 0.7
    offs = {visit.survey_id: visit.fix_east_m for visit in session.scalars(select(Visit))}
    assert [round(off or 0.0) for off in offs.values()] == [-2, 2]
    assert settle(session, survey, 1) == set()  # once more changes nothing


def test_a_half_that_one_jump_of_a_fix_made_becomes_a_part_of_its_whole(session: Session) -> None:
    for day in (0, 1):
        settle(session, pass_by(session, day, 0.5 * day), day)
    pass_by(session, 2, 0.0, jump_at=4)
    defects = live(session)
    assert len(defects) == len(STREET_M) + 1
    half = defects[-1]
    half_visit = session.scalars(select(Visit).where(Visit.defect_id == half.id)).one()
    half_visit.lat, half_visit.lon = moved(half_visit.lat or 0.0, half_visit.lon or 0.0, 270, JUMP_M - LEFT_M)
    session.flush()
    joined = settle(session, session.get_one(Survey, half_visit.survey_id), 2)
    session.expire_all()
    assert len(live(session)) == len(STREET_M)
    assert half.state is DefectState.MERGED and half.merged_into_id in joined
    whole = session.get_one(Defect, half.merged_into_id)
    assert whole.visits_count == 3 and whole.sightings_count == 3
    actions = session.scalars(select(Event.action).where(Event.subject_id == half.id, Event.subject_kind == "defect"))
    assert list(actions) == ["find", "merge"]


def test_what_a_person_looked_at_is_never_joined_away(session: Session) -> None:
    survey = pass_by(session, 0, 0.0)
    (twin,) = see(session, [box(north_m=STREET_M[2], east_m=JUMP_M)], _frame(session, survey)).created
    twin.lat, twin.lon = moved(*DAMMAM, 0, STREET_M[2])
    visit = session.scalars(select(Visit).where(Visit.defect_id == twin.id)).one()
    visit.lat, visit.lon = twin.lat, twin.lon
    inspector = make_user(session)
    for defect in live(session):
        session.add(
            Review(
                defect_id=defect.id, user_id=inspector.id, verdict=Verdict.MOVE, class_before="pothole",
                class_after="pothole", created_at=NOW,
            )
        )  # fmt: skip
    assert settle(session, survey, 0) == set()
    assert len(live(session)) == len(STREET_M) + 1


def _vehicle(session: Session) -> Vehicle:
    """One for all surveys."""
    return session.scalars(select(Vehicle)).first() or make_vehicle(session)[0]


def _frame(session: Session, survey: Survey) -> Frame:
    lat, lon = moved(*DAMMAM, 0, STREET_M[2] - 10)
    return make_frame(session, survey=survey, lat=lat, lon=lon, captured_at=NOW + timedelta(seconds=40), gps_sd_m=2.5)

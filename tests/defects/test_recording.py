import math
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from service.accounts.caller import caller_of_user
from service.core.database import Database
from service.core.events import SYSTEM, Event
from service.defects.evidence import REOPEN_AFTER
from service.defects.grid import h3_cell
from service.defects.models import Defect, Detection, Sighting, Verdict
from service.defects.reviews import review
from service.defects.service import move_defect, resolve_defect
from service.defects.states import DefectAction, DefectState
from tests.defects.sightings import box, make_defect, see
from tests.factories import NOW, make_frame, make_municipality, make_survey, make_user, make_vehicle


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def resolve(session: Session, defect: Defect) -> None:
    move_defect(session, defect, DefectAction.ACCEPT, SYSTEM, NOW)
    resolve_defect(session, defect, SYSTEM, NOW)
    session.commit()


def decide(session: Session, defect: Defect, verdict: Verdict, **more: object) -> None:
    caller = caller_of_user(make_user(session))
    review(session, caller, defect.id, verdict, now=NOW, **more)  # type: ignore[arg-type]
    session.commit()


def test_the_same_pothole_seen_from_two_frames_is_one_defect(session: Session) -> None:
    first, second = make_frame(session), make_frame(session)
    defect = make_defect(session, box(north_m=0, score=0.6), first)
    recorded = see(session, [box(north_m=2, score=0.9)], second)
    assert (recorded.created, recorded.confirmed, recorded.reopened) == ((), (defect,), ())
    assert defect.state is DefectState.CANDIDATE and defect.sightings_count == 2
    assert math.isclose(defect.lat, (box(north_m=0).position.lat + box(north_m=2).position.lat) / 2)
    assert defect.score == 0.9 and defect.best_detection is not None
    assert defect.best_detection.frame_id == second.id
    assert (defect.first_seen_at, defect.last_seen_at) == (first.captured_at, second.captured_at)


def test_two_potholes_in_one_frame_are_two_defects(session: Session) -> None:
    recorded = see(session, [box(east_m=0), box(east_m=1)])
    assert len(recorded.created) == 2
    again = see(session, [box(east_m=0.9), box(east_m=0.1)])
    assert again.created == () and again.confirmed == (recorded.created[1], recorded.created[0])


def test_a_defect_whose_mean_moved_to_another_cell_is_found_there(session: Session) -> None:
    defect = make_defect(session, box("sand_rubble", north_m=0))
    first_cell = defect.h3_cell
    for north_m in (11, 16, 20, 23, 25):
        assert see(session, [box("sand_rubble", north_m=north_m)]).created == ()
    assert defect.h3_cell == h3_cell(defect.lat, defect.lon) != first_cell


def test_a_frame_recorded_twice_changes_nothing_the_second_time(session: Session) -> None:
    frame = make_frame(session)
    defect = make_defect(session, box(), frame)
    recorded = see(session, [box(), box(east_m=30)], frame)
    assert (recorded.created, recorded.confirmed) == ((), ())
    assert defect.sightings_count == 1
    assert (count(session, Defect), count(session, Detection), count(session, Event)) == (1, 1, 1)


def test_a_frame_without_boxes_leaves_no_trace(session: Session) -> None:
    recorded = see(session, [])
    assert recorded.created == () and count(session, Detection) == 0


def test_every_detection_keeps_the_model_that_made_it_and_its_place(session: Session) -> None:
    frame = make_frame(session)
    make_defect(session, box("garbage", north_m=5, size=None, distance_m=12.5), frame)
    detection = session.scalars(select(Detection)).one()
    assert (detection.model_name, detection.model_version, detection.frame_id) == ("tiny", "1", frame.id)
    assert (detection.x0_px, detection.y0_px, detection.x1_px, detection.y1_px) == box("garbage", north_m=5).xyxy_px
    assert detection.distance_m == 12.5 and detection.class_key == "garbage"


def test_a_found_defect_is_written_to_the_audit_trail(session: Session) -> None:
    defect = make_defect(session)
    event = session.scalars(select(Event)).one()
    assert (event.subject_kind, event.subject_id, event.action) == ("defect", defect.id, "find")
    assert (event.from_state, event.to_state) == (None, "candidate")
    assert event.municipality_id == defect.municipality_id


def test_the_neighbouring_municipality_has_its_own_defect_at_the_same_place(session: Session) -> None:
    make_defect(session)
    vehicle, _ = make_vehicle(session, make_municipality(session, "khobar"))
    recorded = see(session, [box()], make_frame(session, make_survey(session, vehicle)))
    assert len(recorded.created) == 1


def test_a_rejected_defect_absorbs_its_sightings_without_a_new_candidate(session: Session) -> None:
    defect = make_defect(session)
    decide(session, defect, Verdict.REJECT)
    recorded = see(session, [box(north_m=1)])
    assert recorded.created == () and recorded.confirmed == (defect,)
    assert defect.state is DefectState.REJECTED and defect.sightings_count == 2


def test_a_merged_defect_passes_its_sightings_to_the_last_target(session: Session) -> None:
    far, middle, target = (make_defect(session, box(north_m=metres)) for metres in (0, 40, 80))
    decide(session, far, Verdict.MERGE, merge_into=middle.id)
    decide(session, middle, Verdict.MERGE, merge_into=target.id)
    recorded = see(session, [box(north_m=0.5)])
    assert recorded.created == () and recorded.confirmed == (target,)
    assert session.scalars(select(Sighting.defect_id)).all() == [target.id] * 4
    assert target.sightings_count == 4


def test_a_corrected_class_takes_what_the_model_goes_on_calling_wrongly(session: Session) -> None:
    defect = make_defect(session, box("pothole", size=2.0))
    decide(session, defect, Verdict.RECLASSIFY, class_key="standing_water")
    recorded = see(session, [box("pothole", north_m=1, size=3.0)])
    assert recorded.created == () and recorded.confirmed == (defect,)
    assert defect.class_key == "standing_water" and defect.size is None


def test_the_size_is_that_of_the_nearest_frame(session: Session) -> None:
    defect = make_defect(session, box(size=5.0, distance_m=20))
    see(session, [box(size=2.0, distance_m=6)])
    see(session, [box(size=9.0, distance_m=30)])
    assert (defect.size, defect.size_distance_m) == (2.0, 6)


def test_a_resolved_defect_seen_a_day_later_is_reopened_with_the_new_photo(session: Session) -> None:
    defect = make_defect(session, box(score=0.99, size=5.0))
    resolve(session, defect)
    frame = make_frame(session, captured_at=NOW + REOPEN_AFTER)
    recorded = see(session, [box(score=0.4, size=1.0)], frame)
    assert recorded.reopened == (defect,)
    assert defect.state is DefectState.CONFIRMED and defect.resolved_at is None
    assert (defect.score, defect.size, defect.sightings_count) == (0.4, 1.0, 2)
    last = session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert last is not None and (last.action, last.actor_kind, last.from_state) == (
        "reopen",
        "system",
        "resolved",
    )


@pytest.mark.parametrize("later", [REOPEN_AFTER - timedelta(seconds=1), timedelta(days=-2)])
def test_a_photo_of_the_day_of_the_repair_or_before_does_not_reopen(session: Session, later: timedelta) -> None:
    defect = make_defect(session)
    resolve(session, defect)
    recorded = see(session, [box()], make_frame(session, captured_at=NOW + later))
    assert recorded.reopened == () and recorded.created == ()
    assert defect.state is DefectState.RESOLVED and defect.sightings_count == 2


def test_two_vehicles_at_one_hole_at_once_make_one_defect(session: Session, database: Database) -> None:
    survey = make_survey(session)
    ours, theirs = make_frame(session, survey), make_frame(session, survey)
    session.commit()
    (defect,) = see(session, [box()], ours).created
    with database.sessions() as other:
        other.execute(text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            see(other, [box()], theirs)
        other.rollback()
        session.commit()
        recorded = see(other, [box()], theirs)
        assert recorded.created == () and [row.id for row in recorded.confirmed] == [defect.id]

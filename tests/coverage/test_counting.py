"""Each finished frame counts once, and counting a day anew from its frames gives what counting one by one gave."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from service.core.database import Database
from service.coverage.counting import PlaceDay, count_frame, count_frames, counted_on, rebuild, rebuild_days
from service.coverage.footprint import Camera, footprint, sector
from service.coverage.models import CoveredCell
from service.surveys.models import FootageUse, Frame, FrameState, Survey
from tests.factories import CAMERA, DAMMAM, NOW, make_frame, make_municipality, make_survey

Rows = dict[tuple[int, int, date], int]


def covered(session: Session) -> Rows:
    session.expire_all()
    return {(row.municipality_id, row.cell, row.day): row.frames for row in session.scalars(select(CoveredCell))}


def finished(session: Session, survey: Survey | None = None, **columns: Any) -> Frame:
    return make_frame(session, survey, **({"state": FrameState.PROCESSED} | columns))


def north_of_dammam(metres: float) -> float:
    return DAMMAM[0] + metres / 110_800


def test_a_finished_frame_counts_in_the_cells_it_looked_at_on_its_day(session: Session) -> None:
    frame = finished(session)
    count_frame(session, frame)
    camera = Camera(**CAMERA)
    cells = footprint(*DAMMAM, 0.0, camera, sector(camera, 640, 480))
    assert cells
    assert covered(session) == {(frame.municipality_id, cell, NOW.date()): 1 for cell in cells}


def test_two_frames_of_one_place_count_twice_in_one_row_a_cell(session: Session) -> None:
    survey = make_survey(session)
    count_frames(session, [finished(session, survey), finished(session, survey)])
    count_frame(session, finished(session, survey))
    assert set(covered(session).values()) == {3}


@pytest.mark.parametrize(
    "columns",
    [
        {"state": FrameState.RECEIVED},
        {"state": FrameState.REFUSED},
        {"state": FrameState.FAILED},
        {"footage_use": FootageUse.NOTHING},
        {"lat": None, "lon": None},
        {"captured_at": None},
    ],
)
def test_a_frame_that_shows_nothing_or_is_not_finished_does_not_count(
    session: Session, columns: dict[str, Any]
) -> None:
    frame = finished(session, **columns)
    count_frame(session, frame)
    assert counted_on(frame) is None
    assert covered(session) == {}


def test_footage_too_poor_for_defects_still_shows_that_the_street_was_driven(session: Session) -> None:
    count_frame(session, finished(session, footage_use=FootageUse.COVERAGE))
    assert covered(session)


def test_a_frame_without_heading_counts_in_one_cell(session: Session) -> None:
    count_frame(session, finished(session, heading_deg=None))
    assert len(covered(session)) == 1


def test_the_day_is_the_utc_day_of_the_picture(session: Session) -> None:
    survey = make_survey(session)
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    for moment in (midnight - timedelta(seconds=1), midnight):
        count_frame(session, finished(session, survey, captured_at=moment, heading_deg=None))
    assert sorted(day for _, _, day in covered(session)) == [date(2026, 3, 4), date(2026, 3, 5)]


def test_a_day_counted_anew_is_the_day_counted_frame_by_frame(session: Session) -> None:
    survey = make_survey(session)
    frames = [
        finished(session, survey, lat=north_of_dammam(7 * n), heading_deg=None if n % 4 == 0 else 10.0 * n)
        for n in range(30)
    ]
    count_frames(session, frames)
    finished(session, survey, footage_use=FootageUse.NOTHING)
    make_frame(session, survey, state=FrameState.RECEIVED)
    finished(session, survey, captured_at=NOW + timedelta(days=1))
    counted = covered(session)
    assert rebuild(session, survey.municipality_id, NOW.date()) == len(counted)
    assert rebuild(session, survey.municipality_id, NOW.date()) == len(counted)
    assert covered(session) == counted


def test_a_frame_moved_afterwards_leaves_its_old_cells_and_day(session: Session) -> None:
    survey = make_survey(session)
    stays, moves = finished(session, survey), finished(session, survey, lat=north_of_dammam(500))
    count_frames(session, [stays, moves])
    before = counted_on(moves)
    moves.lat, moves.captured_at = north_of_dammam(900), NOW + timedelta(days=2)
    rebuild_days(session, [before, counted_on(moves)])
    rows = covered(session)
    count_only = {(PlaceDay(key[0], key[2])) for key in rows}
    assert count_only == {PlaceDay(survey.municipality_id, NOW.date()), counted_on(moves)}
    assert set(rows.values()) == {1}


def test_a_deleted_frame_is_gone_from_its_day(session: Session) -> None:
    frame = finished(session)
    count_frame(session, frame)
    day = counted_on(frame)
    session.delete(frame)
    rebuild_days(session, [day, None])
    assert covered(session) == {}


def test_counting_a_day_anew_leaves_other_days_and_municipalities_alone(session: Session) -> None:
    khobar = make_municipality(session, "khobar")
    survey = make_survey(session)
    ours = finished(session, survey)
    theirs = finished(session, survey, municipality_id=khobar.id)
    later = finished(session, survey, captured_at=NOW + timedelta(days=1))
    count_frames(session, [ours, theirs, later])
    counted = covered(session)
    rebuild(session, survey.municipality_id, NOW.date())
    assert covered(session) == counted


def test_workers_on_one_street_in_opposite_directions_lose_and_double_nothing(
    session: Session, database: Database
) -> None:
    survey = make_survey(session)
    there = [finished(session, survey, lat=north_of_dammam(5 * n)).id for n in range(20)]
    back = [finished(session, survey, lat=north_of_dammam(5 * n), heading_deg=180.0).id for n in reversed(range(20))]
    session.commit()

    def work(ids: list[int]) -> None:
        for start in range(0, len(ids), 5):
            with database.transaction() as own:
                count_frames(own, [own.get_one(Frame, one) for one in ids[start : start + 5]])

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, there), pool.submit(work, back)]:
            done.result()
    counted = covered(session)
    rebuild(session, survey.municipality_id, NOW.date())
    assert covered(session) == counted


def test_counting_anew_waits_for_frames_that_are_being_counted(
    session: Session, database: Database, new_session: Callable[[], Session]
) -> None:
    frame = finished(session)
    session.commit()
    count_frame(session, frame)
    other = new_session()
    other.execute(text("SET lock_timeout = '50ms'"))
    with pytest.raises(OperationalError, match="lock timeout"):
        rebuild(other, frame.municipality_id, NOW.date())
    other.rollback()
    session.commit()
    counted = covered(session)
    rebuild(other, frame.municipality_id, NOW.date())
    other.commit()
    assert counted
    assert covered(session) == counted


@pytest.fixture
def new_session(database: Database) -> Any:
    opened: list[Session] = []

    def make() -> Session:
        opened.append(database.sessions())
        return opened[-1]

    yield make
    for one in opened:
        one.close()

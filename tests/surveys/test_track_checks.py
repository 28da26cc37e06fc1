"""Before detection: frames that the drive shows to be unusable are refused by name, whatever the order they came in."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.events import Event
from service.surveys.models import Frame, FrameState, Survey
from service.surveys.track_checks import set_aside
from tests.factories import DAMMAM, NOW, make_frame, make_municipality, make_survey, make_vehicle, square

STEP_LAT = 7 / 111_195  # 7 m north


def drive(session: Session, survey: Survey, count: int, **columns: Any) -> list[Frame]:
    return [
        make_frame(
            session, survey, lat=DAMMAM[0] + number * STEP_LAT,
            captured_at=NOW + timedelta(seconds=0.7 * number + 0.01), **columns,
        )
        for number in range(count)
    ]  # fmt: skip


def reasons(frames: list[Frame]) -> list[str | None]:
    return [frame.reason_code for frame in frames]


def test_a_normal_drive_is_left_whole_and_in_order(session: Session) -> None:
    frames = drive(session, make_survey(session), 12)
    assert set_aside(session, frames[::-1], NOW) == frames
    assert session.scalars(select(Event)).all() == []


def test_a_jump_is_refused_with_its_reason_its_event_and_its_picture(session: Session) -> None:
    frames = drive(session, make_survey(session), 9, blob_key="frames/x")
    frames[4].lat = 27.5
    left = set_aside(session, frames, NOW)
    assert left == frames[:4] + frames[5:]
    jump = frames[4]
    assert (jump.state, jump.reason_code, jump.blob_key) == (FrameState.REFUSED, "track.teleport", "frames/x")
    session.flush()
    event = session.scalars(select(Event)).one()
    assert (event.action, event.from_state, event.to_state) == ("set_aside", "received", "refused")


def test_neighbours_of_other_batches_and_states_are_witnesses(session: Session) -> None:
    survey = make_survey(session)
    frames = drive(session, survey, 9)
    for frame in frames[:4] + frames[5:]:
        frame.state = FrameState.PROCESSED
    frames[4].lat = 27.5
    session.flush()
    assert set_aside(session, [frames[4]], NOW) == []


@pytest.mark.parametrize("order", list(permutations(range(3)))[1::2])
def test_the_order_of_batches_makes_no_difference(session: Session, order: tuple[int, ...]) -> None:
    frames = drive(session, make_survey(session), 15)
    frames[7].lat = 27.5
    session.flush()
    for batch in order:
        set_aside(session, frames[batch * 5 : batch * 5 + 5], NOW)
    assert [index for index, frame in enumerate(frames) if frame.reason_code] == [7]


def test_a_jump_that_later_frames_prove_to_be_none_is_received_again(session: Session) -> None:
    survey = make_survey(session)
    frames = drive(session, survey, 3)
    for frame in frames[:2]:  # a cold start, processed before anybody could know
        frame.lat, frame.state = 27.5, FrameState.PROCESSED
    session.flush()
    assert set_aside(session, [frames[2]], NOW) == []
    assert reasons(frames)[2] == "track.teleport"
    more = [
        make_frame(session, survey, lat=DAMMAM[0] + n * STEP_LAT, captured_at=NOW + timedelta(seconds=0.7 * n + 0.01))
        for n in range(3, 8)
    ]
    assert set_aside(session, more, NOW) == more
    assert (frames[2].state, frames[2].reason_code) == (FrameState.RECEIVED, None)
    assert set_aside(session, [frames[2]], NOW) == [frames[2]]


def test_an_accepted_frame_is_not_set_aside_again(session: Session) -> None:
    frames = drive(session, make_survey(session), 9)
    frames[4].lat, frames[4].accepted_as_is = 27.5, True
    session.flush()
    assert set_aside(session, frames, NOW) == frames


def test_a_standing_vehicle_is_seen_over_the_edge_of_a_batch(session: Session) -> None:
    survey = make_survey(session)
    frames = [
        make_frame(session, survey, lon=DAMMAM[1] + n % 3 * 1e-5, captured_at=NOW + timedelta(seconds=n / 2))
        for n in range(40)
    ]
    left = [frame for start in range(0, 40, 4) for frame in set_aside(session, frames[start : start + 4], NOW)]
    assert left == frames[:2]
    assert set(reasons(frames[2:])) == {"track.stationary"}


def test_a_place_in_no_municipality_is_refused_where_boundaries_exist(session: Session) -> None:
    survey = make_survey(session)
    lonely = drive(session, survey, 3)
    assert set_aside(session, lonely, NOW) == lonely
    make_municipality(session, "khobar", square(50.1, 26.1))
    assert set_aside(session, lonely, NOW) == []
    assert set(reasons(lonely)) == {"position.outside"}


def test_the_edge_of_a_municipality_is_wide_enough_for_a_street(session: Session) -> None:
    home = make_municipality(session, "dammam", square(50.0, 26.3))
    vehicle, _ = make_vehicle(session, home)
    survey = make_survey(session, vehicle)
    near, far = (
        make_frame(session, survey, lat=26.5 + m / 111_195, captured_at=NOW + timedelta(minutes=m)) for m in (30, 90)
    )
    assert set_aside(session, [near, far], NOW) == [near]
    assert far.reason_code == "position.outside"


def test_an_old_fix_is_known_by_the_surveys_clock(session: Session) -> None:
    survey = make_survey(session)
    survey.clock_offset_s, survey.clock_spread_s, survey.clock_frames = 10_800.0, 0.5, 30
    frames = drive(session, survey, 12, position_source="exif")
    for number, frame in enumerate(frames):
        frame.gps_at = frame.captured_at
        late_s = 7 if number == 6 else 0
        frame.camera_at = (NOW + timedelta(seconds=0.7 * number + late_s, hours=3)).replace(tzinfo=None)
    session.flush()
    assert set_aside(session, frames, NOW) == frames[:6] + frames[7:]
    assert frames[6].reason_code == "position.stale_fix"


def test_what_was_finished_meanwhile_is_left_alone(session: Session) -> None:
    frames = drive(session, make_survey(session), 3)
    frames[1].state = FrameState.PROCESSED
    session.flush()
    assert set_aside(session, frames, NOW) == [frames[0], frames[2]]

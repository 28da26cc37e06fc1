"""The camera's clock of a survey: shown as measured, applied only without doubt or by a person's word."""

from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from service.surveys.clock_service import keep_clock
from service.surveys.models import Frame, FrameState, Survey
from tests.factories import (
    DAMMAM,
    NOW,
    make_frame,
    make_municipality,
    make_survey,
    make_user,
    make_vehicle,
    send_frame,
    sign_in,
)
from tests.surveys.exif import camera_jpeg
from tests.surveys.gpx import gpx

LOCAL_S = 3 * 3600 + 4.0  # Saudi time on a camera that is four seconds ahead


def stamp(second: float, offset_s: float = LOCAL_S) -> datetime:
    return (NOW + timedelta(seconds=second + offset_s)).replace(tzinfo=None)


def evidence(session: Session, survey: Survey, count: int = 12, offset_s: float = LOCAL_S) -> None:
    """Frames with both clocks."""
    for second in range(count):
        at = NOW + timedelta(seconds=second)
        make_frame(session, survey, captured_at=at, gps_at=at, camera_at=stamp(second, offset_s), time_source="gps")


def zoneless(session: Session, survey: Survey, second: float = 60, **columns: object) -> Frame:
    told = {"state": FrameState.REFUSED, "reason_code": "time.no_zone", "captured_at": None, "camera_at": stamp(second),
            "blob_key": f"frames/{second}"}  # fmt: skip
    return make_frame(session, survey, **(told | columns))


def test_an_unambiguous_clock_is_applied_and_the_waiting_frames_are_received(session: Session) -> None:
    survey = make_survey(session)
    evidence(session, survey)
    frame = zoneless(session, survey)
    keep_clock(session, survey.id, NOW)
    assert (survey.clock_offset_s, survey.clock_spread_s, survey.clock_frames) == (LOCAL_S, 0.0, 12)
    assert (survey.clock_applied_s, survey.clock_confirmed_by_id) == (LOCAL_S, None)
    assert (frame.state, frame.time_source, frame.captured_at) == ("received", "clock", NOW + timedelta(seconds=60))
    session.flush()
    actions = session.scalars(select(Event.action).order_by(Event.id)).all()
    assert sorted(actions) == ["clock", "set_clock"]
    assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 1


def test_measured_again_it_changes_nothing(session: Session) -> None:
    survey = make_survey(session)
    evidence(session, survey)
    keep_clock(session, survey.id, NOW)
    session.flush()
    events = len(session.scalars(select(Event)).all())
    keep_clock(session, survey.id, NOW)
    session.flush()
    assert len(session.scalars(select(Event)).all()) == events == 1


@pytest.mark.parametrize("count", [0, 1, 9])
def test_without_enough_evidence_frames_stay_refused(session: Session, count: int) -> None:
    survey = make_survey(session)
    evidence(session, survey, count)
    frame = zoneless(session, survey)
    keep_clock(session, survey.id, NOW)
    assert survey.clock_applied_s is None and frame.reason_code == "time.no_zone"


def test_a_clock_that_later_frames_contradict_is_taken_back_from_what_was_not_processed(session: Session) -> None:
    survey = make_survey(session)
    evidence(session, survey)
    waiting, used = zoneless(session, survey), zoneless(session, survey, 61)
    keep_clock(session, survey.id, NOW)
    used.state = FrameState.PROCESSED
    evidence(session, survey, 12, offset_s=7200.0)
    keep_clock(session, survey.id, NOW)
    assert survey.clock_applied_s is None
    assert (waiting.state, waiting.reason_code, waiting.captured_at) == ("refused", "time.no_zone", None)
    assert (used.state, used.captured_at) == ("processed", NOW + timedelta(seconds=61))


def test_the_clock_is_shown_with_zone_drift_and_doubt(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    survey = make_survey(session, vehicle)
    evidence(session, survey, 5)
    zoneless(session, survey)
    session.commit()
    shown = client.get(f"/api/v1/surveys/{survey.id}/clock", headers=key).json()
    assert (shown["zone_s"], shown["drift_s"], shown["frames"]) == (10_800, 4.0, 5)
    assert "at least 10" in shown["doubt"]
    assert (shown["applied_s"], shown["frames_waiting"], shown["frames_used"]) == (None, 1, 0)


def test_a_person_confirms_takes_back_and_confirms_again_until_it_is_used(client: TestClient, session: Session) -> None:
    survey = make_survey(session)
    frame = zoneless(session, survey)
    user = make_user(session, Role.INSPECTOR)
    inspector = sign_in(session, user)

    def say(offset_s: float | None) -> tuple[int, str, str | None]:
        answer = client.post(f"/api/v1/surveys/{survey.id}/clock", headers=inspector, json={"offset_s": offset_s})
        session.refresh(frame)
        at = frame.captured_at.isoformat()[:19] if frame.captured_at else None
        return answer.status_code, frame.state, at

    assert say(10_800.0) == (200, "received", "2026-03-04T06:01:04")
    assert say(10_800.0) == (200, "received", "2026-03-04T06:01:04")
    assert say(None) == (200, "refused", None)
    assert say(LOCAL_S) == (200, "received", "2026-03-04T06:01:00")
    frame.state = FrameState.PROCESSED
    session.commit()
    assert say(10_800.0)[0] == 409
    assert say(LOCAL_S)[0] == 200
    told = session.scalars(select(Event).where(Event.action == "set_clock").order_by(Event.id)).all()
    assert [(one.data["before_s"], one.data["applied_s"]) for one in told] == [
        (None, 10_800.0), (10_800.0, None), (None, LOCAL_S)
    ]  # fmt: skip
    assert {one.actor_id for one in told} == {user.id}


def test_what_a_person_decided_no_measurement_overrules(client: TestClient, session: Session) -> None:
    survey = make_survey(session)
    evidence(session, survey)
    keep_clock(session, survey.id, NOW)
    inspector = sign_in(session, make_user(session))
    body = {"offset_s": None}
    assert client.post(f"/api/v1/surveys/{survey.id}/clock", headers=inspector, json=body).json()["applied_s"] is None
    session.refresh(survey)
    keep_clock(session, survey.id, NOW)
    assert survey.clock_applied_s is None


def test_a_frame_that_comes_after_the_clock_is_known_uses_it(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    survey = make_survey(session, vehicle, "a")
    survey.clock_applied_s = 10_800.0
    session.commit()
    data = camera_jpeg(place=DAMMAM, camera_at=stamp(0, 10_800))
    answer = send_frame(client, key, data, survey="a", lat=None, lon=None, captured_at=None)
    assert answer.status_code == 201 and answer.json()["captured_at"][:19] == NOW.isoformat()[:19]


def test_clock_and_track_together_place_a_frame_that_has_neither(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    data = camera_jpeg(camera_at=stamp(5, 10_800))
    refused = send_frame(client, key, data, survey="a", lat=None, lon=None, captured_at=None).json()
    way = gpx([(NOW + timedelta(seconds=s), 26.4 + s * 1e-4, 50.1) for s in range(0, 12, 2)])
    survey_id = client.post("/api/v1/surveys/a/tracks", headers=key, files={"track": ("a", way)}).json()["survey_id"]
    frame = client.get(f"/api/v1/frames/{refused['frame_id']}", headers=key).json()
    assert frame["reason_code"] == "time.no_zone"
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    client.post(f"/api/v1/surveys/{survey_id}/clock", headers=supervisor, json={"offset_s": 10_800})
    frame = client.get(f"/api/v1/frames/{refused['frame_id']}", headers=key).json()
    assert (frame["state"], frame["position_source"]) == ("received", "track")
    assert frame["lat"] == pytest.approx(26.4005)
    client.post(f"/api/v1/surveys/{survey_id}/clock", headers=supervisor, json={"offset_s": None})
    frame = client.get(f"/api/v1/frames/{refused['frame_id']}", headers=key).json()
    assert (frame["state"], frame["lat"], frame["captured_at"]) == ("refused", None, None)


def test_only_a_person_of_the_municipality_says_what_the_clock_is(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    survey = make_survey(session, vehicle)
    neighbour = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))
    unit = sign_in(session, make_user(session, Role.UNIT))
    path, body = f"/api/v1/surveys/{survey.id}/clock", {"offset_s": 0}
    assert [client.post(path, headers=who, json=body).status_code for who in (key, neighbour, unit)] == [403, 404, 403]
    admin = sign_in(session, make_user(session, Role.ADMIN))
    assert client.post(path, headers=admin, json={"offset_s": 1e12}).json()["code"] == "clock.offset"
    assert client.post(path, headers=admin, json={}).status_code == 422

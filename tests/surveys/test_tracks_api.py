"""A track beside a survey places the frames that state no place, whichever came first."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from service.defects.visiting import fix_sd_m
from service.surveys.models import Frame, FrameState, Survey, Track
from service.surveys.tracks import place, receive_track
from tests.factories import (
    DAMMAM,
    NOW,
    jpeg,
    make_frame,
    make_municipality,
    make_survey,
    make_user,
    make_vehicle,
    send_frame,
    sign_in,
)
from tests.surveys.exif import camera_jpeg
from tests.surveys.gpx import gpx, mapillary

STEP = 1e-4
WAY = [(NOW + timedelta(seconds=s), DAMMAM[0] + s * STEP, DAMMAM[1]) for s in range(0, 31, 2)]


def send_track(
    client: TestClient, key: dict[str, str], data: bytes, survey: str = "a", name: str = "a.gpx"
) -> Response:
    return client.post(f"/api/v1/surveys/{survey}/tracks", headers=key, files={"track": (name, data)})


def unplaced(client: TestClient, key: dict[str, str], second: float = 5, **told: Any) -> Response:
    at = (NOW + timedelta(seconds=second)).isoformat()
    placeless: dict[str, Any] = {"survey": "a", "lat": None, "lon": None, "heading_deg": None, "captured_at": at}
    return send_frame(client, key, **(placeless | told))


def test_frames_that_came_before_the_track_are_received_with_its_place(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    refused = [unplaced(client, key, second).json() for second in (5, 5.5, 99)]
    assert [one["code"] for one in refused] == ["position.missing"] * 3
    answer = send_track(client, key, gpx(WAY), name="../dir/a.gpx")
    assert (answer.status_code, answer.json()["placed"], answer.json()["points"]) == (201, 2, 16)
    assert answer.json()["filename"] == "a.gpx"
    placed, _, beyond = session.scalars(select(Frame).order_by(Frame.id))
    assert (placed.state, placed.position_source, placed.heading_source) == ("received", "track", "track")
    assert placed.lat == pytest.approx(DAMMAM[0] + 5 * STEP) and placed.heading_deg == pytest.approx(0, abs=0.01)
    assert (beyond.state, beyond.reason_code) == ("refused", "position.stale_fix")
    assert "69 s away" in (beyond.reason_detail or "")
    mended = session.scalars(select(Event).where(Event.action == "track").order_by(Event.id)).all()
    assert [(one.from_state, one.to_state, one.data["reason"]) for one in mended] == [
        ("refused", "received", None), ("refused", "received", None), ("refused", "refused", "position.stale_fix")
    ]  # fmt: skip
    assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'process_survey'")) == 1


def test_frames_that_come_after_the_track_use_it_too(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    assert send_track(client, key, gpx(WAY)).status_code == 201
    frame = unplaced(client, key).json()
    assert (frame["state"], frame["position_source"]) == ("received", "track")
    assert unplaced(client, key, 99).json()["code"] == "position.stale_fix"
    assert unplaced(client, key, survey="another").json()["code"] == "position.missing"


def test_a_frame_has_the_error_of_the_track_that_placed_it_and_of_no_other(
    client: TestClient, session: Session
) -> None:
    _, key = make_vehicle(session)
    waiting = unplaced(client, key).json()["frame_id"]
    told = b"<hdop>9</hdop><extensions><accuracy>4.53</accuracy></extensions></trkpt>"
    assert send_track(client, key, gpx(WAY).replace(b"</trkpt>", told)).json()["placed"] == 1
    own = unplaced(client, key, 6, lat=26.2, lon=50.2, gps_sd_m=0.5).json()
    bare = unplaced(client, key, 7, lat=26.2, lon=50.2).json()
    after = unplaced(client, key, 8).json()
    shown = [
        client.get(f"/api/v1/frames/{one}", headers=key).json() for one in (waiting, own["id"], bare["id"], after["id"])
    ]
    assert [one["gps_dop"] for one in shown] == [9, None, None, 9]
    assert [one["gps_sd_m"] for one in shown] == [pytest.approx(3, abs=0.01), 0.5, None, pytest.approx(3, abs=0.01)]
    frames = session.scalars(select(Frame).order_by(Frame.id)).all()
    assert [round(fix_sd_m(frame), 1) for frame in frames] == [3.0, 0.5, 3.0, 3.0]  # before DOP; without any, a default


def test_the_same_track_twice_is_one_track(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    first, second = send_track(client, key, gpx(WAY)), send_track(client, key, gpx(WAY), name="b.gpx")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"] and second.json()["placed"] == 0
    survey = first.json()["survey_id"]
    listed = client.get(f"/api/v1/surveys/{survey}/tracks", headers=key).json()
    assert [one["filename"] for one in listed] == ["a.gpx"]
    assert session.scalars(select(Event.action)).all() == ["receive_track"]


def test_a_mapillary_file_gives_place_and_time_by_name(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    data = jpeg()
    refused = send_frame(client, key, data, name="b.jpg", survey="a", lat=None, captured_at=None, heading_deg=None)
    assert refused.status_code == 422
    told = mapillary({"/x/b.jpg": (NOW, 26.4, 50.1, 45.0), "/x/c.jpg": (NOW, 26.5, 50.1, None)})
    assert send_track(client, key, told).json()["placed"] == 1
    frame = client.get(f"/api/v1/frames/{refused.json()['frame_id']}", headers=key).json()
    assert (frame["lat"], frame["heading_deg"], frame["position_source"]) == (26.4, 45.0, "mapillary")
    assert frame["captured_at"][:19] == NOW.isoformat()[:19]


def test_null_island_is_placed_by_a_track_and_a_place_of_its_own_is_kept(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    assert unplaced(client, key, lat=0, lon=0).json()["code"] == "position.null_island"
    own = unplaced(client, key, lat=26.2, lon=50.2).json()
    assert send_track(client, key, gpx(WAY)).json()["placed"] == 1
    assert client.get(f"/api/v1/frames/{own['id']}", headers=key).json()["lat"] == 26.2


def test_a_useless_track_leaves_the_better_reason(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    assert unplaced(client, key, 99, lat=0, lon=0).json()["code"] == "position.null_island"
    assert unplaced(client, key, 99, captured_at=None).json()["code"] == "position.missing"
    send_track(client, key, gpx(WAY))
    reasons = session.scalars(select(Frame.reason_code).order_by(Frame.id)).all()
    assert reasons == ["position.stale_fix", "position.missing"]


def test_a_frame_that_waits_for_its_clock_says_so_when_there_is_a_track(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    send_track(client, key, gpx(WAY))
    answer = send_frame(
        client, key, camera_jpeg(camera_at=NOW), survey="a", lat=None, lon=None, captured_at=None
    ).json()
    assert answer["code"] == "time.no_zone" and "clock" in answer["detail"]


@pytest.mark.parametrize(
    ("data", "code"), [(b"junk", "track.unsupported"), (gpx([]), "track.empty"), (b"<gpx", "track.unreadable")]
)
def test_a_bad_track_is_a_problem_document_and_no_row(
    client: TestClient, session: Session, data: bytes, code: str
) -> None:
    _, key = make_vehicle(session)
    answer = send_track(client, key, data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert session.scalars(select(Track)).all() == []


def test_a_vehicle_names_its_own_survey_or_gives_its_id(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    _, other = make_vehicle(session)
    survey_id = send_track(client, key, gpx(WAY), "morning/east").json()["survey_id"]
    assert session.get_one(Survey, survey_id).name == "morning/east"
    assert send_track(client, key, gpx(WAY[:3]), str(survey_id)).json()["survey_id"] == survey_id
    assert send_track(client, other, gpx(WAY), str(survey_id)).status_code == 404
    assert send_track(client, other, gpx(WAY), "morning/east").json()["survey_id"] != survey_id
    assert send_track(client, key, gpx(WAY), "x" * 121).json()["code"] == "survey.name"


def test_people_send_tracks_to_surveys_of_their_municipality_by_id(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    survey_id = send_track(client, key, gpx(WAY)).json()["survey_id"]
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    neighbour = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))
    unit = sign_in(session, make_user(session, Role.UNIT))
    more = gpx(WAY[2:])
    assert send_track(client, supervisor, more, str(survey_id)).status_code == 201
    assert send_track(client, supervisor, more, "a").json()["code"] == "survey.id"
    assert send_track(client, neighbour, more, str(survey_id)).status_code == 404
    assert client.get(f"/api/v1/surveys/{survey_id}/tracks", headers=neighbour).status_code == 404
    assert send_track(client, unit, more, str(survey_id)).status_code == 403


def test_place_answers_by_name_first_and_else_by_time(session: Session) -> None:
    survey = make_survey(session)
    receive_track(session, survey, gpx(WAY), "a.gpx", NOW)
    receive_track(session, survey, mapillary({"b.jpg": (NOW, 26.9, 50.1, None)}), "m.json", NOW)
    at = NOW + timedelta(seconds=4)
    named, timed = place(session, survey.id, "b.jpg", at), place(session, survey.id, "c.jpg", at)
    assert named and named.lat == 26.9
    assert timed and timed.lat == pytest.approx(DAMMAM[0] + 4 * STEP)
    assert place(session, survey.id, "c.jpg", None) is None
    assert place(session, survey.id, "c.jpg", NOW - timedelta(days=1)) is None


def test_frames_refused_for_their_picture_or_deleted_are_none_of_a_tracks_business(session: Session) -> None:
    survey = make_survey(session)
    kept = [
        make_frame(session, survey, state=FrameState.REFUSED, reason_code=code, lat=None, blob_key=None)
        for code in ("image.truncated", "frame.deleted")
    ]
    receive_track(session, survey, gpx(WAY), "a.gpx", NOW)
    assert [frame.state for frame in kept] == [FrameState.REFUSED, FrameState.REFUSED]

"""What was refused can be seen, mended, accepted, retried and deleted, in bulk, twice, in one's own area only."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from service.core.runtime import Runtime
from service.defects.models import FrameCheck
from service.surveys.mending import delete_blob
from service.surveys.models import Frame, FrameState
from tests.defects.sightings import make_defect
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
    square,
)

Json = dict[str, Any]


@pytest.fixture
def inspector(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.INSPECTOR))


def refused(session: Session, code: str = "position.missing", **columns: Any) -> Frame:
    told = {"state": FrameState.REFUSED, "reason_code": code, "reason_detail": "why", "blob_key": "frames/x"}
    placeless = {"lat": None, "lon": None, "position_source": None} if code == "position.missing" else {}
    frame = make_frame(session, **(told | placeless | columns))
    session.commit()
    return frame


def processed(session: Session, **columns: Any) -> Frame:
    frame = make_frame(session, **({"state": FrameState.PROCESSED, "blob_key": "frames/x"} | columns))
    session.commit()
    return frame


def ask(client: TestClient, who: dict[str, str], action: str, **body: Any) -> Json:
    answer = client.post(f"/api/v1/frames/{action}", headers=who, json=body)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


def outcomes(told: Json) -> list[tuple[str, str | None]]:
    return [(one["outcome"], one["code"] or one["state"]) for one in told["results"]]


def jobs(session: Session, task: str = "process_survey") -> int:
    return session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :task"), {"task": task}) or 0


def test_reasons_are_counted_and_frames_are_listed_by_them(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    survey = make_survey(session)
    first = refused(session, survey=survey)
    refused(session, survey=survey)
    refused(session, "track.teleport")
    make_frame(session)
    session.commit()
    counts = client.get("/api/v1/frames/reasons", headers=inspector).json()
    assert [(one["state"], one["reason_code"], one["frames"]) for one in counts] == [
        ("refused", "position.missing", 2), ("received", None, 1), ("refused", "track.teleport", 1)
    ]  # fmt: skip
    narrow = client.get("/api/v1/frames/reasons", headers=inspector, params={"survey_id": survey.id}).json()
    assert [one["frames"] for one in narrow] == [2]
    page = client.get(
        "/api/v1/frames", headers=inspector, params={"reason_code": "position.missing", "limit": 1}
    ).json()
    assert [one["id"] for one in page["items"]] == [first.id] and page["next"] == first.id


def test_a_new_place_takes_a_refused_frame_in(client: TestClient, session: Session, inspector: dict[str, str]) -> None:
    other = make_municipality(session, "khobar", square(50.1, 26.1))
    frame = refused(session)
    told = {"id": frame.id, "lat": 26.2, "lon": 50.2, "heading_deg": -90}
    assert outcomes(ask(client, inspector, "mend", frames=[told])) == [("changed", "received")]
    session.refresh(frame)
    assert (frame.lat, frame.lon, frame.heading_deg, frame.position_source) == (26.2, 50.2, 270.0, "person")
    assert (frame.reason_code, frame.municipality_id, jobs(session)) == (None, other.id, 1)
    event = session.scalars(select(Event)).one()
    assert (event.action, event.from_state, event.to_state) == ("mend", "refused", "received")
    assert (event.data["reason_before"], event.data["before"]["lat"], event.data["after"]["lat"]) == (
        "position.missing", None, 26.2
    )  # fmt: skip


def test_the_error_of_a_fix_goes_with_the_place_that_a_person_replaced(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    frame = make_frame(session, blob_key="frames/x", gps_dop=1.5, gps_sd_m=2.0)
    session.commit()
    for lat, kept in ((frame.lat, (1.5, 2.0)), (26.2, (None, None))):
        told = {"id": frame.id, "lat": lat, "lon": frame.lon, "heading_deg": 9}
        assert outcomes(ask(client, inspector, "mend", frames=[told])) == [("changed", "received")]
        session.refresh(frame)
        assert (frame.lat, frame.gps_dop, frame.gps_sd_m) == (lat, *kept)


def test_mended_twice_it_is_mended_once(client: TestClient, session: Session, inspector: dict[str, str]) -> None:
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    told = {"id": refused(session).id, "lat": DAMMAM[0], "lon": DAMMAM[1]}
    assert outcomes(ask(client, supervisor, "mend", frames=[told])) == [("changed", "received")]
    assert outcomes(ask(client, supervisor, "mend", frames=[told])) == [("unchanged", "received")]
    assert session.scalar(select(func.count(Event.id))) == 1


def test_one_bad_frame_does_not_stop_the_batch(client: TestClient, session: Session, inspector: dict[str, str]) -> None:
    good, late, held = refused(session), refused(session), processed(session)
    make_defect(session, frame=held)
    unreadable = refused(session, "image.truncated", blob_key=None)
    session.commit()
    place = {"lat": DAMMAM[0], "lon": DAMMAM[1]}
    told = [
        {"id": late.id, "lat": 0, "lon": 0},
        {"id": late.id + 1000, **place},
        {"id": held.id, **place},
        {"id": unreadable.id, **place},
        {"id": good.id, **place},
    ]
    assert outcomes(ask(client, inspector, "mend", frames=told)) == [
        ("not_done", "position.null_island"), ("not_done", "frame.unknown"), ("not_done", "frame.processed"),
        ("not_done", "frame.no_image"), ("changed", "received"),
    ]  # fmt: skip
    session.refresh(late)
    assert (late.lat, late.reason_code) == (None, "position.missing")


def test_a_mended_frame_may_still_lack_something_and_says_what(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    frame = refused(session, captured_at=None)
    answer = ask(client, inspector, "mend", frames=[{"id": frame.id, "lat": 26.4, "lon": 50.1}])
    assert outcomes(answer) == [("changed", "refused")]
    assert answer["results"][0]["reason_code"] == "time.missing"
    stamp = {"id": frame.id, "captured_at": NOW.isoformat()}
    assert outcomes(ask(client, inspector, "mend", frames=[stamp])) == [("changed", "received")]


@pytest.mark.parametrize(
    "bad", [{"lat": 26.4}, {"captured_at": "2026-03-04T09:00:00"}, {"lat": "x", "lon": 1}, {"id": 0}]
)
def test_what_is_no_mend_is_refused_as_a_whole(
    client: TestClient, session: Session, inspector: dict[str, str], bad: Json
) -> None:
    body = {"frames": [{"id": refused(session).id} | bad]}
    assert client.post("/api/v1/frames/mend", headers=inspector, json=body).status_code == 422


def test_times_are_shifted_once_under_one_request_id(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    survey = make_survey(session)
    ahead = [
        refused(session, "time.in_future", survey=survey, captured_at=NOW + timedelta(days=365 * n)) for n in (1, 1, 40)
    ]
    body = {"survey_id": survey.id, "shift_s": -365 * 86_400.0, "request_id": str(uuid4())}
    first, second = ask(client, inspector, "shift", **body), ask(client, inspector, "shift", **body)
    assert outcomes(first) == [("changed", "received")] * 2 + [("not_done", "time.in_future")]
    assert outcomes(second) == [("unchanged", "received")] * 2 + [("not_done", "time.in_future")]
    session.refresh(ahead[0])
    assert (ahead[0].captured_at, ahead[0].time_source) == (NOW, "person")
    third = ask(client, inspector, "shift", **(body | {"request_id": str(uuid4()), "shift_s": -60.0}))
    assert outcomes(third)[:2] == [("changed", "received")] * 2


def test_a_frame_set_aside_is_accepted_as_it_is(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    codes = ("track.teleport", "track.stationary", "position.stale_fix", "frame.duplicate", "position.outside")
    aside = [refused(session, code) for code in codes]
    other = refused(session, "time.missing", captured_at=None)
    ids = [frame.id for frame in [*aside, other]]
    assert outcomes(ask(client, inspector, "accept", frame_ids=ids)) == [
        *[("changed", "received")] * 5, ("not_done", "frame.not_acceptable")
    ]  # fmt: skip
    assert outcomes(ask(client, inspector, "accept", frame_ids=ids[:5])) == [("unchanged", "received")] * 5
    session.refresh(aside[0])
    assert aside[0].accepted_as_is
    assert session.scalars(select(Event.action)).all() == ["accept"] * 5


def test_a_retry_takes_in_what_now_can_be(client: TestClient, session: Session, inspector: dict[str, str]) -> None:
    failed = refused(session, "processing.gave_up", state=FrameState.FAILED, attempts=5)
    still, ready = refused(session), refused(session, "position.missing", lat=26.4, lon=50.1)
    ids = [failed.id, still.id, ready.id]
    expected = [("changed", "received"), ("not_done", "position.missing"), ("changed", "received")]
    assert outcomes(ask(client, inspector, "retry", frame_ids=ids)) == expected
    expected = [("unchanged", "received"), ("not_done", "position.missing"), ("unchanged", "received")]
    assert outcomes(ask(client, inspector, "retry", frame_ids=ids)) == expected
    session.refresh(failed)
    assert (failed.attempts, failed.reason_code) == (0, None)


def test_a_deleted_frame_loses_its_picture_and_keeps_its_row(
    client: TestClient, session: Session, runtime: Runtime, inspector: dict[str, str]
) -> None:
    _, key = make_vehicle(session)
    frame_id = send_frame(client, key).json()["id"]
    frame = session.get_one(Frame, frame_id)
    blob = frame.blob_key
    assert blob is not None and runtime.store.exists(blob)
    assert outcomes(ask(client, inspector, "delete", frame_ids=[frame_id])) == [("changed", "refused")]
    assert outcomes(ask(client, inspector, "delete", frame_ids=[frame_id])) == [("unchanged", "refused")]
    shown = client.get(f"/api/v1/frames/{frame_id}", headers=inspector).json()
    assert shown["reason_code"] == "frame.deleted" and "deleted by user" in shown["reason_detail"]
    assert client.get(f"/api/v1/frames/{frame_id}/image", headers=inspector).status_code == 404
    assert jobs(session, "delete_blob") == 1
    delete_blob(runtime, blob)
    delete_blob(runtime, blob)
    assert not runtime.store.exists(blob)
    for action in ("retry", "accept"):
        assert outcomes(ask(client, inspector, action, frame_ids=[frame_id])) == [("not_done", "frame.deleted")]


def test_a_stored_file_that_another_frame_has_stays(session: Session, runtime: Runtime) -> None:
    runtime.store.put("frames/x", b"picture")
    make_frame(session, blob_key="frames/x")
    session.commit()
    delete_blob(runtime, "frames/x")
    assert runtime.store.exists("frames/x")


@pytest.mark.parametrize("rests", ["detection", "frame_check"])
def test_a_processed_frame_stays_as_it_is_while_something_rests_on_it(
    client: TestClient, session: Session, inspector: dict[str, str], rests: str
) -> None:
    frame = processed(session)
    if rests == "detection":
        make_defect(session, frame=frame)
    else:
        user = make_user(session)
        session.add(FrameCheck(frame_id=frame.id, class_key="pothole", user_id=user.id))
    session.commit()
    place = {"id": frame.id, "lat": 26.4, "lon": 50.1}
    shift: Json = {"frame_ids": [frame.id], "shift_s": -5, "request_id": str(uuid4())}
    for answer in (
        ask(client, inspector, "delete", frame_ids=[frame.id]),
        ask(client, inspector, "mend", frames=[place]),
        ask(client, inspector, "shift", **shift),
    ):
        assert outcomes(answer) == [("not_done", "frame.processed")]
        assert f"a {rests} rests on this one" in answer["results"][0]["detail"]
    assert jobs(session, "recount_coverage") == 0


def test_a_processed_frame_that_nothing_rests_on_is_mended_and_processed_again(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    frame = processed(session)
    told = {"id": frame.id, "lat": 26.4, "lon": 50.1}
    assert outcomes(ask(client, inspector, "mend", frames=[told])) == [("changed", "received")]
    assert (jobs(session), jobs(session, "recount_coverage")) == (1, 1)
    assert outcomes(ask(client, inspector, "mend", frames=[told])) == [("unchanged", "received")]


def test_a_processed_frame_told_what_it_is_already_stays_processed(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    frame = processed(session)
    told = {"id": frame.id, "lat": frame.lat, "lon": frame.lon}
    assert outcomes(ask(client, inspector, "mend", frames=[told])) == [("unchanged", "processed")]
    for action in ("retry", "accept"):
        outcome, _ = outcomes(ask(client, inspector, action, frame_ids=[frame.id]))[0]
        assert outcome != "changed"
    assert (jobs(session), jobs(session, "recount_coverage")) == (0, 0)


@pytest.mark.parametrize("action", ["mend", "shift", "accept", "retry", "delete"])
def test_a_dry_run_answers_the_same_and_changes_nothing(
    client: TestClient, session: Session, inspector: dict[str, str], action: str
) -> None:
    frame = refused(session, "track.teleport")
    body: Json = {"frame_ids": [frame.id], "dry_run": True}
    if action == "mend":
        body = {"frames": [{"id": frame.id, "lat": 26.4, "lon": 50.1}], "dry_run": True}
    if action == "shift":
        body |= {"shift_s": -5, "request_id": str(uuid4())}
    before = client.get(f"/api/v1/frames/{frame.id}", headers=inspector).json()
    dry = ask(client, inspector, action, **body)
    assert client.get(f"/api/v1/frames/{frame.id}", headers=inspector).json() == before
    assert (session.scalar(select(func.count(Event.id))), jobs(session)) == (0, 0)
    real = ask(client, inspector, action, **(body | {"dry_run": False}))
    assert dry["results"] == real["results"] and outcomes(real)[0][0] == "changed"


def test_a_large_selection_goes_page_by_page(client: TestClient, session: Session, inspector: dict[str, str]) -> None:
    survey = make_survey(session)
    for _ in range(1003):
        make_frame(session, survey, state=FrameState.REFUSED, reason_code="track.stationary", blob_key="frames/x")
    session.commit()
    first = ask(client, inspector, "accept", survey_id=survey.id, reason_code="track.stationary")
    assert len(first["results"]) == 1000 and first["next"] is not None
    rest = ask(client, inspector, "accept", survey_id=survey.id, reason_code="track.stationary", after=first["next"])
    assert (len(rest["results"]), rest["next"]) == (3, None)
    assert client.post("/api/v1/frames/accept", headers=inspector, json={}).status_code == 422


def test_a_vehicle_mends_its_own_frames_and_accepts_none(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    own, foreign = refused(session, survey=make_survey(session, vehicle)), refused(session)
    told = [{"id": one.id, "lat": 26.4, "lon": 50.1} for one in (own, foreign)]
    assert outcomes(ask(client, key, "mend", frames=told)) == [("changed", "received"), ("not_done", "frame.unknown")]
    session.refresh(own)
    assert own.position_source == "metadata"
    body = {"frame_ids": [own.id]}
    assert client.post("/api/v1/frames/accept", headers=key, json=body).json()["code"] == "auth.person"


@pytest.mark.parametrize("action", ["mend", "accept", "retry", "delete"])
def test_the_neighbours_frames_are_unknown_and_some_roles_may_not(
    client: TestClient, session: Session, action: str
) -> None:
    frame = refused(session, "track.teleport")
    neighbour = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))
    unit = sign_in(session, make_user(session, Role.UNIT))
    told = {"frames": [{"id": frame.id, "lat": 26.4, "lon": 50.1}]} if action == "mend" else {"frame_ids": [frame.id]}
    assert outcomes(ask(client, neighbour, action, **told)) == [("not_done", "frame.unknown")]
    assert client.post(f"/api/v1/frames/{action}", headers=unit, json=told).status_code == 403
    assert client.get("/api/v1/frames/reasons", headers=neighbour).json() == []
    chosen = {"reason_code": "track.teleport"} if action != "mend" else told
    results = ask(client, neighbour, action, **chosen)["results"]
    assert results == [] or results[0]["code"] == "frame.unknown"


def test_what_a_person_said_stays_when_the_vehicle_sends_the_frame_again(
    client: TestClient, session: Session, inspector: dict[str, str]
) -> None:
    _, key = make_vehicle(session)
    data = jpeg()
    frame_id = send_frame(client, key, data, lat=None, lon=None).json()["frame_id"]
    ask(client, inspector, "mend", frames=[{"id": frame_id, "lat": 26.4, "lon": 50.1}])
    session.get_one(Frame, frame_id).state = FrameState.FAILED
    session.commit()
    again = send_frame(client, key, data, lat=27.0, lon=50.0)
    assert (again.status_code, again.json()["lat"], again.json()["position_source"]) == (201, 26.4, "person")

"""Panoramax upload sets over HTTP: the calls, answers and refusals that a survey client builds on."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.accounts.permissions import Role
from service.app import create_app
from service.core.events import Event
from service.core.runtime import Runtime
from service.intake import panoramax
from service.intake.models import UploadSet, UploadSetFile
from service.intake.panoramax_schemas import MAX_FILES
from service.surveys.models import Frame, FrameState, Survey
from service.surveys.schemas import FrameMetadata
from tests.factories import DAMMAM, NOW, jpeg, make_user, make_vehicle, send_frame, sign_in

PLACE = {"override_latitude": "26.5", "override_longitude": "50.2", "override_capture_time": NOW.isoformat()}


def open_set(client: TestClient, key: dict[str, str], **told: Any) -> str:
    answer = client.post("/api/upload_sets", headers=key, json={"title": "morning"} | told)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def add(
    client: TestClient, key: dict[str, str], set_id: str, data: bytes | None = None, name: str = "a.jpg",
    told: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """Sends one file; without data, a picture with its place and time in the EXIF that no other call repeats."""
    files = {"file": (name, geotagged() if data is None else data, "image/jpeg")}
    return client.post(f"/api/upload_sets/{set_id}/files", headers=key, files=files, data=told or {})


def geotagged(lat: float = DAMMAM[0]) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    gps = {1: "N", 2: (float(int(lat)), lat % 1 * 60, 0.0), 3: "E", 4: (50.0, 5.0, 27.6)}
    exif.get_ifd(0x8825).update(gps | {7: (6.0, 0.0, 0.0), 29: "2026:03:04"})
    return jpeg(exif=exif)


def show(client: TestClient, key: dict[str, str], set_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = client.get(f"/api/upload_sets/{set_id}", headers=key).json()
    return shown


def files_of(client: TestClient, key: dict[str, str], set_id: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get(f"/api/upload_sets/{set_id}/files", headers=key).json()["files"]
    return listed


def frames(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count(Frame.id))) or 0


def test_a_client_finds_what_it_reads_before_it_sends(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    landing = client.get("/api", headers=key).json()
    assert (landing["type"], landing["stac_version"]) == ("Catalog", "1.0.0")
    assert {link["rel"] for link in landing["links"]} >= {"self", "root", "service-desc"}
    told = client.get("/api/configuration", headers=key).json()
    assert told["auth"]["enabled"] is True
    wanted = {"collaborative_metadata", "duplicate_distance", "duplicate_rotation", "split_distance", "split_time"}
    assert wanted <= told["defaults"].keys()
    assert [told["defaults"][name] for name in ("duplicate_distance", "split_distance", "split_time")] == [None] * 3
    me = client.get("/api/users/me", headers=key).json()
    assert me["name"] == vehicle.name
    assert me["id"] == client.get("/api/users/me", headers=key).json()["id"] == str(UUID(me["id"]))


@pytest.mark.parametrize("path", ["", "/configuration", "/users/me", f"/upload_sets/{UUID(int=7)}"])
def test_nothing_is_told_to_a_stranger(client: TestClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer rvk_guess"}):
        answer = client.get(f"/api{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["message"] == answer.json()["detail"]


def test_a_user_is_no_vehicle(client: TestClient, session: Session) -> None:
    admin = sign_in(session, make_user(session, Role.ADMIN))
    assert client.get("/api", headers=admin).status_code == 200
    refused = client.post("/api/upload_sets", headers=admin, json={"title": "a"})
    assert (refused.status_code, refused.json()["status_code"]) == (403, 403)
    assert "vehicle's key" in refused.json()["message"]


def test_a_set_is_opened_as_asked_for_and_is_a_survey_by_its_title(client: TestClient, session: Session) -> None:
    vehicle, key = make_vehicle(session)
    told = {
        "title": " /mnt/شارع الملك\n2026 ", "estimated_nb_files": 3, "sort_method": "filename-asc", "no_split": True,
        "duplicate_distance": 1.5, "metadata": {"rig": [1, {"a": None}]}, "relative_heading": 90,
        "semantics": [{"key": "k", "value": "v"}], "visibility": "anyone", "unheard_of": 1,
    }  # fmt: skip
    answer = client.post("/api/upload_sets", headers=key | {"User-Agent": "Client/1"}, json=told)
    assert answer.status_code == 200
    shown = answer.json()
    assert client.get(answer.headers["location"], headers=key).json() == shown
    kept = {name: told[name] for name in told if name not in {"title", "visibility", "unheard_of"}}
    assert shown == shown | kept | {"visibility": "owner-only", "title": "/mnt/شارع الملك\n2026"}
    assert [shown[name] for name in ("completed", "dispatched", "ready", "nb_items")] == [False, False, False, 0]
    assert shown["associated_collections"] == [] and "unheard_of" not in shown and "user_agent" not in shown
    assert {link["rel"]: link.get("method") for link in shown["links"]} == {
        "self": None, "add_files": "POST", "complete": "POST",
    }  # fmt: skip
    survey = session.scalars(select(Survey)).one()
    assert (survey.name, survey.vehicle_id) == ("/mnt/شارع الملك 2026", vehicle.id)
    assert session.scalars(select(UploadSet)).one().told["user_agent"] == "Client/1"


def test_a_split_time_is_told_in_seconds(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    answer = client.post("/api/upload_sets", headers=key, json={"title": "a", "split_distance": 100, "split_time": 300})
    assert answer.json()["split_time"] == 300.0


def test_a_set_asked_for_twice_is_one_while_it_is_empty(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    first = open_set(client, key)
    assert open_set(client, key) == first
    assert open_set(client, key, estimated_nb_files=9) != first
    add(client, key, first)
    assert open_set(client, key) != first


def test_sets_of_one_title_are_surveys_of_their_own(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    send_frame(client, key, survey="morning")
    title = "morning" + "x" * 400
    sets = [
        open_set(client, key),
        open_set(client, key, title=title),
        open_set(client, key, title=title, no_split=True),
    ]
    names = session.scalars(select(Survey.name).order_by(Survey.id)).all()
    assert names == ["morning", f"morning {sets[0]}", title[:120], f"{title[:83]} {sets[2]}"]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"title": ""},
        {"title": "a\0b"},
        {"title": "x" * 1001},
        {"title": "a", "estimated_nb_files": MAX_FILES + 1},
        {"title": "a", "estimated_nb_files": -1},
        {"title": "a", "sort_method": "by-colour"},
        {"title": "a", "no_split": True, "split_time": 3},
        {"title": "a", "no_deduplication": True, "duplicate_distance": 1},
        {"title": "a", "visibility": "everyone"},
        {"title": "a", "metadata": {"a": "\0"}},
        {"title": "a", "metadata": {"a": "x" * 20_001}},
        {"title": "a", "semantics": [{"key": "k"}]},
        ["title"],
    ],
)
def test_a_set_asked_for_badly_is_a_400_that_names_the_field(client: TestClient, session: Session, told: Any) -> None:
    _, key = make_vehicle(session)
    answer = client.post("/api/upload_sets", headers=key, json=told)
    assert (answer.status_code, answer.json()["status_code"]) == (400, 400)
    assert "body" in answer.json()["message"]
    assert session.scalar(select(func.count(UploadSet.id))) == 0


def nested(levels: int) -> str:
    return '{"title": "a", "metadata": ' + '{"a":' * levels + "1" + "}" * levels + "}"


@pytest.mark.parametrize(
    "body",
    [
        '{"title": "a", "metadata": {"a": "\\ud800"}}',
        '{"title": "\\ud800"}',
        '{"title": "a", "metadata": {"a": NaN}}',
        '{"title": "a", "duplicate_distance": NaN}',
        nested(20),
        nested(400),
        nested(9000),
        '{"title": ',
    ],
    ids=range(8),
)
def test_a_set_that_no_table_or_answer_can_hold_is_a_400(client: TestClient, session: Session, body: str) -> None:
    _, key = make_vehicle(session)
    answer = client.post("/api/upload_sets", headers=key | {"Content-Type": "application/json"}, content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]


def test_other_bodies_than_the_api_s_are_a_415(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    as_form = client.post("/api/upload_sets", headers=key, data={"title": "a"})
    as_json = client.post(f"/api/upload_sets/{set_id}/files", headers=key, json={"file": "a"})
    assert [(answer.status_code, answer.json()["code"]) for answer in (as_form, as_json)] == [
        (415, "request.media_type")
    ] * 2


def test_a_picture_is_taken_and_listed_under_the_id_it_was_given(
    client: TestClient, session: Session, runtime: Runtime
) -> None:
    vehicle, key = make_vehicle(session)
    set_id, data = open_set(client, key), geotagged()
    answer = add(client, key, set_id, data, "..\\a/صورة 1.jpg", told={"isBlurred": "true"})
    assert answer.status_code == 202
    assert files_of(client, key, set_id) == [answer.json()]
    shown = answer.json()
    assert (shown["file_name"], shown["file_type"], shown["size"]) == ("صورة 1.jpg", "picture", len(data))
    assert shown["content_md5"] == hashlib.md5(data).hexdigest()
    assert client.get(shown["links"][0]["href"], headers=key).json()["id"] == set_id
    frame = session.scalars(select(Frame)).one()
    assert (frame.vehicle_id, frame.survey.name, frame.came_by) == (vehicle.id, "morning", "panoramax")
    assert frame.lat == pytest.approx(DAMMAM[0]) and frame.position_source == "exif"
    row = session.scalars(select(UploadSetFile)).one()
    assert (str(row.public_id), row.told) == (shown["picture_id"], {"isBlurred": True})


def test_what_the_client_says_of_a_picture_goes_before_its_exif(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    tags = {"override_Exif.GPSInfo.GPSImgDirection": "27050/100", "override_Exif.Image.Make": "Cam\0era", "other": "x"}
    assert add(client, key, set_id, told=PLACE | tags).status_code == 202
    frame = session.scalars(select(Frame)).one()
    assert (frame.lat, frame.lon, frame.captured_at, frame.heading_deg) == (26.5, 50.2, NOW, 270.5)
    assert session.scalars(select(UploadSetFile)).one().told == {
        "isBlurred": False, "override_Exif.GPSInfo.GPSImgDirection": "27050/100", "override_Exif.Image.Make": "Cam era",
    }  # fmt: skip


@pytest.mark.parametrize(
    "told",
    [
        {"override_latitude": "26.5"},
        {"override_latitude": "north", "override_longitude": "50"},
        {"override_capture_time": "yesterday"},
        {"isBlurred": "perhaps"},
        {"picture_id": "7"},
        {"override_Exif.GPSInfo.GPSImgDirection": "1e999999999"},
        {"override_Exif.GPSInfo.GPSImgDirection": "1/0"},
        {"override_Exif.Image.Make": "x" * 600},
        {f"override_Exif.Image.Tag{number}": "x" for number in range(51)},
    ],
)
def test_a_file_described_badly_is_a_400_and_leaves_nothing(
    client: TestClient, session: Session, told: dict[str, str]
) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    answer = add(client, key, set_id, told=told)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
    assert frames(session) == 0 and files_of(client, key, set_id) == []


def test_a_form_without_its_file_is_a_400(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    path = f"/api/upload_sets/{open_set(client, key)}/files"
    missing = client.post(path, headers=key, files={"picture": ("a.jpg", jpeg())})
    broken = client.post(path, headers=key | {"Content-Type": "multipart/form-data"}, content=b"--x")
    assert [answer.status_code for answer in (missing, broken)] == [400, 400]
    assert "body.file" in missing.json()["message"] and "boundary" in broken.json()["message"]


@pytest.mark.parametrize(
    ("data", "told", "reason", "code"),
    [
        (jpeg(), {}, "invalid_metadata", "position.missing"),
        (jpeg(), PLACE | {"override_latitude": "nan"}, "invalid_metadata", "position.out_of_range"),
        (jpeg(), PLACE | {"override_capture_time": "2026-03-04T06:00:00"}, "invalid_metadata", "time.no_zone"),
        (b"GIF89a" + bytes(50), {}, "invalid_file", "image.unsupported_format"),
        (jpeg()[:-400], PLACE, "invalid_file", "image.truncated"),
        (b"", PLACE, "invalid_file", "image.empty"),
    ],
)
def test_a_picture_that_cannot_be_used_is_a_400_and_stays_listed_with_the_reason(
    client: TestClient, session: Session, data: bytes, told: dict[str, str], reason: str, code: str
) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    answer = add(client, key, set_id, data, told=told)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert "expected" in answer.json()["details"]["error"]
    (file,) = files_of(client, key, set_id)
    assert file["rejected"] == answer.json()["rejected"]
    assert (file["rejected"]["reason"], file["rejected"]["details"]["code"]) == (reason, code)
    assert file["content_md5"] == hashlib.md5(data).hexdigest() and "picture_id" not in file
    assert show(client, key, set_id)["items_status"]["rejected"] == 1
    frame = client.get(f"/api/v1/frames/{file['rejected']['details']['frame_id']}", headers=key).json()
    assert (frame["state"], frame["reason_code"]) == ("refused", code)


def test_a_refused_picture_is_taken_when_it_comes_with_what_it_lacked(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id, data = open_set(client, key), jpeg()
    assert [add(client, key, set_id, data).status_code for _ in range(2)] == [400, 400]
    assert add(client, key, set_id, data, told=PLACE).status_code == 202
    (file,) = files_of(client, key, set_id)
    assert "picture_id" in file and "rejected" not in file
    assert frames(session) == 1


def test_a_picture_whose_answer_was_lost_is_a_409_that_names_it_and_nothing_twice(
    client: TestClient, session: Session
) -> None:
    _, key = make_vehicle(session)
    set_id, data = open_set(client, key), geotagged()
    first = add(client, key, set_id, data).json()
    again = add(client, key, set_id, data, "renamed.jpg")
    assert again.status_code == 409
    assert again.json()["existing_item"] == {"id": first["picture_id"]}
    assert again.json()["message"]
    assert files_of(client, key, set_id) == [first]
    assert frames(session) == 1


def test_a_picture_of_another_set_is_a_409_and_counts_there_only(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    first, second, data = open_set(client, key), open_set(client, key, title="evening"), geotagged()
    add(client, key, first, data)
    again = add(client, key, second, data)
    assert again.status_code == 409
    assert again.json()["upload_sets"] == [{"upload_set_id": first}]
    (file,) = files_of(client, key, second)
    assert (file["rejected"]["reason"], file["rejected"]["severity"]) == ("file_duplicate", "info")
    assert [show(client, key, one)["nb_items"] for one in (first, second)] == [1, 0]
    assert frames(session) == 1


def test_a_picture_that_came_by_another_way_is_a_409(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    data = geotagged()
    send_frame(client, key, data)
    answer = add(client, key, open_set(client, key), data)
    assert (answer.status_code, answer.json()["upload_sets"]) == (409, [])


def test_the_same_bytes_of_two_vehicles_are_two_pictures(client: TestClient, session: Session) -> None:
    (_, mine), (_, theirs) = make_vehicle(session), make_vehicle(session)
    data = geotagged()
    assert [add(client, key, open_set(client, key), data).status_code for key in (mine, theirs)] == [202, 202]
    assert frames(session) == 2


def test_two_pictures_of_one_name_are_both_kept(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    assert [add(client, key, set_id, name="IMG_1.jpg").status_code for _ in range(2)] == [202, 202]
    assert len(files_of(client, key, set_id)) == 2


def test_a_set_completes_at_its_number_of_files_and_a_further_file_opens_it_again(
    client: TestClient, session: Session
) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key, estimated_nb_files=2)
    seen = []
    for data in (geotagged(), jpeg(), geotagged()):
        add(client, key, set_id, data)
        seen.append(show(client, key, set_id)["completed"])
    assert seen == [False, True, False]
    for _ in range(2):
        completed = client.post(f"/api/upload_sets/{set_id}/complete", headers=key)
        assert (completed.status_code, completed.json()["completed"]) == (200, True)
    moves = select(Event.action).where(Event.subject_kind == "upload_set").order_by(Event.id)
    assert session.scalars(moves).all() == ["create", "complete", "reopen", "complete"]


def test_the_status_follows_each_frame_until_the_set_is_ready(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    for _ in range(4):
        add(client, key, set_id)
    add(client, key, set_id, jpeg())
    client.post(f"/api/upload_sets/{set_id}/complete", headers=key)
    rows = session.scalars(select(Frame).where(Frame.state == "received").order_by(Frame.id)).all()
    rows[0].state, rows[1].state, rows[2].attempts = FrameState.PROCESSED, FrameState.FAILED, 1
    session.commit()
    shown = show(client, key, set_id)
    status = {"prepared": 1, "preparing": 1, "broken": 1, "rejected": 1, "not_processed": 2}
    assert (shown["items_status"], shown["nb_items"], shown["ready"]) == (status, 4, False)
    (collection,) = shown["associated_collections"]
    assert (collection["id"], collection["nb_items"], collection["title"]) == (set_id, 4, "morning")
    items = client.get(collection["links"][0]["href"], headers=key).json()["items"]
    assert len(items) == 5
    rows[2].state = rows[3].state = FrameState.PROCESSED
    session.commit()
    assert show(client, key, set_id)["ready"] is True


def test_a_picture_keeps_the_id_that_its_client_gave_it(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id, given = open_set(client, key), str(uuid4())
    assert add(client, key, set_id, told={"picture_id": given}).json()["picture_id"] == given
    taken = add(client, key, set_id, told={"picture_id": given})
    assert (taken.status_code, taken.json()["code"]) == (409, "picture.id")
    assert frames(session) == 1


def test_another_vehicle_s_set_is_unknown_to_every_call(client: TestClient, session: Session) -> None:
    (_, mine), (_, theirs) = make_vehicle(session), make_vehicle(session)
    set_id = open_set(client, theirs)
    answers = [
        client.get(f"/api/upload_sets/{set_id}", headers=mine),
        client.get(f"/api/upload_sets/{set_id}/files", headers=mine),
        client.post(f"/api/upload_sets/{set_id}/complete", headers=mine),
        add(client, mine, set_id),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "upload_set.unknown")] * 4
    assert frames(session) == 0 and not show(client, theirs, set_id)["completed"]


def test_too_large_a_picture_is_a_413(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    answer = add(client, key, open_set(client, key), b"\xff\xd8\xff" + bytes(2_000_001))
    assert (answer.status_code, answer.json()["status_code"]) == (413, 413)


def test_a_full_set_refuses_without_the_409_that_a_client_takes_for_done(
    client: TestClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = make_vehicle(session)
    set_id, data = open_set(client, key), geotagged()
    monkeypatch.setattr(panoramax, "MAX_FILES", 1)
    assert add(client, key, set_id, data).status_code == 202
    full = add(client, key, set_id)
    assert (full.status_code, full.json()["code"]) == (400, "upload_set.full")
    assert add(client, key, set_id, data).status_code == 409
    assert frames(session) == 1


def test_files_that_come_at_once_and_twice_are_each_taken_once(runtime: Runtime, session: Session) -> None:
    vehicle, _ = make_vehicle(session)
    told = {"title": "morning", "estimated_nb_files": 12}
    public_id = panoramax.open_set(session, vehicle, told, NOW).public_id
    session.commit()
    pictures = [geotagged() for _ in range(12)]

    def send(data: bytes) -> bool:
        sent = panoramax.Sent(data, "a.jpg", None, FrameMetadata.model_validate({}), {})
        with runtime.database.transaction() as own:
            sender = own.get_one(Vehicle, vehicle.id)
            upload_set = panoramax.get_set(own, sender, public_id)
            return panoramax.add_file(own, runtime, sender, upload_set, sent, NOW).again

    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(send, [data for data in pictures for _ in range(2)]))
    assert (again.count(True), again.count(False)) == (12, 12)
    session.rollback()
    upload_set = session.scalars(select(UploadSet)).one()
    assert panoramax.count_items(session, upload_set).not_processed == frames(session) == 12
    assert upload_set.completed_at is not None


def test_sets_asked_for_at_once_in_the_same_words_are_one(runtime: Runtime, session: Session) -> None:
    vehicle, _ = make_vehicle(session)

    def ask(_: int) -> int:
        with runtime.database.transaction() as own:
            return panoramax.open_set(own, own.get_one(Vehicle, vehicle.id), {"title": "morning"}, NOW).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1


def test_a_name_that_is_no_text_is_kept_as_far_as_it_is(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    form = (
        b'--x\r\nContent-Disposition: form-data; name="override_Exif.Image.Make"\r\n\r\n\\ud800\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\\ud800\\u0000.jpg"\r\n\r\nabc\r\n--x--\r\n'
    )
    kind = {"content-type": "multipart/form-data; boundary=x; charset=raw_unicode_escape"}
    answer = client.post(f"/api/upload_sets/{set_id}/files", headers=key | kind, content=form)
    assert answer.json()["code"] == "image.unsupported_format"
    assert [file["file_name"] for file in files_of(client, key, set_id)] == ["? .jpg"]


def test_grey_pictures_in_other_formats_are_taken_too(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    buffer = BytesIO()
    Image.new("L", (200, 100), 90).save(buffer, "PNG")
    assert add(client, key, open_set(client, key), buffer.getvalue(), "a.png", PLACE).status_code == 202


@pytest.mark.parametrize(
    ("code", "reason", "severity"),
    [
        ("frame.duplicate", "capture_duplicate", "info"),
        ("track.stationary", "capture_duplicate", "info"),
        ("track.teleport", "invalid_metadata", "error"),
        ("position.outside", "in_excluded_area", "error"),
        ("frame.deleted", "other_error", "error"),
    ],
)
def test_a_frame_refused_later_is_listed_as_rejected(
    client: TestClient, session: Session, code: str, reason: str, severity: str
) -> None:
    _, key = make_vehicle(session)
    set_id = open_set(client, key)
    add(client, key, set_id)
    frame = session.scalars(select(Frame)).one()
    frame.state, frame.reason_code, frame.reason_detail = FrameState.REFUSED, code, "because"
    session.commit()
    (file,) = files_of(client, key, set_id)
    told = {"reason": reason, "severity": severity, "message": "because"}
    assert file["rejected"] == told | {"details": {"code": code, "frame_id": frame.id}}


def test_a_server_under_pressure_takes_nothing_and_says_when_to_come_again(
    client: TestClient, session: Session, runtime: Runtime
) -> None:
    _, key = make_vehicle(session)
    settings = runtime.settings.model_copy(update={"max_frames_waiting": 1})
    with TestClient(create_app(Runtime(settings, runtime.database, runtime.store))) as busy:
        set_id = open_set(busy, key)
        answers = [add(busy, key, set_id) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].headers["retry-after"] and answers[2].json()["message"]
    assert frames(session) == 2

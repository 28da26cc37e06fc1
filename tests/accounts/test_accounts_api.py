"""Accounts: sign-in that brakes guessing, roles that hold, secrets that are shown once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from service.accounts.models import AccessToken, User, Vehicle
from service.accounts.permissions import ROLES, Permission, Role, may
from service.accounts.secrets import hash_password, hash_secret, verify_password
from service.accounts.service import delete_expired_tokens, issue_token, redeem_sign_in_link
from service.core.clock import utc_now
from service.core.database import Database
from service.core.events import Event
from service.core.runtime import Runtime
from tests.factories import make_municipality, make_user, make_vehicle, sign_in, square

PASSWORD = "a long enough password"


@pytest.fixture
def sara(session: Session) -> User:
    user = make_user(session, Role.INSPECTOR, password_hash=hash_password(PASSWORD))
    session.commit()
    return user


def test_the_right_password_gives_a_token_that_opens_the_api(client: TestClient, sara: User) -> None:
    answer = client.post("/api/v1/login", json={"email": sara.email.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert client.get("/api/v1/me", headers=headers).json()["email"] == sara.email
    assert client.post("/api/v1/logout", headers=headers).status_code == 204
    assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_an_unknown_email_and_a_wrong_password_answer_alike(client: TestClient, sara: User) -> None:
    wrong = client.post("/api/v1/login", json={"email": sara.email, "password": "wrong"})
    unknown = client.post("/api/v1/login", json={"email": "nobody@example.org", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


def test_five_wrong_passwords_lock_the_account_even_for_the_right_one(client: TestClient, sara: User) -> None:
    for _ in range(5):
        assert client.post("/api/v1/login", json={"email": sara.email, "password": "x"}).status_code == 401
    locked = client.post("/api/v1/login", json={"email": sara.email, "password": PASSWORD})
    assert (locked.status_code, locked.json()["code"]) == (429, "auth.locked")
    assert 890 <= int(locked.headers["Retry-After"]) <= 900


def test_one_address_that_tries_many_accounts_is_slowed_down(
    client: TestClient, runtime: Runtime, sara: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime.settings.__dict__, "sign_ins_per_minute", 3)
    for number in range(3):
        told = client.post("/api/v1/login", json={"email": f"guess{number}@example.org", "password": "x"})
        assert told.status_code == 401
    right = client.post("/api/v1/login", json={"email": sara.email, "password": PASSWORD})
    assert (right.status_code, right.json()["code"]) == (429, "rate.exceeded") and right.headers["Retry-After"]
    form = {"email": sara.email, "password": PASSWORD}
    assert client.post("/sign-in", data=form, headers={"Origin": "http://testserver"}).status_code == 429


def test_an_expired_token_and_an_inactive_user_are_nobody(client: TestClient, session: Session, sara: User) -> None:
    secret = issue_token(session, sara, utc_now() - timedelta(seconds=1))
    session.commit()
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    headers = sign_in(session, sara)
    sara.active = False
    session.commit()
    assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_who_is_deactivated_is_out_at_once_and_comes_back_by_signing_in_anew(
    client: TestClient, session: Session, sara: User
) -> None:
    admin, hers = sign_in(session, make_user(session, Role.ADMIN)), sign_in(session, sara)
    link = issue_token(session, sara, utc_now() + timedelta(hours=1), sign_in_link=True)
    session.commit()

    def set_active(active: bool, headers: dict[str, str] = admin) -> int:
        told = client.put(f"/api/v1/users/{sara.id}/active", json={"active": active}, headers=headers)
        return told.status_code

    assert set_active(False, hers) == 403
    assert [set_active(False), set_active(False)] == [200, 200]
    assert client.get("/api/v1/me", headers=hers).status_code == 401
    credentials = {"email": sara.email, "password": PASSWORD}
    assert client.post("/api/v1/login", json=credentials).status_code == 401
    assert set_active(True) == 200
    assert client.get("/api/v1/me", headers=hers).status_code == 401
    assert redeem_sign_in_link(session, link, utc_now(), timedelta(hours=1)) is None
    assert client.post("/api/v1/login", json=credentials).status_code == 200
    told = select(Event.action).where(Event.subject_kind == "user", Event.subject_id == sara.id).order_by(Event.id)
    assert [one for one in session.scalars(told) if "sign_in" not in one] == ["deactivate", "activate"]


def test_the_last_administrator_stays_and_who_made_whom_is_kept(client: TestClient, session: Session) -> None:
    boss = make_user(session, Role.ADMIN)
    headers = sign_in(session, boss)
    session.commit()
    alone = client.put(f"/api/v1/users/{boss.id}/active", json={"active": False}, headers=headers)
    assert (alone.status_code, alone.json()["code"]) == (409, "user.last_admin")
    body = {"email": "second@example.org", "name": "Second", "password": PASSWORD, "role": "admin"}
    made = client.post("/api/v1/users", json=body, headers=headers).json()
    kept = session.scalars(select(Event).where(Event.subject_kind == "user", Event.action == "create")).one()
    assert (kept.actor_id, kept.subject_id, kept.data["role"]) == (boss.id, made["id"], "admin")
    assert client.put(f"/api/v1/users/{boss.id}/active", json={"active": False}, headers=headers).status_code == 200
    assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_sign_in_link_opens_one_session_and_is_no_token(client: TestClient, session: Session, sara: User) -> None:
    now = utc_now()
    link = issue_token(session, sara, now + timedelta(hours=1), sign_in_link=True)
    session.commit()
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {link}"}).status_code == 401
    token = redeem_sign_in_link(session, link, now, timedelta(hours=1))
    session.commit()
    assert token is not None
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert redeem_sign_in_link(session, link, now, timedelta(hours=1)) is None


def test_expired_tokens_are_deleted_and_live_ones_stay(session: Session, sara: User) -> None:
    now = utc_now()
    issue_token(session, sara, now - timedelta(seconds=1))
    live = issue_token(session, sara, now + timedelta(hours=1))
    session.flush()
    delete_expired_tokens(session, now)
    assert session.scalars(select(AccessToken.secret_hash)).all() == [hash_secret(live)]


def test_no_secret_is_stored_as_it_is(session: Session, sara: User) -> None:
    vehicle, headers = make_vehicle(session)
    key = headers["Authorization"].removeprefix("Bearer ")
    token = sign_in(session, sara)["Authorization"].removeprefix("Bearer ")
    assert session.scalars(select(Vehicle.key_hash)).all() == [hash_secret(key)]
    assert session.scalars(select(AccessToken.secret_hash)).all() == [hash_secret(token)]
    assert sara.password_hash.startswith("$argon2id$")
    assert vehicle.key_prefix == key[:10]


def test_a_password_hash_of_nobody_never_verifies() -> None:
    assert verify_password(None, "anything") is False
    assert verify_password("not a hash", "anything") is False


def test_a_rotated_key_replaces_the_old_one_at_once(client: TestClient, session: Session) -> None:
    vehicle, old = make_vehicle(session)
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    new = client.post(f"/api/v1/vehicles/{vehicle.id}/key", headers=supervisor).json()["key"]
    assert client.get("/api/v1/frames", headers=old).status_code == 401
    assert client.get("/api/v1/frames", headers={"Authorization": f"Bearer {new}"}).status_code == 200


def test_a_vehicle_is_registered_once_by_name(client: TestClient, session: Session) -> None:
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    body = {"municipality_id": make_municipality(session).id, "name": "Van 1"}
    first = client.post("/api/v1/vehicles", headers=supervisor, json=body)
    assert first.status_code == 201 and first.json()["key"].startswith("rvk_")
    assert client.post("/api/v1/vehicles", headers=supervisor, json=body).json()["code"] == "vehicle.exists"


def test_a_supervisor_cannot_register_or_touch_a_neighbours_vehicle(client: TestClient, session: Session) -> None:
    khobar = make_municipality(session, "khobar")
    vehicle, _ = make_vehicle(session, khobar)
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    body = {"municipality_id": khobar.id, "name": "Van 1"}
    assert client.post("/api/v1/vehicles", headers=supervisor, json=body).status_code == 404
    assert client.post(f"/api/v1/vehicles/{vehicle.id}/key", headers=supervisor).status_code == 404
    assert client.delete(f"/api/v1/vehicles/{vehicle.id}/key", headers=supervisor).status_code == 404
    assert client.get("/api/v1/vehicles", headers=supervisor).json()["items"] == []


def test_only_an_admin_makes_users_and_municipalities(client: TestClient, session: Session) -> None:
    place = make_municipality(session)
    person = {"email": "ali@example.org", "name": "Ali", "password": PASSWORD, "role": "inspector"}
    person["municipality_ids"] = [place.id]  # type: ignore[assignment]
    town = {"key": "qatif", "name_en": "Qatif", "name_ar": "القطيف", "boundary": square(49.9, 26.5)}
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    assert client.post("/api/v1/users", headers=supervisor, json=person).status_code == 403
    assert client.post("/api/v1/municipalities", headers=supervisor, json=town).status_code == 403
    admin = sign_in(session, make_user(session, Role.ADMIN))
    assert client.post("/api/v1/users", headers=admin, json=person).status_code == 201
    assert client.post("/api/v1/users", headers=admin, json=person).status_code == 409
    assert client.post("/api/v1/municipalities", headers=admin, json=town).status_code == 201
    assert client.post("/api/v1/municipalities", headers=admin, json=town).status_code == 409


@pytest.mark.parametrize(
    "boundary",
    [
        {"type": "Point", "coordinates": [50, 26]},
        {"type": "Polygon", "coordinates": [[[50, 26], [51, 27], [51, 26], [50, 27], [50, 26]]]},
        {"type": "Polygon", "coordinates": [[[5e5, 2.9e6], [5.1e5, 2.9e6], [5e5, 3e6], [5e5, 2.9e6]]]},
        {"type": "Polygon", "coordinates": "here"},
        {"type": "FeatureCollection", "features": []},
    ],
)  # fmt: skip
def test_a_boundary_that_is_no_polygon_in_degrees_is_refused(
    client: TestClient, session: Session, boundary: dict[str, object]
) -> None:
    place = make_municipality(session)
    admin = sign_in(session, make_user(session, Role.ADMIN))
    answer = client.put(f"/api/v1/municipalities/{place.id}/boundary", headers=admin, json=boundary)
    assert (answer.status_code, answer.json()["code"]) == (422, "municipality.boundary")


def test_a_unit_user_needs_a_unit_and_nobody_else_has_one(client: TestClient, session: Session) -> None:
    place = make_municipality(session)
    admin = sign_in(session, make_user(session, Role.ADMIN))
    body = {
        "email": "f@example.org",
        "name": "F",
        "password": PASSWORD,
        "role": "unit",
        "municipality_ids": [place.id],
    }
    assert client.post("/api/v1/users", headers=admin, json=body).json()["code"] == "user.unit"


def test_a_cookie_write_from_another_site_is_refused(client: TestClient, session: Session) -> None:
    secret = sign_in(session, make_user(session, Role.ADMIN))["Authorization"].removeprefix("Bearer ")
    client.cookies.set("rasid_session", secret)
    town = {"key": "qatif", "name_en": "Qatif", "name_ar": "القطيف"}
    for headers in ({}, {"Origin": "https://evil.example"}):
        answer = client.post("/api/v1/municipalities", json=town, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.origin")
    assert client.post("/api/v1/municipalities", json=town, headers={"Origin": "http://testserver"}).status_code == 201


def test_every_role_has_permissions_and_a_vehicle_has_none() -> None:
    assert set(ROLES) == set(Role)
    assert ROLES[Role.ADMIN] == set(Permission)
    assert not any(may(None, permission) for permission in Permission)


def test_signing_out_ends_the_session_however_the_scheme_is_written(client: TestClient, session: Session) -> None:
    token = sign_in(session, make_user(session))["Authorization"].removeprefix("Bearer ")
    assert client.post("/api/v1/logout", headers={"Authorization": f"bearer {token}"}).status_code == 204
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_sign_in_link_opened_twice_at_once_opens_one_session(database: Database, session: Session) -> None:
    now, hour = utc_now(), timedelta(hours=1)
    secret = issue_token(session, make_user(session), now + hour, sign_in_link=True)
    session.commit()

    def redeem_too() -> str | None:
        with database.transaction() as other:
            return redeem_sign_in_link(other, secret, now, hour)

    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with ThreadPoolExecutor() as pool:
        assert redeem_sign_in_link(session, secret, now, hour)
        session.flush()
        second = pool.submit(redeem_too)
        while not second.done():
            with database.transaction() as watcher:
                if watcher.scalar(waiting):
                    session.commit()
        assert second.result() is None


def test_a_unit_that_is_unknown_is_refused(client: TestClient, session: Session) -> None:
    admin = sign_in(session, make_user(session, Role.ADMIN))
    person = {"email": "crew@example.org", "name": "Crew", "password": PASSWORD, "role": "unit", "unit_id": 999}
    answer = client.post("/api/v1/users", headers=admin, json=person | {"municipality_ids": [1]})
    assert (answer.status_code, answer.json()["code"]) == (422, "row.reference")


@pytest.mark.parametrize(
    "boundary",
    [
        {"type": ["Polygon"]},
        {"type": "FeatureCollection", "features": 5},
        {"type": "FeatureCollection", "features": [1]},
        {"type": "Feature", "geometry": "x"},
        {"type": "Polygon", "coordinates": {"a": 1}},
    ],
)
def test_a_boundary_of_any_other_shape_is_refused(
    client: TestClient, session: Session, boundary: dict[str, object]
) -> None:
    admin = sign_in(session, make_user(session, Role.ADMIN))
    answer = client.put("/api/v1/municipalities/1/boundary", headers=admin, json=boundary)
    assert (answer.status_code, answer.json()["code"]) == (422, "municipality.boundary")


def test_a_request_does_not_read_the_boundaries_of_its_caller(session: Session) -> None:
    make_municipality(session, boundary=square(50.0, 26.3))
    user = make_user(session)
    session.commit()
    session.expunge_all()
    place = session.get_one(User, user.id).municipalities[0]
    assert "boundary" in inspect(place).unloaded and place.boundary is not None


def test_an_email_that_is_too_long_once_lowered_is_refused(client: TestClient, session: Session) -> None:
    place = make_municipality(session)
    admin = sign_in(session, make_user(session, Role.ADMIN))
    body = {"name": "A", "password": PASSWORD, "role": "inspector", "municipality_ids": [place.id]}
    answers = [
        client.post("/api/v1/users", headers=admin, json=body | {"email": email})
        for email in ("İ" * 250 + "@x.y", "Upper@Example.org")
    ]
    assert [answer.status_code for answer in answers] == [422, 201]
    assert answers[1].json()["email"] == "upper@example.org"

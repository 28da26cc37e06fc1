"""The door: passwords, links, the way back, and who may look at what."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.accounts.service import issue_token
from service.app import create_app
from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.web.sign_in_routes import local_path
from tests.factories import make_vehicle
from tests.web.desk import PASSWORD, Desk
from tests.web.visitor import Visitor, words_of

PAGES = ["/review", "/work-orders", "/frames", "/defects/1", "/work-orders/1"]


@pytest.mark.parametrize("path", [*PAGES, "/review?class=pothole"])
def test_a_visitor_who_is_not_signed_in_is_led_to_the_door_and_back(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 303
    assert visitor.client.get(answer.headers["location"]).text.count(f'value="{path}"') == 1


def test_the_right_password_opens_a_session_that_scripts_cannot_read(visitor: Visitor, desk: Desk) -> None:
    answer = visitor.sign_in(desk.person(Role.INSPECTOR), next="/work-orders")
    assert (answer.status_code, answer.headers["location"]) == (303, "/work-orders")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    assert "Work orders" in visitor.read("/work-orders")


def test_behind_tls_the_session_travels_encrypted_only(runtime: Runtime, desk: Desk) -> None:
    settings = runtime.settings.model_copy(update={"cookie_secure": True})
    with TestClient(create_app(Runtime(settings, runtime.database, runtime.store))) as client:
        assert "Secure" in Visitor(client).sign_in(desk.person(Role.INSPECTOR)).headers["set-cookie"]


def test_a_wrong_password_says_so_and_keeps_the_address(visitor: Visitor, desk: Desk) -> None:
    user = desk.person(Role.INSPECTOR)
    answer = visitor.sign_in(user, "not the pass phrase")
    assert answer.status_code == 401 and "set-cookie" not in answer.headers
    assert "password is wrong" in words_of(answer) and f'value="{user.email}"' in answer.text


def test_five_wrong_passwords_lock_the_account_and_the_page_says_for_how_long(visitor: Visitor, desk: Desk) -> None:
    user = desk.person(Role.INSPECTOR)
    for _ in range(5):
        visitor.sign_in(user, "not the pass phrase")
    answer = visitor.sign_in(user)
    assert answer.status_code == 429 and "15 minutes" in words_of(answer)


def test_a_sign_in_sent_from_another_site_is_refused(visitor: Visitor, desk: Desk) -> None:
    user = desk.person(Role.INSPECTOR)
    answer = visitor.post("/sign-in", origin="https://evil.example", email=user.email, password=PASSWORD)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_a_sign_in_link_works_once(visitor: Visitor, session: Session, desk: Desk) -> None:
    link = issue_token(session, desk.person(Role.SUPERVISOR), utc_now() + timedelta(hours=1), sign_in_link=True)
    session.commit()
    answer = visitor.get(f"/sign-in/link?token={link}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert visitor.get("/").headers["location"] == "/review"
    visitor.sign_out()
    again = visitor.get(f"/sign-in/link?token={link}")
    assert again.status_code == 401 and "used or is too old" in words_of(again)


def test_signing_out_ends_the_session_on_the_server(visitor: Visitor, desk: Desk) -> None:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    stolen = dict(visitor.client.cookies)
    assert visitor.post("/sign-out").headers["location"] == "/sign-in"
    visitor.client.cookies.update(stolen)
    assert visitor.get("/review").status_code == 303


def test_a_write_from_another_site_is_refused_though_the_cookie_comes_with_it(visitor: Visitor, desk: Desk) -> None:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    defect = desk.candidate()
    for origin in ("https://evil.example", None):
        answer = visitor.post(f"/defects/{defect.id}/review", origin=origin, verdict="reject")
        assert answer.status_code == 403
    assert "Candidate" in visitor.read(f"/defects/{defect.id}")


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""]
)
def test_the_way_back_never_leaves_this_site(path: str) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize("path", ["/", "/review?class=pothole&after=3", "/work-orders/7"])
def test_the_way_back_leads_to_any_page_of_this_site(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    ("role", "start", "forbidden"),
    [
        (Role.SUPERVISOR, "/review", []),
        (Role.INSPECTOR, "/review", []),
        (Role.UNIT, "/work-orders", ["/review", "/frames", "/defects/1"]),
    ],
)
def test_each_role_begins_at_its_work_and_sees_no_page_of_others(
    visitor: Visitor, desk: Desk, role: Role, start: str, forbidden: list[str]
) -> None:
    desk.candidate()
    visitor.sign_in(desk.person(role, "cleaning" if role is Role.UNIT else None))
    assert visitor.get("/").headers["location"] == start
    refused = [path for path in PAGES if visitor.get(path).status_code == 403]
    assert refused == forbidden
    for path in forbidden:
        assert "Your role does not allow this" in words_of(visitor.get(path))


def test_a_vehicles_key_opens_no_page(visitor: Visitor, session: Session) -> None:
    _, headers = make_vehicle(session)
    answer = visitor.get("/review", **headers)
    assert answer.status_code == 403 and "vehicle's key" in words_of(answer)


def test_an_address_with_a_nul_is_refused_and_breaks_nothing(visitor: Visitor) -> None:
    assert visitor.post("/sign-in", email="a\0b@example.org", password=PASSWORD).status_code == 422


@pytest.mark.parametrize("origin", ["http://[", "http://testserver@evil.example", "null"])
def test_an_origin_that_is_no_address_is_refused(visitor: Visitor, origin: str) -> None:
    assert visitor.post("/sign-in", origin=origin, email="a@example.org", password=PASSWORD).status_code == 403


def test_a_language_chosen_from_nowhere_leads_to_the_start(client: TestClient) -> None:
    answer = client.get("/language/en", headers={"referer": "http://["}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "path", ["/work-orders/{}", "/defects/{}", "/review?defect={}", "/review?after={}", "/detections/{}/thumbnail"]
)
def test_an_id_that_no_row_can_have_is_refused(visitor: Visitor, desk: Desk, path: str) -> None:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    assert visitor.get(path.format(10**30)).status_code == 422

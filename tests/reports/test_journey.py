"""A citizen's report from its first word to the end, through the API: merged, mended, told, rated, opened again."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from service.accounts.permissions import Role
from service.core.audit import READ
from service.core.clock import utc_now
from service.core.events import Event
from service.core.runtime import Runtime
from service.reports.api import READER
from service.reports.following import follow_defects
from service.reports.models import Notice, NoticeState, Rating, Report
from service.reports.notices import send_notices
from service.reports.people import Person
from service.reports.retries import RETRIES
from service.work_orders.models import Unit
from tests.factories import DAMMAM, jpeg, make_municipality, make_user, sign_in, square
from tests.reports.citizens import put_defect, report, town
from tests.reports.mail import MailServer, mail_server
from tests.reports.test_open311 import V2, post

FAR = timedelta(days=365)


@pytest.fixture
def mail(runtime: Runtime) -> Iterator[MailServer]:
    with mail_server() as server:
        changes = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none"}
        runtime.settings.__dict__.update(changes | {"public_url": "https://rasid.example.org"})
        yield server


@pytest.fixture
def agent(session: Session) -> dict[str, str]:
    town(session)
    return sign_in(session, make_user(session, Role.CENTRE))


def tell_report(client: TestClient, headers: dict[str, str], **told: Any) -> Any:
    body = {"class_key": "pothole", "lat": DAMMAM[0], "lon": DAMMAM[1], "description": "hole"} | told
    files = {"photos": ("a.jpg", jpeg(), "image/jpeg")}
    return client.post("/api/v1/reports", headers=headers, data={"report": json.dumps(body)}, files=files)


def test_from_the_first_word_to_the_rating_and_open_again(
    client: TestClient, session: Session, runtime: Runtime, mail: MailServer, agent: dict[str, str]
) -> None:
    hole = put_defect(session)
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    told = tell_report(client, agent, person={"email": "sara@example.org", "language": "en"})
    assert told.status_code == 201, told.text
    one = told.json()
    assert one["defect_id"] == hole.id and one["state"] == "accepted" and len(one["photos"]) == 1

    crew = Unit(municipality_id=hole.municipality_id, key="potholes", name_en="Potholes", name_ar="الحفر", active=True)
    session.add(crew)
    session.flush()
    unit = sign_in(session, make_user(session, Role.UNIT, unit=crew))
    accepted = client.post(f"/api/v1/defects/{hole.id}/reviews", headers=supervisor, json={"verdict": "accept"})
    order = accepted.json()["work_order"]["id"]
    _settle(runtime)
    assigned = client.post(f"/api/v1/work-orders/{order}/assign", headers=supervisor, json={"unit_id": crew.id})
    assert assigned.status_code == 200, assigned.text
    assert client.post(f"/api/v1/work-orders/{order}/start", headers=unit).status_code == 200
    _settle(runtime)
    proof = {"photo": ("p.jpg", jpeg(), "image/jpeg")}
    done = client.post(f"/api/v1/work-orders/{order}/done", headers=unit, data={"quantity": "1.5"}, files=proof)
    assert done.status_code == 200, done.text
    _settle(runtime)
    passed = client.post(f"/api/v1/work-orders/{order}/inspection", headers=supervisor, json={"passed": True})
    assert passed.status_code == 200, passed.text
    _settle(runtime)

    bodies = [message.get_content() for message in mail.taken]
    assert {message["To"] for message in mail.taken} == {"sara@example.org"}
    for words in ("received", "work order is open", "begun", "being checked", "mended"):
        assert sum(words in body for body in bodies) == 1, (words, bodies)
    token = re.search(r"/report-links/(\S+)", bodies[-1])
    assert token is not None and one["number"] in mail.taken[-1]["Subject"]
    link = f"/api/v1/report-links/{token[1]}"
    assert client.get(link).json() | {"until": ""} == {
        "number": one["number"], "class_key": "pothole", "state": "closed", "until": "", "rated": False,
        "may_reopen": True,
    }  # fmt: skip
    for _ in range(2):
        assert client.post(f"{link}/rating", json={"stars": 2, "satisfied": False}).json()["rated"] is True
    assert client.post(f"{link}/rating", json={"stars": 5, "satisfied": True}).status_code == 409
    rating = session.scalars(select(Rating)).one()
    assert (rating.stars, rating.satisfied, rating.closing) == (2, False, 1)

    for _ in range(2):
        again = client.post(f"{link}/reopen", json={"note": "still a hole, call 0501234567"})
        assert again.status_code == 200 and again.json()["state"] == "reopened"
    _settle(runtime)
    shown = client.get(f"/api/v1/reports/{one['id']}", headers=agent).json()
    assert shown["state"] == "reopened" and "0501234567" not in json.dumps(shown)
    assert client.get(link.replace(token[1], token[1][:-2])).status_code == 404
    reason = {"reason": "a citizen says so"}
    assert client.post(f"/api/v1/work-orders/{order}/reopen", headers=supervisor, json=reason).status_code == 200
    _settle(runtime)
    assert client.get(f"/api/v1/reports/{one['id']}", headers=agent).json()["state"] == "accepted"


def test_notices_are_tried_again_and_given_up_and_hold_no_address(
    session: Session, runtime: Runtime, mail: MailServer
) -> None:
    mail.refuse_next = 1
    now = utc_now()
    report(session, runtime, person=Person(email="sara@example.org"), now=now)
    session.commit()
    assert send_notices(runtime, now)[NoticeState.WAITING] == 1 and mail.taken == []
    assert sum(send_notices(runtime, now).values()) == 0  # not yet
    assert send_notices(runtime, now + RETRIES[0])[NoticeState.SENT] == 1
    assert sum(send_notices(runtime, now + FAR).values()) == 0 and len(mail.taken) == 1
    assert "حفرة" in mail.taken[0].get_content() and mail.taken[0]["Content-Language"] == "ar"
    mail.refuse_next = 100
    report(session, runtime, east_m=900, person=Person(email="ali@example.org"), now=now)
    session.commit()
    tries = [send_notices(runtime, now + FAR * (number + 1)) for number in range(len(RETRIES) + 2)]
    assert tries[len(RETRIES)][NoticeState.FAILED] == 1 and sum(tries[-1].values()) == 0
    kept = "\n".join(f"{row.channel} {row.error}" for row in session.scalars(select(Notice)))
    assert "@" not in kept and "SMTPSenderRefused" in kept
    reads = session.scalars(select(Event).where(Event.action == READ)).all()
    assert len(reads) == 2 + len(RETRIES) + 1 and {row.data["via"] for row in reads} == {"notice by email"}


def test_a_program_is_told_of_its_reports_with_a_signature_that_it_can_check(
    client: TestClient, session: Session, runtime: Runtime, api_key: str
) -> None:
    heard: list[tuple[bytes, dict[str, str]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *told: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        runtime.settings.__dict__["private_hosts"] = frozenset({"127.0.0.1"})
        supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
        url = f"http://127.0.0.1:{server.server_port}/notices"
        body = {"name": "app", "municipality_id": town(session).id, "notice_url": url}
        made = client.post("/api/v1/api-keys", headers=supervisor, json=body)
        assert made.status_code == 201, made.text
        number = post(client, made.json()["api_key"], email="sara@example.org").json()[0]["service_request_id"]
        _settle(runtime)
        server.shutdown()
    ((content, headers),) = heard
    facts = Webhook(made.json()["notice_secret"]).verify(content, headers)
    assert facts["service_request_id"] == number and facts["status"] == "open" and facts["step"] == "received"
    assert b"sara" not in content


def test_addresses_inside_are_refused_when_they_are_registered(
    client: TestClient, session: Session, runtime: Runtime
) -> None:
    own = {"municipality_id": town(session).id}
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    for url in ("https://10.0.0.1/notices", "http://notices.example.org/", "https://169.254.169.254/"):
        refused = client.post("/api/v1/api-keys", headers=supervisor, json=own | {"name": "app", "notice_url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "outbound.url"), url
    there = own | {"service_codes": {"pothole": "1"}, "pull": True}
    for url, status in (("http://127.0.0.1/v2", 422), ("http://open311.example.org/v2", 200)):
        put = client.put("/api/v1/open311-connections/other", headers=supervisor, json=there | {"url": url})
        assert put.status_code == status, put.text


def test_an_address_told_to_the_desk_of_one_municipality_is_of_that_one(
    client: TestClient, session: Session, agent: dict[str, str]
) -> None:
    make_municipality(session, "khobar", square(60.0, 10.0))
    session.commit()
    told = tell_report(client, agent, lat=None, lon=None, address="King Fahd Road, at the mosque")
    assert (told.status_code, told.json()["municipality_id"]) == (201, town(session).id)


def test_a_neighbour_finds_nothing_and_roles_do_what_they_may(
    client: TestClient, session: Session, runtime: Runtime, agent: dict[str, str]
) -> None:
    filed = report(session, runtime, photos=(jpeg(),), now=utc_now())
    session.commit()
    khobar = make_municipality(session, "khobar", square(60.0, 10.0))
    neighbour = sign_in(session, make_user(session, Role.CENTRE, khobar))
    inspector = sign_in(session, make_user(session, Role.INSPECTOR))
    own = f"/api/v1/reports/{filed.id}"
    photo = f"{own}/photos/{filed.photos[0].id}"
    note, place = {"note": "x"}, {"lat": 1.0, "lon": 1.0}
    writes: dict[str, Any] = {
        "take": place, "merge": {"defect_id": 1}, "candidate": {}, "refer": {"agency": "x"}, "answer": note,
        "reject": note, "close": note, "reopen": {},
    }  # fmt: skip
    assert client.get("/api/v1/reports", headers=neighbour).json()["items"] == []
    for path in (own, f"{own}/proposals", f"{own}/reporter", photo):
        assert client.get(path, headers=neighbour).status_code == 404, path
    for action, body in writes.items():
        assert client.post(f"{own}/{action}", headers=neighbour, json=body).status_code == 404, action
        assert client.post(f"{own}/{action}", headers=inspector, json=body).status_code == 403, action
    assert client.get(photo, headers=inspector).status_code == 200
    assert client.get(f"{own}/reporter", headers=inspector).status_code == 403
    assert client.get(own).status_code == 401
    assert tell_report(client, neighbour).status_code == 404
    assert len(session.scalars(select(Report)).all()) == 1
    assert len(client.get("/api/v1/reports?state=accepted&limit=1", headers=agent).json()["items"]) == 1


def test_who_reported_is_shown_to_the_centre_with_a_trace_and_forgotten_at_their_wish(
    client: TestClient, session: Session, agent: dict[str, str]
) -> None:
    one = tell_report(client, agent, person={"phone": "0501234567"}).json()
    own = f"/api/v1/reports/{one['id']}/reporter"
    assert "0501234567" not in json.dumps(one)
    assert client.get(own, headers=agent).json()["phone"] == "0501234567"
    events = session.scalars(select(Event).where(Event.action == READ)).all()
    assert [event.data for event in events] == [{"fields": ["phone"], "via": READER}] and events[0].actor_kind == "user"
    assert client.delete(own, headers=agent).status_code == 204
    assert client.get(own, headers=agent).status_code == 404


def test_an_agent_places_names_answers_refers_and_closes(
    client: TestClient, session: Session, agent: dict[str, str]
) -> None:
    told = {"class_key": None, "lat": None, "lon": None, "address": "King Saud St", "municipality_id": town(session).id}
    one = tell_report(client, agent, **told).json()
    own = f"/api/v1/reports/{one['id']}"
    assert one["state"] == "received"
    assert client.get("/api/v1/reports?unplaced=true", headers=agent).json()["items"][0]["id"] == one["id"]
    assert client.post(f"{own}/take", headers=agent, json={"lat": 1.0}).status_code == 422
    place = {"class_key": "standing_water", "lat": DAMMAM[0], "lon": DAMMAM[1]}
    taken = client.post(f"{own}/take", headers=agent, json=place).json()
    assert taken["state"] == "accepted" and taken["defect_id"] is not None and taken["taken_by_id"] is not None
    for _ in range(2):
        assert client.post(f"{own}/answer", headers=agent, json={"note": "a pump is on its way"}).status_code == 200
        assert client.post(f"{own}/refer", headers=agent, json={"agency": "Water Company"}).status_code == 200
    for _ in range(2):
        closed = client.post(f"{own}/close", headers=agent, json={"note": "drained"}).json()
    steps = [update["step"] for update in closed["updates"]]
    assert steps == ["received", "inspection", "answered", "referred", "answered", "referred", "closed"] or steps == [
        "received", "inspection", "answered", "referred", "answered", "closed",
    ]  # fmt: skip
    assert client.post(f"{own}/refer", headers=agent, json={"agency": "x"}).status_code == 409


def test_pages_show_a_defect_that_no_vehicle_has_seen(client: TestClient, session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime, now=utc_now())
    session.commit()
    inspector = sign_in(session, make_user(session, Role.INSPECTOR))
    client.cookies.set("rasid_session", inspector["Authorization"].removeprefix("Bearer "))
    for path in ("/review", f"/defects/{filed.defect_id}", f"/review?defect={filed.defect_id}"):
        assert client.get(path).status_code == 200, path
    for path in (f"/api/v1/defects/{filed.defect_id}", f"/api/v1/defects/{filed.defect_id}/map.geojson"):
        assert client.get(path, headers=inspector).status_code == 200, path


def test_a_caller_of_open311_may_reopen_within_the_time(
    client: TestClient, session: Session, api_key: str, agent: dict[str, str]
) -> None:
    number = post(client, api_key).json()[0]["service_request_id"]
    report_id = session.scalars(select(Report.id)).one()
    client.post(f"/api/v1/reports/{report_id}/close", headers=agent, json={"note": "done"})
    words = {"api_key": api_key, "service_request_id": number, "status": "open", "description": "no", "update_id": "9"}
    assert client.post(f"{V2}/servicerequestupdates.json", data=words).status_code == 200
    assert client.get(f"{V2}/requests/{number}.json").json()[0]["status"] == "open"


def _settle(runtime: Runtime) -> None:
    follow_defects(runtime, utc_now())
    send_notices(runtime, utc_now())


def test_reports_are_exported_without_their_senders(
    client: TestClient, session: Session, agent: dict[str, str]
) -> None:
    person = {"email": "sara@example.org", "first_name": "Sara", "phone": "0501234567"}
    tell_report(client, agent, person=person, description="hole, call 0501234567", address="Sara's house")
    tell_report(client, agent, class_key="garbage", lat=DAMMAM[0] + 0.01)
    told = client.get("/api/v1/reports.csv", headers=agent, params={"class_key": "pothole"})
    assert told.status_code == 200, told.text
    (row,) = list(csv.DictReader(StringIO(told.content.decode("utf-8-sig"))))
    assert row["Source"] == "940 centre" and row["Class"] and row["Received"]
    assert not re.search("sara|0501234567", told.text, re.IGNORECASE)
    assert client.get("/api/v1/reports.xlsx", headers=agent).content.startswith(b"PK")
    neighbour = sign_in(session, make_user(session, Role.CENTRE, municipality=make_municipality(session, "khobar")))
    assert len(client.get("/api/v1/reports.csv", headers=neighbour).text.splitlines()) == 1


def test_a_municipality_that_is_not_there_gets_no_key_and_no_connection(client: TestClient, session: Session) -> None:
    admin = sign_in(session, make_user(session, Role.ADMIN))
    asked = {"name": "app", "municipality_id": 999}
    assert client.post("/api/v1/api-keys", headers=admin, json=asked).status_code == 404
    body = {"url": "https://peer.example.org/open311", "municipality_id": 999, "service_codes": {}}
    assert client.put("/api/v1/open311-connections/peer", headers=admin, json=body).status_code == 404

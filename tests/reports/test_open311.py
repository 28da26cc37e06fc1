"""GeoReport v2 by its specification: every call in both formats, what is absent, what is wrong, who may."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datasets.taxonomy import KEYS
from service.accounts.service import SYSTEM_CALLER
from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.reports.keys import make_key, revoke_key
from service.reports.models import Report, Reporter
from tests.factories import DAMMAM, NOW, jpeg, make_municipality, square
from tests.reports.citizens import at, report

V2 = "/open311/v2"
REQUEST_FIELDS = [
    "service_request_id", "status", "status_notes", "service_name", "service_code", "description", "agency_responsible",
    "service_notice", "requested_datetime", "updated_datetime", "expected_datetime", "address", "address_id", "zipcode",
    "lat", "long", "media_url",
]  # fmt: skip
HOLE = {"service_code": "pothole", "lat": str(DAMMAM[0]), "long": str(DAMMAM[1]), "description": "حفرة كبيرة <b>&"}


def both(client: TestClient, path: str, **params: Any) -> tuple[Any, Any]:
    """JSON and XML of one address, each with its content type; the XML as lists and dictionaries of text."""
    as_json = client.get(f"{V2}/{path}.json", params=params)
    as_xml = client.get(f"{V2}/{path}.xml", params=params)
    assert as_json.headers["content-type"] == "application/json; charset=utf-8"
    assert as_xml.headers["content-type"] == "text/xml; charset=utf-8"
    assert as_xml.content.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    assert as_json.status_code == as_xml.status_code
    return json.loads(as_json.content), fromstring(as_xml.content)


def same(value: Any, node: Any) -> None:
    """The XML says what the JSON says."""
    if isinstance(value, dict):
        assert [child.tag for child in node] == list(value)
        for child in node:
            same(value[child.tag], child)
    elif isinstance(value, list):
        assert len(node) == len(value) and len({child.tag for child in node}) <= 1
        for child, inner in zip(node, value, strict=True):
            same(inner, child)
    else:
        text = {None: None, True: "true", False: "false"}.get(value) if not isinstance(value, int | str) else str(value)
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else text
        assert (node.text or "") == (str(value) if isinstance(value, float) else text or "")


def post(client: TestClient, key: str | None, form: str = "json", **fields: Any) -> Response:
    told = {"api_key": key} if key is not None else {}
    return client.post(f"{V2}/requests.{form}", data=told | HOLE | fields)


def errors(response: Response, status: int) -> str:
    """The description of the one error, from the body that the specification asks for."""
    assert response.status_code == status, response.text
    if response.headers["content-type"].startswith("text/xml"):
        root = fromstring(response.content)
        assert root.tag == "errors" and [child.tag for child in root] == ["error"]
        assert root.findtext("error/code") == str(status)
        return str(root.findtext("error/description"))
    (error,) = response.json()
    assert set(error) == {"code", "description"} and error["code"] == status
    return str(error["description"])


def test_discovery_names_the_endpoint_in_both_formats(client: TestClient) -> None:
    told, root = both(client, "discovery")
    same(told, root)
    assert root.tag == "discovery" and list(told) == ["changeset", "contact", "key_service", "endpoints"]
    (endpoint,) = told["endpoints"]
    assert list(endpoint) == ["specification", "url", "changeset", "type", "formats"]
    assert endpoint["url"].endswith(V2) and endpoint["formats"] == ["text/xml", "application/json"]
    assert [node.text for node in root.findall("endpoints/endpoint/formats/format")] == endpoint["formats"]
    assert datetime.fromisoformat(told["changeset"]).tzinfo is not None
    assert client.get("/open311/discovery.json").json() == told


def test_services_are_the_classes_and_something_else(client: TestClient) -> None:
    told, root = both(client, "services")
    same(told, root)
    assert root.tag == "services" and root[0].tag == "service"
    assert [row["service_code"] for row in told] == [*KEYS, "other"]
    fields = ["service_code", "service_name", "description", "metadata", "type", "keywords", "group"]
    for row in told:
        assert list(row) == fields and isinstance(row["metadata"], bool) and row["type"] in {"realtime", "batch"}
    english = client.get(f"{V2}/services.json", headers={"Accept-Language": "en"}).json()
    assert english[0]["service_name"] == "pothole" and told[0]["service_name"] == "حفرة"


@pytest.mark.parametrize("code", [*KEYS, "other"])
def test_a_definition_tells_its_attributes_and_metadata_says_whether_there_are_any(
    client: TestClient, code: str
) -> None:
    told, root = both(client, f"services/{code}")
    same(told, root)
    assert root.tag == "service_definition" and told["service_code"] == code
    (service,) = [row for row in client.get(f"{V2}/services.json").json() if row["service_code"] == code]
    assert service["metadata"] is bool(told["attributes"])
    fields = ["variable", "code", "datatype", "required", "datatype_description", "order", "description", "values"]
    assert [row["order"] for row in told["attributes"]] == list(range(1, len(told["attributes"]) + 1))
    for row in told["attributes"]:
        assert list(row) == fields and bool(row["values"]) == row["datatype"].endswith("valuelist")


@pytest.mark.parametrize("form", ["json", "xml"])
def test_unknown_things_are_404_and_bad_ones_400(client: TestClient, api_key: str, form: str) -> None:
    for path in ("services/nothing", "requests/dammam-99", "tokens/nothing", "nothing"):
        errors(client.get(f"{V2}/{path}.{form}"), 404)
    errors(client.get(f"{V2}/services.{form}", params={"jurisdiction_id": "atlantis"}), 404)
    for name, value in (
        ("status", "half"), ("start_date", "2026-11-22"), ("start_date", "2026-11-22T09:00:00"), ("page_size", "0"),
        ("page", "x"), ("lat", "26"), ("radius", "10"), ("lat", "nan"), ("service_request_id", "a\x00b"),
        ("end_date", "0001-01-01T00:00:00Z"),
    ):  # fmt: skip
        assert name.split("_")[0] in errors(client.get(f"{V2}/requests.{form}", params={name: value}), 400) + "end_date"
    span = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-06-01T00:00:00Z"}
    assert "90 days" in errors(client.get(f"{V2}/requests.{form}", params=span), 400)
    errors(client.get(f"{V2}/requests.html"), 404)


def test_writing_needs_a_good_key_before_anything_else(client: TestClient, session: Session, api_key: str) -> None:
    key, revoked = make_key(session, SYSTEM_CALLER, "old", None, None, NOW)
    revoke_key(session, SYSTEM_CALLER, key.id, NOW)
    session.commit()
    for wrong in (None, "", "nonsense", revoked):
        errors(post(client, wrong, service_code=""), 403)
        errors(post(client, wrong, "xml"), 403)
        errors(client.post(f"{V2}/servicerequestupdates.xml", data={"api_key": wrong or ""}), 403)
    assert session.scalar(select(func.count(Report.id))) == 0


def test_a_posted_request_comes_back_with_its_fields_and_types(client: TestClient, api_key: str) -> None:
    (answered,) = post(client, api_key, email="sara@example.org", first_name="Sara").json()
    assert list(answered) == ["service_request_id", "service_notice", "account_id"]
    number = answered["service_request_id"]
    told, root = both(client, f"requests/{number}")
    same(told, root)
    assert root.tag == "service_requests" and [child.tag for child in root] == ["request"]
    (row,) = told
    assert list(row) == REQUEST_FIELDS
    assert row["service_request_id"] == number and isinstance(number, str) and row["service_code"] == "pothole"
    assert (row["lat"], row["long"]) == DAMMAM and row["description"] == HOLE["description"]
    assert row["status"] == "open" and row["status_notes"]
    for name in ("requested_datetime", "updated_datetime"):
        assert datetime.fromisoformat(row[name]).utcoffset() == timedelta(0)
    assert "sara" not in json.dumps(told).lower()


def test_xml_answers_and_the_same_request_sent_again_is_one(client: TestClient, session: Session, api_key: str) -> None:
    first, again = (fromstring(post(client, api_key, "xml").content) for _ in range(2))
    assert first.tag == "service_requests" and first[0].tag == "request"
    number = first.findtext("request/service_request_id")
    assert number and number == again.findtext("request/service_request_id") and first.find("request/token") is None
    assert session.scalar(select(func.count(Report.id))) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"service_code": ""}, 400), ({"service_code": "nothing"}, 404), ({"lat": ""}, 400), ({"long": "x"}, 400),
        ({"lat": "", "long": ""}, 400), ({"lat": "91"}, 400), ({"lat": "1", "long": "1"}, 400),
        ({"description": "x" * 4001}, 400), ({"email": "no address"}, 400), ({"email": "a@b.c\nBcc: d@e.f"}, 400),
        ({"media_url": "file:///etc/passwd"}, 400), ({"jurisdiction_id": "atlantis"}, 404),
        ({"description": "\x00"}, 400),
        ({"service_code": "other"}, 400), ({"service_code": "standing_water", "attribute[depth]": "miles"}, 400),
        ({"attribute[width_m]": "wide"}, 400), ({"service_code": "standing_water", "attribute[since]": "today"}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_and_nothing_is_kept(
    client: TestClient, session: Session, api_key: str, fields: dict[str, str], status: int
) -> None:
    assert "expected" in errors(post(client, api_key, **fields), status)
    errors(post(client, api_key, "xml", **fields), status)
    assert session.scalar(select(func.count(Report.id))) == 0


def test_an_empty_parameter_counts_as_absent(client: TestClient, api_key: str) -> None:
    post(client, api_key, email="", phone="", media_url="", **{"attribute[width_m]": "", "jurisdiction_id": ""})
    names = ("service_request_id", "service_code", "start_date", "end_date", "status", "page", "lat", "jurisdiction_id")
    empty = dict.fromkeys(names, "")
    assert client.get(f"{V2}/requests.json", params=empty).json() == client.get(f"{V2}/requests.json").json() != []


def test_answers_to_a_service_are_kept_by_their_types(client: TestClient, session: Session, api_key: str) -> None:
    fields: dict[str, Any] = {
        "service_code": "standing_water", "attribute[depth]": "knee", "attribute[harm][]": ["road", "smell"],
        "attribute[since]": "2026-11-22T05:00:00+03:00", "attribute[unknown]": "x",
    }  # fmt: skip
    number = post(client, api_key, **fields).json()[0]["service_request_id"]
    kept = session.scalars(select(Report.attributes)).one()
    assert kept == {"depth": "knee", "harm": ["road", "smell"], "since": "2026-11-22T05:00:00+03:00"}
    (shown,) = client.get(f"{V2}/requests/{number}.json", params={"extensions": "true"}).json()
    assert shown["extended_attributes"]["answers"] == kept


def test_something_else_gets_a_token_until_a_person_names_it(
    client: TestClient, session: Session, api_key: str
) -> None:
    (answered,) = post(client, api_key, service_code="other", **{"attribute[what]": "a fallen tree"}).json()
    assert "service_request_id" not in answered
    token = answered["token"]
    told, root = both(client, f"tokens/{token}")
    same(told, root)
    assert told == [{"service_request_id": None, "token": token}]
    assert client.get(f"{V2}/requests.json").json() == []
    one = session.scalars(select(Report)).one()
    errors(client.get(f"{V2}/requests/{one.number}.json"), 404)
    one.class_key = "sand_rubble"
    session.commit()
    assert client.get(f"{V2}/tokens/{token}.json").json() == [{"service_request_id": one.number, "token": token}]


def test_filters_narrow_and_numbers_override_them(client: TestClient, session: Session, runtime: Runtime) -> None:
    now = utc_now()
    hole = report(session, runtime, east_m=0, now=now - timedelta(days=10))
    water = report(session, runtime, east_m=800, class_key="standing_water", now=now - timedelta(days=1))
    old = report(session, runtime, east_m=3000, now=now - timedelta(days=200))
    session.commit()

    def ask(**params: Any) -> list[str]:
        return [row["service_request_id"] for row in client.get(f"{V2}/requests.json", params=params).json()]

    assert ask() == [water.number, hole.number]
    assert ask(service_code="pothole,garbage") == [hole.number] and ask(service_code="nothing") == []
    assert ask(status="closed") == [] and ask(status="open,closed") == [water.number, hole.number]
    assert ask(start_date=(now - timedelta(days=5)).isoformat()) == [water.number]
    assert ask(end_date=(now - timedelta(days=150)).isoformat()) == [old.number]
    assert ask(service_request_id=f"{old.number},{hole.number}", status="closed", service_code="x") == [
        hole.number, old.number,
    ]  # fmt: skip
    assert ask(page_size=1) == [water.number] and ask(page_size=1, page=2) == [hole.number] and ask(page=3) == []
    lat, lon = at(790)
    assert ask(lat=lat, long=lon, radius=20) == [water.number] and ask(lat=lat, long=lon) == [water.number, hole.number]


def test_many_municipalities_need_a_jurisdiction_unless_one_name_stands_for_all(
    client: TestClient, session: Session, runtime: Runtime, api_key: str
) -> None:
    make_municipality(session, "khobar", square(60.0, 10.0))
    khobar = make_municipality(session, "khobar")
    _, of_khobar = make_key(session, SYSTEM_CALLER, "khobar's", khobar.id, None, NOW)
    session.commit()
    for path in ("services", "requests", "servicerequestupdates"):
        assert "dammam, khobar" in errors(client.get(f"{V2}/{path}.xml"), 400)
    errors(post(client, api_key), 400)
    number = post(client, api_key, jurisdiction_id="dammam").json()[0]["service_request_id"]
    assert client.get(f"{V2}/requests.json", params={"jurisdiction_id": "khobar"}).json() == []
    errors(client.get(f"{V2}/requests/{number}.json", params={"jurisdiction_id": "khobar"}), 404)
    errors(post(client, of_khobar, jurisdiction_id="dammam"), 403)
    errors(post(client, of_khobar), 400)  # the place is not in Khobar
    runtime.settings.__dict__["open311_jurisdiction"] = "amana"
    shown = client.get(f"{V2}/requests.json", params={"jurisdiction_id": "amana"}).json()
    assert [row["service_request_id"] for row in shown] == [number]
    assert shown == client.get(f"{V2}/requests.json").json()


def test_photos_are_public_only_with_faces_blurred(
    client: TestClient, private_client: TestClient, session: Session, api_key: str
) -> None:
    photos = {"photo1": ("a.jpg", jpeg(), "image/jpeg"), "photo2": ("b.jpg", jpeg(), "image/jpeg")}
    told = HOLE | {"api_key": api_key}
    blurred = private_client.post(f"{V2}/requests.json", data=told, files=photos).json()[0]["service_request_id"]
    plain = client.post(f"{V2}/requests.json", data=told | {"description": "2"}, files=photos).json()[0]
    (row,) = client.get(f"{V2}/requests/{blurred}.json", params={"extensions": "true"}).json()
    urls = [photo["media_url"] for photo in row["extended_attributes"]["photos"]]
    assert len(urls) == 2 and row["media_url"] == urls[0]
    for url in urls:
        shown = client.get(url)
        assert shown.status_code == 200 and shown.headers["content-type"] == "image/jpeg"
    (hidden,) = client.get(f"{V2}/requests/{plain['service_request_id']}.json").json()
    assert hidden["media_url"] is None
    bad = client.post(f"{V2}/requests.xml", data=told | {"description": "3"}, files={"photo1": ("a.jpg", b"x")})
    assert "JPEG" in errors(bad, 400)


def test_bodies_that_are_no_forms_are_refused(client: TestClient, api_key: str) -> None:
    assert "urlencoded" in errors(client.post(f"{V2}/requests.json", json=HOLE | {"api_key": api_key}), 400)
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    broken = client.post(f"{V2}/requests.json", content=b"--x\r\nbroken", headers=multipart)
    assert broken.status_code in (400, 403)
    errors(client.put(f"{V2}/requests.json"), 405)


@pytest.mark.parametrize("path", ["requests.json", "requests.xml", "services.xml", "discovery.json"])
def test_a_body_that_is_too_large_is_refused_in_the_words_of_open311(client: TestClient, path: str) -> None:
    body = b"x" * 14_000_000
    assert "bytes" in errors(client.post(f"{V2}/{path}", content=body), 413)
    chunks = (body[:1_000_000] for _ in range(14))  # without a declared length
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(f"{V2}/{path}", content=chunks, headers=form).status_code in {405, 413}


def test_a_place_may_be_told_by_address_alone(client: TestClient, api_key: str) -> None:
    for told in ({"address_string": "شارع الملك سعود، الدمام"}, {"address_id": "DMM-4711"}):
        (answered,) = post(client, api_key, lat="", long="", **told).json()
        (row,) = client.get(f"{V2}/requests/{answered['service_request_id']}.json").json()
        assert (row["lat"], row["long"]) == (None, None)
        assert row["address"] == told.get("address_string") and row["address_id"] == told.get("address_id")
    assert "address" in errors(post(client, api_key, lat="", long=""), 400)


def test_updates_are_read_in_order_and_words_from_outside_are_kept_once(
    client: TestClient, session: Session, api_key: str
) -> None:
    number = post(client, api_key).json()[0]["service_request_id"]
    words = {
        "api_key": api_key, "service_request_id": number, "update_id": "fms-7", "status": "open", "email": "a@b.co",
        "updated_datetime": "2026-11-22T09:00:00Z", "description": "still there, call 0501234567", "first_name": "Ali",
    }  # fmt: skip
    first = client.post(f"{V2}/servicerequestupdates.json", data=words)
    again = fromstring(client.post(f"{V2}/servicerequestupdates.xml", data=words).content)
    assert again.tag == "service_request_updates" and again[0].tag == "request_update"
    assert first.json() == [{"update_id": again.findtext("request_update/update_id")}]
    told, root = both(client, "servicerequestupdates", end_date=(utc_now() + timedelta(days=1)).isoformat())
    same(told, root)
    fields = [
        "update_id", "service_request_id", "status", "updated_datetime", "description", "media_url",
        "external_status_code",
    ]  # fmt: skip
    assert all(list(row) == fields for row in told)
    assert sorted(row["external_status_code"] for row in told) == ["answered", "inspection", "received"]
    assert "0501234567" not in json.dumps(told)
    assert next(row["description"] for row in told if row["external_status_code"] == "answered").startswith("still")
    assert session.scalars(select(Reporter)).all() == []
    errors(client.post(f"{V2}/servicerequestupdates.json", data=words | {"service_request_id": "dammam-99"}), 404)
    errors(client.post(f"{V2}/servicerequestupdates.json", data=words | {"status": ""}), 400)


def test_updates_bring_photos_and_are_read_page_by_page(
    private_client: TestClient, session: Session, api_key: str
) -> None:
    number = post(private_client, api_key).json()[0]["service_request_id"]
    words = {
        "api_key": api_key, "service_request_id": number, "update_id": "7", "status": "open",
        "media_url": "https://photos.example.org/a.jpg",
    }  # fmt: skip
    picture = {"photo1": ("a.jpg", jpeg(), "image/jpeg")}
    for _ in range(2):
        assert private_client.post(f"{V2}/servicerequestupdates.json", data=words, files=picture).status_code == 200
    kept = session.scalars(select(Report)).one()
    assert kept.media_urls == {"https://photos.example.org/a.jpg": None} and len(kept.photos) == 1
    (row,) = private_client.get(f"{V2}/requests/{number}.json").json()
    assert private_client.get(row["media_url"]).status_code == 200
    many = {f"photo{number}": ("a.jpg", jpeg(), "image/jpeg") for number in range(6)}
    full = private_client.post(f"{V2}/servicerequestupdates.xml", data=words | {"update_id": "8"}, files=many)
    assert "at most 6 photos" in errors(full, 400)
    end = (utc_now() + timedelta(days=1)).isoformat()

    def ask(**params: Any) -> list[str]:
        told = private_client.get(f"{V2}/servicerequestupdates.json", params={"end_date": end} | params).json()
        return [one["update_id"] for one in told]

    whole = ask()
    assert len(whole) == 3 and [ask(page=page, page_size=2) for page in (1, 2, 3)] == [whole[:2], whole[2:], []]
    errors(private_client.get(f"{V2}/servicerequestupdates.xml", params={"page_size": "1001"}), 400)


def test_reads_are_limited_by_address(client: TestClient, runtime: Runtime) -> None:
    runtime.settings.__dict__["open311_reads_per_minute"] = 3
    answers = [client.get(f"{V2}/services.json") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    errors(answers[3], 429)
    assert int(answers[3].headers["retry-after"]) >= 1


def test_a_time_whose_plus_sign_was_not_escaped_is_understood(client: TestClient, api_key: str) -> None:
    post(client, api_key)
    start = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    assert "+00:00" in start
    assert len(client.get(f"{V2}/requests.json?start_date={start}").json()) == 1

"""No endpoint of the API shows a municipality to its neighbour, or to anyone who has not signed in."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.tables import Base
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit
from tests.factories import make_municipality, make_user, make_vehicle, sign_in
from tests.rights.municipal_rows import HIDDEN, PERSON, WORD
from tests.rights.rows import Rows
from tests.rights.texts import words_of
from tests.rights.walk import OPEN311, Ask, asks, is_public

MARKS = re.compile(rf"(?<!\d){str(HIDDEN)[:4]}\d{{3}}(?!\d)|{WORD}|{PERSON}", re.IGNORECASE)
ROLES = [role.value for role in Role if role is not Role.ADMIN]
REFUSED = {401, 403, 404}
Headers = dict[str, str]
Kept = dict[str, set[str]]


@pytest.fixture
def neighbour(session: Session, hidden: Rows) -> dict[str, Headers]:
    """Credentials of every role of another municipality, and of its vehicle."""
    place = make_municipality(session, "neighbour")
    create_default_operations(session, place)
    unit = session.scalars(select(Unit).where(Unit.municipality_id == place.id)).first()
    found = {
        role.value: sign_in(session, make_user(session, role, place, unit if role is Role.UNIT else None))
        for role in Role
        if role is not Role.ADMIN
    }
    return found | {"vehicle": make_vehicle(session, place)[1]}


def document(client: TestClient) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/openapi.json").json()
    return told


def leaks(ask: Ask, answer: Response) -> set[str]:
    """What the answer tells of the hidden municipality that the request did not say itself."""
    found = {mark for mark in MARKS.findall(words_of(answer)) if mark not in ask.sent}
    return found & {PERSON} if ask.path.startswith(OPEN311) else found  # a report is public, who sent it is not


def walk(client: TestClient, headers: Headers, hidden: Rows) -> list[str]:
    """Sends every request as somebody from elsewhere; what he gets that he should not."""
    faults = []
    for ask in asks(document(client), hidden):
        if is_public(ask.path, ask.method) or ask.path == "/api/v1/logout":  # he is needed signed in
            continue
        answer = ask.send(client, headers)
        told = f"{ask.method} {ask.url} {ask.query}: {answer.status_code}"
        if ask.names_rows and answer.status_code not in REFUSED:
            faults.append(f"{told} {answer.text[:200]}")
        elif found := leaks(ask, answer):
            faults.append(f"{told} tells {found}")
        elif answer.status_code >= 500:
            faults.append(told)
    return faults


def kept(session: Session) -> Kept:
    """Every row, so that a change of any of them is seen."""
    session.rollback()
    return {
        table.name: {repr(tuple(row)) for row in session.execute(select(table))}
        for table in Base.metadata.sorted_tables
    }


@pytest.mark.parametrize("who", [*ROLES, "vehicle"])
def test_a_neighbour_finds_and_changes_nothing(
    client: TestClient, session: Session, hidden: Rows, neighbour: dict[str, Headers], who: str
) -> None:
    before = kept(session)
    faults = walk(client, neighbour[who], hidden)
    assert not faults, "\n".join(faults)
    after = kept(session)
    for table, rows in before.items():
        if table == "bulk_action":  # keeps what was asked, and an outcome for each id: here that it is unknown
            continue
        changed = {row for row in rows - after[table] if str(HIDDEN)[:4] in row}
        added = {row for row in after[table] - rows if MARKS.search(row)}
        assert not changed and not added, f"{who} changed {table}: {changed or added}"


def test_without_credentials_there_is_nothing_but_the_public_endpoints(client: TestClient, hidden: Rows) -> None:
    faults = []
    for ask in asks(document(client), hidden):
        answer = ask.send(client, {})
        public = is_public(ask.path, ask.method)
        if not public and answer.status_code != 401:
            faults.append(f"{ask.method} {ask.url}: {answer.status_code} without credentials")
        if not public and answer.headers.get("content-type") != "application/problem+json" and ask.method != "head":
            faults.append(f"{ask.method} {ask.url}: {answer.headers.get('content-type')}")
        if found := leaks(ask, answer):
            faults.append(f"{ask.method} {ask.url}: tells everyone {found}")
    assert not faults, "\n".join(faults)


def test_the_rows_are_real_their_own_people_find_them(client: TestClient, session: Session, hidden: Rows) -> None:
    """Or else the neighbour's walk would prove nothing."""
    own = [
        sign_in(session, make_user(session, Role.SUPERVISOR, hidden.municipality)),
        sign_in(session, make_user(session, Role.ADMIN, hidden.municipality)),
        hidden.vehicle_key,
    ]
    faults = []
    for ask in asks(document(client), hidden):
        if ask.method != "get" or not ask.names_rows or is_public(ask.path, ask.method):
            continue
        answers = [ask.send(client, headers) for headers in own]
        if not any(answer.status_code == 200 for answer in answers):
            faults.append(f"{ask.url}: {[answer.status_code for answer in answers]} {answers[0].text[:200]}")
    assert not faults, "\n".join(faults)


def test_the_walk_finds_what_leaks(client: TestClient, hidden: Rows, neighbour: dict[str, Headers]) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    for path in ("/api/v1/frames/{frame_id}/secret", "/api/v1/secrets", "/api/v1/broken"):
        app.add_api_route(path, _leak if "broken" not in path else _break)
    app.openapi_schema = None
    found = walk(client, neighbour["inspector"], hidden)
    assert [fault.split()[1] for fault in found] == [
        f"/api/v1/frames/{hidden.frame.id}/secret", "/api/v1/secrets", "/api/v1/broken"
    ]  # fmt: skip


def _leak() -> dict[str, str]:
    return {"filename": "hidden.jpg"}


def _break() -> None:
    raise ZeroDivisionError


def test_a_path_without_a_row_is_told(hidden: Rows) -> None:
    made: dict[str, Any] = {"paths": {"/api/v1/towers/{tower_id}": {"get": {}}}}
    with pytest.raises(AssertionError, match=r"expected a row for towers/\{tower_id\}"):
        list(asks(made, hidden))

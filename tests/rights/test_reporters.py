"""Who sent a report is told to those who manage reports, where they ask for it, and to nobody else by any other way."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role, may
from tests.factories import make_user, sign_in
from tests.rights.municipal_rows import PERSON, WORD
from tests.rights.rows import Rows
from tests.rights.test_neighbours import document, kept
from tests.rights.texts import PDF, SQLITE, ZIP, words_of
from tests.rights.walk import asks

ITS_OWN = {"/api/v1/reports/{report_id}/reporter"}
WAITING = {503, 507}  # no worker runs here; a full disk is no fault of the program
FILES = (PDF, SQLITE, ZIP)
OWN_PEOPLE = (Role.SUPERVISOR, Role.INSPECTOR, Role.UNIT, Role.CENTRE)


@pytest.mark.parametrize("role", OWN_PEOPLE)
def test_a_municipality_s_people_meet_the_reporter_at_one_address_alone(
    client: TestClient,
    session: Session,
    hidden: Rows,
    role: Role,
    capfd: pytest.CaptureFixture[str],
) -> None:
    unit = hidden.unit if role is Role.UNIT else None
    headers = sign_in(session, make_user(session, role, hidden.municipality, unit))
    told, broken, opened = set(), [], set()
    for ask in sorted(asks(document(client), hidden), key=lambda one: one.method != "get"):
        if ask.path == "/api/v1/logout":  # needed signed in
            continue
        answer = ask.send(client, headers)
        words = words_of(answer)
        if PERSON in words:
            told.add(ask.path)
        if WORD in words:
            opened |= {kind for kind in FILES if answer.content.startswith(kind)}
        if answer.status_code >= 500 and answer.status_code not in WAITING:
            broken.append(f"{ask.method} {ask.url} {ask.query} {ask.json}: {answer.status_code}")
    assert told == (ITS_OWN if may(role, Permission.MANAGE_REPORTS) else set())
    assert not broken, "\n".join(broken)
    assert role is not Role.SUPERVISOR or opened == set(FILES), "what files say of the town must have been read"
    assert PERSON not in "".join(capfd.readouterr())
    assert {table for table, rows in kept(session).items() if any(PERSON in row for row in rows)} <= {"reporter"}

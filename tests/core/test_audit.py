"""Who read whose personal data is kept, the data itself is not."""

from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.audit import READ, record_reads
from service.core.events import Actor, Event
from tests.factories import NOW, make_user, sign_in


def test_a_read_names_who_read_what_of_whom_and_never_the_values(session: Session) -> None:
    record_reads(session, at=NOW, actor=Actor("user", 7), subject_kind="reporter", subject_ids=[3, 4],
                 fields=("phone", "email"), via="GET /x", municipality_id=None)  # fmt: skip
    session.flush()
    found = session.scalars(select(Event).order_by(Event.id)).all()
    assert [(one.actor_id, one.subject_kind, one.subject_id, one.action) for one in found] == [
        (7, "reporter", 3, READ), (7, "reporter", 4, READ)
    ]  # fmt: skip
    assert found[0].data == {"fields": ["email", "phone"], "via": "GET /x"}


def test_listing_users_is_recorded_for_each_user_but_oneself(client: TestClient, session: Session) -> None:
    admin, other = make_user(session, Role.ADMIN), make_user(session)
    headers = sign_in(session, admin)
    assert len(client.get("/api/v1/users", headers=headers).json()["items"]) == 2
    read = session.scalars(select(Event).where(Event.action == READ)).all()
    assert [(one.actor_kind, one.actor_id, one.subject_id) for one in read] == [("user", admin.id, other.id)]
    assert read[0].data == {"fields": ["email", "name"], "via": "GET /api/v1/users"}


def test_a_refused_read_and_a_read_of_oneself_leave_no_trace(client: TestClient, session: Session) -> None:
    headers = sign_in(session, make_user(session))
    assert client.get("/api/v1/users", headers=headers).status_code == 403
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    assert session.scalars(select(Event).where(Event.action == READ)).all() == []

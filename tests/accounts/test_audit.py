"""Who read whose personal data is listed to those who answer for it, and to nobody else."""

import json
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from service.accounts.audit_cli import audit
from service.accounts.models import Municipality
from service.accounts.permissions import Role
from service.core.audit import record_reads
from service.core.events import SYSTEM, Actor
from service.core.runtime import Runtime
from tests.factories import NOW, make_municipality, make_user, sign_in

READS = "/api/v1/audit/reads"
VIA = "GET /api/v1/reports/{report_id}/reporter"


def read(session: Session, place: Municipality, actor: Actor, report_id: int, hours: int = 0) -> None:
    record_reads(
        session, at=NOW + timedelta(hours=hours), actor=actor, subject_kind="reporter", subject_ids=[report_id],
        fields=["phone", "email"], via=VIA, municipality_id=place.id,
    )  # fmt: skip


@pytest.fixture
def places(session: Session) -> tuple[Municipality, Municipality]:
    """Four reads here, the last by the system itself, and one next door."""
    here, there = make_municipality(session), make_municipality(session, "khobar")
    for number in range(3):
        read(session, here, Actor("user", 901 + number % 2), 11 + number, number)
    read(session, here, SYSTEM, 11, 3)
    read(session, there, Actor("user", 902), 21, 4)
    session.commit()
    return here, there


def test_a_supervisor_is_told_of_reads_in_the_own_municipality_the_newest_first(
    client: TestClient, session: Session, places: tuple[Municipality, Municipality]
) -> None:
    headers = sign_in(session, make_user(session, Role.SUPERVISOR, places[0]))
    first = client.get(f"{READS}?limit=3", headers=headers).json()
    rest = client.get(f"{READS}?limit=3&after={first['next']}", headers=headers).json()
    assert [one["subject_id"] for one in first["items"] + rest["items"]] == [11, 13, 12, 11]
    assert rest["next"] is None and first["items"][0]["actor_id"] is None
    assert first["items"][1] | {"id": 0} == {
        "id": 0, "at": "2026-03-04T08:00:00Z", "actor_kind": "user", "actor_id": 901, "subject_kind": "reporter",
        "subject_id": 13, "municipality_id": places[0].id, "fields": ["email", "phone"], "via": VIA,
    }  # fmt: skip
    next_door = client.get(f"{READS}?municipality_id={places[1].id}", headers=headers)
    assert next_door.json()["items"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [21, 11, 13, 12, 11]),
        ("actor_kind=user&actor_id=902", [21, 12]),
        ("subject_kind=reporter&subject_id=11", [11, 11]),
        ("subject_kind=user", []),
        ("actor_kind=system", [11]),
        ("since=2026-03-04T07:00:00Z&until=2026-03-04T09:00:00Z", [13, 12]),
    ],
)
def test_an_administrator_asks_by_reader_person_and_time(
    client: TestClient, session: Session, places: tuple[Municipality, Municipality], query: str, found: list[int]
) -> None:
    headers = sign_in(session, make_user(session, Role.ADMIN, places[0]))
    assert [one["subject_id"] for one in client.get(f"{READS}?{query}", headers=headers).json()["items"]] == found


def test_reads_of_users_are_told_to_administrators_alone(client: TestClient, session: Session) -> None:
    place = make_municipality(session)
    admin = sign_in(session, make_user(session, Role.ADMIN, place))
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR, place))
    assert client.get("/api/v1/users", headers=admin).status_code == 200
    told = client.get(f"{READS}?subject_kind=user", headers=admin).json()["items"]
    assert [(one["fields"], one["via"]) for one in told] == [(["email", "name"], "GET /api/v1/users")]
    assert client.get(READS, headers=supervisor).json()["items"] == []


@pytest.mark.parametrize("role", [Role.INSPECTOR, Role.UNIT, Role.CENTRE])
def test_those_who_are_read_about_in_the_list_may_not_read_it(client: TestClient, session: Session, role: Role) -> None:
    headers = sign_in(session, make_user(session, role))
    assert client.get(READS, headers=headers).status_code == 403
    assert client.get(READS).status_code == 401


def test_a_time_without_its_offset_is_refused(client: TestClient, session: Session) -> None:
    headers = sign_in(session, make_user(session, Role.ADMIN))
    assert client.get(f"{READS}?since=2026-03-04T07:00:00", headers=headers).status_code == 422


def test_the_command_line_lists_the_same(
    runtime: Runtime, places: tuple[Municipality, Municipality], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", runtime.database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(runtime.settings.data_dir))
    cli = CliRunner()
    told = cli.invoke(audit, ["reads", "--municipality", places[1].key, "--json"])
    assert [(one["actor_id"], one["subject_id"]) for one in json.loads(told.stdout)] == [(902, 21)]
    lines = cli.invoke(audit, ["reads", "--reader", "901", "--since", "2026-03-04T08:00:00"]).stdout.splitlines()
    assert len(lines) == 1 and lines[0].endswith(f"user 901 read email, phone of reporter 13 by {VIA}")
    assert cli.invoke(audit, ["reads", "--id", "99"]).stdout == "nobody read anything\n"
    unknown = cli.invoke(audit, ["reads", "--municipality", "atlantis"])
    assert unknown.exit_code == 2 and "atlantis" in unknown.stderr

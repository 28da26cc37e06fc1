"""The command line as an operator uses it: accounts without default secrets, help that teaches, errors in a line."""

import json
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.main import get_command
from typer.testing import CliRunner, Result

from service.accounts.models import Municipality, User
from service.cli import Termination, app
from service.core.database import Database
from service.work_orders.models import RoutingRule, Unit
from tests.factories import make_municipality, make_user, send_frame, square

runner = CliRunner()
PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def on_test_database(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))


def rasid(*arguments: str, **environment: str) -> Result:
    return runner.invoke(app, arguments, env=environment)


def test_a_municipality_comes_with_units_and_routing(session: Session, tmp_path: Path) -> None:
    boundary = tmp_path / "dammam.geojson"
    boundary.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": square(49.9, 26.3)}))
    names = ("--name-en", "Dammam", "--name-ar", "الدمام", "--boundary", str(boundary))
    done = rasid("municipality", "create", "dammam", *names)
    assert done.exit_code == 0, done.output
    made = session.scalars(select(Municipality)).one()
    assert made.boundary is not None and made.boundary["type"] == "Polygon"
    rule = session.scalars(select(RoutingRule).where(RoutingRule.key == "class_pothole")).one()
    assert rule.unit.key == "pothole_machine"
    again = rasid("municipality", "create", "dammam", *names)
    assert again.exit_code == 2
    assert "'dammam' is taken" in again.output


def test_the_first_admin_chooses_a_password_and_can_sign_in(client: TestClient, session: Session) -> None:
    short = rasid("user", "create", "Admin@example.org", "--role", "admin", RASID_NEW_PASSWORD="short")
    assert short.exit_code == 2
    assert "password" in short.output
    assert session.scalars(select(User)).all() == []
    made = rasid("user", "create", "Admin@example.org", "--role", "admin", RASID_NEW_PASSWORD=PASSWORD)
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    answer = client.post("/api/v1/login", json={"email": "admin@example.org", "password": PASSWORD})
    assert answer.status_code == 200


def test_without_a_password_none_is_made_up(session: Session) -> None:
    asked = rasid("user", "create", "admin@example.org", "--role", "admin")
    assert asked.exit_code != 0
    assert session.scalars(select(User)).all() == []


def test_a_foreman_belongs_to_a_unit_by_its_key(session: Session) -> None:
    place = make_municipality(session)
    session.add(Unit(municipality_id=place.id, key="cleaning", name_en="Cleaning", name_ar="النظافة", active=True))
    session.commit()
    options = ("--role", "unit", "--municipality", "dammam", "--unit", "cleaning")
    made = rasid("user", "create", "foreman@example.org", *options, RASID_NEW_PASSWORD=PASSWORD)
    assert made.exit_code == 0, made.output
    assert session.scalars(select(User)).one().unit_id is not None
    wrong = rasid("user", "create", "b@example.org", *options[:-1], "no_such_unit", RASID_NEW_PASSWORD=PASSWORD)
    assert wrong.exit_code == 2
    assert "no_such_unit" in wrong.output


def test_a_vehicles_key_is_printed_once_and_works(client: TestClient, session: Session) -> None:
    make_municipality(session)
    session.commit()
    made = rasid("vehicle", "create", "Van 1", "--municipality", "dammam", "--height-m", "2.2")
    assert made.exit_code == 0, made.output
    key = made.output.strip().splitlines()[-1]
    assert send_frame(client, {"Authorization": f"Bearer {key}"}).status_code == 201
    assert rasid("vehicle", "create", "Van 1", "--municipality", "dammam").exit_code == 2
    assert rasid("vehicle", "create", "Van 2", "--municipality", "atlantis").exit_code == 2


def test_a_sign_in_link_is_printed_for_a_known_user_only(session: Session) -> None:
    user = make_user(session)
    session.commit()
    assert "/sign-in/link?token=rat_" in rasid("user", "link", user.email).output
    assert rasid("user", "link", "nobody@example.org").exit_code == 2


def test_every_command_teaches_with_an_example_and_says_what_it_is_given() -> None:
    whole = typer.Typer()
    whole.add_typer(app)
    for entry in entry_points(group="rasid.commands"):
        loaded = entry.load()
        whole.add_typer(loaded, name=entry.name) if isinstance(loaded, typer.Typer) else whole.command(entry.name)(
            loaded
        )
    silent = [
        " ".join(path)
        for path, one in commands_of(get_command(whole), ())
        if "rasid" not in (one.help or "") or any(not getattr(given, "help", "") for given in one.params)
    ]
    assert silent == []


def commands_of(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    for name, one in (inner or {}).items():
        yield from commands_of(one, (*path, name))


def test_a_boundary_that_is_no_json_is_told_in_a_line(session: Session, tmp_path: Path) -> None:
    boundary = tmp_path / "dammam.geojson"
    boundary.write_text("{oops")
    names = ("--name-en", "Dammam", "--name-ar", "الدمام", "--boundary", str(boundary))
    refused = rasid("municipality", "create", "dammam", *names)
    assert refused.exit_code == 2 and "expected JSON" in refused.output


def test_an_operator_shuts_an_account_out_and_lets_it_in_again(session: Session) -> None:
    user = make_user(session)
    session.commit()
    for command, told, active in (("deactivate", "not active", False), ("activate", "active", True)):
        assert told in rasid("user", command, user.email).output
        session.refresh(user)
        assert user.active is active
    assert rasid("user", "deactivate", "nobody@example.org").exit_code == 2


@pytest.mark.parametrize("command", [(), ("serve",), ("worker",), ("user", "create"), ("vehicle", "create")])
def test_help_says_what_a_command_is_for(command: tuple[str, ...]) -> None:
    shown = rasid(*command, "--help")
    assert shown.exit_code == 0
    assert len(shown.output) > 300


def test_a_termination_that_python_dropped_is_obeyed_before_waiting() -> None:
    asked = Termination()
    asked.insist()
    with pytest.raises(SystemExit):  # as inside a callback whose exceptions are dropped
        asked()
    with pytest.raises(SystemExit) as ended:
        asked.insist()
    assert ended.value.code == 143

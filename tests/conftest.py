"""The real small things every test uses: an embedded PostgreSQL, a folder store, a tiny ONNX detector."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text
from sqlalchemy.orm import Session

import service.tables  # noqa: F401
from service.app import create_app
from service.core.database import Database
from service.core.embedded import leave_embedded_postgres, start_embedded_postgres
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.storage import Store, open_store
from service.core.tables import Base
from tests.models import write_blob_model

KEPT = {"alembic_version"}
# A busy machine is no failure, whatever a test sets besides. What lands is judged by the same examples each time (CI is
# set); everybody else's runs look for new ones.
hypothesis_settings.register_profile(
    "rasid", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
hypothesis_settings.load_profile("rasid")
os.environ.setdefault("RASID_PRIVACY", "off")  # tests of blurring turn it on; the others need not wait for it


@contextmanager
def postgres_folder() -> Iterator[Path]:
    """Not under pytest's own folder: that closes itself to other users, and root's PostgreSQL runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="rasid-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The PostgreSQL of this test process: RASID_TEST_DATABASE_URL, or an embedded one that goes with it."""
    external = os.environ.get("RASID_TEST_DATABASE_URL")
    if external:
        yield external
        return
    with postgres_folder() as folder:
        server = start_embedded_postgres(folder)
        yield server.get_uri()
        leave_embedded_postgres(server)


@pytest.fixture(scope="session")
def new_database(server_url: str) -> Iterator[Callable[[], Database]]:
    """Makes empty databases on the test server."""
    admin = Database(server_url)
    made: list[Database] = []

    def make() -> Database:
        name = f"rasid_{uuid4().hex[:12]}"
        with admin.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(f"CREATE DATABASE {name}")
        made.append(Database(admin.url.set(database=name).render_as_string(hide_password=False)))
        return made[-1]

    yield make
    for database in [*made, admin]:
        database.close()


@pytest.fixture(scope="session")
def migrated(new_database: Callable[[], Database]) -> Database:
    database = new_database()
    database.migrate()
    return database


@pytest.fixture
def database(migrated: Database) -> Iterator[Database]:
    """The migrated database, empty again after the test."""
    yield migrated
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables if table.name not in KEPT)
    jobs = "procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers"
    with migrated.transaction() as session:
        session.execute(text(f"TRUNCATE {names}, {jobs} RESTART IDENTITY CASCADE"))


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session whose work is visible to the API once committed: use `session.commit()` before a request."""
    with database.sessions() as session:
        yield session


@pytest.fixture(scope="session")
def blob_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blob_model(tmp_path_factory.mktemp("model") / "blobs.onnx")


@pytest.fixture
def settings(tmp_path: Path, blob_model: Path) -> Settings:
    return Settings(data_dir=tmp_path, model=str(blob_model), worker_in_server=False, max_image_bytes=2_000_000)


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


@pytest.fixture
def runtime(settings: Settings, database: Database, store: Store) -> Runtime:
    return Runtime(settings, database, store)


@pytest.fixture
def client(runtime: Runtime) -> Iterator[TestClient]:
    """The whole application without its worker thread; tests run jobs by calling `service.pipeline`."""
    with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
        yield client

"""One way to PostgreSQL: the embedded server or a URL, the same dialect and the same migrations for both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from service.core.embedded import leave_embedded_postgres, start_embedded_postgres, watch_embedded_postgres
from service.core.settings import Settings

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MIGRATION_LOCK = 940_000_001  # advisory lock: several processes may start at once, one migrates


class Database:
    """An engine and its sessions. `url` is a SQLAlchemy URL, `conninfo` the same for psycopg and Procrastinate."""

    def __init__(self, url: str, release: Callable[[], None] = lambda: None) -> None:
        """`release` is called on close: it gives up the embedded server, where that is the one."""
        self._release = release
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self.conninfo = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.engine: Engine = create_engine(self.url, pool_size=10, max_overflow=20, pool_pre_ping=True)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session committed when the block ends well and rolled back when it raises."""
        with self.sessions.begin() as session:
            yield session

    def migrate(self) -> None:
        """Brings the schema to this release's; does nothing when it is there already."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self.engine.dispose()
        self._release()


def open_database(settings: Settings) -> Database:
    """Connects to `settings.database_url`, or to the embedded server, and migrates."""
    if settings.database_url:
        database = Database(settings.database_url)
    else:
        server = start_embedded_postgres(settings.data_dir)
        end_watch = watch_embedded_postgres(server)

        def release() -> None:
            end_watch()
            leave_embedded_postgres(server)

        database = Database(server.get_uri(), release)
    database.migrate()
    return database

"""What the running program holds: settings, database, store and the detector, opened once and closed once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from inference.detector import Detector
from service.core.database import Database, open_database
from service.core.settings import Settings
from service.core.storage import Store, open_store


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    database: Database
    store: Store

    @cached_property
    def detector(self) -> Detector:
        """Opened at first use: a server without a worker never pays for the model."""
        return Detector.open(self.settings.model, backend=self.settings.backend)


@contextmanager
def open_runtime(settings: Settings) -> Iterator[Runtime]:
    database = open_database(settings)
    try:
        yield Runtime(settings, database, open_store(settings))
    finally:
        database.close()

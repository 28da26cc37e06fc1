"""A municipality to be hidden, and logs as in production."""

from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy.orm import Session

from service.core.storage import Store
from service.core.telemetry import configure_logging
from tests.rights.municipal_rows import HIDDEN
from tests.rights.rows import Rows, make_rows, number_from


@pytest.fixture(autouse=True)
def production_logs() -> Iterator[None]:
    """A server error is told in lines, not drawn with every local variable, which took 70 to 100 s for each."""
    configure_logging(json_lines=True)
    yield
    structlog.reset_defaults()


@pytest.fixture
def hidden(session: Session, store: Store) -> Iterator[Rows]:
    number_from(session, HIDDEN)
    rows = make_rows(session, store)
    number_from(session, 1)
    yield rows
    session.rollback()

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from service.core.runtime import Runtime
from tests.geodata.made import Area, make_area
from tests.intake.tus_support import served


@pytest.fixture
def area(session: Session) -> Area:
    return make_area(session)


@pytest.fixture
def neighbour(session: Session) -> Area:
    return make_area(session, "khobar", north_m=-40_000)


@pytest.fixture
def base(runtime: Runtime) -> Iterator[str]:
    """The application behind uvicorn; its address."""
    with served(runtime) as address:
        yield address

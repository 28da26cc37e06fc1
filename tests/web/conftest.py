"""A municipality to work in, and visitors who come with a browser's headers."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.core.storage import Store
from tests.web.desk import Desk
from tests.web.visitor import Visitor


@pytest.fixture
def desk(session: Session, store: Store) -> Desk:
    return Desk(session, store)


@pytest.fixture
def visitor(client: TestClient) -> Visitor:
    return Visitor(client)

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from tests.work_orders.orders import Town, make_town


@pytest.fixture
def town(client: TestClient, session: Session) -> Town:
    return make_town(client, session)

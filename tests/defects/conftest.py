"""People of two municipalities who may review and take verdicts out."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from tests.defects.desk import Desk
from tests.factories import make_municipality, make_user, sign_in


@pytest.fixture
def supervisor(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.SUPERVISOR))


@pytest.fixture
def neighbour(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))


@pytest.fixture
def desk(client: TestClient, supervisor: dict[str, str]) -> Desk:
    return Desk(client, supervisor)

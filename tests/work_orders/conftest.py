from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.work_orders.sla import OnTransfer
from tests.factories import make_user
from tests.work_orders.lives import LEVEL
from tests.work_orders.orders import Town, make_town


@pytest.fixture
def town(client: TestClient, session: Session) -> Town:
    return make_town(client, session)


@pytest.fixture(params=list(OnTransfer))
def level(town: Town, request: pytest.FixtureRequest) -> dict[str, Any]:
    """An order under a policy of thirty working hours, for each rule of transfers."""
    policy = {"municipality_id": town.municipality.id, "class_key": "pothole", "on_transfer": request.param} | LEVEL
    assert town.put("supervisor", "sla-policies", **policy).status_code == 200
    admin = make_user(town.session, Role.ADMIN)
    found = {"order": town.accept()["id"], "admin": admin, "on_transfer": request.param}
    town.session.commit()
    return found

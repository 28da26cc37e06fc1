"""The endpoint, a key for it, and a privacy model, without which no photo is public."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.service import SYSTEM_CALLER
from service.app import create_app
from service.core.runtime import Runtime
from service.reports.keys import make_key
from tests.factories import NOW
from tests.privacy_models import write_privacy_model
from tests.reports.citizens import town


@pytest.fixture(scope="session")
def privacy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_privacy_model(tmp_path_factory.mktemp("privacy") / "privacy.onnx")


@pytest.fixture
def api_key(session: Session) -> str:
    """A key for all municipalities; Dammam is there."""
    town(session)
    _, secret = make_key(session, SYSTEM_CALLER, "a city's app", None, None, NOW)
    session.commit()
    return secret


@pytest.fixture
def private_client(runtime: Runtime, privacy_model: Path) -> Iterator[TestClient]:
    """The application with a privacy model on."""
    changed = Runtime(
        runtime.settings.model_copy(update={"privacy": str(privacy_model)}), runtime.database, runtime.store
    )
    with TestClient(create_app(changed), raise_server_exceptions=False) as client:
        yield client

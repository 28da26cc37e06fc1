"""Every endpoint takes whatever fits the OpenAPI document, and much that does not, without a fault of ours.

Of each endpoint the simplest request and one more of a fixed seed; `make fuzz-api EXAMPLES=500 SEED=7` goes on.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from httpx2 import InvalidURL
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.storage import Store
from tests.factories import make_user, sign_in
from tests.rights.rows import FACTORIES, FEATURES, Rows, make_rows

EXAMPLES = int(os.environ.get("RASID_FUZZ_EXAMPLES", "2"))
SEED = int(os.environ.get("RASID_FUZZ_SEED", "0"))
BY_VEHICLES = ("/api/v1/tus", "/api/upload_sets", "/api/users/me", "/api/v1/archives", "/api/v1/uploads")
WAITING = {503, 507}  # no worker runs here; a full disk is no fault of the program
QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def rows(session: Session, store: Store) -> Rows:
    return make_rows(session, store)


@pytest.fixture
def admin(session: Session, rows: Rows) -> dict[str, str]:
    return sign_in(session, make_user(session, Role.ADMIN, rows.municipality))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_request_makes_a_server_error(
    client: TestClient, rows: Rows, admin: dict[str, str], mode: GenerationMode
) -> None:
    faults: list[str] = []
    for operation in operations(client.get("/openapi.json").json()):

        @seed(SEED)
        @QUIET
        @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
        def send_all(case: Case[Any], real: bool) -> None:
            if real:
                case.path_parameters = {**case.path_parameters, **real_ids(case.operation.path, rows)}
            by_vehicle = case.operation.path.startswith(BY_VEHICLES)
            fault = send(client, case, rows.vehicle_key if by_vehicle else admin)
            if fault:
                faults.append(fault)

        with suppress(Unsatisfiable):  # nothing about it can be made unfitting
            send_all()
    assert not faults, "\n".join(sorted(set(faults))[:40])


def operations(document: dict[str, Any]) -> Iterator[Any]:
    """All but the one that would sign us out."""
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok() if isinstance(result, Ok) else None
        assert operation is not None, f"expected a valid OpenAPI document, got {result}"
        if operation.path != "/api/v1/logout":
            yield operation


def real_ids(path: str, rows: Rows) -> dict[str, Any]:
    found = {}
    for key, value in FACTORIES.items():
        before, name = key.split("/")
        if f"{before}/{name}" in path:
            found[name.strip("{}")] = str(value(rows))
    if "{collection_id}" in path:
        found["collection_id"] = "defects"
    if "{feature_id}" in path:
        found["feature_id"] = str(FEATURES["defects"](rows))
    return found


def send(client: TestClient, case: Case[Any], headers: dict[str, str]) -> str | None:
    """What went wrong, in a line; None for any answer that is ours."""
    told = case.as_transport_kwargs(base_url=str(client.base_url))
    told = {
        name: told[name] for name in ("method", "url", "params", "json", "data", "files") if told.get(name) is not None
    }
    given_headers = {
        name: value for name, value in (case.headers or {}).items() if value.isascii() and value.isprintable()
    }
    if "files" in told:
        told["files"] = sendable(told["files"])
    if isinstance(told.get("data"), (bytes, str)):
        told["content"] = told.pop("data")
    try:
        answer = client.request(**told, headers={**given_headers, **headers})
    except (InvalidURL, UnicodeEncodeError):  # our client does not send it either
        return None
    if answer.status_code < 500 or answer.status_code in WAITING:
        return None
    return f"{case.method} {case.operation.path}: {answer.status_code} for {case.as_curl_command()[:600]}"


def sendable(part: Any) -> Any:
    """Fields of a form as our client takes them: what is neither text nor bytes goes as its text."""
    if isinstance(part, dict):
        return {name: sendable(value) for name, value in part.items()}
    if isinstance(part, list):
        return [(name, sendable(value)) for name, value in part]
    if isinstance(part, tuple):
        return tuple(sendable(value) for value in part)
    return part if part is None or isinstance(part, (bytes, str)) else str(part)

"""The application as an operator meets it: health, metrics, problem documents, a complete OpenAPI document."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from service.app import create_app
from service.core.runtime import Runtime
from service.core.settings import Settings
from tests.factories import make_user, make_vehicle, send_frame, sign_in


def test_health_needs_no_one_and_readiness_names_the_part_at_fault(client: TestClient, session: Session) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    idle = client.get("/readyz")
    assert idle.status_code == 503
    assert idle.json()["database"] == "ok" and "rasid worker" in idle.json()["queue"]
    session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
    session.commit()
    assert client.get("/readyz").json() == {"ready": True, "database": "ok", "queue": "ok", "model": "ok"}


def test_readiness_says_that_the_model_is_missing(runtime: Runtime, session: Session) -> None:
    session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
    session.commit()
    settings = runtime.settings.model_copy(update={"model": "/nowhere/a.onnx"})
    with TestClient(create_app(Runtime(settings, runtime.database, runtime.store))) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "/nowhere/a.onnx" in answer.json()["model"]


def test_metrics_count_frames_by_outcome(client: TestClient, session: Session) -> None:
    _, key = make_vehicle(session)
    send_frame(client, key)
    body = client.get("/metrics").text
    assert 'rasid_frames_received_total{outcome="new"}' in body
    assert "rasid_http_request_seconds_bucket" in body


def test_every_api_operation_documents_its_answer_and_its_error_bodies(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if not path.startswith("/api/v1"):
            continue
        for method, operation in methods.items():
            responses = operation["responses"]
            assert any(status.startswith("2") for status in responses), (path, method)
            for status, response in responses.items():
                if status.startswith("4"):
                    assert "application/problem+json" in response["content"], (path, method, status)


def test_an_unknown_address_of_the_api_is_a_problem_document(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing-here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_malformed_request_names_the_field(client: TestClient, session: Session) -> None:
    headers = sign_in(session, make_user(session))
    answer = client.get("/api/v1/defects", headers=headers, params={"limit": 0})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert answer.json()["errors"][0]["field"] == "query.limit"


def test_settings_come_from_the_environment_and_cannot_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_PORT", "9000")
    settings = Settings()
    assert settings.port == 9000
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_a_body_that_grows_too_large_unannounced_is_a_413(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"email":"'
        for _ in range(30):
            yield b"a" * 100_000

    answer = client.post("/api/v1/login", headers={"content-type": "application/json"}, content=body())
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


def test_invented_methods_make_no_new_metrics(client: TestClient) -> None:
    client.request("INVENTED", "/healthz")
    metrics = client.get("/metrics").text
    assert 'method="other"' in metrics and "INVENTED" not in metrics

"""What a supervisor and a monitor ask: is it alive, can it work, how is it doing."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from inference.errors import InferenceRefused
from inference.registry import load_model
from service.core.api import RuntimeDep
from service.core.runtime import Runtime

router = APIRouter(tags=["operations"])
WORKER_SILENT_S = 60


class Health(BaseModel):
    status: str


class Readiness(BaseModel):
    ready: bool
    database: str
    queue: str
    model: str


@router.get("/healthz")
def healthz() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not ready; the part at fault says why"}})
def readyz(runtime: RuntimeDep, response: Response) -> Readiness:
    """Database, job queue and model are usable."""
    parts = {"database": _database(runtime), "queue": _queue(runtime), "model": _model(runtime)}
    ready = all(said == "ok" for said in parts.values())
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, **parts)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _database(runtime: Runtime) -> str:
    try:
        with runtime.database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return f"no answer: {type(error).__name__}"
    return "ok"


def _queue(runtime: Runtime) -> str:
    """Work may wait, but somebody must be there to do it: a worker that spoke within the last minute."""
    alive = text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :s)")
    try:
        with runtime.database.engine.connect() as connection:
            workers = connection.execute(alive, {"s": WORKER_SILENT_S}).scalar_one()
    except SQLAlchemyError as error:
        return f"no answer: {type(error).__name__}"
    return "ok" if workers else f"no worker in the last {WORKER_SILENT_S} s; start `rasid worker`"


def _model(runtime: Runtime) -> str:
    try:
        load_model(runtime.settings.model)
    except InferenceRefused as error:
        return error.detail
    return "ok"

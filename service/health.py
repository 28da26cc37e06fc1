"""What a supervisor and a monitor ask: is it alive, can it work, how is it doing."""

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from inference.errors import InferenceRefused
from inference.registry import load_model
from service.core.api import RuntimeDep
from service.core.runtime import Runtime
from service.defects.outcomes import Outcome
from service.defects.precision import count_recent_verdicts

log = structlog.get_logger()
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
def metrics(runtime: RuntimeDep) -> Response:
    """Prometheus text format: what this process counted, and precision by the newest verdicts of all processes."""
    return Response(generate_latest() + _verdicts(runtime), media_type=CONTENT_TYPE_LATEST)


def _verdicts(runtime: Runtime) -> bytes:
    """Read from the database each time, so that it is the same for every process and survives restarts."""
    try:
        with runtime.database.transaction() as session:
            counted = count_recent_verdicts(session)
    except SQLAlchemyError as error:
        log.warning("metrics.verdicts_unknown", error=repr(error))
        return b""
    registry, labels = CollectorRegistry(), ["class_key", "model_name", "model_version"]
    counts = Gauge("rasid_recent_verdicts", "Newest verdicts by outcome", [*labels, "outcome"], registry=registry)
    precision = Gauge("rasid_recent_precision_ratio", "Accepted among the newest verdicts", labels, registry=registry)
    for one in counted:
        named = (one.subject.class_key, one.subject.model_name, one.subject.model_version)
        for outcome in (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.RECLASSIFIED):
            counts.labels(*named, outcome.value).set(getattr(one.tally, outcome.value))
        if one.tally.precision is not None:
            precision.labels(*named).set(one.tally.precision)
    return generate_latest(registry)


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

"""Puts the rooms together into one ASGI application."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service import health
from service.accounts.api import router as accounts
from service.accounts.audit_api import router as audit
from service.contracts.api import router as contracts
from service.control.api import router as indicators
from service.control.incidents_api import router as incidents
from service.control.programmes_api import router as programmes
from service.control.ranking_api import router as ranking
from service.core.errors import RasidError, TooLarge, Unauthenticated, Unprocessable
from service.core.limits import BodyLimit
from service.core.rates import RateLimit
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.telemetry import REQUEST_SECONDS
from service.coverage.api import router as coverage
from service.crews.api import router as crews
from service.defects.api import router as defects
from service.defects.priority_api import router as priority
from service.geodata.api import public_router as open_features
from service.geodata.api import router as features
from service.geodata.export_api import router as exports
from service.intake.archives_api import router as archives
from service.intake.panoramax_api import router as panoramax
from service.intake.tus_api import router as tus
from service.intake.uploads_api import router as uploads
from service.jobs import run_worker
from service.privacy.api import router as blur
from service.reports.api import router as reports
from service.reports.notices_api import router as notices
from service.reports.open311_api import router as open311
from service.reports.open311_documents import open311_error, open311_refusal, speaks_open311
from service.reports.outside_api import router as outside
from service.surveys.api import router as surveys
from service.surveys.blurring import open_privacy
from service.surveys.mending_api import router as mending
from service.web.errors import FaultError, UnknownPageError, error_page, wants_page
from service.web.routes import router as pages
from service.web.routes import static_files
from service.webhooks.api import router as webhooks
from service.work_orders.api import router as work_orders
from service.work_orders.verification_api import router as verification

log = structlog.get_logger()
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
STREAMED = ("/api/v1/tus", "/api/v1/tus/", "/api/v1/archives")  # written to disk as they come, and counted there
REPORTED = (  # several photos
    "/open311/v2/requests.xml", "/open311/v2/requests.json", "/open311/v2/servicerequestupdates.xml",
    "/open311/v2/servicerequestupdates.json", "/api/v1/reports",
)  # fmt: skip
ROUTERS = (
    health.router, accounts, audit,
    mending, surveys, archives, blur, coverage, panoramax, tus, uploads,
    defects, priority, work_orders, verification, incidents,
    open_features, features, exports,
    contracts, crews, open311, notices,
    indicators, ranking, programmes,
    reports, outside, webhooks, pages,
)  # fmt: skip
FORM_OVERHEAD_BYTES = 100_000  # multipart boundaries and the metadata field around one image


def create_app(runtime: Runtime) -> FastAPI:
    """The service over an open runtime; its lifetime runs the worker thread when the settings ask for one."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        open_privacy(runtime.settings)
        if not runtime.settings.worker_in_server:
            yield
            return
        with worker_thread(runtime):
            yield

    app = FastAPI(
        title="Rasid",
        version="1",
        summary="From a street frame to a closed work order.",
        license_info={"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.runtime = runtime
    app.state.limits = RateLimit()
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", static_files())
    app.add_exception_handler(RasidError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.middleware("http")(_observe)
    _limit_bodies(app, runtime.settings)
    return app


def _limit_bodies(app: FastAPI, settings: Settings) -> None:
    largest_bytes = max(settings.tus_max_size_bytes, settings.max_archive_bytes)
    photos_bytes = max(1, settings.report_max_photos) * settings.max_image_bytes
    app.add_middleware(
        BodyLimit,
        refuse=_too_large,
        max_bytes=settings.max_image_bytes + FORM_OVERHEAD_BYTES,
        larger={
            **dict.fromkeys(STREAMED, largest_bytes + FORM_OVERHEAD_BYTES),
            **dict.fromkeys(REPORTED, photos_bytes + FORM_OVERHEAD_BYTES),
        },
    )


@contextmanager
def worker_thread(runtime: Runtime) -> Iterator[None]:
    """A worker inside this process: enough for one machine, and what `pip install` users get."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(run_worker(runtime))
    thread = threading.Thread(target=_run, args=(loop, task), name="rasid-worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(timeout=60)


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        pass
    finally:
        loop.close()


def _too_large(request: Request, error: TooLarge) -> Response:
    if speaks_open311(request):
        return open311_refusal(request, error)
    return JSONResponse(error.problem(), error.status, media_type="application/problem+json")


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RasidError)
    if speaks_open311(request):
        return open311_refusal(request, error)
    if wants_page(request):
        return error_page(request, error)
    headers = {"WWW-Authenticate": error.challenge} if isinstance(error, Unauthenticated) else {}
    if "retry_after_s" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after_s"])
    return JSONResponse(error.problem(), error.status, headers, media_type="application/problem+json")


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses (unknown address, wrong method), in the same form as our own refusals."""
    assert isinstance(error, HTTPException)
    if speaks_open311(request):
        return open311_error(request, error.status_code, str(error.detail), error.headers)
    code = f"http.{error.status_code}"
    if wants_page(request):
        return error_page(request, UnknownPageError("page.unknown", error.detail))
    expected = "an address and method" if error.status_code in (404, 405) else "a request"
    problem = {
        "type": f"urn:rasid:problem:{code}",
        "title": error.detail,
        "status": error.status_code,
        "code": code,
        "detail": f"expected {expected} as in /openapi.json, got {request.method} {request.url.path}: {error.detail}",
    }
    return JSONResponse(problem, error.status_code, error.headers, media_type="application/problem+json")


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [{"field": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors()]
    named = "; ".join(f"{one['field']}: {one['message']}" for one in fields[:3])
    if speaks_open311(request):
        return open311_error(request, 400, named)
    problem = Unprocessable("request.invalid", f"expected a request as in /openapi.json; {named}", errors=fields)
    if wants_page(request):
        return error_page(request, problem)
    return JSONResponse(problem.problem(), problem.status, media_type="application/problem+json")


async def _observe(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Times every request, and turns a fault of ours into a problem document after logging its traceback."""
    started = time.perf_counter()
    response: Response
    try:
        response = await call_next(request)
    except Exception:
        log.exception("request.failed", method=request.method, path=request.url.path)
        problem = {"type": "urn:rasid:problem:internal", "title": "Internal error", "status": 500, "code": "internal",
                   "detail": "the service failed; the operator finds the reason in its log"}  # fmt: skip
        response = JSONResponse(problem, 500, media_type="application/problem+json")
        if speaks_open311(request):
            response = open311_error(request, 500, str(problem["detail"]))
        elif wants_page(request):
            response = error_page(request, FaultError("internal", str(problem["detail"])))
    route = getattr(request.scope.get("route"), "path", "unknown")
    method = request.method if request.method in METHODS else "other"  # a caller may invent any number of them
    REQUEST_SECONDS.labels(method, route, response.status_code).observe(time.perf_counter() - started)
    return response

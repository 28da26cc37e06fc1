"""Open311 GeoReport v2: what any city software can read without a key, and write with one."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile

from service.accounts.models import Municipality
from service.core.api import NowDep, RuntimeDep, SessionDep, limit, limit_host
from service.core.errors import NotFound
from service.core.i18n import Language, choose_language
from service.reports.intake import is_published
from service.reports.keys import key_of
from service.reports.models import ApiKey, Report
from service.reports.open311_documents import MEDIA_TYPES, answer, format_of
from service.reports.open311_query import BadParameter, Parameters, read_paging, read_wanted, window_of
from service.reports.open311_reading import (
    Viewer,
    find_jurisdiction,
    find_requests,
    find_updates,
    get_request,
    report_of_token,
    request_rows,
    update_row,
)
from service.reports.open311_services import CHANGESET, definition, service_codes, service_rows
from service.reports.open311_writing import Form, post_request, post_update
from service.reports.photos import public_photo
from service.reports.words import step_text

ROOT = "/open311/v2"
MOST_FIELDS = 200
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"


def _documented(*names: str) -> dict[str, Any]:
    """The optional parameters, for OpenAPI: all are text, and an empty one counts as absent."""
    return {"parameters": [{"name": one, "in": "query", "schema": {"type": "string"}} for one in names]}


_BODY = {media: {"schema": {"type": "object", "additionalProperties": {"type": "string"}}} for media in FORMS}
_ERRORS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As the specification says",
        "content": {MEDIA_TYPES[one].split(";")[0]: {} for one in MEDIA_TYPES},
    },
    400: {"description": "A parameter is missing or wrong"},
    403: {"description": "The api_key is missing or unknown"},
    404: {"description": "No such service, request, jurisdiction or format"},
    413: {"description": "The body is too large"},
    429: {"description": "Too many requests"},
}
router = APIRouter(tags=["open311"], default_response_class=Response, responses=_ERRORS)


def limit_reads(request: Request, runtime: RuntimeDep) -> None:
    limit_host(request, "read", runtime.settings.open311_reads_per_minute)


def told_in_query(request: Request) -> Parameters:
    return Parameters(request.query_params.multi_items())


QueryDep = Annotated[Parameters, Depends(told_in_query)]
Limited = [Depends(limit_reads)]


async def read_form(request: Request) -> AsyncIterator[Form]:
    """Fields and files of the body, and fields of the address for programs that send the key there."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in FORMS:
        raise BadParameter("open311.body", f"expected a body of {' or '.join(FORMS)}, got {media_type[:60] or 'none'}")
    async with request.form(max_files=50, max_fields=MOST_FIELDS) as form:
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        files = [value.file for _, value in form.multi_items() if isinstance(value, UploadFile) and value.size]
        yield Form(Parameters([*pairs, *request.query_params.multi_items()]), files)


FormDep = Annotated[Form, Depends(read_form)]


def get_key(request: Request, session: SessionDep, runtime: RuntimeDep, form: FormDep) -> ApiKey:
    key = key_of(session, form.fields.get("api_key"))
    limit(request, ("write", key.id), runtime.settings.open311_writes_per_minute)
    return key


KeyDep = Annotated[ApiKey, Depends(get_key)]


def get_jurisdiction(session: SessionDep, runtime: RuntimeDep, told: QueryDep) -> Municipality | None:
    return find_jurisdiction(session, runtime.settings, told.get("jurisdiction_id"))


def get_told_jurisdiction(session: SessionDep, runtime: RuntimeDep, key: KeyDep, form: FormDep) -> Municipality | None:
    """Of a body; a key of one municipality names it. After the key, so that a stranger learns nothing."""
    told = form.fields.get("jurisdiction_id")
    if told is None and key.municipality_id is not None:
        return session.get(Municipality, key.municipality_id)
    return find_jurisdiction(session, runtime.settings, told)


def get_viewer(request: Request, runtime: RuntimeDep) -> Viewer:
    base = (runtime.settings.public_url or str(request.base_url)).rstrip("/")
    return Viewer(base + ROOT, _language(request), request.query_params.get("extensions") == "true")


JurisdictionDep = Annotated[Municipality | None, Depends(get_jurisdiction)]
ToldJurisdictionDep = Annotated[Municipality | None, Depends(get_told_jurisdiction)]
ViewerDep = Annotated[Viewer, Depends(get_viewer)]


@router.get("/open311/discovery.{form}", dependencies=Limited)
@router.get(ROOT + "/discovery.{form}", dependencies=Limited)
def discover(form: str, viewer: ViewerDep, runtime: RuntimeDep) -> Response:
    """Where the endpoint is, in which formats, and whom to ask for a key."""
    endpoint = {
        "specification": SPECIFICATION,
        "url": viewer.base_url,
        "changeset": CHANGESET,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    told = {
        "changeset": CHANGESET,
        "contact": runtime.settings.open311_contact,
        "key_service": runtime.settings.open311_key_service,
        "endpoints": [endpoint],
    }
    return answer(format_of(form), "discovery", told)


@router.get(ROOT + "/services.{form}", dependencies=Limited, openapi_extra=_documented("jurisdiction_id"))
def list_services(form: str, jurisdiction: JurisdictionDep, viewer: ViewerDep) -> Response:
    """What can be reported: the classes of defects, and something else."""
    return answer(format_of(form), "services", service_rows(viewer.language))


@router.get(ROOT + "/services/{code}.{form}", dependencies=Limited, openapi_extra=_documented("jurisdiction_id"))
def get_service(code: str, form: str, jurisdiction: JurisdictionDep, viewer: ViewerDep) -> Response:
    """What is asked of a service."""
    if code not in service_codes():
        raise NotFound("open311.service_code", f"expected a service_code of GET services, got {code[:60]!r}")
    return answer(format_of(form), "service_definition", definition(code, viewer.language))


@router.post(ROOT + "/requests.{form}", openapi_extra={"requestBody": {"content": _BODY}})
def create_request(
    request: Request, form: str, session: SessionDep, runtime: RuntimeDep, now: NowDep, body: FormDep, key: KeyDep,
    jurisdiction: ToldJurisdictionDep,
) -> Response:  # fmt: skip
    """Files a report; photos come as files of a multipart body or as media_url."""
    chosen, language = format_of(form), _language(request)
    report = post_request(session, runtime, key, jurisdiction, body, language, now)
    told = {"token": report.token} if not is_published(report) else {"service_request_id": report.number}
    notice = step_text(report.step, report.note, language)
    return answer(chosen, "service_requests", [{**told, "service_notice": notice, "account_id": None}])


@router.get(ROOT + "/tokens/{token}.{form}", dependencies=Limited, openapi_extra=_documented("jurisdiction_id"))
def get_token(token: str, form: str, jurisdiction: JurisdictionDep, session: SessionDep) -> Response:
    """The number behind a token; empty until a person has said what the report is about."""
    chosen = format_of(form)
    report = _by_token(session, jurisdiction, token)
    number = report.number if is_published(report) else None
    return answer(chosen, "service_requests", [{"service_request_id": number, "token": token}])


@router.get(
    ROOT + "/requests.{form}", dependencies=Limited,
    openapi_extra=_documented(
        "jurisdiction_id", "service_request_id", "service_code", "start_date", "end_date", "status", "page",
        "page_size", "lat", "long", "radius", "extensions",
    ),
)  # fmt: skip
def list_requests(
    form: str, told: QueryDep, jurisdiction: JurisdictionDep, viewer: ViewerDep, session: SessionDep, now: NowDep
) -> Response:
    """Reports and what became of them: of the last 90 days or the newest 1000, unless narrowed."""
    chosen = format_of(form)
    reports = find_requests(session, jurisdiction, read_wanted(told, now))
    return answer(chosen, "service_requests", request_rows(session, reports, viewer))


@router.get(
    ROOT + "/requests/{number}.{form}", dependencies=Limited, openapi_extra=_documented("jurisdiction_id", "extensions")
)
def show_request(
    number: str, form: str, jurisdiction: JurisdictionDep, viewer: ViewerDep, session: SessionDep
) -> Response:
    """One report."""
    chosen = format_of(form)
    return answer(chosen, "service_requests", request_rows(session, [_request(session, jurisdiction, number)], viewer))


@router.get(
    ROOT + "/servicerequestupdates.{form}", dependencies=Limited,
    openapi_extra=_documented("jurisdiction_id", "start_date", "end_date", "page", "page_size"),
)  # fmt: skip
def list_updates(
    form: str, told: QueryDep, jurisdiction: JurisdictionDep, viewer: ViewerDep, session: SessionDep, now: NowDep
) -> Response:
    """Every step of every report in a while, the oldest first (an extension that FixMyStreet reads)."""
    chosen = format_of(form)
    since, until = window_of(told, now)
    rows = [update_row(one, viewer) for one in find_updates(session, jurisdiction, since, until, read_paging(told))]
    return answer(chosen, "service_request_updates", rows)


@router.post(ROOT + "/servicerequestupdates.{form}", openapi_extra={"requestBody": {"content": _BODY}})
def create_update(
    form: str, session: SessionDep, runtime: RuntimeDep, now: NowDep, body: FormDep, key: KeyDep,
    jurisdiction: ToldJurisdictionDep,
) -> Response:  # fmt: skip
    """Words and photos about a report from the software that sent it; the same update_id again changes nothing."""
    chosen = format_of(form)
    update = post_update(session, runtime, key, jurisdiction, body, now)
    return answer(chosen, "service_request_updates", [{"update_id": str(update.id)}])


@router.get(ROOT + "/photos/{key}", dependencies=Limited)
def show_photo(key: str, session: SessionDep, runtime: RuntimeDep) -> Response:
    """A photo with faces and plates blurred."""
    _refuse_null(key)
    data, media_type = public_photo(session, runtime, key)
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type=media_type, headers=headers)


def _request(session: SessionDep, jurisdiction: Municipality | None, number: str) -> Report:
    _refuse_null(number)
    return get_request(session, jurisdiction, number)


def _by_token(session: SessionDep, jurisdiction: Municipality | None, token: str) -> Report:
    _refuse_null(token)
    return report_of_token(session, jurisdiction, token)


def _refuse_null(told: str) -> None:
    if "\x00" in told:
        raise NotFound("open311.unknown", "expected a known name in the address, got a null character")


def _language(request: Request) -> Language:
    return choose_language(None, request.headers.get("accept-language"))

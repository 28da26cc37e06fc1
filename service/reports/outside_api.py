"""HTTP for those outside: a reporter's link, keys of programs, connections to other endpoints."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from sqlalchemy import select

from service.accounts.caller import Caller, require, visible
from service.accounts.permissions import Permission
from service.core.addresses import read_target
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, RuntimeDep, SessionDep, paginate
from service.core.fields import NO_NUL, Key, RowId
from service.reports.connections import set_connection, visible_connections
from service.reports.keys import make_key, revoke_key
from service.reports.models import ApiKey, Connection, Rating
from service.reports.reopening import may_reopen, rate_report, reopen_by_link, report_of_link
from service.reports.schemas import (
    ApiKeyIn,
    ApiKeyOut,
    ConnectionIn,
    ConnectionOut,
    LinkOut,
    NewApiKeyOut,
    RateIn,
    ReopenIn,
)
from service.reports.signing import notice_secret, secret_of, shown_secret

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["reports"])
ManagerDep = Annotated[Caller, Depends(require(Permission.MANAGE_WEBHOOKS))]
Token = Annotated[str, Path(max_length=200, pattern=NO_NUL)]


@router.get("/report-links/{token}")
def show_link(token: Token, session: SessionDep, runtime: RuntimeDep, now: NowDep) -> LinkOut:
    """What the link in a reporter's message is for; needs no account, the link is signed."""
    return _link(session, runtime, token, now)


@router.post("/report-links/{token}/rating")
def rate(token: Token, body: RateIn, session: SessionDep, runtime: RuntimeDep, now: NowDep) -> LinkOut:
    """1 to 5 and satisfied or not, once for each closing."""
    rate_report(session, runtime.settings, token, body.stars, body.satisfied, now)
    return _link(session, runtime, token, now)


@router.post("/report-links/{token}/reopen")
def reopen(token: Token, body: ReopenIn, session: SessionDep, runtime: RuntimeDep, now: NowDep) -> LinkOut:
    """It is not mended: opens the report again, within the time that the message named."""
    reopen_by_link(session, runtime.settings, token, body.note, now)
    return _link(session, runtime, token, now)


@router.get("/api-keys")
def list_keys(
    caller: ManagerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[ApiKeyOut]:
    """Keys of programs that write reports through Open311, without their secrets."""
    own = visible(select(ApiKey), ApiKey.municipality_id, caller)  # null: seen by who sees all
    rows, following = paginate(session, own, ApiKey.id, after, limit)
    return Page(items=[ApiKeyOut.model_validate(row) for row in rows], next=following)


@router.post("/api-keys", status_code=201)
def create_key(
    body: ApiKeyIn, caller: ManagerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> NewApiKeyOut:
    """A new key; it is shown this once."""
    url = str(body.notice_url) if body.notice_url else None
    if url:
        read_target(url, runtime.settings.private_hosts)
    key, secret = make_key(session, caller, body.name, body.municipality_id, url, now)
    signing = shown_secret(notice_secret(secret_of(runtime.settings), key.id))
    return NewApiKeyOut(**ApiKeyOut.model_validate(key).model_dump(), api_key=secret, notice_secret=signing)


@router.delete("/api-keys/{key_id}")
def end_key(key_id: RowId, caller: ManagerDep, session: SessionDep, now: NowDep) -> ApiKeyOut:
    """The key stops working; its reports stay."""
    return ApiKeyOut.model_validate(revoke_key(session, caller, key_id, now))


@router.get("/open311-connections")
def list_connections(
    caller: ManagerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[ConnectionOut]:
    """Other Open311 endpoints, and how the last exchange with each went."""
    rows, following = paginate(session, visible_connections(caller), Connection.id, after, limit)
    return Page(items=[ConnectionOut.model_validate(row) for row in rows], next=following)


@router.put("/open311-connections/{key}")
def put_connection(
    key: Key, body: ConnectionIn, caller: ManagerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> ConnectionOut:
    """Makes or changes one; its api_key is the setting RASID_OPEN311_KEYS."""
    read_target(str(body.url), runtime.settings.private_hosts, secure=False)
    values = body.model_dump() | {"url": str(body.url).rstrip("/")}
    return ConnectionOut.model_validate(set_connection(session, caller, key, values, now))


def _link(session: SessionDep, runtime: RuntimeDep, token: str, now: NowDep) -> LinkOut:
    report, link = report_of_link(session, runtime.settings, token, now)
    rated = (Rating.report_id == report.id, Rating.closing == link.closing)
    return LinkOut(
        number=report.number, class_key=report.class_key, state=report.state, until=link.until,
        rated=session.scalar(select(Rating.id).where(*rated)) is not None,
        may_reopen=may_reopen(report, runtime.settings, now),
    )  # fmt: skip

"""What every router shares: the request's session, clock and runtime, error bodies for OpenAPI, and keyset pages."""

import time
from collections.abc import Hashable, Iterator
from datetime import datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.core.clock import utc_now
from service.core.fields import MAX_ROW_ID
from service.core.rates import RateLimit
from service.core.runtime import Runtime

Item = TypeVar("Item")
Row = TypeVar("Row")


class Problem(BaseModel):
    """RFC 9457 problem document, sent as `application/problem+json` with every error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="urn:rasid:problem: and the code")
    title: str
    status: int
    code: str = Field(description="stable, for programs")
    detail: str = Field(description="what was expected, what came, what to do")


Responses: TypeAlias = dict[int | str, dict[str, Any]]


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next: int | None = Field(description="pass as `after` to get the following page; null at the end")


def problems(*statuses: int) -> Responses:
    """The `responses=` of a router: each status with the problem document as its body."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "description": TITLES[status], "content": content} for status in statuses}


TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    409: "Conflict with the present state",
    413: "Too large",
    415: "Unsupported media type",
    422: "Content cannot be used",
    429: "Too many requests",
}
PROBLEMS = problems(400, 401, 403, 404, 409, 422)


def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


def get_session(runtime: RuntimeDep) -> Iterator[Session]:
    with runtime.database.transaction() as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session, scope="function")]  # commits before the response leaves
NowDep = Annotated[datetime, Depends(utc_now)]
PICTURE_HEADERS = {  # a region that is blurred after the fact is gone from browsers five minutes later
    "Cache-Control": "private, max-age=300",
    "X-Content-Type-Options": "nosniff",
}
AfterQuery = Annotated[int | None, Query(description="`next` of the page before", ge=0, le=MAX_ROW_ID)]
LimitQuery = Annotated[int, Query(ge=1, le=500)]


def paginate(
    session: Session,
    statement: Select[Row],
    key: InstrumentedAttribute[int],
    after: int | None,
    limit: int,
    *,
    descending: bool = False,
) -> tuple[list[Row], int | None]:
    """One page of rows in the order of `key`, and the key to go on from (None at the end)."""
    if after is not None:
        statement = statement.where(key < after if descending else key > after)
    ordered = statement.order_by(key.desc() if descending else key).limit(limit + 1)
    rows = list(session.scalars(ordered))
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, (getattr(rows[-1], key.key) if more else None)


def limit(request: Request, caller: Hashable, per_minute: int) -> None:
    """Raises TooManyRequests; each process counts for itself."""
    limits: RateLimit = request.app.state.limits
    limits.take(caller, per_minute, time.monotonic())


def limit_host(request: Request, what: str, per_minute: int) -> None:
    """The same by network address."""
    limit(request, (what, request.client.host if request.client else ""), per_minute)

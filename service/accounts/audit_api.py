"""HTTP for the audit trail: who read whose personal data, for those who answer for it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from service.accounts.caller import Caller, require, visible
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, Page, SessionDep, paginate
from service.core.audit import ReadFilter, Whose, reads
from service.core.events import Event
from service.core.fields import RowId

router = APIRouter(prefix="/api/v1/audit", responses=PROBLEMS, tags=["accounts"])
AuditorDep = Annotated[Caller, Depends(require(Permission.VIEW_AUDIT))]
TimeQuery = Annotated[AwareDatetime | None, Query(description="with its offset, such as +03:00")]


class ReadOut(BaseModel):
    """One read of one person's data; which fields, never what stood in them."""

    id: int
    at: AwareDatetime
    actor_kind: str = Field(description="user, vehicle or system")
    actor_id: int | None = Field(description="null: the system itself, or the command line")
    subject_kind: Whose = Field(description="user or reporter")
    subject_id: int = Field(description="of a reporter: the id of the report")
    municipality_id: int | None
    fields: list[str]
    via: str = Field(description="the endpoint or command, or what it was needed for")


@router.get("/reads")
def list_reads(
    caller: AuditorDep, session: SessionDep, actor_kind: Literal["user", "vehicle", "system"] | None = None,
    actor_id: RowId | None = None, subject_kind: Whose | None = None,
    subject_id: RowId | None = None, municipality_id: RowId | None = None, since: TimeQuery = None,
    until: TimeQuery = None, after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[ReadOut]:  # fmt: skip
    """Who read whose personal data, the newest first; of your municipalities. Reads of users' data, who may belong to
    several, are an administrator's alone."""
    wanted = ReadFilter(actor_kind, actor_id, subject_kind, subject_id, municipality_id, since, until)
    own = visible(reads(wanted), Event.municipality_id, caller)
    rows, following = paginate(session, own, Event.id, after, limit, descending=True)
    return Page(items=[read_out(row) for row in rows], next=following)


def read_out(row: Event) -> ReadOut:
    return ReadOut(
        id=row.id, at=row.at, actor_kind=row.actor_kind, actor_id=row.actor_id, subject_kind=Whose(row.subject_kind),
        subject_id=row.subject_id, municipality_id=row.municipality_id, fields=row.data["fields"], via=row.data["via"],
    )  # fmt: skip

"""HTTP for messages to reporters: which were sent, wait or failed, and why; never to whom."""

from typing import Annotated

from fastapi import APIRouter, Depends

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, SessionDep
from service.core.fields import RowId
from service.reports.models import NoticeState
from service.reports.outbox import list_notices, retry_notice
from service.reports.schemas import NoticeOut

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["reports"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_REPORTS))]
AgentDep = Annotated[Caller, Depends(require(Permission.MANAGE_REPORTS))]


@router.get("/notices")
def get_notices(
    caller: ViewerDep, session: SessionDep, state: NoticeState | None = None, report_id: RowId | None = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[NoticeOut]:  # fmt: skip
    """Messages to reporters, the newest first; `state=failed` were given up after all tries."""
    rows, following = list_notices(session, caller, state, report_id, after, limit)
    return Page(items=[NoticeOut.model_validate(row) for row in rows], next=following)


@router.post("/notices/{notice_id}/retry")
def retry(notice_id: RowId, caller: AgentDep, session: SessionDep, now: NowDep) -> NoticeOut:
    """Sends one again that failed, once what stood in its way is mended."""
    return NoticeOut.model_validate(retry_notice(session, caller, notice_id, now))

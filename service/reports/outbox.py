"""What became of messages to reporters, for the people who mend what stands in their way."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from service.accounts.caller import Caller, visible
from service.core.api import paginate
from service.core.errors import Conflict, NotFound
from service.reports.models import Notice, NoticeState, Report
from service.reports.moving import record_report


def visible_notices(caller: Caller) -> Select[Notice]:
    own = select(Notice).join(Report, Report.id == Notice.report_id).options(contains_eager(Notice.report))
    return visible(own, Report.municipality_id, caller)


def list_notices(
    session: Session, caller: Caller, state: NoticeState | None, report_id: int | None, after: int | None, limit: int
) -> tuple[list[Notice], int | None]:
    """The newest first."""
    statement = visible_notices(caller)
    if state is not None:
        statement = statement.where(Notice.state == state)
    if report_id is not None:
        statement = statement.where(Notice.report_id == report_id)
    return paginate(session, statement, Notice.id, after, limit, descending=True)


def retry_notice(session: Session, caller: Caller, notice_id: int, now: datetime) -> Notice:
    """One that was given up, or waits, is sent within a minute, with all its tries before it; again is once.

    Raises Conflict for one that was sent or has nobody to go to.
    """
    own = visible_notices(caller).where(Notice.id == notice_id).with_for_update(of=Notice)
    notice = session.scalar(own.execution_options(populate_existing=True))
    if notice is None:
        raise NotFound("notice.unknown", f"expected a notice of your municipalities, got id {notice_id}")
    if notice.state not in {NoticeState.FAILED, NoticeState.WAITING}:
        raise Conflict("notice.state", f"expected a notice that failed or waits, it is {notice.state.value}")
    if notice.state is NoticeState.WAITING and notice.next_at <= now:
        return notice
    before = notice.state
    notice.state, notice.attempts, notice.next_at = NoticeState.WAITING, 0, now
    told = {"notice_id": notice.id, "channel": notice.channel, "was": before.value}
    record_report(session, notice.report, "retry_notice", caller.actor, now, from_state=notice.report.state, data=told)
    session.flush()
    return notice

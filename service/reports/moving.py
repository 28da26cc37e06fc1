"""The one way a report changes: by the table, with an event and a public step, so that nobody is left untold."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core.events import Actor, record
from service.core.tables import JsonObject
from service.defects.access import lock_defects
from service.defects.models import Defect
from service.defects.priorities import set_priorities
from service.reports.masking import clean, mask
from service.reports.models import Report, ReportUpdate
from service.reports.states import OVER, ReportAction, ReportState, Step, advance


def move_report(
    session: Session, report: Report, action: ReportAction, step: Step, actor: Actor, now: datetime, *,
    note: str | None = None, data: JsonObject | None = None,
) -> ReportUpdate:  # fmt: skip
    """Changes the state and tells it; raises Conflict where the table has no such move. The row must be locked."""
    before, report.state = report.state, advance(report.state, action)
    if report.state in OVER:
        report.closed_at, report.closings = now, report.closings + 1
    if report.state is ReportState.REOPENED:
        report.closed_at, report.reopened_at = None, now
    record_report(
        session, report, action.value, actor, now, from_state=before, data={"step": step.value, **(data or {})}
    )
    return tell(session, report, step, now, note)


def tell(
    session: Session, report: Report, step: Step, now: datetime, note: str | None = None, *,
    said_status: str | None = None, outside_id: str | None = None, at: datetime | None = None,
) -> ReportUpdate:  # fmt: skip
    """Adds a public step, what names a person in its words masked; an answer leaves what the report's own step is.

    `outside_id`: it came from elsewhere.
    """
    note = mask(clean(note)) if note else None
    if step is not Step.ANSWERED:
        report.step, report.note = step, note
    report.updated_at = now
    update = ReportUpdate(
        report_id=report.id, at=at or now, state=report.state, step=step, note=note, said_status=said_status,
        outside_id=outside_id,
    )  # fmt: skip
    session.add(update)
    session.flush()
    return update


def record_report(
    session: Session, report: Report, action: str, actor: Actor, now: datetime, *,
    from_state: ReportState | None, data: JsonObject | None = None,
) -> None:  # fmt: skip
    record(
        session, at=now, actor=actor, subject_kind="report", subject_id=report.id, action=action,
        municipality_id=report.municipality_id, from_state=from_state and from_state.value,
        to_state=report.state.value, data=data,
    )  # fmt: skip


def lock_report(session: Session, report_id: int) -> Report:
    """The row as it is now. Whoever changes the defect too locks that first."""
    statement = select(Report).where(Report.id == report_id).with_for_update(of=Report)
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def count_reports(session: Session, defect_ids: Collection[int | None], now: datetime) -> None:
    """Puts the number of citizens' reports on these defects, and what follows from it for their priority."""
    ids = sorted({one for one in defect_ids if one is not None})
    if not ids:
        return
    session.flush()
    counted = select(Report.defect_id, func.count()).where(
        Report.defect_id.in_(ids), Report.state != ReportState.REJECTED
    )
    by_defect = {row[0]: row[1] for row in session.execute(counted.group_by(Report.defect_id))}
    for defect in lock_defects(session, Defect.id.in_(ids)):
        defect.reports_count = by_defect.get(defect.id, 0)
    set_priorities(session, ids, now)

"""Reports follow their defects: compares both as they are now, so that nothing is missed after a downtime."""

from datetime import datetime, timedelta

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from service.core.events import SYSTEM
from service.core.runtime import Runtime
from service.defects.models import Absence, Defect
from service.defects.states import DefectState
from service.reports.models import Report
from service.reports.moving import count_reports, lock_report, move_report, record_report, tell
from service.reports.progress import ACTIONS, LEADS_TO, Facts, next_step
from service.reports.states import LIVE, ReportState, Step
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderState

BATCH = 500


def follow_defects(runtime: Runtime, now: datetime) -> int:
    """Moves every report whose defect or order has moved on; returns how many. Safe to run at any time, and twice."""
    changed, after = 0, 0
    while True:
        with runtime.database.transaction() as session:
            rows = session.execute(_pairs(runtime, now, after)).all()
            changed += sum(_follow(session, row, now) for row in rows)
        if len(rows) < BATCH:
            return changed
        after = rows[-1].id


def follow_report(session: Session, report_id: int, now: datetime) -> bool:
    """The same for one report, within the caller's transaction."""
    row = session.execute(_columns().where(Report.id == report_id)).one_or_none()
    return row is not None and _follow(session, row, now)


def _pairs(runtime: Runtime, now: datetime, after: int) -> Select[tuple[object, ...]]:
    """Live reports, and those closed lately whose defect is confirmed: later nobody is left to be told."""
    since = now - timedelta(days=runtime.settings.keep_reporters_days)
    back = and_(Report.closed_at > since, Defect.state == DefectState.CONFIRMED)
    own = _columns().where(or_(Report.state.in_(LIVE), back), Report.id > after)
    return own.order_by(Report.id).limit(BATCH)


def _columns() -> Select[tuple[object, ...]]:
    """One row: an order's parts are not asked, and one that is done with another counts as that one."""
    whole = WorkOrder.part_of_id.is_(None)
    live_order = and_(WorkOrder.defect_id == Defect.id, WorkOrder.state != WorkOrderState.CANCELLED, whole)
    other = aliased(WorkOrder)
    done_with = and_(WorkOrder.state == WorkOrderState.MERGED, other.id == WorkOrder.merged_into_id)
    columns = select(
        Report.id, Report.state, Report.step, Report.closed_at, Report.reopened_at, Report.agency,
        Defect.id.label("defect_id"),
        Defect.state.label("defect_state"), Defect.absence, Defect.resolved_at, Defect.merged_into_id,
        func.coalesce(other.state, WorkOrder.state).label("order_state"),
        func.coalesce(other.opened_at, WorkOrder.opened_at).label("opened_at"),
    )  # fmt: skip
    joined = columns.join(Defect, Defect.id == Report.defect_id).outerjoin(WorkOrder, live_order)
    return joined.outerjoin(other, done_with)  # type: ignore[return-value]  # named by hand


def _follow(session: Session, row: Row[tuple[object, ...]], now: datetime) -> bool:
    if row.merged_into_id is not None:
        _move_to_target(session, row.id, row.defect_id, now)
        return follow_report(session, row.id, now) or True
    if next_step(_facts(row)) is None:
        return False
    report = lock_report(session, row.id)
    fresh = session.execute(_columns().where(Report.id == row.id)).one()
    step = next_step(_facts(fresh))
    if step is None:  # somebody moved it meanwhile
        return False
    told = {"defect_id": row.defect_id, "order_state": fresh.order_state and fresh.order_state.value}
    if report.state is LEADS_TO[step]:
        record_report(session, report, "tell", SYSTEM, now, from_state=report.state, data={"step": step.value, **told})
        tell(session, report, step, now)
    else:
        move_report(session, report, ACTIONS[step], step, SYSTEM, now, data=told)
    if step is Step.REJECTED:
        count_reports(session, [row.defect_id], now)
    return True


def _move_to_target(session: Session, report_id: int, defect_id: int, now: datetime) -> None:
    """Its defect was merged into another: the report is of that one now."""
    report, target = lock_report(session, report_id), _target(session, defect_id)
    report.defect_id = target
    told = {"defect_id": target, "merged_id": defect_id}
    record_report(session, report, "follow_merge", SYSTEM, now, from_state=report.state, data=told)
    count_reports(session, [defect_id, target], now)


def _target(session: Session, defect_id: int) -> int:
    while (into := session.scalar(select(Defect.merged_into_id).where(Defect.id == defect_id))) is not None:
        defect_id = into
    return defect_id


def _facts(row: Row[tuple[object, ...]]) -> Facts:
    return Facts(
        state=ReportState(row.state), step=Step(row.step), closed_at=row.closed_at, reopened_at=row.reopened_at,
        defect_state=row.defect_state.value, defect_gone=row.absence is Absence.GONE, resolved_at=row.resolved_at,
        order_state=row.order_state and row.order_state.value, order_opened_at=row.opened_at,
        referred_by_person=row.agency is not None,
    )  # fmt: skip

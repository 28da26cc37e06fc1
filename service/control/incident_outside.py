"""Who else had a part in an incident: agencies that work was referred to, and citizens who reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.defects.models import Defect
from service.incidents.lookup import covers
from service.incidents.models import Incident
from service.reports.models import Report
from service.reports.states import ReportState
from service.work_orders.models import WorkOrder
from service.work_orders.referral_models import Agency, Referral, ReferralOutcome

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class AgencyFigures:
    """Work of an incident that another agency got, while it lasted or before and not answered by then."""

    agency_id: int
    key: str
    name_en: str
    name_ar: str
    referred: int
    answered: int
    done: int
    declined: int
    returned: int
    withdrawn: int  # the order was cancelled meanwhile
    waiting: int
    overdue: int  # of the waiting ones
    hours_to_answer: float | None  # the median


@dataclass(frozen=True)
class ReportFigures:
    """Citizens' reports from the area while an incident lasted."""

    received: int
    waiting: int  # to be decided, in work, or with an agency
    closed: int
    rejected: int
    of_known_defects: int  # merged with, or the beginning of, a defect


def agencies_of(session: Session, incident: Incident, until: datetime) -> tuple[AgencyFigures, ...]:
    """In order of id; none that got nothing."""
    rows = session.execute(
        select(Referral, Defect)
        .join(WorkOrder, WorkOrder.id == Referral.work_order_id)
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .where(Referral.municipality_id == incident.municipality_id, Referral.sent_at <= until)
        .where(Referral.answered_at.is_(None) | (Referral.answered_at >= incident.starts_at))
        .options(selectinload(Referral.agency))
        .order_by(Referral.agency_id, Referral.id)
    )
    by_agency: dict[int, tuple[Agency, list[Referral]]] = {}
    for referral, defect in rows:
        if covers(incident, defect.lat, defect.lon):
            by_agency.setdefault(referral.agency_id, (referral.agency, []))[1].append(referral)
    return tuple(_of_agency(agency, own, until) for agency, own in by_agency.values())


def reports_of(session: Session, incident: Incident, until: datetime) -> ReportFigures:
    """A report without a place is where its defect is; one without either counts for the whole municipality alone."""
    rows = session.execute(
        select(Report, Defect)
        .outerjoin(Defect, Defect.id == Report.defect_id)
        .where(Report.municipality_id == incident.municipality_id)
        .where(Report.received_at >= incident.starts_at, Report.received_at <= until)
        .order_by(Report.id)
    )
    own = [report for report, defect in rows if _reported_within(incident, report, defect)]
    closed = sum(one.state is ReportState.CLOSED for one in own)
    rejected = sum(one.state is ReportState.REJECTED for one in own)
    known = sum(one.defect_id is not None for one in own)
    return ReportFigures(len(own), len(own) - closed - rejected, closed, rejected, known)


def _of_agency(agency: Agency, own: Sequence[Referral], until: datetime) -> AgencyFigures:
    answered = [one for one in own if one.answered_at is not None and one.answered_at <= until]
    waiting = [one for one in own if one.answered_at is None or one.answered_at > until]
    told = [one for one in answered if one.outcome is not ReferralOutcome.WITHDRAWN]
    took = [(one.answered_at - one.sent_at) / HOUR for one in told if one.answered_at]
    return AgencyFigures(
        agency_id=agency.id,
        key=agency.key,
        name_en=agency.name_en,
        name_ar=agency.name_ar,
        referred=len(own),
        answered=len(told),
        done=sum(one.outcome is ReferralOutcome.DONE for one in answered),
        declined=sum(one.outcome is ReferralOutcome.DECLINED for one in answered),
        returned=sum(one.outcome is ReferralOutcome.RETURNED for one in answered),
        withdrawn=len(answered) - len(told),
        waiting=len(waiting),
        overdue=sum(one.answer_due_at < until for one in waiting),
        hours_to_answer=round(median(took), 2) if took else None,
    )


def _reported_within(incident: Incident, report: Report, defect: Defect | None) -> bool:
    if report.lat is not None and report.lon is not None:
        return covers(incident, report.lat, report.lon)
    if defect is not None:
        return covers(incident, defect.lat, defect.lon)
    return incident.area is None

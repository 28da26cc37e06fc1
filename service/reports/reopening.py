"""What a reporter may still say once a report is over: how satisfied they are, and that it is not mended."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.errors import Conflict, NotFound
from service.core.events import Actor
from service.core.settings import Settings
from service.reports.models import Rating, Report
from service.reports.moving import lock_report, move_report, record_report
from service.reports.signing import Link, read_link, secret_of, sign_link
from service.reports.states import OVER, ReportAction, ReportState, Step

REPORTER = Actor("reporter")  # without an id: who it is stands in one table alone


def ends_at(report: Report, settings: Settings) -> datetime | None:
    """Until when the last closing may be rated and undone; None while the report is not over."""
    if report.closed_at is None or report.state not in OVER:
        return None
    return report.closed_at + timedelta(days=settings.report_reopen_days)


def may_reopen(report: Report, settings: Settings, now: datetime) -> bool:
    until = ends_at(report, settings)
    return until is not None and now < until


def link_token(report: Report, settings: Settings) -> str | None:
    """The reporter's link for the closing that is the last now."""
    until = ends_at(report, settings)
    return sign_link(secret_of(settings), Link(report.id, report.closings, until)) if until else None


def report_of_link(session: Session, settings: Settings, token: str, now: datetime) -> tuple[Report, Link]:
    """The report, locked. Raises NotFound for a link that is wrong, over, or of an earlier closing."""
    link = read_link(secret_of(settings), token, now)
    if session.scalar(select(Report.id).where(Report.id == link.report_id)) is None:
        raise NotFound("report.link", "expected a link to a report that is kept, it is gone")
    report = lock_report(session, link.report_id)
    if report.closings != link.closing:
        raise NotFound("report.link", "expected the newest link, the report was closed once more since; open that one")
    return report, link


def rate_report(session: Session, settings: Settings, token: str, stars: int, satisfied: bool, now: datetime) -> Rating:
    """Once for each closing: the same rating again changes nothing, another one is refused."""
    report, link = report_of_link(session, settings, token, now)
    same = (Rating.report_id == report.id, Rating.closing == link.closing)
    rating = session.scalar(select(Rating).where(*same))
    if rating is not None:
        if (rating.stars, rating.satisfied) != (stars, satisfied):
            raise Conflict("report.rated", "expected a first rating of this closing, it was rated before")
        return rating
    rating = Rating(
        report_id=report.id, municipality_id=report.municipality_id, closing=link.closing, stars=stars,
        satisfied=satisfied, created_at=now,
    )  # fmt: skip
    session.add(rating)
    told = {"stars": stars, "satisfied": satisfied, "closing": link.closing}
    record_report(session, report, "rate", REPORTER, now, from_state=report.state, data=told)
    session.flush()
    return rating


def reopen_by_link(session: Session, settings: Settings, token: str, note: str | None, now: datetime) -> Report:
    """The link works once: a report that is open again stays as it is."""
    report, _ = report_of_link(session, settings, token, now)
    if report.state is ReportState.REOPENED:
        return report
    if report.state not in OVER:
        raise Conflict("report.state", f"expected a report that is over, {report.number} is {report.state.value}")
    return reopen_report(session, report, REPORTER, note, now)


def reopen_report(session: Session, report: Report, actor: Actor, note: str | None, now: datetime) -> Report:
    """The row must be locked. Its defect stays as it is until a person or a pass has looked."""
    move_report(session, report, ReportAction.REOPEN, Step.REOPENED, actor, now, note=note)
    return report

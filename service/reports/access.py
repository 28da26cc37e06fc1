"""Who may read which reports: the caller's municipalities, and of a defect's reports the same."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller, visible
from service.accounts.models import Municipality
from service.core.api import paginate
from service.core.errors import NotFound
from service.reports.models import Report, ReportPhoto, ReportSource, ReportUpdate
from service.reports.states import ReportState


@dataclass(frozen=True)
class ReportFilter:
    """What a list is narrowed to; None: not by this."""

    state: ReportState | None = None
    class_key: str | None = None
    municipality_id: int | None = None
    source: ReportSource | None = None
    defect_id: int | None = None
    number: str | None = None
    unplaced: bool | None = None  # True: told by address alone
    since: datetime | None = None  # received
    until: datetime | None = None


def visible_reports(caller: Caller) -> Select[Report]:
    return visible(select(Report), Report.municipality_id, caller)


def get_report(session: Session, caller: Caller, report_id: int) -> Report:
    found = session.scalar(visible_reports(caller).where(Report.id == report_id))
    if found is None:
        raise NotFound("report.unknown", f"expected a report of your municipalities, got id {report_id}")
    return found


def check_municipality(session: Session, caller: Caller, municipality_id: int | None) -> None:
    """Raises NotFound for one that is not, also to who may see all, and for another's; None stands for all of them."""
    if municipality_id is None:
        return
    if not caller.sees(municipality_id) or session.get(Municipality, municipality_id) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


def list_reports(
    session: Session, caller: Caller, wanted: ReportFilter, after: int | None, limit: int
) -> tuple[list[Report], int | None]:
    """The newest first, with their photos, and the id to go on after."""
    statement = visible_reports(caller).options(selectinload(Report.photos))
    for column, value in (
        (Report.state, wanted.state), (Report.class_key, wanted.class_key), (Report.source, wanted.source),
        (Report.municipality_id, wanted.municipality_id), (Report.defect_id, wanted.defect_id),
        (Report.number, wanted.number),
    ):  # fmt: skip
        if value is not None:
            statement = statement.where(column == value)
    if wanted.unplaced is not None:
        statement = statement.where(Report.lat.is_(None) if wanted.unplaced else Report.lat.is_not(None))
    if wanted.since is not None:
        statement = statement.where(Report.received_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Report.received_at < wanted.until)
    return paginate(session, statement, Report.id, after, limit, descending=True)


def list_updates(session: Session, report_id: int) -> list[ReportUpdate]:
    own = select(ReportUpdate).where(ReportUpdate.report_id == report_id)
    return list(session.scalars(own.order_by(ReportUpdate.id)))


def get_photo(session: Session, report: Report, photo_id: int) -> ReportPhoto | None:
    return session.scalar(select(ReportPhoto).where(ReportPhoto.id == photo_id, ReportPhoto.report_id == report.id))

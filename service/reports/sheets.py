"""Citizens' reports as a table that a spreadsheet opens: what was told and what became of it, never by whom."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.models import Municipality
from service.core.database import Database
from service.core.i18n import Language, choose
from service.core.sheets import BATCH, Cell, Sheet, headings, rows_by_page
from service.reports.access import ReportFilter, list_reports
from service.reports.models import Report, ReportSource
from service.reports.states import ReportState
from service.reports.words import STEPS, kind_name

TITLE = ("Reports", "البلاغات")
COLUMNS: Mapping[str, tuple[str, str]] = {
    "number": ("Report", "رقم البلاغ"),
    "state": ("State", "الحالة"),
    "step": ("Last step", "آخر خطوة"),
    "municipality": ("Municipality", "البلدية"),
    "source": ("Source", "المصدر"),
    "class": ("Class", "صنف التشوه"),
    "description": ("Description", "الوصف"),
    "received_at": ("Received", "تاريخ الاستلام"),
    "closed_at": ("Closed", "تاريخ الإغلاق"),
    "reopened_at": ("Opened again", "تاريخ إعادة الفتح"),
    "agency": ("Referred to", "الجهة المحال إليها"),
    "defect_id": ("Defect", "التشوه"),
    "lat": ("Latitude", "خط العرض"),
    "lon": ("Longitude", "خط الطول"),
}
STATES: Mapping[ReportState, tuple[str, str]] = {
    ReportState.RECEIVED: ("received", "مستلم"),
    ReportState.ACCEPTED: ("accepted", "مقبول"),
    ReportState.REFERRED: ("referred", "محال"),
    ReportState.REJECTED: ("rejected", "مرفوض"),
    ReportState.IN_WORK: ("in work", "قيد التنفيذ"),
    ReportState.CLOSED: ("closed", "مغلق"),
    ReportState.REOPENED: ("opened again", "أعيد فتحه"),
}
SOURCES: Mapping[ReportSource, tuple[str, str]] = {
    ReportSource.OPEN311: ("Open311", "Open311"),
    ReportSource.CENTRE: ("940 centre", "مركز 940"),
    ReportSource.WEB: ("web", "الموقع"),
}


def report_sheet(database: Database, caller: Caller, wanted: ReportFilter, language: Language) -> Sheet:
    """All reports of a filter, the newest first."""
    with database.transaction() as session:
        rows = session.execute(select(Municipality.id, Municipality.name_en, Municipality.name_ar))
        places = {row.id: choose((row.name_en, row.name_ar), language) for row in rows}

    def page(session: Session, after: int | None) -> tuple[list[list[Cell]], int | None]:
        found, following = list_reports(session, caller, wanted, after, BATCH)
        return [_cells(one, places, language) for one in found], following

    arabic = language is Language.ARABIC
    return Sheet(headings(COLUMNS, language), rows_by_page(database, page), TITLE[arabic], right_to_left=arabic)


def _cells(report: Report, places: Mapping[int, str], language: Language) -> list[Cell]:
    """In the order of COLUMNS."""
    times: list[datetime | None] = [report.received_at, report.closed_at, report.reopened_at]
    return [
        report.number, choose(STATES[report.state], language), STEPS[report.step][language],
        places[report.municipality_id], choose(SOURCES[report.source], language),
        kind_name(report.class_key, language), report.description, *times, report.agency, report.defect_id,
        report.lat, report.lon,
    ]  # fmt: skip

"""Defects as a table that a spreadsheet opens, in Arabic or English."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.accounts.models import Municipality
from service.core.database import Database
from service.core.i18n import Language, choose
from service.core.sheets import BATCH, Cell, Sheet, headings, rows_by_page
from service.defects.access import list_defects
from service.defects.models import Defect
from service.defects.states import DefectState

TITLE = ("Defects", "التشوهات")
COLUMNS: Mapping[str, tuple[str, str]] = {
    "id": ("Defect", "التشوه"),
    "state": ("State", "الحالة"),
    "municipality": ("Municipality", "البلدية"),
    "class": ("Class", "صنف التشوه"),
    "score": ("Score", "درجة الثقة"),
    "size": ("Estimated size", "الحجم المقدر"),
    "size_unit": ("Unit of work", "وحدة القياس"),
    "visits": ("Passes that saw it", "عدد المرات التي شوهد فيها"),
    "priority": ("Priority", "الأولوية"),
    "first_seen_at": ("First seen", "أول مشاهدة"),
    "last_seen_at": ("Last seen", "آخر مشاهدة"),
    "resolved_at": ("Resolved", "تاريخ المعالجة"),
    "lat": ("Latitude", "خط العرض"),
    "lon": ("Longitude", "خط الطول"),
}
STATES: Mapping[DefectState, tuple[str, str]] = {
    DefectState.CANDIDATE: ("candidate", "بانتظار المراجعة"),
    DefectState.CONFIRMED: ("confirmed", "مؤكد"),
    DefectState.REJECTED: ("rejected", "مرفوض"),
    DefectState.MERGED: ("merged", "مدمج"),
    DefectState.RESOLVED: ("resolved", "معالج"),
}
UNITS: Mapping[str, tuple[str, str]] = {
    "m2": ("m2", "م²"), "m": ("m", "م.ط"), "m3": ("m3", "م³"), "count": ("count", "عدد"),
}  # fmt: skip


def defect_sheet(
    database: Database, caller: Caller, language: Language, *, state: DefectState | None = None,
    class_key: str | None = None, municipality_id: int | None = None,
) -> Sheet:  # fmt: skip
    """All defects of a filter, the oldest first."""
    with database.transaction() as session:
        rows = session.execute(select(Municipality.id, Municipality.name_en, Municipality.name_ar))
        places = {row.id: choose((row.name_en, row.name_ar), language) for row in rows}

    def page(session: Session, after: int | None) -> tuple[list[list[Cell]], int | None]:
        found, following = list_defects(
            session, caller, state=state, class_key=class_key, municipality_id=municipality_id, after=after, limit=BATCH
        )
        return [_cells(one, places, language) for one in found], following

    arabic = language is Language.ARABIC
    return Sheet(headings(COLUMNS, language), rows_by_page(database, page), TITLE[arabic], right_to_left=arabic)


def _cells(defect: Defect, places: Mapping[int, str], language: Language) -> list[Cell]:
    """In the order of COLUMNS."""
    kind = BY_KEY[defect.class_key]
    return [
        defect.id, choose(STATES[defect.state], language), places[defect.municipality_id],
        choose((kind.name_en, kind.name_ar), language), round(defect.score, 3), defect.size,
        choose(UNITS[kind.unit], language), defect.visits_count, round(defect.priority, 2), defect.first_seen_at,
        defect.last_seen_at, defect.resolved_at, defect.lat, defect.lon,
    ]  # fmt: skip

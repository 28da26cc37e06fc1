"""Work orders as a table that a spreadsheet opens, in Arabic or English."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.accounts.models import District, Municipality
from service.core.database import Database
from service.core.i18n import Language, choose
from service.core.sheets import BATCH, Cell, Sheet, headings, rows_by_page
from service.work_orders.listing import OrderFilter, OrderSort, page_of_orders
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.sla import overdue

TITLE = ("Work orders", "أوامر العمل")

# Heading by column: English, Arabic.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "id": ("Order", "أمر العمل"),
    "state": ("State", "الحالة"),
    "municipality": ("Municipality", "البلدية"),
    "district": ("District", "الحي"),
    "unit": ("Unit", "الوحدة"),
    "class": ("Class", "صنف التشوه"),
    "size_class": ("Size", "الحجم"),
    "source": ("Source", "المصدر"),
    "priority": ("Priority", "الأولوية"),
    "quantity_estimated": ("Estimated quantity", "الكمية المقدرة"),
    "quantity_measured": ("Measured quantity", "الكمية المقاسة"),
    "quantity_unit": ("Unit of work", "وحدة القياس"),
    "opened_at": ("Opened", "تاريخ الفتح"),
    "due_at": ("Due", "موعد الاستحقاق"),
    "done_at": ("Done", "تاريخ الإنجاز"),
    "closed_at": ("Closed", "تاريخ الإغلاق"),
    "overdue": ("Overdue", "متأخر"),
    "reason": ("Reason", "السبب"),
    "lat": ("Latitude", "خط العرض"),
    "lon": ("Longitude", "خط الطول"),
    "defect_id": ("Defect", "التشوه"),
}
WORDS: Mapping[str, str] = {
    "open": "مفتوح", "assigned": "مسند", "in_progress": "قيد التنفيذ", "on_hold": "معلق", "referred": "محال",
    "done": "منجز", "closed": "مغلق", "cancelled": "ملغى", "merged": "مدمج", "small": "صغير", "medium": "متوسط",
    "large": "كبير", "unknown": "غير معروف", "vehicle": "مركبة المسح", "inspector": "مراقب", "report": "بلاغ",
    "m2": "م²", "m": "م.ط", "m3": "م³", "count": "عدد", "yes": "نعم", "no": "لا",
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """What the ids of a table are called."""

    language: Language
    municipalities: Mapping[int, str]
    districts: Mapping[int, str]
    units: Mapping[int, str]

    def word(self, code: str) -> str:
        return WORDS[code] if self.language is Language.ARABIC else code

    def class_name(self, key: str) -> str:
        return choose((BY_KEY[key].name_en, BY_KEY[key].name_ar), self.language)


def read_names(session: Session, language: Language) -> Names:
    arabic = language is Language.ARABIC
    found: list[dict[int, str]] = []
    for kind in (Municipality, District, Unit):
        rows = session.execute(select(kind.id, (kind.name_ar if arabic else kind.name_en).label("name")))
        found.append({row.id: row.name for row in rows})
    return Names(language, *found)


def order_sheet(
    database: Database, caller: Caller, wanted: OrderFilter, now: datetime, sort: OrderSort, language: Language
) -> Sheet:
    """All orders of a filter."""
    with database.transaction() as session:
        names = read_names(session, language)

    def page(session: Session, after: str | None) -> tuple[list[list[Cell]], str | None]:
        found = page_of_orders(session, caller, wanted, now, sort=sort, after=after, limit=BATCH)
        return [cells(order, names, now) for order in found.items], found.next

    arabic = language is Language.ARABIC
    return Sheet(headings(COLUMNS, language), rows_by_page(database, page), TITLE[arabic], right_to_left=arabic)


def cells(order: WorkOrder, names: Names, now: datetime) -> list[Cell]:
    """In the order of COLUMNS."""
    late = overdue(order.state, order.due_at, order.held_at, now)
    return [
        order.id, names.word(order.state.value), names.municipalities.get(order.municipality_id),
        names.districts.get(order.district_id or 0), names.units.get(order.unit_id or 0),
        names.class_name(order.class_key), names.word(order.size_class.value), names.word(order.source.value),
        round(order.priority, 2), order.quantity_estimated, order.quantity_measured, names.word(order.quantity_unit),
        order.opened_at, order.due_at, order.done_at, order.closed_at,
        names.word("yes" if late else "no"), order.state_reason, order.defect.lat, order.defect.lon, order.defect_id,
    ]  # fmt: skip

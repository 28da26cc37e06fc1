"""Work orders as a table that a spreadsheet opens: CSV and Excel, in Arabic or English."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.accounts.models import District, Municipality
from service.core.database import Database
from service.core.i18n import Language
from service.work_orders.listing import OrderFilter, OrderSort, page_of_orders
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.routing import LOCAL_TIME
from service.work_orders.sla import overdue

BATCH = 1_000
BOM = "\ufeff"  # without it Excel reads UTF-8 as the system's own code page
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")  # a cell that begins so may be run as a formula
MAX_SHEET_ROWS = 1_048_575  # of Excel, without the heading
Cell = str | float | int | bool | datetime | None

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
        kind = BY_KEY[key]
        return kind.name_ar if self.language is Language.ARABIC else kind.name_en


def read_names(session: Session, language: Language) -> Names:
    arabic = language is Language.ARABIC
    found: list[dict[int, str]] = []
    for kind in (Municipality, District, Unit):
        rows = session.execute(select(kind.id, (kind.name_ar if arabic else kind.name_en).label("name")))
        found.append({row.id: row.name for row in rows})
    return Names(language, *found)


def order_rows(
    database: Database, caller: Caller, wanted: OrderFilter, now: datetime, sort: OrderSort, language: Language
) -> Iterator[list[Cell]]:
    """Every order as a row, a batch in memory at a time; each batch has a transaction of its own, so that a slow reader
    holds none open."""
    with database.transaction() as session:
        names = read_names(session, language)
    after: str | None = None
    while True:
        with database.transaction() as session:
            page = page_of_orders(session, caller, wanted, now, sort=sort, after=after, limit=BATCH)
            rows = [cells(order, names, now) for order in page.items]
        yield from rows
        if page.next is None:
            return
        after = page.next


def headings(language: Language) -> list[str]:
    return [names[language is Language.ARABIC] for names in COLUMNS.values()]


def cells(order: WorkOrder, names: Names, now: datetime) -> list[Cell]:
    """In the order of COLUMNS; times local, without zone, as a spreadsheet has them."""
    late = overdue(order.state, order.due_at, order.held_at, now)
    return [
        order.id, names.word(order.state.value), names.municipalities.get(order.municipality_id),
        names.districts.get(order.district_id or 0), names.units.get(order.unit_id or 0),
        names.class_name(order.class_key), names.word(order.size_class.value), names.word(order.source.value),
        round(order.priority, 2), order.quantity_estimated, order.quantity_measured, names.word(order.quantity_unit),
        _local(order.opened_at), _local(order.due_at), _local(order.done_at), _local(order.closed_at),
        names.word("yes" if late else "no"), order.state_reason, order.defect.lat, order.defect.lon, order.defect_id,
    ]  # fmt: skip


def csv_lines(rows: Iterable[list[Cell]], language: Language) -> Iterator[str]:
    """One line at a time, as many as there are."""
    yield BOM + _line(list(headings(language)))
    for row in rows:
        yield _line(row)


def write_workbook(path: Path, rows: Iterable[list[Cell]], language: Language) -> int:
    """One sheet, right to left in Arabic, a row in memory at a time; returns how many rows."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("أوامر العمل" if language is Language.ARABIC else "Work orders")
        if language is Language.ARABIC:
            sheet.right_to_left()
        heading, time = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(COLUMNS) - 1, 18)
        for column, name in enumerate(headings(language)):
            sheet.write_string(0, column, name, heading)
        count = 0
        for count, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                _write(sheet, count, column, value, time)
        return count


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def _write(sheet: "xlsxwriter.worksheet.Worksheet", row: int, column: int, value: Cell, time: object) -> None:
    if isinstance(value, datetime):
        sheet.write_datetime(row, column, value, time)
    elif isinstance(value, str):
        sheet.write_string(row, column, safe(value))
    elif value is not None:
        sheet.write_number(row, column, value)


def _line(row: list[Cell]) -> str:
    buffer = StringIO()
    csv.writer(buffer).writerow([_text(value) for value in row])
    return buffer.getvalue()


def _text(value: Cell) -> str | float | int | None:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return safe(value) if isinstance(value, str) else value


def _local(at: datetime | None) -> datetime | None:
    return at.astimezone(LOCAL_TIME).replace(tzinfo=None) if at else None

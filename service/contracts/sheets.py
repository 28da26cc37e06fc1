"""A statement as an Excel file: one line per order, and every amount with its reason and the event behind it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from service.contracts.ledger import Entry
from service.contracts.money import to_sar
from service.contracts.statement import OrderRow, Statement
from service.contracts.statement_words import Words
from service.contracts.statements import PlaceNames, Stated
from service.core.hijri import SAUDI_TIME
from service.core.i18n import Language

Cell = str | int | float | Decimal | datetime | None
WIDTH = 18


def statement_xlsx(stated: Stated, language: Language, names: PlaceNames) -> bytes:
    """The same statement and names give the same bytes."""
    return _Book(stated, Words(language), names).to_bytes()


class _Book:
    """The sheets of one statement. Excel holds numbers as double precision, exact to the halala below 70 trillion."""

    def __init__(self, stated: Stated, words: Words, names: PlaceNames) -> None:
        self.stated, self.words, self.names = stated, words, names
        self.buffer = BytesIO()
        self.book = Workbook(self.buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        made_at = stated.issued.issued_at if stated.issued else stated.statement.until_at
        title = f"{stated.statement.header.reference} {stated.statement.month}"
        self.book.set_properties({"title": title, "created": made_at.astimezone(UTC).replace(tzinfo=None)})
        self.head = self.book.add_format({"bold": True, "bg_color": "#EEF1F3", "text_wrap": True, "valign": "top"})
        self.money = self.book.add_format({"num_format": "#,##0.00"})
        self.time = self.book.add_format({"num_format": "yyyy-mm-dd hh:mm"})

    def to_bytes(self) -> bytes:
        statement = self.stated.statement
        self._summary(statement)
        self._orders(statement)
        self._lines(statement)
        self._durability(statement)
        self.book.close()
        return self.buffer.getvalue()

    def _summary(self, statement: Statement) -> None:
        words, header, totals = self.words, statement.header, statement.totals
        sheet = self._sheet("summary", 2)
        vat = f"{words['vat']} {statement.terms.vat_percent.normalize():f} %"
        rows: list[list[Cell]] = [
            [words["contract"], header.reference],
            [words["contractor"], words.either(header.contractor_en, header.contractor_ar)],
            [words["registration"], header.registration],
            [words["vat_number"], header.vat_number],
            [words["municipality"], words.either(header.municipality_en, header.municipality_ar)],
            [words["month"], statement.month],
            [words["state"], words["issued" if self.stated.issued else "draft"]],
            [words["hash"], self.stated.sha256],
            [words["works_sar"], to_sar(totals.works_halalas)],
            [vat, to_sar(totals.vat_halalas)],
            [words["penalties_sar"], to_sar(totals.penalties_halalas)],
            [words["total"], to_sar(totals.total_halalas)],
            [words["times"]],
        ]
        for number, row in enumerate(rows):
            self._row(sheet, number, row)
        first = len(rows) + 1
        titles = ("class", "repairs", "quantity", "unit", "works_sar")
        self._titles(sheet, first, titles)
        for number, one in enumerate(statement.classes, first + 1):
            unit = words[one.quantity_unit] if one.quantity_unit else ""
            name = words.class_name(one.class_key)
            self._row(sheet, number, [name, one.repairs, float(one.quantity), unit, to_sar(one.works_halalas)])

    def _orders(self, statement: Statement) -> None:
        titles = (
            "order", "class", "size", "district", "crew", "opened", "due", "done", "closed", "quantity", "unit",
            "works_sar", "penalties_sar", "total",
        )  # fmt: skip
        sheet = self._sheet("orders", len(titles))
        self._titles(sheet, 0, titles)
        for number, row in enumerate(statement.orders, 1):
            self._row(sheet, number, self._order(row))

    def _order(self, row: OrderRow) -> list[Cell]:
        name, unit = self.words.class_name(row.class_key), self.words[row.quantity_unit]
        times = [row.opened_at, row.due_at, row.done_at, row.closed_at]
        amounts = [row.works_halalas, row.penalties_halalas, row.works_halalas + row.penalties_halalas]
        size = self.words[row.size_class] if row.size_class else None
        where = (self._name(self.names.districts, row.district_id), self._name(self.names.units, row.unit_id))
        return [row.order_id, name, size, *where, *times, float(row.quantity), unit, *(to_sar(one) for one in amounts)]

    def _name(self, names: Mapping[int, tuple[str, str]], found_id: int | None) -> Cell:
        """The number where nobody knows a name any more."""
        name = None if found_id is None else names.get(found_id)
        return self.words.either(*name) if name else found_id

    def _lines(self, statement: Statement) -> None:
        titles = (
            "order", "kind", "reason", "event", "at", "class", "quantity", "unit", "price", "amount", "correction",
        )  # fmt: skip
        sheet = self._sheet("lines", len(titles))
        self._titles(sheet, 0, titles)
        for number, line in enumerate(statement.lines, 1):
            self._row(sheet, number, self._line(line))

    def _line(self, line: Entry) -> list[Cell]:
        words = self.words
        return [
            line.order_id,
            words[line.kind.value],
            words.reason(line.reason, line.hours, line.lasted_days),
            line.event_id,
            line.at,
            words.class_name(line.class_key) if line.class_key else None,
            None if line.quantity is None else float(line.quantity),
            words[line.quantity_unit] if line.quantity_unit else None,
            None if line.price_halalas is None else to_sar(line.price_halalas),
            to_sar(line.amount_halalas),
            line.month if line.correction else None,
        ]

    def _durability(self, statement: Statement) -> None:
        titles = ("class", "repairs", "failed_number", "good_30", "good_90", "median")
        sheet = self._sheet("durability_sheet", len(titles))
        self._titles(sheet, 0, titles)
        for number, one in enumerate(statement.durability, 1):
            shares: list[Cell] = [one.good_after_30_days, one.good_after_90_days, one.median_days]
            self._row(sheet, number, [self.words.class_name(one.class_key), one.repairs, one.failed, *shares])

    def _sheet(self, name: str, columns: int) -> Worksheet:
        sheet = self.book.add_worksheet(self.words[name][:31])
        sheet.set_column(0, max(columns, 5) - 1, WIDTH)
        if self.words.language is Language.ARABIC:
            sheet.right_to_left()
        return sheet

    def _titles(self, sheet: Worksheet, number: int, titles: Sequence[str]) -> None:
        for column, title in enumerate(titles):
            sheet.write_string(number, column, self.words[title], self.head)
        if number == 0:
            sheet.freeze_panes(1, 1)

    def _row(self, sheet: Worksheet, number: int, cells: Sequence[Cell]) -> None:
        for column, cell in enumerate(cells):
            self._cell(sheet, number, column, cell)

    def _cell(self, sheet: Worksheet, row: int, column: int, cell: Cell) -> None:
        form: Format | None = None
        match cell:
            case None:
                return
            case str():
                sheet.write_string(row, column, cell)
                return
            case datetime():
                sheet.write_datetime(row, column, cell.astimezone(SAUDI_TIME).replace(tzinfo=None), self.time)
                return
            case Decimal():
                form = self.money
        sheet.write_number(row, column, float(cell), form)

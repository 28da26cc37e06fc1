"""Tables as files that an office opens: CSV in UTF-8 with its mark, so that Excel shows Arabic, and Excel itself."""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import xlsxwriter
from fastapi import Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from service.core.database import Database
from service.core.errors import Unprocessable
from service.core.hijri import SAUDI_TIME
from service.core.i18n import Language, choose

After = TypeVar("After", int, str)
Cell = str | int | float | Decimal | bool | date | datetime | None
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
XLSX_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}, XLSX_TYPE: {}}}}
BATCH = 1_000  # rows of a transaction
MAX_ROWS = 1_048_575  # of an Excel sheet, without the heading
BOM = "\ufeff"  # without it Excel reads UTF-8 as the system's own code page
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")  # a cell that begins so may be run as a formula


class FileFormat(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True)
class Sheet:
    """A table of any length; rows are read once, one in memory at a time. Times are written in Saudi time."""

    head: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    title: str | None = None
    right_to_left: bool = False


def headings(columns: Mapping[str, tuple[str, str]], language: Language) -> list[str]:
    """`columns`: English and Arabic headings by column."""
    return [choose(names, language) for names in columns.values()]


def rows_by_page(
    database: Database, page: Callable[[Session, After | None], tuple[list[list[Cell]], After | None]]
) -> Iterator[list[Cell]]:
    """`page`: the rows after a key, and the key to go on after. Each page has a transaction of its own, so that a slow
    reader holds none open."""
    after: After | None = None
    while True:
        with database.transaction() as session:
            rows, after = page(session, after)
        yield from rows
        if after is None:
            return


def download(name: str, kind: FileFormat, sheet: Sheet) -> Response:
    """The table as a file; CSV is sent as it is read.

    Raises Unprocessable for more rows than an Excel sheet holds.
    """
    file = f"{name}.{kind.value}"
    if kind is FileFormat.CSV:
        headers = {"Content-Disposition": f'attachment; filename="{file}"', "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(csv_lines(sheet), media_type=CSV_TYPE, headers=headers)
    with tempfile.NamedTemporaryFile(prefix="rasid-", suffix=".xlsx", delete=False) as reserved:
        path = Path(reserved.name)
    try:
        write_workbook(path, sheet)
    except BaseException:
        path.unlink()
        raise
    return FileResponse(path, media_type=XLSX_TYPE, filename=file, background=BackgroundTask(path.unlink))


def write_file(path: Path, sheet: Sheet) -> int:
    """A workbook where the name ends in .xlsx, else CSV; returns how many rows."""
    if path.suffix == ".xlsx":
        return write_workbook(path, sheet)
    with path.open("w", encoding="utf-8", newline="") as out:
        return sum(1 for _ in map(out.write, csv_lines(sheet))) - 1


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """The mark and the heading, then a line at a time."""
    yield BOM + _line(sheet.head)
    for row in sheet.rows:
        yield _line(row)


def write_workbook(path: Path, sheet: Sheet) -> int:
    """One sheet; returns how many rows."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        page = book.add_worksheet(sheet.title)
        if sheet.right_to_left:
            page.right_to_left()
        heading, time = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        page.freeze_panes(1, 0)
        page.set_column(0, len(sheet.head) - 1, 18)
        for column, name in enumerate(sheet.head):
            page.write_string(0, column, name, heading)
        count = 0
        for count, row in enumerate(sheet.rows, 1):
            if count > MAX_ROWS:
                raise too_many(f"more than {MAX_ROWS:,}")
            for column, value in enumerate(row):
                _write(page, count, column, value, time, day)
        return count


def too_many(came: str) -> Unprocessable:
    expected = f"expected at most {MAX_ROWS:,} rows for one sheet, got {came}"
    return Unprocessable("export.too_many", f"{expected}; narrow the list, or take the CSV")


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def _write(page: Any, row: int, column: int, value: Cell, time: object, day: object) -> None:
    if isinstance(value, bool):
        page.write_boolean(row, column, value)
    elif isinstance(value, datetime):
        page.write_datetime(row, column, _local(value), time)
    elif isinstance(value, date):
        page.write_datetime(row, column, value, day)
    elif isinstance(value, str):
        page.write_string(row, column, safe(value))
    elif value is not None:
        page.write_number(row, column, float(value))


def _line(row: Sequence[Cell]) -> str:
    buffer = StringIO()
    csv.writer(buffer).writerow([_text(value) for value in row])
    return buffer.getvalue()


def _text(value: Cell) -> str | int | float | Decimal | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{_local(value):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return safe(value) if isinstance(value, str) else value


def _local(at: datetime) -> datetime:
    """Without zone, as a spreadsheet has times."""
    return at.astimezone(SAUDI_TIME).replace(tzinfo=None)

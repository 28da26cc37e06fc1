"""Tables as files that an office opens: CSV in UTF-8 with its mark, so that Excel shows Arabic, and Excel itself."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from io import BytesIO, StringIO
from typing import Any

import xlsxwriter
from fastapi import Response

Cell = str | int | float | Decimal | bool | date | datetime | None
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}, XLSX: {}}}}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a program would run what begins so


class FileFormat(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


def sheet(name: str, kind: FileFormat, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """The table as a download."""
    data = as_csv(head, rows) if kind is FileFormat.CSV else as_xlsx(head, rows)
    media = "text/csv; charset=utf-8" if kind is FileFormat.CSV else XLSX
    disposition = f'attachment; filename="{name}.{kind.value}"'
    return Response(data, media_type=media, headers={"Content-Disposition": disposition})


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def as_xlsx(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page, bold = book.add_worksheet(), book.add_format({"bold": True})
        for column, title in enumerate(head):
            page.write_string(0, column, title, bold)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                _write(page, number, column, cell)
        page.freeze_panes(1, 0)
    return buffer.getvalue()


def _write(page: Any, row: int, column: int, cell: Cell) -> None:
    if cell is None:
        return
    if isinstance(cell, bool):
        page.write_boolean(row, column, cell)
    elif isinstance(cell, int | float | Decimal):
        page.write_number(row, column, float(cell))
    else:
        page.write_string(row, column, cell.isoformat() if isinstance(cell, date) else cell)


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, date):
        return cell.isoformat()
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA) else text

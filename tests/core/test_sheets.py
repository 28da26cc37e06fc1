"""Tables as files: what an office opens is what was told, and nothing in it runs."""

import csv
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from service.core import sheets
from service.core.database import Database
from service.core.errors import Unprocessable
from service.core.sheets import Sheet, csv_lines, rows_by_page, write_file

AT = datetime(2026, 3, 4, 22, 30, tzinfo=UTC)
ROW: list[sheets.Cell] = ["حفرة", 3, 1.5, Decimal("2.50"), True, AT, date(2026, 3, 4), None, "=1+1"]
HEAD = [str(number) for number in range(len(ROW))]


def test_csv_has_times_of_the_place_and_text_that_no_program_runs() -> None:
    told = "".join(csv_lines(Sheet(HEAD, [ROW])))
    assert told.startswith(sheets.BOM)
    assert list(csv.reader(StringIO(told.removeprefix(sheets.BOM))))[1] == [
        "حفرة", "3", "1.5", "2.50", "yes", "2026-03-05 01:30", "2026-03-04", "", "'=1+1",
    ]  # fmt: skip


def test_a_workbook_keeps_numbers_and_times_as_such(tmp_path: Path) -> None:
    path = tmp_path / "told.xlsx"
    assert write_file(path, Sheet(HEAD, [ROW, ROW], "البلاغات", right_to_left=True)) == 2
    with zipfile.ZipFile(path) as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
    assert 'rightToLeft="1"' in page and "<f>" not in page
    assert "46086.0625" in page  # days since 1900 of half past one on 5 March 2026


def test_more_rows_than_a_sheet_holds_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 3)
    assert write_file(tmp_path / "few.xlsx", Sheet(HEAD, [ROW] * 3)) == 3
    with pytest.raises(Unprocessable, match="narrow the list"):
        write_file(tmp_path / "many.xlsx", Sheet(HEAD, [ROW] * 4))
    assert write_file(tmp_path / "many.csv", Sheet(HEAD, [ROW] * 4)) == 4


def test_rows_come_page_by_page_until_there_is_no_next(database: Database) -> None:
    pages: dict[int | None, tuple[list[list[sheets.Cell]], int | None]] = {
        None: ([[1], [2]], 2), 2: ([], 5), 5: ([[6]], None),
    }  # fmt: skip
    assert list(rows_by_page(database, lambda session, after: pages[after])) == [[1], [2], [6]]

"""A leak inside of a file is found: in none of these do its bytes show it."""

import sqlite3
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pypdfium2
import pytest

from service.core.i18n import Language
from service.core.paper import Column, Paper
from tests.rights.texts import text_of

SECRET, NUMBER = "zaynab", 7_000_042


def paper(width: float = 3) -> bytes:
    made = Paper("Plan", Language.ARABIC, datetime(2026, 3, 1, tzinfo=UTC))
    made.table([Column("العيب", 40), Column("المبلغ", width)], [["حفرة", SECRET], ["رقم", str(NUMBER)]])
    return made.to_bytes()


def zipped(content: bytes) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        packed.writestr("inside", content)
    return file.getvalue()


def test_a_word_and_a_number_in_a_pdf_are_found() -> None:
    file = paper(40)
    assert SECRET.encode() not in file and str(NUMBER).encode() not in file
    assert SECRET in text_of(file) and str(NUMBER) in text_of(file)


@pytest.mark.parametrize("width", [1.5, 2, 3])
def test_a_word_that_a_narrow_column_breaks_is_found(width: float) -> None:
    page = pypdfium2.PdfDocument(paper(width))[0].get_textpage().get_text_range()
    assert SECRET not in page
    assert SECRET in text_of(paper(width))


def test_what_is_packed_is_found_also_in_a_file_within_the_file() -> None:
    for content in (f"{SECRET} {NUMBER} ".encode() * 9, paper(40)):
        file = zipped(zipped(content))
        assert SECRET.encode() not in file
        assert SECRET in text_of(file) and str(NUMBER) in text_of(file)


def test_numbers_of_a_geopackage_are_found_which_are_no_digits_in_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE defect (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("INSERT INTO defect VALUES (?, ?)", (NUMBER, SECRET))
    connection.close()
    file = path.read_bytes()
    assert str(NUMBER).encode() not in file
    assert SECRET in text_of(file) and str(NUMBER) in text_of(file)

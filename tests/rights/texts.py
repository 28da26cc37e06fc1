"""Everything that an answer says to whoever opens it, also inside of files that a search through their bytes passes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from zipfile import ZipFile

import pypdfium2
from httpx2 import Response

PDF, ZIP, SQLITE = b"%PDF-", b"PK\x03\x04", b"SQLite format 3\x00"


def words_of(answer: Response) -> str:
    """Headers and all that the body says."""
    return f"{text_of(answer.content)} {answer.headers}"


def text_of(content: bytes) -> str:
    """Of text itself; of PDF, GeoPackage, and of Excel and ZIP files with what is packed in them, what they hold."""
    if content.startswith(ZIP):
        with ZipFile(BytesIO(content)) as packed:
            return " ".join(f"{name} {text_of(packed.read(name))}" for name in packed.namelist())
    if content.startswith(PDF):
        return " ".join(_pdf(content))
    if content.startswith(SQLITE):
        return " ".join(_sqlite(content))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin1")


def _pdf(content: bytes) -> Iterator[str]:
    """Title and pages; each page once more with its Latin letters alone, for a word that goes on in the next line,
    between which the Arabic cells of a table stand."""
    with closing(pypdfium2.PdfDocument(content)) as document:
        yield from document.get_metadata_dict().values()
        for page in document:
            text = page.get_textpage().get_text_range()
            yield text
            yield re.sub(r"[^A-Za-z]+", "", text)


def _sqlite(content: bytes) -> Iterator[str]:
    """Every value of every table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content)
        connection.text_factory = bytes
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
        for (table,) in tables.fetchall():
            yield table.decode()
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                yield from (one.decode("latin1") if isinstance(one, bytes) else str(one) for one in row)

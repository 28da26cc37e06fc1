"""Prints A4 documents in Arabic and English, so that crews and contractors get on paper what the service knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue
from PIL import Image

from service.core.i18n import Language

FONTS = Path(__file__).parent / "fonts"
FAMILY = "plex"
MARGIN_MM, FOOT_MM = 15.0, 14.0
TEXT_PT, SMALL_PT = 9.5, 8.0
HEADING_PT = {1: 17.0, 2: 12.5, 3: 10.5}
LINE = 1.45  # height of a line over the size of its letters: Arabic marks need room above and below
MM_PER_PT = 25.4 / 72
CELL_PAD_MM = 1.2
INK, PALE, RULE, SHADE = (28, 33, 38), (98, 108, 118), (200, 206, 211), (238, 241, 243)
LTR_ISOLATE, END_ISOLATE = "\u2066", "\u2069"
PAGE_OF = {Language.ARABIC: "صفحة {page} من {pages}", Language.ENGLISH: "Page {page} of {pages}"}


class Align(StrEnum):
    START = "start"  # right in Arabic
    END = "end"
    CENTRE = "centre"


@dataclass(frozen=True)
class Column:
    """A table's column; `share` is its width against the others'."""

    title: str
    share: float = 1.0
    align: Align = Align.START


def left_to_right(text: str) -> str:
    """Keeps the order of coordinates, formulas and codes inside an Arabic line."""
    return f"{LTR_ISOLATE}{text}{END_ISOLATE}"


class Paper:
    """One document, written from its top to its end; the same calls give the same bytes.

    Lengths are millimetres. Arabic documents run from right to left: columns, headings and pictures start at the
    right, and Latin words and numbers stand inside the lines as they are read.
    """

    def __init__(
        self, title: str, language: Language, made_at: datetime, *, footer: str = "", landscape: bool = False
    ) -> None:
        """`made_at` is written into the file as its date, so it decides the bytes; `footer` stands on every page."""
        self.language = language
        self.pdf = _Sheet(footer, language, landscape)
        self.pdf.set_creation_date(made_at)
        self.pdf.set_title(title)
        self.pdf.set_lang(language.value)
        self.pdf.set_creator("Rasid")
        self.pdf.set_producer("Rasid")
        self.pdf.add_page()

    @property
    def width_mm(self) -> float:
        return float(self.pdf.epw)

    @property
    def room_mm(self) -> float:
        """What is left of the page."""
        return float(self.pdf.page_break_trigger - self.pdf.get_y())

    def heading(self, text: str, level: int = 1) -> None:
        size = HEADING_PT[level]
        self.keep(3 * _line_mm(size))  # a heading does not stand alone at the foot of a page
        self.space(1.5 if level > 1 else 0)
        self._write(text, size, strong=True)
        self.space(1.0)

    def paragraph(self, text: str, *, strong: bool = False, small: bool = False) -> None:
        self._write(text, SMALL_PT if small else TEXT_PT, strong=strong, colour=PALE if small else INK)
        self.space(1.0)

    def facts(self, pairs: Sequence[tuple[str, str]], *, across: int = 2) -> None:
        """Names and values, `across` pairs in a line."""
        widths = [0.4, 0.6] * across
        for first in range(0, len(pairs), across):
            cells = [text for pair in pairs[first : first + across] for text in pair]
            cells += [""] * (2 * across - len(cells))
            strong = [bool(index % 2) for index in range(len(cells))]
            self._row(_Row(cells, widths, [Align.START] * len(cells), strong, pale=[not one for one in strong]))
        self.space(2.0)

    def table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, total: Sequence[str] | None = None
    ) -> None:
        """Rows under a head that is repeated on every page; `total` is a last row in strong letters.

        Raises ValueError for a row that has another number of cells than there are columns.
        """
        widths, aligns = [column.share for column in columns], [column.align for column in columns]
        count = len(columns)
        head = _Row([column.title for column in columns], widths, aligns, [True] * count, shaded=True, ruled=True)
        self.keep(self._height_mm(head) + 2 * _line_mm(TEXT_PT))
        self._row(head)
        last = [total] if total is not None else []
        for index, cells in enumerate([*rows, *last]):
            if len(cells) != count:
                raise ValueError(f"expected {count} cells in row {index + 1}, got {len(cells)}")
            is_total = index == len(rows)
            row = _Row(list(cells), widths, aligns, [is_total] * count, shaded=is_total, ruled=True)
            self._row(row, repeated=head)
        self.space(2.5)

    def picture(self, content: bytes, *, height_mm: float, caption: str = "") -> None:
        """A JPEG or PNG at the start of a line, no wider than the page."""
        self.keep(height_mm + (_line_mm(SMALL_PT) if caption else 0))
        self.place_picture(content, 0.0, self.pdf.get_y(), self.width_mm, height_mm)
        self.pdf.set_y(self.pdf.get_y() + height_mm + 1)
        if caption:
            self.paragraph(caption, small=True)

    def place_picture(
        self, content: bytes, from_start_mm: float, y_mm: float, width_mm: float, height_mm: float
    ) -> None:
        """Fits a picture into a box, whose place is counted from where lines start; its shape is kept."""
        with Image.open(BytesIO(content)) as image:
            scale = min(width_mm / image.width, height_mm / image.height)
            wide, high = image.width * scale, image.height * scale
        self.pdf.image(BytesIO(content), x=self.x_mm(from_start_mm, wide), y=y_mm, w=wide, h=high)

    def keep(self, height_mm: float) -> None:
        """Begins a new page unless so much is left of this one."""
        if self.room_mm < height_mm and self.pdf.get_y() > self.pdf.t_margin:
            self.new_page()

    def space(self, height_mm: float) -> None:
        self.pdf.set_y(min(self.pdf.get_y() + height_mm, self.pdf.page_break_trigger))

    def new_page(self) -> None:
        self.pdf.add_page()

    def x_mm(self, from_start_mm: float, width_mm: float) -> float:
        """The left edge of a box that stands so far from where lines start."""
        if self.language is Language.ARABIC:
            return float(self.pdf.w - self.pdf.r_margin - from_start_mm - width_mm)
        return float(self.pdf.l_margin + from_start_mm)

    def to_bytes(self) -> bytes:
        self.pdf.write_feet()
        return bytes(self.pdf.output())

    def _write(self, text: str, size: float, *, strong: bool, colour: tuple[int, int, int] = INK) -> None:
        self.pdf.letters(size, strong, colour)
        self.pdf.multi_cell(
            self.width_mm, _line_mm(size), text, align=self._side(Align.START), new_x="LMARGIN", new_y="NEXT"
        )

    def _row(self, row: "_Row", repeated: "_Row | None" = None) -> None:
        """Draws a row; one that is longer than what a page holds goes on over the next ones."""
        lines = self._lines(row)
        line_mm, count = _line_mm(TEXT_PT), max(len(cell) for cell in lines)
        if self.room_mm < self._height_mm(row, lines) and self.pdf.get_y() > self.pdf.t_margin + 3 * line_mm:
            self._next_page(repeated)
        done = 0
        while done < count:
            fitting = max(1, int((self.room_mm - 2 * CELL_PAD_MM) / line_mm))
            self._part(row, [cell[done : done + fitting] for cell in lines], min(fitting, count - done))
            done += fitting
            if done < count:
                self._next_page(repeated)

    def _next_page(self, repeated: "_Row | None") -> None:
        self.new_page()
        if repeated:
            self._row(repeated)

    def _part(self, row: "_Row", lines: list[list[str]], count: int) -> None:
        top, line_mm = self.pdf.get_y(), _line_mm(TEXT_PT)
        height = count * line_mm + 2 * CELL_PAD_MM
        left, right = self.pdf.l_margin, self.pdf.w - self.pdf.r_margin
        if row.shaded:
            self.pdf.set_fill_color(*SHADE)
            self.pdf.rect(left, top, right - left, height, style="F")
        start = 0.0
        for index, (texts, width) in enumerate(zip(lines, self._widths_mm(row), strict=True)):
            self.pdf.letters(TEXT_PT, row.strong[index], PALE if row.pale and row.pale[index] else INK)
            for number, text in enumerate(texts):
                self.pdf.set_xy(self.x_mm(start, width), top + CELL_PAD_MM + number * line_mm)
                self.pdf.cell(width, line_mm, text, align=self._side(row.aligns[index]))
            start += width
        if row.ruled:
            self.pdf.set_draw_color(*RULE)
            self.pdf.line(left, top + height, right, top + height)
        self.pdf.set_xy(left, top + height)

    def _lines(self, row: "_Row") -> list[list[str]]:
        cells: list[list[str]] = []
        for text, width, strong in zip(row.cells, self._widths_mm(row), row.strong, strict=True):
            self.pdf.letters(TEXT_PT, strong)
            lines = self.pdf.multi_cell(width, _line_mm(TEXT_PT), text, dry_run=True, output=MethodReturnValue.LINES)
            assert isinstance(lines, list)  # as `output` asks
            cells.append(lines or [""])
        return cells

    def _height_mm(self, row: "_Row", lines: list[list[str]] | None = None) -> float:
        return max(len(cell) for cell in lines or self._lines(row)) * _line_mm(TEXT_PT) + 2 * CELL_PAD_MM

    def _widths_mm(self, row: "_Row") -> list[float]:
        whole = sum(row.shares)
        return [self.width_mm * share / whole for share in row.shares]

    def _side(self, align: Align) -> str:
        if align is Align.CENTRE:
            return "C"
        return "R" if (align is Align.START) == (self.language is Language.ARABIC) else "L"


@dataclass(frozen=True)
class _Row:
    cells: list[str]
    shares: list[float]
    aligns: list[Align]
    strong: list[bool]
    shaded: bool = False
    ruled: bool = False
    pale: list[bool] | None = None


class _Sheet(FPDF):
    """A4 with the embedded font, letters joined and ordered by HarfBuzz, and a foot on each page."""

    def __init__(self, footer: str, language: Language, landscape: bool) -> None:
        super().__init__("landscape" if landscape else "portrait", "mm", "A4")
        self.foot, self.language = footer, language
        self.feet_written = 0
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(True, MARGIN_MM + FOOT_MM / 2)
        self.add_font(FAMILY, "", FONTS / "IBMPlexSansArabic-Regular.ttf")
        self.add_font(FAMILY, "B", FONTS / "IBMPlexSansArabic-SemiBold.ttf")
        self.set_text_shaping(True, direction=language.direction)
        self.letters(TEXT_PT)

    def letters(self, size_pt: float, strong: bool = False, colour: tuple[int, int, int] = INK) -> None:
        self.set_font(FAMILY, "B" if strong else "", size_pt)
        self.set_text_color(*colour)

    def write_feet(self) -> None:
        """Last of all, since only then the number of pages is known; written once."""
        feet, self.feet_written = range(self.feet_written + 1, self.pages_count + 1), self.pages_count
        self.set_auto_page_break(False)
        for page in feet:
            self.page = page
            self._write_foot(PAGE_OF[self.language].format(page=page, pages=self.pages_count))

    def _write_foot(self, here: str) -> None:
        self.set_y(-FOOT_MM)
        self.set_draw_color(*RULE)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.letters(TEXT_PT)  # a page remembers its own font: change it twice, so that it is set on this page
        self.letters(SMALL_PT, colour=PALE)
        start, end = ("R", "L") if self.language is Language.ARABIC else ("L", "R")
        for text, side in ((self.foot, start), (here, end)):
            self.set_x(self.l_margin)
            self.cell(self.epw, 7, text, align=side)


def _line_mm(size_pt: float) -> float:
    return size_pt * MM_PER_PT * LINE

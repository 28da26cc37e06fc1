from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from service.core.i18n import Language
from service.core.paper import FONTS, Align, Column, Paper, left_to_right

MADE_AT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
COLUMNS = [Column("رقم"), Column("العيب", 3), Column("الكمية", align=Align.END)]


def test_headings_paragraphs_facts_and_tables_are_read_back_in_their_order() -> None:
    paper = Paper("Plan", Language.ENGLISH, MADE_AT)
    paper.heading("Crew plan")
    paper.paragraph("Work starts at 07:30.")
    paper.facts([("Unit", "Pothole machine"), ("Orders", "20"), ("Way", "12.5 km")])
    paper.table([Column("Stop"), Column("Defect")], [["1", "pothole"], ["2", "garbage"]], total=["Total", "2 orders"])
    text = _texts(paper)[0].split()
    expected = (
        "Crew plan Work starts at 07:30. Unit Pothole machine Orders 20 Way 12.5 km Stop Defect 1 pothole 2 garbage"
    )
    assert text == [*expected.split(), "Total", "2", "orders", "Page", "1", "of", "1"]


def test_arabic_letters_are_joined_and_lines_start_at_the_right() -> None:
    paper = Paper("خطة", Language.ARABIC, MADE_AT)
    paper.paragraph("ماكينة الحفر")
    assert "ماكينة الحفر" in _texts(paper)[0]
    ink = _ink_columns(paper)
    assert ink.max() > 0.9 * 210 and ink.min() > 0.7 * 210  # the words end at the right margin, none stand at the left
    loose = Paper("خطة", Language.ARABIC, MADE_AT)
    loose.pdf.set_text_shaping(False)
    loose.paragraph("ماكينة الحفر")
    assert np.ptp(_ink_columns(paper)) < np.ptp(_ink_columns(loose))  # joined letters are narrower than single ones


def test_numbers_and_latin_words_in_an_arabic_line_keep_their_own_order() -> None:
    paper = Paper("خطة", Language.ARABIC, MADE_AT)
    paper.paragraph("طول الطريق 12.5 كم (Crew A-7)")
    right_to_left = sorted(_characters(paper), key=lambda at: -at[0])
    row = "".join(letter for _, letter in right_to_left)
    assert "5.21" in row and "werC" in row  # read from the right they stand backwards, so from the left as written
    assert row.index("5.21") < row.index("werC")


def test_an_isolated_pair_of_coordinates_stays_in_order() -> None:
    def order(text: str) -> str:
        paper = Paper("خطة", Language.ARABIC, MADE_AT)
        paper.paragraph(f"الموقع {text} شمال")
        return "".join(letter for _, letter in sorted(_characters(paper)) if letter in "0123456789.,")

    assert "24.7,46.6" in order(left_to_right("24.7, 46.6"))
    assert "24.7,46.6" not in order("24.7, 46.6")


def test_a_long_table_goes_over_pages_under_a_repeated_head_and_loses_no_row() -> None:
    paper = Paper("جدول", Language.ARABIC, MADE_AT, footer="أمانة")
    paper.table(COLUMNS, [[f"N{index}", "حفرة", f"{index}.5"] for index in range(150)])
    texts = _texts(paper)
    assert len(texts) > 3
    assert all("الكمية" in text for text in texts)
    numbers = [float(word) for text in texts for word in text.split() if word.endswith(".5")]
    assert sorted(numbers) == [index + 0.5 for index in range(150)]


def test_a_cell_longer_than_a_page_goes_on_over_the_next_ones() -> None:
    paper = Paper("Plan", Language.ENGLISH, MADE_AT)
    words = [f"w{index}" for index in range(3000)]
    paper.table([Column("a"), Column("b")], [["x", " ".join(words)], ["last", "row"]])
    texts = _texts(paper)
    assert [word for text in texts for word in text.split() if word.startswith("w")] == words
    assert "last" in texts[-1]


def test_each_page_is_numbered_of_all_and_reading_twice_numbers_once() -> None:
    paper = Paper("Plan", Language.ENGLISH, MADE_AT, footer="Riyadh")
    for _ in range(11):
        paper.new_page()
    first = paper.to_bytes()
    assert [text.split() for text in _texts(paper)] == [["Riyadh", "Page", str(n), "of", "12"] for n in range(1, 13)]
    assert paper.to_bytes() == first


def test_the_same_calls_give_the_same_bytes_and_another_date_other_ones() -> None:
    assert _sample(MADE_AT) == _sample(MADE_AT)
    assert _sample(MADE_AT) != _sample(MADE_AT.replace(day=2))


def test_a_picture_keeps_its_shape_and_moves_to_the_next_page_where_it_does_not_fit() -> None:
    paper = Paper("Plan", Language.ENGLISH, MADE_AT)
    for _ in range(6):
        paper.picture(_jpeg(), height_mm=60, caption="defect")
    pages = pypdfium2.PdfDocument(paper.to_bytes())
    boxes = [one.get_bounds() for page in pages for one in page.get_objects() if one.type == 3]
    assert len(pages) == 2 and len(boxes) == 6
    assert all(
        (right - left) / (top - bottom) == pytest.approx(200 / 100, rel=0.01) for left, bottom, right, top in boxes
    )
    assert all(bottom > 0 and right < 596 for left, bottom, right, top in boxes)


def test_a_row_of_another_number_of_cells_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 3 cells in row 2, got 1"):
        Paper("Plan", Language.ENGLISH, MADE_AT).table(COLUMNS, [["1", "a", "b"], ["2"]])


def test_the_font_comes_with_its_licence_and_is_embedded() -> None:
    assert "SIL OPEN FONT LICENSE" in (FONTS / "LICENSE").read_text("utf-8")
    assert b"IBMPlexSansArabic" in _sample(MADE_AT)


def _sample(made_at: datetime) -> bytes:
    paper = Paper("خطة", Language.ARABIC, made_at, footer="أمانة الرياض")
    paper.heading("خطة الفرقة")
    paper.picture(_jpeg(), height_mm=20)
    paper.table(COLUMNS, [["1", "حفرة", "2.5"]])
    return paper.to_bytes()


def _jpeg() -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (100, 200, 3), np.uint8)
    written = BytesIO()
    Image.fromarray(pixels).save(written, "JPEG")
    return written.getvalue()


def _texts(paper: Paper) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(paper.to_bytes())]


def _characters(paper: Paper) -> list[tuple[float, str]]:
    """(left edge, letter) of all but the foot of the first page."""
    page = pypdfium2.PdfDocument(paper.to_bytes())[0].get_textpage()
    places = [(page.get_charbox(index), page.get_text_range(index, 1)) for index in range(page.count_chars())]
    return [(box[0], letter) for box, letter in places if box[1] > 60 and letter.strip()]


def _ink_columns(paper: Paper) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Millimetres from the left at which the upper half of the first page is not white."""
    drawn = pypdfium2.PdfDocument(paper.to_bytes())[0].render(scale=2).to_numpy()[:800]
    return np.flatnonzero((drawn < 200).any(axis=(0, 2))) * 25.4 / 144

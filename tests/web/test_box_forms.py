"""How a box is read from a form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import Unprocessable
from service.defects.boxes import BoxPx
from service.web.box_forms import MOST_DRAWN, read_box, read_drawn

EDGE = st.floats(min_value=-1e6, max_value=1e6)


@given(st.tuples(EDGE, EDGE, EDGE, EDGE), st.sampled_from([", ", ",", " ", "، ", "\n"]))
def test_a_written_box_is_read_as_it_was(box: BoxPx, between: str) -> None:
    assert read_box(f" {between.join(map(repr, box))} ") == box


def test_arabic_digits_are_digits() -> None:
    assert read_box("٢٥٠، ٣٠٠، ٣٩٠، ٣٨٠") == (250, 300, 390, 380)


@given(st.one_of(st.text(), st.sampled_from(["", "1, 2, 3", "1, 2, 3, 4, 5", "1, 2, 3, nan", "0, 0, inf, 4"])))
def test_what_is_no_box_is_refused_in_words(text: str) -> None:
    try:
        assert len(read_box(text)) == 4
    except Unprocessable as refused:
        assert refused.code == "review.box"


@pytest.mark.parametrize("count", [0, MOST_DRAWN + 1])
def test_one_form_brings_at_least_one_box_and_not_too_many(count: int) -> None:
    with pytest.raises(Unprocessable, match="expected 1 to 50"):
        read_drawn(["pothole"] * count, ["1, 2, 30, 40"] * count)


def test_each_box_has_a_class() -> None:
    assert read_drawn(["pothole"], ["1, 2, 30, 40"]) == [("pothole", (1, 2, 30, 40))]
    with pytest.raises(Unprocessable, match="2 boxes and 1 classes"):
        read_drawn(["pothole"], ["1, 2, 30, 40", "5, 6, 70, 80"])

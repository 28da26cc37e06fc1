"""Cropping a box to the survey lane."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.records import LabelledBox, crop_box

fractions = st.tuples(st.floats(0, 0.45), st.floats(0, 0.45), st.floats(0.55, 1), st.floats(0.55, 1))


def test_a_box_inside_the_crop_is_given_in_the_crops_fractions() -> None:
    box = crop_box(LabelledBox("pothole", (0.5, 0.5, 0.75, 1.0)), (0.5, 0.0, 1.0, 1.0))
    assert box == LabelledBox("pothole", (0.0, 0.5, 0.5, 1.0))


def test_a_box_mostly_outside_the_crop_is_dropped() -> None:
    assert crop_box(LabelledBox("pothole", (0.0, 0.0, 0.6, 1.0)), (0.5, 0.0, 1.0, 1.0)) is None


@given(box=fractions, crop=fractions)
def test_what_remains_of_a_box_lies_inside_the_picture(
    box: tuple[float, float, float, float], crop: tuple[float, float, float, float]
) -> None:
    inside = crop_box(LabelledBox("garbage", box), crop, least_visible=0.0)
    assert inside is not None
    x0, y0, x1, y1 = inside.xyxy_fraction
    assert -1e-9 <= x0 < x1 <= 1 + 1e-9
    assert -1e-9 <= y0 < y1 <= 1 + 1e-9


@given(box=fractions)
def test_the_whole_picture_as_crop_changes_nothing(box: tuple[float, float, float, float]) -> None:
    inside = crop_box(LabelledBox("garbage", box), (0.0, 0.0, 1.0, 1.0))
    assert inside is not None
    assert inside.xyxy_fraction == pytest.approx(box)

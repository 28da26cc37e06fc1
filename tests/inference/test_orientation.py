"""Pixels and boxes are turned by one rule, so a box stays on what it marks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.orientation import ORIENTATIONS, boxes_to_stored, swaps_sides, turn_upright


@given(st.sampled_from(ORIENTATIONS), st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_box_on_the_stored_grid_covers_the_same_pixels_as_upright(
    orientation: int, width: int, height: int, data: st.DataObject
) -> None:
    stored = np.arange(height * width * 3, dtype=np.int64).reshape(height, width, 3)
    upright = turn_upright((stored % 251).astype(np.uint8), orientation)
    upright_height, upright_width = upright.shape[:2]
    x0, y0 = data.draw(st.integers(0, upright_width - 1)), data.draw(st.integers(0, upright_height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, upright_width)), data.draw(st.integers(y0 + 1, upright_height))

    box = np.array([[x0, y0, x1, y1]], np.float32)
    (left, top, right, bottom), *_ = boxes_to_stored(box, orientation, upright_width, upright_height).astype(int)

    seen = np.sort(upright[y0:y1, x0:x1].ravel())
    assert np.array_equal(seen, np.sort((stored % 251)[top:bottom, left:right].ravel()))
    assert (upright_width == height and upright_height == width) or not swaps_sides(orientation)

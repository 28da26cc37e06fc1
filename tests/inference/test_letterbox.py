"""Fitting into the network's input and back loses no pixel of a box."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.letterbox import PAD_VALUE, Letterbox

SIDES = st.integers(1, 8000)
INPUT_SIDES = st.sampled_from([320, 384, 640, 1280])
LETTERBOXES = st.builds(Letterbox, SIDES, SIDES, INPUT_SIDES, INPUT_SIDES)


@given(LETTERBOXES, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_letterbox_inverse_returns_the_same_box(letterbox: Letterbox, corners: list[float]) -> None:
    box = np.array([corners]) * [letterbox.width, letterbox.height, letterbox.width, letterbox.height]
    assert np.allclose(letterbox.to_image(letterbox.to_input(box)), box, rtol=0, atol=1e-6)


@given(LETTERBOXES)
def test_the_whole_image_lies_inside_the_input_and_touches_two_sides(letterbox: Letterbox) -> None:
    whole = np.array([[0, 0, letterbox.width, letterbox.height]])
    x0, y0, x1, y1 = letterbox.to_input(whole)[0].round(9)
    assert 0 <= x0 < x1 <= letterbox.input_width and 0 <= y0 < y1 <= letterbox.input_height
    assert (x0, x1) == (0, letterbox.input_width) or (y0, y1) == (0, letterbox.input_height)


@given(SIDES, SIDES, INPUT_SIDES)
def test_an_input_around_an_image_has_whole_strides_and_at_most_one_to_spare(
    width: int, height: int, long_side: int
) -> None:
    letterbox = Letterbox.around(width, height, long_side, 32)
    assert letterbox.input_width % 32 == letterbox.input_height % 32 == 0
    assert max(letterbox.fitted_width, letterbox.fitted_height) == long_side
    assert letterbox.input_width - letterbox.fitted_width <= 32
    assert letterbox.input_height - letterbox.fitted_height <= 32


def test_a_survey_frame_takes_a_wide_input() -> None:
    letterbox = Letterbox.around(1920, 1080, 960, 32)
    assert (letterbox.input_width, letterbox.input_height) == (960, 544)


def test_strong_shrinking_skips_no_pixel() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::8, ::8] = 255
    assert Letterbox(64, 64, 8, 8).fit(pixels).min() > 0


def test_a_wide_image_is_centred_between_grey_bars() -> None:
    fitted = Letterbox(1280, 720, 640, 640).fit(np.full((720, 1280, 3), 255, np.uint8))
    assert fitted.shape == (640, 640, 3)
    assert (fitted[:140] == PAD_VALUE).all() and (fitted[500:] == PAD_VALUE).all()
    assert (fitted[140:500] == 255).all()


def test_a_pixel_thin_image_still_fits() -> None:
    assert Letterbox(70_000, 1, 640, 640).fit(np.zeros((1, 70_000, 3), np.uint8)).shape == (640, 640, 3)

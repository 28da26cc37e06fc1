"""Fitting into the network's input and back loses no pixel of a box."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.letterbox import PAD_VALUE, Letterbox, planes_of

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
    assert Letterbox(64, 64, 8, 8).canvas(pixels).min() > 0


def test_a_wide_image_is_centred_between_grey_bars() -> None:
    planes = planes_of(Letterbox(1280, 720, 640, 640).canvas(np.full((720, 1280, 3), 255, np.uint8)))[0]
    grey = np.float32(PAD_VALUE / 255)
    assert planes.shape == (3, 640, 640)
    assert (planes[:, :140] == grey).all() and (planes[:, 500:] == grey).all()
    assert (planes[:, 140:500] == 1).all()


def test_a_pixel_thin_image_still_fits() -> None:
    assert Letterbox(70_000, 1, 640, 640).canvas(np.zeros((1, 70_000, 3), np.uint8)).shape == (640, 640, 3)


@settings(deadline=None)
@given(width=st.integers(1, 200), height=st.integers(1, 200), long_side=st.sampled_from([64, 96]))
def test_planes_are_red_green_blue_in_0_to_1_with_grey_around(width: int, height: int, long_side: int) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    letterbox = Letterbox.around(width, height, long_side, 32)
    canvas = np.full((letterbox.input_height, letterbox.input_width, 3), PAD_VALUE, np.uint8)
    rows = slice(letterbox.top, letterbox.top + letterbox.fitted_height)
    columns = slice(letterbox.left, letterbox.left + letterbox.fitted_width)
    shrinks = max(width, height) > 2 * long_side
    canvas[rows, columns] = cv2.resize(
        pixels,
        (letterbox.fitted_width, letterbox.fitted_height),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    assert np.allclose(
        planes_of(letterbox.canvas(pixels))[0], canvas[:, :, ::-1].transpose(2, 0, 1) / 255, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("reduction", [2, 4])
def test_pixels_decoded_smaller_lie_where_the_whole_image_would(reduction: int) -> None:
    whole = np.zeros((480, 640, 3), np.uint8)
    whole[160:320, 160:320] = 255
    letterbox = Letterbox.around(640, 480, 160, 32)
    reduced = cv2.resize(whole, (640 // reduction, 480 // reduction), interpolation=cv2.INTER_AREA)
    assert np.array_equal(letterbox.canvas(np.asarray(reduced, np.uint8)), letterbox.canvas(whole))

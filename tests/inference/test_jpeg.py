"""The quick way through a JPEG: the same pixels and refusals as the slow one, and smaller where that is enough."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inference import images
from inference.images import ImageRefused, decode_image
from inference.jpeg import decode_jpeg, reduced_side, reduction_for
from tests.images import encode_image

_NOISE = np.random.default_rng(5).integers(0, 256, (120, 184, 3), np.uint8)
STREET: NDArray[np.uint8] = np.asarray(cv2.GaussianBlur(_NOISE, (0, 0), 4), np.uint8)


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(STREET).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


KINDS = {
    "plain": jpeg(),
    "progressive": jpeg(progressive=True),
    "grey": jpeg("L"),
    "cmyk": jpeg("CMYK"),
    "restarts": jpeg(restart_marker_rows=1),
    "sharp colour": jpeg(subsampling=0, quality=95),
}


@contextmanager
def pillow_alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "decode_jpeg", lambda *_: None)
        yield


def outcome(data: bytes) -> NDArray[np.uint8] | str:
    try:
        return decode_image(data).pixels
    except ImageRefused as refused:
        return refused.code


def agree(data: bytes) -> bool:
    quick = outcome(data)
    with pillow_alone():
        slow = outcome(data)
    if isinstance(quick, str) or isinstance(slow, str):
        return isinstance(quick, str) and isinstance(slow, str) and quick == slow
    return np.array_equal(quick, slow)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_jpeg_gives_the_pixels_pillow_gives(kind: str) -> None:
    assert agree(KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(data=st.data())
def test_a_cut_jpeg_is_refused_with_the_code_pillow_earns(kind: str, data: st.DataObject) -> None:
    cut = KINDS[kind][: data.draw(st.integers(1, len(KINDS[kind]) - 1))]
    assert isinstance(outcome(cut), str) and agree(cut)


@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_jpeg_ends_as_it_would_with_pillow(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(KINDS[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(2, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert agree(bytes(damaged))


@given(width=st.integers(1, 20_000), height=st.integers(1, 20_000), least=st.integers(1, 4_096))
def test_a_reduction_never_goes_below_what_the_network_needs(width: int, height: int, least: int) -> None:
    reduction = reduction_for(width, height, least)
    assert reduction == 1 or reduced_side(max(width, height), reduction) >= least
    assert reduction == 8 or reduced_side(max(width, height), reduction * 2) < least


@pytest.mark.parametrize(
    ("size", "reduction"), [((1920, 1080), 2), ((3000, 4000), 4), ((1900, 1000), 1), ((640, 480), 1)]
)
def test_survey_frames_are_halved_and_photographs_quartered_for_an_input_of_960(
    size: tuple[int, int], reduction: int
) -> None:
    assert reduction_for(*size, 960) == reduction
    assert reduction_for(*size, None) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_image_knows_the_size_of_the_whole(orientation: int) -> None:
    upright = STREET[:119, :183]
    decoded = decode_image(encode_image(upright, "JPEG", orientation), least_long_side=92)
    assert decoded.reduction == 2
    assert decoded.pixels.shape == (60, 92, 3)
    assert (decoded.width, decoded.height) == (183, 119)
    assert (decoded.stored_width, decoded.stored_height) == ((183, 119) if orientation < 5 else (119, 183))


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_reduced_pixels_are_the_means_of_their_blocks(reduction: int) -> None:
    whole = decode_image(KINDS["sharp colour"]).pixels
    reduced = decode_jpeg(KINDS["sharp colour"], 184, 120, reduction)
    assert reduced is not None
    means = cv2.resize(whole, (184 // reduction, 120 // reduction), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(int) - means).max() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_jpeg_can_be_asked_for_smaller(kind: str) -> None:
    decoded = decode_image(KINDS[kind], least_long_side=46)
    assert decoded.reduction == (1 if kind == "cmyk" else 4)  # CMYK is Pillow's alone
    assert decoded.pixels.shape[:2] == (120 // decoded.reduction, 184 // decoded.reduction)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_other_formats_stay_whole(file_format: str) -> None:
    assert decode_image(encode_image(STREET, file_format), least_long_side=8).reduction == 1


def test_a_subsampling_without_a_name_is_left_to_pillow() -> None:
    odd = bytearray(KINDS["sharp colour"])
    odd[odd.index(b"\xff\xc0") + 11] = 0x14  # luminance 1 x 4
    assert decode_jpeg(bytes(odd), 184, 120, 1) is None
    assert agree(bytes(odd)) and not isinstance(outcome(bytes(odd)), str)


def test_a_size_the_two_decoders_do_not_agree_on_is_left_to_pillow() -> None:
    assert decode_jpeg(KINDS["plain"], 184, 121, 1) is None

"""Decoding: what becomes upright BGR pixels, and what is refused with which code."""

import struct
import tracemalloc
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from inference.images import DecodedImage, ImageRefused, decode_image
from tests.images import encode_image

FORMATS = ("JPEG", "PNG", "WEBP")
NOISE = np.random.default_rng(7).integers(0, 256, (37, 53, 3), dtype=np.uint8)
FILES = {file_format: encode_image(NOISE, file_format) for file_format in FORMATS}


def refusal_code(data: bytes, max_pixels: int = 100_000_000) -> str:
    with pytest.raises(ImageRefused) as refused:
        decode_image(data, max_pixels)
    assert refused.value.detail.startswith("expected ")
    return refused.value.code


def saved(image: Image.Image, file_format: str = "PNG") -> bytes:
    file = BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IEND\xaeB`\x82"


def webp_header(chunk: bytes, body: bytes) -> bytes:
    inner = b"WEBP" + chunk + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


HUGE_HEADERS = {
    "png": png_header(60_000, 60_000),
    "jpeg": FILES["JPEG"].replace(struct.pack(">HH", 37, 53), struct.pack(">HH", 60_000, 60_000), 1),
    "webp canvas": webp_header(b"VP8X", b"\0" * 4 + (59_999).to_bytes(3, "little") * 2),
    "webp lossless": webp_header(b"VP8L", b"\x2f" + (16_383 | 16_383 << 14).to_bytes(4, "little") + b"\0" * 5),
    "webp lossy": webp_header(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383)),
}


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_format_decodes_to_bgr_pixels_with_its_stored_size(file_format: str) -> None:
    decoded = decode_image(FILES[file_format])
    expected = cv2.imdecode(np.frombuffer(FILES[file_format], np.uint8), cv2.IMREAD_COLOR)
    assert (decoded.format, decoded.stored_width, decoded.stored_height) == (file_format, 53, 37)
    assert decoded.pixels.dtype == np.uint8 and decoded.pixels.flags.c_contiguous
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_file_decodes_upright_as_pillow_turns_it(file_format: str, orientation: int) -> None:
    data = encode_image(NOISE, file_format, orientation)
    decoded = decode_image(data)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB"))[:, :, ::-1]
    assert decoded.orientation == orientation
    assert decoded.pixels.shape == NOISE.shape
    assert np.array_equal(decoded.pixels, expected)
    stored = (53, 37) if orientation < 5 else (37, 53)
    assert (decoded.stored_width, decoded.stored_height) == stored


@pytest.mark.parametrize("orientation", [0, 9, 60_000])
def test_an_orientation_out_of_range_counts_as_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", exif=exif)
    assert decode_image(file.getvalue()).orientation == 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_counts_as_upright() -> None:
    file = BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode_image(file.getvalue()).orientation == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_png_mode_becomes_the_same_three_channels_as_pillow(mode: str) -> None:
    image = Image.fromarray(NOISE).convert(mode)
    decoded = decode_image(saved(image))
    assert np.array_equal(decoded.pixels[:, :, ::-1], np.asarray(image.convert("RGB")))


def test_a_palette_with_transparency_decodes() -> None:
    image = Image.fromarray(NOISE).convert("P")
    file = BytesIO()
    image.save(file, "PNG", transparency=bytes(range(256)))
    assert np.array_equal(decode_image(file.getvalue()).pixels[:, :, ::-1], np.asarray(image.convert("RGB")))


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    grey = np.linspace(0, 65_535, 300).astype(np.uint16).reshape(15, 20)
    decoded = decode_image(cv2.imencode(".png", grey)[1].tobytes())
    assert np.array_equal(decoded.pixels, np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2))


def test_sixteen_bit_colour_keeps_its_high_byte() -> None:
    colour = np.random.default_rng(3).integers(0, 65_536, (9, 11, 3), dtype=np.uint16)
    decoded = decode_image(cv2.imencode(".png", colour)[1].tobytes())
    assert np.array_equal(decoded.pixels, (colour >> 8).astype(np.uint8))


def test_a_cmyk_jpeg_keeps_its_colour() -> None:
    decoded = decode_image(saved(Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK"), "JPEG"))
    assert np.abs(decoded.pixels[8, 8].astype(int) - [40, 40, 200]).max() < 12


def test_zero_bytes_are_refused_as_empty() -> None:
    assert refusal_code(b"") == "image.empty"


@pytest.mark.parametrize("data", [b"hello, I am a text", saved(Image.fromarray(NOISE), "GIF"), b"\xff", b"RIFF"])
def test_other_formats_are_refused_whatever_their_file_is_called(data: bytes) -> None:
    assert refusal_code(data) == "image.unsupported_format"


@given(st.sampled_from(FORMATS), st.data())
def test_a_cut_file_is_always_refused(file_format: str, data: st.DataObject) -> None:
    whole = FILES[file_format]
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    assert refusal_code(cut) in {"image.truncated", "image.unreadable", "image.unsupported_format"}


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_cut_in_its_pixels_is_called_truncated(file_format: str) -> None:
    whole = FILES[file_format]
    assert {refusal_code(whole[:length]) for length in (len(whole) * 2 // 3, len(whole) - 1)} == {"image.truncated"}


@given(st.sampled_from(FORMATS), st.binary(max_size=200))
def test_any_bytes_behind_a_known_signature_decode_or_are_refused(file_format: str, tail: bytes) -> None:
    try:
        assert isinstance(decode_image(FILES[file_format][:16] + tail), DecodedImage)
    except ImageRefused as refused:
        assert refused.code.startswith("image.")


@pytest.mark.parametrize("header", HUGE_HEADERS)
def test_a_decompression_bomb_is_refused_from_its_header_without_memory(header: str) -> None:
    tracemalloc.start()
    try:
        assert refusal_code(HUGE_HEADERS[header]) == "image.too_many_pixels"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_pixel_limit_is_inclusive(file_format: str) -> None:
    assert decode_image(FILES[file_format], max_pixels=37 * 53).pixels.shape == (37, 53, 3)
    assert refusal_code(FILES[file_format], max_pixels=37 * 53 - 1) == "image.too_many_pixels"

"""What is left of a picture after blurring: nothing legible in a region, nothing changed elsewhere, no second copy."""

import struct
import zlib
from io import BytesIO
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inference.blur import CELLS, STEP, Box, blur_boxes, blur_file, clean_file, covered, make_illegible
from inference.images import ImageRefused, decode_image
from inference.metadata import UnknownStructureError, strip_jpeg
from inference.privacy import PrivacyModel
from tests.images import encode_image
from tests.models import blob_image
from tests.privacy_models import FACE, PLATE, write_privacy_model

FORMATS = ("JPEG", "PNG", "WEBP")
SECRET = b"the raw picture"
FACE_BOX, PLATE_BOX = (100, 100, 164, 164), (400, 300, 464, 332)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PrivacyModel:
    return PrivacyModel.open(write_privacy_model(tmp_path_factory.mktemp("privacy") / "blobs.onnx"))


@pytest.fixture
def street() -> NDArray[np.uint8]:
    """A face with features and a plate, on a street with some structure."""
    picture = blob_image({FACE: [FACE_BOX], PLATE: [PLATE_BOX]})
    picture[400:, ::16] = 90
    return picture


@pytest.mark.parametrize(("file_format", "orientation"), list(product(FORMATS, range(1, 9))))
def test_faces_and_plates_become_illegible_and_the_rest_stays(
    model: PrivacyModel, street: NDArray[np.uint8], file_format: str, orientation: int
) -> None:
    data = encode_image(street, file_format, orientation)
    blurred = blur_file(data, model)
    before, after = decode_image(data), decode_image(blurred.data)
    assert (after.format, after.orientation, after.stored_width) == (file_format, orientation, before.stored_width)
    assert sorted(blurred.kinds) == ["face", "plate"]
    assert sorted(blurred.boxes_xyxy_px)[0] == pytest.approx(FACE_BOX, abs=3)
    outside = np.ones(street.shape[:2], bool)
    for box in blurred.boxes_xyxy_px:
        x0, y0, x1, y1 = covered(box, street.shape[1], street.shape[0])
        outside[y0 - 16 : y1 + 16, x0 - 16 : x1 + 16] = False  # JPEG works in blocks
        assert _sharpest(after.pixels[y0:y1, x0:x1]) < 60 < 100 < _sharpest(before.pixels[y0:y1, x0:x1])
    change = np.abs(before.pixels.astype(int) - after.pixels)[outside]
    assert change.max() <= (0 if file_format == "PNG" else 24) and change.mean() < 1.5
    assert model.find(after.pixels) == ()


def test_plates_with_different_numbers_become_the_same_few_colours() -> None:
    """The claim of the module: what is left of a plate does not tell one number from another."""
    results = {_blurred_plate(f"{number:04d} ABC".replace("ABC", letters)) for number, letters in _numbers(60)}
    assert len(results) <= 6


@settings(deadline=None)
@given(x0=st.integers(0, 90), y0=st.integers(0, 70), wide=st.integers(1, 90), high=st.integers(1, 70))
def test_a_region_keeps_no_more_than_a_few_rounded_colours(x0: int, y0: int, wide: int, high: int) -> None:
    """Two pictures that differ inside a region only by noise of mean zero come out the same."""
    flat = np.full((80, 100, 3), 3 * STEP, np.uint8)
    noise = np.random.default_rng(0).integers(0, 2, (80, 100, 1)) * 2 - 1
    noisy = np.where(np.indices(noise.shape).sum(axis=0) % 2, flat + 9, flat - 9).astype(np.uint8)
    box: Box = (x0, y0, min(x0 + wide, 100), min(y0 + high, 80))
    left, top, right, bottom = covered(box, 100, 80)
    one, other = (make_illegible(picture, [box])[top:bottom, left:right] for picture in (flat, noisy))
    assert np.array_equal(one, other)


def test_a_region_has_at_most_three_by_three_independent_cells() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (300, 300, 3), np.uint8)
    for box in ((50.0, 50.0, 250.0, 250.0), (50.0, 100.0, 250.0, 140.0), (140.0, 20.0, 160.0, 280.0)):
        x0, y0, x1, y1 = covered(box, 300, 300)
        region = make_illegible(picture, [box])[y0:y1, x0:x1, 0].astype(np.float64)
        strong = np.linalg.svd(region - region.mean(), compute_uv=False)
        assert (strong > 0.02 * max(strong[0], 1) * max(region.shape)).sum() <= CELLS


def test_what_is_blurred_twice_is_only_coarser(street: NDArray[np.uint8]) -> None:
    once = make_illegible(street, [PLATE_BOX])
    assert np.array_equal(once[:200], street[:200])
    again = make_illegible(once, [PLATE_BOX])
    assert _levels(again) <= _levels(once)


@pytest.mark.parametrize("file_format", FORMATS)
def test_where_nothing_is_found_the_picture_stays_to_the_bit_and_loses_its_copies(
    model: PrivacyModel, file_format: str
) -> None:
    data = _with_copies(blob_image({}, width=160, height=120), file_format)
    assert SECRET in data
    blurred = blur_file(data, model)
    assert blurred.boxes_xyxy_px == () and SECRET not in blurred.data and len(blurred.data) < len(data)
    assert np.array_equal(decode_image(data).pixels, decode_image(blurred.data).pixels)
    assert clean_file(data) == blurred.data


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_blurred_loses_its_copies_too(model: PrivacyModel, street: NDArray[np.uint8], file_format: str) -> None:
    data = _with_copies(street, file_format)
    blurred = blur_file(data, model)
    assert blurred.boxes_xyxy_px and SECRET not in blurred.data


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("found", [True, False])
def test_place_time_and_orientation_stay(
    model: PrivacyModel, street: NDArray[np.uint8], file_format: str, found: bool
) -> None:
    picture = street if found else blob_image()
    file = BytesIO()
    Image.fromarray(picture).save(file, file_format, exif=_exif(orientation=6))
    kept = Image.open(BytesIO(blur_file(file.getvalue(), model).data)).getexif()
    assert kept[0x0112] == 6 and kept[0x010F] == "Maker"
    assert kept.get_ifd(0x8769)[0x9003] == "2026:03:04 09:00:00" and kept.get_ifd(0x8769)[0x9011] == "+03:00"
    gps = kept.get_ifd(0x8825)
    assert (gps[1], gps[3]) == ("N", "E") and [float(v) for v in gps[2]] == pytest.approx([26.0, 25.0, 41.52])
    assert float(gps[0x11]) == pytest.approx(87.5)
    assert 0x927C not in kept.get_ifd(0x8769) and 0x9286 not in kept.get_ifd(0x8769)
    assert kept.get_ifd(0x0201) == {} and 0x010E not in kept


def test_a_jpeg_keeps_its_tables_and_its_subsampling(model: PrivacyModel, street: NDArray[np.uint8]) -> None:
    for quality, sampling in ((71, 0), (93, 1), (88, 2)):
        file = BytesIO()
        Image.fromarray(street[:, :, ::-1]).save(file, "JPEG", quality=quality, subsampling=sampling)
        blurred = blur_file(file.getvalue(), model)
        before, after = Image.open(file), Image.open(BytesIO(blurred.data))
        assert blurred.boxes_xyxy_px and after.quantization == before.quantization  # type: ignore[attr-defined]
        assert after.layer == before.layer  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_of_other_colour_spaces_can_be_blurred(mode: str) -> None:
    file = BytesIO()
    noise = np.random.default_rng(2).integers(0, 256, (90, 120), np.uint8)
    Image.fromarray(noise).convert(mode).save(file, "JPEG", quality=95)
    after = decode_image(blur_boxes(file.getvalue(), [(30, 30, 90, 60)])).pixels[32:58, 32:88]
    assert after.astype(float).std() < 40 < decode_image(file.getvalue()).pixels[32:58, 32:88].astype(float).std()


def test_the_same_file_gives_the_same_bytes(model: PrivacyModel, street: NDArray[np.uint8]) -> None:
    data = encode_image(street)
    assert blur_file(data, model).data == blur_file(data, model).data


def test_an_animation_keeps_its_first_picture_only(model: PrivacyModel) -> None:
    frames = [Image.fromarray(np.full((64, 64, 3), shade, np.uint8)) for shade in (50, 200)]
    for file_format in ("PNG", "WEBP"):
        file = BytesIO()
        frames[0].save(file, file_format, save_all=True, append_images=frames[1:], lossless=True)
        after = Image.open(BytesIO(blur_file(file.getvalue(), model).data))
        assert getattr(after, "n_frames", 1) == 1
        assert np.asarray(after.convert("RGB")).mean() == pytest.approx(50, abs=2)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_is_left_out() -> None:
    plain = encode_image(blob_image({}, width=64, height=48))
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\x01\0\0\0\x09\0\0\0" * 3
    broken = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert exif not in clean_file(broken) and decode_image(clean_file(broken)).orientation == 1


def test_a_jpeg_that_is_not_built_as_one_is_never_passed_on_as_it_is() -> None:
    data = encode_image(blob_image({}, width=64, height=48))
    for broken in (data[:-2], data[:2] + SECRET + data[2:], data[:2] + b"\xff\xee\xff\xff" + data[2:]):
        with pytest.raises(UnknownStructureError):
            strip_jpeg(broken, b"")
    with pytest.raises(ImageRefused):
        clean_file(data[: len(data) // 2])


def _sharpest(pixels: NDArray[np.uint8]) -> int:
    """The largest step of a channel between neighbours."""
    return max(int(np.abs(np.diff(pixels.astype(int), axis=axis)).max()) for axis in (0, 1))


def _levels(pixels: NDArray[np.uint8]) -> int:
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def _numbers(count: int) -> list[tuple[int, str]]:
    rng = np.random.default_rng(4)
    return [(int(rng.integers(1000, 9999)), "".join(rng.choice(list("ABDEGHJKLNRSTUVXZ"), 3))) for _ in range(count)]


def _blurred_plate(text: str) -> bytes:
    plate = np.full((140, 360, 3), 120, np.uint8)
    cv2.rectangle(plate, (40, 40), (320, 100), (230, 230, 230), -1)
    cv2.putText(plate, text, (52, 86), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 3, cv2.LINE_AA)
    small = np.asarray(cv2.resize(plate, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return make_illegible(small, [(16.0, 16.0, 128.0, 40.0)]).tobytes()


def _exif(orientation: int = 1) -> Image.Exif:
    """Where, when and how a camera took it, and texts and notes that may hold anything."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x010E] = orientation, "Maker", SECRET.decode()
    exif.get_ifd(0x8769).update(
        {0x9003: "2026:03:04 09:00:00", 0x9011: "+03:00", 0x927C: SECRET, 0x9286: b"ASCII\0\0\0" + SECRET}
    )
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (26.0, 25.0, 41.52), 3: "E", 4: (50.0, 5.0, 27.6), 0x11: 87.5, 0x1B: b"ASCII\0\0\0" + SECRET}
    )
    return exif


def _with_copies(upright: NDArray[np.uint8], file_format: str) -> bytes:
    """A file with copies of its picture in every place this format has for them."""
    file = BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(upright[:, :, ::-1]))
    picture.save(file, file_format, exif=_exif(), quality=95, lossless=True)
    data = file.getvalue()
    if file_format == "JPEG":
        segments = [
            (0xE0, b"JFXX\0\x10" + SECRET), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
            (0xE2, b"MPF\0" + SECRET), (0xE2, b"FPXR\0" + SECRET), (0xED, b"Photoshop 3.0\0" + SECRET), (0xFE, SECRET),
        ]  # fmt: skip
        more = b"".join(struct.pack(">BBH", 0xFF, m, len(c) + 2) + c for m, c in segments)
        return data[:2] + more + data[2:] + SECRET + data
    if file_format == "PNG":
        chunk = b"iTXtnote\0\0\0\0\0" + SECRET
        text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return data[:33] + text + data[33:] + SECRET
    chunk = b"XMP " + struct.pack("<I", len(SECRET)) + SECRET + b"\0" * (len(SECRET) % 2)
    body = data[8:20] + bytes([data[20] | 0x04]) + data[21:] + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body + SECRET

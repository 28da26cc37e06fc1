"""Turns bytes from anywhere into upright pixels, refusing the broken and the too large at once."""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from inference.errors import ImageRefused
from inference.jpeg import MAX_SCANS, decode_jpeg, has_too_many_scans, reduction_for
from inference.orientation import ORIENTATIONS, swaps_sides, turn_upright

__all__ = ["MAX_PIXELS", "DecodedImage", "Format", "ImageRefused", "decode_image"]

Format = Literal["JPEG", "PNG", "WEBP"]
MAX_PIXELS = 100_000_000

_PLUGINS: dict[Format, type[ImageFile]] = {"JPEG": JpegImageFile, "PNG": PngImageFile, "WEBP": WebPImageFile}
_PNG_END = b"IEND\xaeB`\x82"
_EXIF_ORIENTATION = 0x0112
# What Pillow raises on bytes that break its format: SyntaxError from headers, the rest from later parts and from EXIF.
_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image turned upright: pixels are uint8 (H, W, 3) in BGR; the stored size is the file's.

    Decoded at a reduction of 2, 4 or 8, pixels are so many times fewer along each side, rounded up.
    """

    pixels: NDArray[np.uint8]
    stored_width: int
    stored_height: int
    orientation: int
    format: Format
    reduction: int = 1

    @property
    def width(self) -> int:
        """Of the file's whole image turned upright, not reduced; height alike."""
        return self.stored_height if swaps_sides(self.orientation) else self.stored_width

    @property
    def height(self) -> int:
        return self.stored_width if swaps_sides(self.orientation) else self.stored_height


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS, least_long_side: int | None = None) -> DecodedImage:
    """Decode a JPEG, PNG or WebP file; raises ImageRefused with a stable code.

    Who needs no longer side than least_long_side gets a JPEG decoded at the largest reduction that keeps it.
    """
    file_format = _recognise_format(data)
    _check_size(_webp_size(data) if file_format == "WEBP" else None, max_pixels)
    _check_end(data, file_format)
    _check_scans(data, file_format)
    try:
        image = _PLUGINS[file_format](BytesIO(data))
        _check_size(image.size, max_pixels)
        stored, reduction = _stored_pixels(data, image, least_long_side)
        orientation = _orientation(image)
    except _DECODE_ERRORS as error:
        raise _refusal_of(error, file_format) from error
    return DecodedImage(turn_upright(stored, orientation), *image.size, orientation, file_format, reduction)


def _recognise_format(data: bytes) -> Format:
    if not data:
        raise ImageRefused("image.empty", "a JPEG, PNG or WebP file", "zero bytes")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    raise ImageRefused("image.unsupported_format", "a JPEG, PNG or WebP file", f"a file that begins with {data[:12]!r}")


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    if size is None:
        return
    width, height = size
    if width * height > max_pixels:
        got = f"{width} x {height} = {width * height} pixels in the header"
        raise ImageRefused("image.too_many_pixels", f"at most {max_pixels} pixels", got)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Read the canvas from the header: Pillow's WebP reader allocates the whole canvas on opening."""
    kind, body = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def _check_end(data: bytes, file_format: Format) -> None:
    """Find the cuts Pillow overlooks (PNG) or cannot tell from damage (WebP); it finds a cut JPEG itself."""
    if file_format == "PNG" and _PNG_END not in data:
        raise ImageRefused("image.truncated", "a PNG file with its IEND chunk", f"{len(data)} bytes without it")
    if file_format == "WEBP":
        promised = int.from_bytes(data[4:8], "little") + 8
        if len(data) < promised:
            raise ImageRefused("image.truncated", f"a WebP file of {promised} bytes", f"{len(data)} bytes")


def _check_scans(data: bytes, file_format: Format) -> None:
    if file_format == "JPEG" and has_too_many_scans(data):
        raise ImageRefused("image.unreadable", f"a JPEG file of at most {MAX_SCANS} scans", "more")


def _stored_pixels(data: bytes, image: ImageFile, least_long_side: int | None) -> tuple[NDArray[np.uint8], int]:
    """BGR pixels and their reduction. Pillow has the last word: what is flawed it reads all the same or refuses."""
    if isinstance(image, JpegImageFile) and image.mode in ("L", "RGB"):
        reduction = reduction_for(*image.size, least_long_side)
        pixels = decode_jpeg(data, *image.size, reduction)
        if pixels is not None:
            return pixels, reduction
    return _bgr_pixels(image), 1


def _bgr_pixels(image: ImageFile) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":  # Pillow clips 16-bit grey at 255 instead of scaling it
        grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    flat: Image.Image = image.convert("RGBA") if image.mode == "P" else image
    colour = flat if flat.mode == "RGB" else flat.convert("RGB")
    return np.asarray(cv2.cvtColor(np.asarray(colour), cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _orientation(image: ImageFile) -> int:
    """The EXIF orientation; broken EXIF or a value outside 1..8 counts as upright, as in every browser."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except _DECODE_ERRORS:
        return 1
    return value if isinstance(value, int) and value in ORIENTATIONS else 1


def _refusal_of(error: Exception, file_format: Format) -> ImageRefused:
    code = "image.truncated" if "truncated" in str(error).lower() else "image.unreadable"
    return ImageRefused(code, f"a whole {file_format} file", f"a file the decoder stops at: {error}")

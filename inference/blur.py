"""Makes regions of a picture file illegible for good, and rids the file of every other copy of its picture.

Why nobody can undo it: a region with a margin around it becomes three mean colours along its longer side and one to
three along the shorter, each channel rounded to steps of 32. A plate of seven characters lies on little more than two
of these cells, a cell covers three characters or more, and another character moves its mean by less than one step; what
remains are a few bits of light and colour against the 25 bits of a plate's number. Smoothing between the cells is for
the eye and adds nothing. No pixel of the region enters the new file in any other way, and no noise is used that someone
could subtract. The same file gives the same bytes each time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from inference.images import MAX_PIXELS, DecodedImage, Format, decode_image
from inference.metadata import UnknownStructureError, kept_exif, strip_jpeg, strip_png, strip_webp
from inference.orientation import turn_upright
from inference.privacy import PrivacyModel

JPEG_QUALITY = 90  # of a file whose own tables cannot be used again
WEBP_QUALITY = 90
CELLS = 3  # along the longer side of a region
MARGIN = 0.2  # of a side, on either end: finders cut close
LEAST_MARGIN_PX = 2
STEP = 32  # to which a cell's colour is rounded
_LARGEST_BASELINE = 255  # of a quantisation table that every decoder reads
_UNDO_TURN = {6: 8, 8: 6}  # the others turn themselves back
_OPEN: dict[Format, type[ImageFile]] = {"JPEG": JpegImageFile, "PNG": PngImageFile, "WEBP": WebPImageFile}
_STRIP = {"JPEG": strip_jpeg, "PNG": strip_png, "WEBP": strip_webp}

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class BlurredFile:
    """A file that may be kept, and which regions of it were made illegible: upright pixels, as they were found."""

    data: bytes
    boxes_xyxy_px: tuple[Box, ...]
    kinds: tuple[str, ...]


def blur_file(data: bytes, model: PrivacyModel, max_pixels: int = MAX_PIXELS) -> BlurredFile:
    """Find and blur all faces and plates of a JPEG, PNG or WebP file; raises ImageRefused for what is none.

    Where nothing is found the compressed picture stays as it is; thumbnails, previews and what lies behind the
    picture's end go in any case. Place, time and orientation stay.
    """
    return blur_image(data, decode_image(data, max_pixels), model)


def blur_image(data: bytes, image: DecodedImage, model: PrivacyModel) -> BlurredFile:
    """The same for a file that is already decoded, at its full size; the decoded pixels are left as they are."""
    regions = model.find(image.pixels)
    boxes = tuple(region.xyxy_px for region in regions)
    return BlurredFile(_write(data, image, boxes), boxes, tuple(region.kind for region in regions))


def blur_boxes(data: bytes, boxes_xyxy_px: Sequence[Box], max_pixels: int = MAX_PIXELS) -> bytes:
    """Blur these regions (upright pixels) of a file, whatever they show; raises ImageRefused."""
    return _write(data, decode_image(data, max_pixels), boxes_xyxy_px)


def clean_file(data: bytes, max_pixels: int = MAX_PIXELS) -> bytes:
    """Only rid a file of thumbnails, previews and trailing bytes; raises ImageRefused."""
    return _write(data, decode_image(data, max_pixels), ())


def make_illegible(pixels: NDArray[np.uint8], boxes_xyxy_px: Iterable[Box]) -> NDArray[np.uint8]:
    """A copy of the pixels (H, W, 3) in which each region and its margin is reduced to a few colours."""
    changed = pixels.copy()
    for box in boxes_xyxy_px:
        x0, y0, x1, y1 = covered(box, pixels.shape[1], pixels.shape[0])
        if x0 < x1 and y0 < y1:
            changed[y0:y1, x0:x1] = _coarse(changed[y0:y1, x0:x1])
    return changed


def covered(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The whole pixels that blurring a region changes: the region and its margin, inside the picture."""
    x0, y0, x1, y1 = box
    across, down = (max(MARGIN * side, LEAST_MARGIN_PX) for side in (x1 - x0, y1 - y0))
    left, top = max(int(np.floor(x0 - across)), 0), max(int(np.floor(y0 - down)), 0)
    return left, top, min(int(np.ceil(x1 + across)), width), min(int(np.ceil(y1 + down)), height)


def _coarse(region: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = region.shape[:2]
    cell = max(height, width) / CELLS
    columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
    means = cv2.resize(region.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    rounded = np.clip(np.rint(means / STEP) * STEP, 0, 255).astype(np.uint8)
    smooth = cv2.resize(rounded.reshape(rows, columns, 3), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, dtype=np.uint8)


def _write(data: bytes, image: DecodedImage, boxes: Sequence[Box]) -> bytes:
    with _OPEN[image.format](BytesIO(data)) as told:
        exif = kept_exif(told)
        if not boxes:
            try:
                return _STRIP[image.format](data, exif)
            except UnknownStructureError:
                pass
        options = _options(told, image.format)
        grey = image.format == "JPEG" and told.mode == "L"
    changed = make_illegible(image.pixels, boxes)
    stored = turn_upright(changed, _UNDO_TURN.get(image.orientation, image.orientation))
    picture = Image.fromarray(np.ascontiguousarray(stored[:, :, ::-1]))
    file = BytesIO()
    (picture.convert("L") if grey else picture).save(file, image.format, exif=exif, **options)
    return file.getvalue()


def _options(told: Image.Image, file_format: str) -> dict[str, Any]:
    """How to compress the changed picture: a JPEG with its own tables and subsampling, so that the rest hardly changes.

    Tables of other colour spaces, or of a kind Pillow cannot write, give way to JPEG_QUALITY.
    """
    profile = told.info.get("icc_profile")
    options: dict[str, Any] = {"icc_profile": profile} if profile and told.mode in ("RGB", "RGBA") else {}
    if file_format == "PNG":
        return options
    if file_format == "WEBP":
        return options | {"quality": WEBP_QUALITY, "method": 4}
    assert isinstance(told, JpegImageFile)
    sampling = JpegImagePlugin.get_sampling(told)
    if told.mode not in ("L", "RGB") or (told.mode == "RGB" and sampling not in (0, 1, 2)):
        return options | {"quality": JPEG_QUALITY}
    tables = {number: list(table) for number, table in told.quantization.items()}
    if any(value > _LARGEST_BASELINE for table in tables.values() for value in table):
        return options | {"quality": JPEG_QUALITY}
    same: dict[str, Any] = {"qtables": tables, "progressive": bool(told.info.get("progressive"))}
    return options | same | ({"subsampling": sampling} if told.mode == "RGB" else {})

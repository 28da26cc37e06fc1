"""Encodes drawn images as the files a camera would write, so that tests upload real bytes."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_EXACT: dict[str, dict[str, int]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


def encode_image(upright: NDArray[np.uint8], file_format: str = "JPEG", orientation: int = 1) -> bytes:
    """Encode an upright BGR image as a file whose stored pixels are turned as its EXIF orientation says."""
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
            7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    stored = Image.fromarray(np.ascontiguousarray(upright[:, :, ::-1]))
    if orientation != 1:
        stored = stored.transpose(Image.Transpose[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exact = _EXACT.get(file_format, {})
    file = BytesIO()
    stored.save(file, file_format, exif=exif, **exact)
    return file.getvalue()

"""The picture files every contender reads: the given ones, the given ones as camera frames, or drawn streets."""

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.errors import ImageRefused
from inference.images import decode_image

FRAME = (1920, 1080)  # of a survey camera, columns and rows
_QUALITY = 90
_DRAWN = 8


def drawn_streets(folder: Path) -> list[str]:
    """Write a few drawn streets into the folder."""
    paths = [folder / f"street-{seed}.jpg" for seed in range(_DRAWN)]
    for seed, path in enumerate(paths):
        path.write_bytes(drawn_street(seed))
    return [str(path) for path in paths]


def drawn_street(seed: int) -> bytes:
    """A JPEG as hard to decode as a street: smooth sky above, rough asphalt below."""
    random = np.random.default_rng(seed)
    columns, rows = FRAME
    rough = cv2.GaussianBlur(random.integers(60, 140, (rows, columns, 3), np.uint8), (3, 3), 0)
    rough[: rows // 3] = cv2.GaussianBlur(rough[: rows // 3], (0, 0), 15)
    return _jpeg(np.asarray(rough, dtype=np.uint8))


def as_camera_frames(pictures: Sequence[str], folder: Path) -> list[str]:
    """Write each picture as a JPEG of 1920 x 1080 pixels: its middle of that aspect, resized.

    Raises ImageRefused for a file that is no picture.
    """
    written = [folder / f"{number:05}.jpg" for number in range(len(pictures))]
    for source, path in zip(pictures, written, strict=True):
        path.write_bytes(_jpeg(_as_frame(decode_image(Path(source).read_bytes()).pixels)))
    return [str(path) for path in written]


def usable(pictures: Sequence[str]) -> list[str]:
    """Those that can be decoded: a contender that skips a broken file quickly would look fast."""
    return [picture for picture in pictures if _decodes(picture)]


def repeated(pictures: Sequence[str], count: int) -> list[str]:
    """The first `count`, from the beginning again if there are fewer."""
    return list(islice(cycle(pictures), count))


def _decodes(picture: str) -> bool:
    try:
        decode_image(Path(picture).read_bytes())
    except ImageRefused:
        return False
    return True


def _as_frame(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    columns, rows = FRAME
    kept_width, kept_height = min(width, round(height * columns / rows)), min(height, round(width * rows / columns))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    middle = pixels[top : top + kept_height, left : left + kept_width]
    return np.asarray(cv2.resize(middle, FRAME, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()

"""A 64-bit hash of what a picture looks like, so that near-identical pictures are found without comparing pixels."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

GREY_SIDE_PX = 32
LOW_FREQUENCIES = 8
ROWS_AT_ONCE = 512
"""Rows of the distance table held at once: 512 x 20,000 distances are 10 MB."""


def hash_picture(pixels: NDArray[np.uint8]) -> np.uint64:
    """Signs of the 63 lowest frequencies of the grey picture: brightness and contrast do not count.

    Ten lines with OpenCV, so no further package is needed. pixels: uint8 (H, W, 3) BGR.
    """
    small = cv2.resize(pixels, (GREY_SIDE_PX, GREY_SIDE_PX), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32))[:LOW_FREQUENCIES, :LOW_FREQUENCIES]
    signs = waves > 1e-3  # a flat picture's waves are rounding errors
    signs[0, 0] = False
    return np.uint64(np.packbits(signs.ravel()).view(np.uint64)[0])


def near_pairs(hashes: NDArray[np.uint64], within: int) -> Iterator[tuple[int, int, int]]:
    """(first, second, distance) for all pairs of hashes that differ in at most `within` bits, first < second."""
    for start in range(0, len(hashes), ROWS_AT_ONCE):
        block = hashes[start : start + ROWS_AT_ONCE]
        distances = np.bitwise_count(block[:, None] ^ hashes[None, start:])
        above = np.arange(len(block))[:, None] < np.arange(len(hashes) - start)[None, :]
        for row, column in np.argwhere((distances <= within) & above):
            yield start + int(row), start + int(column), int(distances[row, column])

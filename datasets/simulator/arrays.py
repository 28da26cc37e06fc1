"""Array types of the simulator, and reading a picture at places between its pixels."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def read_at(picture: Floats, x: Floats, y: Floats, border: int = cv2.BORDER_REPLICATE) -> Floats:
    """The picture's values at texels (x, y), blended between neighbours."""
    x, y = x.astype(np.float32, copy=False), y.astype(np.float32, copy=False)
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=border), dtype=np.float32)

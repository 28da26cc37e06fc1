"""Small pictures for lists: what a box shows with some street around it, cut out by the server."""

import cv2
import numpy as np

from inference.images import decode_image

SIZE_PX = (192, 144)  # width, height: twice what the list shows, for sharp screens
MARGIN = 0.6  # of the box on each side
SMALLEST_PX = 120  # a tiny box is shown with this much street


def cut_thumbnail(image: bytes, xyxy_px: tuple[float, float, float, float], max_pixels: int) -> bytes:
    """A JPEG of SIZE_PX around the box (upright pixels); it reaches beyond the box, not beyond the frame.

    Raises ImageRefused for a file that is no image.
    """
    pixels = decode_image(image, max_pixels).pixels
    x0, y0, x1, y1 = window(xyxy_px, pixels.shape[1], pixels.shape[0])
    small = cv2.resize(np.ascontiguousarray(pixels[y0:y1, x0:x1]), SIZE_PX, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])
    return encoded.tobytes()


def window(xyxy_px: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int, int, int]:
    """The part to cut out, in the shape of SIZE_PX, moved inside the frame and no larger than it."""
    x0, y0, x1, y1 = xyxy_px
    aspect = SIZE_PX[0] / SIZE_PX[1]
    wide = max(x1 - x0, (y1 - y0) * aspect, SMALLEST_PX) * (1 + 2 * MARGIN)
    wide = min(wide, width, height * aspect)
    high = wide / aspect
    left = min(max((x0 + x1 - wide) / 2, 0), width - wide)
    top = min(max((y0 + y1 - high) / 2, 0), height - high)
    right, bottom = max(round(left) + 1, round(left + wide)), max(round(top) + 1, round(top + high))
    return round(left), round(top), right, bottom

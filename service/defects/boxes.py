"""When a box that a person drew or moved can stand on a frame."""

from typing import TypeAlias

from service.core.errors import Unprocessable

BoxPx: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in upright pixels of the frame."""

LEAST_SIDE_PX = 2.0


def check_box(box_px: BoxPx, width: int, height: int) -> None:
    """Raises Unprocessable for a box that lies outside of the frame, is turned over or has no extent."""
    x0, y0, x1, y1 = box_px
    inside = min(x0, y0) >= 0 and x1 <= width and y1 <= height
    if not (inside and x1 - x0 >= LEAST_SIDE_PX and y1 - y0 >= LEAST_SIDE_PX):
        raise Unprocessable(
            "box.outside",
            f"expected left, top, right, bottom within 0 to {width} and 0 to {height}, at least {LEAST_SIDE_PX:g} px "
            f"wide and high, got {list(box_px)}; draw it again",
        )

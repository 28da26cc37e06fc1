"""What one box tells of where its thing is, as angles from the lens: unlike metres on the road, their errors are the
same near and far."""

from dataclasses import dataclass
from math import atan2, cos, hypot, radians, sin, sqrt

from service.identity.camera import Camera

BUMP_SD_DEG = 0.5  # how far a driving vehicle nods from frame to frame
EDGE_SD_PX, EDGE_SD_SHARE = 1.5, 0.09  # how far a box's edge is off: pixels, and share of its side (city/rates.json)
CUT_PX = 3.0  # a box so near the picture's edge is cut, ...
CUT_SD_SHARE = 0.4  # ... and what is beyond is so much of its side

XyxyPx = tuple[float, float, float, float]


@dataclass(frozen=True)
class Ray:
    """The line of sight to the lower edge of a box, and how much the box spans above it.

    A slope is the tangent of the angle below the horizon: metres that the line falls for each metre along the ground.
    A point `drop_m` below the lens whose slope is `s` is `drop_m / s` away.
    """

    bearing: float  # radians clockwise from north, of the box's middle
    bearing_sd: float
    slope: float  # of the lower edge; 0 or less from the horizon up
    slope_sd: float
    span: float  # slope of the lower edge less that of the upper one
    span_sd: float
    lens_m: float  # above the road
    pitch_sd: float  # radians, how surely it is known how the camera hangs
    yaw_sd: float


def ray_of(
    box_xyxy_px: XyxyPx, camera: Camera, heading_deg: float, heading_sd_deg: float, size_px: tuple[int, int]
) -> Ray:
    """Of a box in an upright picture of (width, height) pixels, taken by a vehicle that drives towards `heading_deg`.

    The edges of a box that the picture cuts are known only as far as they are seen.
    """
    (x0, y0, x1, y1), (width, height) = box_xyxy_px, size_px
    middle, focal_px = (x0 + x1) / 2, camera.focal_px(width)
    lower, aside = _slope(middle, y1, camera, size_px)
    upper, _ = _slope(middle, y0, camera, size_px)
    column = hypot(EDGE_SD_PX, EDGE_SD_SHARE * (x1 - x0)) / focal_px / sqrt(2)
    row = hypot(EDGE_SD_PX, EDGE_SD_SHARE * (y1 - y0)) / focal_px
    beside = CUT_SD_SHARE * (x1 - x0) / focal_px if x0 <= CUT_PX or x1 >= width - CUT_PX else 0.0
    below = CUT_SD_SHARE * (y1 - y0) / focal_px if y1 >= height - CUT_PX else 0.0
    return Ray(
        bearing=radians(heading_deg + camera.yaw_deg) + aside,
        bearing_sd=hypot(radians(heading_sd_deg), column, beside),
        slope=lower,
        slope_sd=hypot(radians(BUMP_SD_DEG) * (1 + lower * lower), row, below),
        span=lower - upper,
        span_sd=hypot(sqrt(2) * row, below),
        lens_m=camera.height_m,
        pitch_sd=radians(camera.pitch_sd_deg),
        yaw_sd=radians(camera.yaw_sd_deg),
    )


def _slope(u_px: float, v_px: float, camera: Camera, size_px: tuple[int, int]) -> tuple[float, float]:
    """Slope of a pixel's line of sight, and by how many radians it points right of the lens's axis."""
    x, y = camera.ray(u_px, v_px, *size_px)
    pitch = radians(camera.pitch_deg)
    down, ahead = sin(pitch) + y * cos(pitch), cos(pitch) - y * sin(pitch)
    return down / max(hypot(x, ahead), 1e-6), atan2(x, ahead)

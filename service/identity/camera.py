"""A pinhole camera on a vehicle: from a pixel to a ray, and from a ray to the road, with how errors carry over."""

from dataclasses import dataclass
from functools import lru_cache
from math import atan2, cos, hypot, pi, radians, sin, tan

LEAST_DEPRESSION = radians(0.5)  # nearer to the horizon a ray meets the road nowhere that could be told
_UNDISTORT_STEPS = 8


@dataclass(frozen=True)
class Camera:
    """Where the camera sits and how it looks, measured once per vehicle and, where that is rough, per survey."""

    height_m: float  # lens above the road
    pitch_deg: float  # downwards positive
    hfov_deg: float  # horizontal field of view
    yaw_deg: float = 0.0  # clockwise from the direction of travel
    distortion: tuple[float, ...] = ()  # k1 k2 p1 p2 k3 as OpenCV names them (Brown 1966)
    pitch_sd_deg: float = 1.0  # how surely the pitch is known
    yaw_sd_deg: float = 1.0

    def focal_px(self, width_px: int) -> float:
        return _focal_px(self.hfov_deg, width_px)

    def ray(self, u_px: float, v_px: float, width_px: int, height_px: int) -> tuple[float, float]:
        """(x, y) on the image plane at unit depth, right and down, of a pixel; distortion removed.

        The principal point is the middle of the picture.
        """
        focal_px = self.focal_px(width_px)
        x, y = (u_px - width_px / 2) / focal_px, (v_px - height_px / 2) / focal_px
        return _undistorted(x, y, self.distortion) if any(self.distortion) else (x, y)


@dataclass(frozen=True)
class GroundPoint:
    """Where a ray meets a level plane below the lens: metres ahead and to the right of the lens."""

    ahead_m: float
    right_m: float
    depression: float  # radians below the horizon in the upright plane through the lens's axis
    metres_per_unit: float  # across the view, per unit of x on the image plane

    @property
    def range_m(self) -> float:
        return hypot(self.ahead_m, self.right_m)

    @property
    def bearing(self) -> float:
        """Radians clockwise from the way the lens looks."""
        return atan2(self.right_m, self.ahead_m)

    def range_gain_m(self, drop_m: float) -> float:
        """Metres that the point moves along its ray for one radian of pitch."""
        return (drop_m * drop_m + self.ahead_m * self.ahead_m + self.right_m * self.right_m) / drop_m


def meet_ground(x: float, y: float, camera: Camera, drop_m: float | None = None) -> GroundPoint | None:
    """Where the ray (x, y, 1) comes down `drop_m` below the lens, without it to the road; None from the horizon up.

    Turning the ray by the pitch p gives, per unit, `ahead = cos p - y sin p` and `down = sin p + y cos p`; it meets
    the plane where `down * scale = drop` (inverse perspective mapping: Hartley and Zisserman, Multiple View Geometry,
    ch. 6 and 8; Mallot et al., Biological Cybernetics 64, 1991). The ground is flat and the vehicle does not roll.
    """
    drop_m = camera.height_m if drop_m is None else drop_m
    pitch = radians(camera.pitch_deg)
    down, ahead = sin(pitch) + y * cos(pitch), cos(pitch) - y * sin(pitch)
    depression = atan2(down, ahead)
    if drop_m <= 0 or not LEAST_DEPRESSION < depression < pi - LEAST_DEPRESSION:
        return None
    scale_m = drop_m / down
    return GroundPoint(scale_m * ahead, scale_m * x, depression, scale_m)


@lru_cache(maxsize=256)
def _focal_px(hfov_deg: float, width_px: int) -> float:
    return width_px / 2 / tan(radians(hfov_deg) / 2)


def _undistorted(x: float, y: float, distortion: tuple[float, ...]) -> tuple[float, float]:
    """The inverse of the radial and tangential model by fixed-point steps, as lenses of survey cameras allow."""
    k1, k2, p1, p2, k3 = (*distortion, 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
    ideal_x, ideal_y = x, y
    for _ in range(_UNDISTORT_STEPS):
        r2 = ideal_x * ideal_x + ideal_y * ideal_y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        shift_x = 2 * p1 * ideal_x * ideal_y + p2 * (r2 + 2 * ideal_x * ideal_x)
        shift_y = p1 * (r2 + 2 * ideal_y * ideal_y) + 2 * p2 * ideal_x * ideal_y
        ideal_x, ideal_y = (x - shift_x) / radial, (y - shift_y) / radial
    return ideal_x, ideal_y

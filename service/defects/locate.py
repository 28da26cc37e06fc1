"""From a box in an image to a place on the road, so that a defect is where it lies and not where the car
was."""

import math
from dataclasses import dataclass

from service.defects.geodesy import moved

MAX_DISTANCE_M = 40.0  # there one degree of pitch moves the point by 14 m when the lens is 2 m above the road


@dataclass(frozen=True)
class Camera:
    """Where the camera sits and how it looks, measured once per vehicle."""

    height_m: float  # lens above the road
    pitch_deg: float  # downwards positive
    hfov_deg: float  # horizontal field of view
    yaw_deg: float = 0.0  # clockwise from the direction of travel


@dataclass(frozen=True)
class FramePose:
    """Where the vehicle was when it took the frame, and the upright size of the frame."""

    lat: float
    lon: float
    heading_deg: float | None  # clockwise from north
    width_px: int
    height_px: int


@dataclass(frozen=True)
class GroundPosition:
    """The place of a box; `distance_m` None means the place is the vehicle's own and nothing could be
    measured."""

    lat: float
    lon: float
    distance_m: float | None = None  # from the point below the camera, along the ground
    ground_width_m: float | None = None  # across the view, at the lower edge of the box
    ground_length_m: float | None = None  # along the view, if the box shows something flat on the road
    upright_height_m: float | None = None  # if the box shows something that stands on its lower edge


@dataclass(frozen=True)
class _GroundPoint:
    """Where a pixel row meets the road: metres ahead of the lens, and metres per unit of the image plane."""

    ahead_m: float
    scale_m: float


def locate(box_xyxy_px: tuple[float, float, float, float], camera: Camera | None, pose: FramePose) -> GroundPosition:
    """Projects the middle of the box's lower edge onto the road: pinhole camera, flat ground, no roll.

    With the principal point in the middle of the image and f = (width / 2) / tan(hfov / 2), a pixel lies on
    the ray (x, y, 1) = ((u - cx) / f, (v - cy) / f, 1): right, down and ahead of the lens. Turning it by the
    pitch p gives, per unit, `ahead = cos p - y sin p` and `down = sin p + y cos p`; it meets the road where
    `down * scale = height` (inverse perspective mapping: Hartley and Zisserman, Multiple View Geometry, ch. 6
    and 8; Mallot et al., Biological Cybernetics 64, 1991). The GNSS antenna is taken to be above the lens.

    Falls back to the vehicle's own place, all measures None, when camera or heading is unknown, when the
    lower edge is at or above the horizon, or when it is farther than MAX_DISTANCE_M.
    """
    vehicle = GroundPosition(pose.lat, pose.lon)
    if camera is None or pose.heading_deg is None:
        return vehicle
    x0, y0, x1, y1 = box_xyxy_px
    focal_px = pose.width_px / 2 / math.tan(math.radians(camera.hfov_deg) / 2)
    bottom = _ground_point((y1 - pose.height_px / 2) / focal_px, camera)
    if bottom is None:
        return vehicle
    right_m = bottom.scale_m * ((x0 + x1) / 2 - pose.width_px / 2) / focal_px
    distance_m = math.hypot(bottom.ahead_m, right_m)
    if distance_m > MAX_DISTANCE_M:
        return vehicle
    bearing_deg = pose.heading_deg + camera.yaw_deg + math.degrees(math.atan2(right_m, bottom.ahead_m))
    lat, lon = moved(pose.lat, pose.lon, bearing_deg, distance_m)
    top = _ground_point((y0 - pose.height_px / 2) / focal_px, camera)
    return GroundPosition(
        lat,
        lon,
        distance_m,
        ground_width_m=bottom.scale_m * (x1 - x0) / focal_px,
        ground_length_m=top.ahead_m - bottom.ahead_m if top and top.ahead_m <= MAX_DISTANCE_M else None,
        upright_height_m=_upright_height_m(bottom, (y0 - pose.height_px / 2) / focal_px, camera),
    )


def _ground_point(y: float, camera: Camera) -> _GroundPoint | None:
    """None for a row at or above the horizon, whose ray never comes down to the road."""
    pitch = math.radians(camera.pitch_deg)
    down = math.sin(pitch) + y * math.cos(pitch)
    if down <= 1e-9:
        return None
    scale_m = camera.height_m / down
    return _GroundPoint(scale_m * (math.cos(pitch) - y * math.sin(pitch)), scale_m)


def _upright_height_m(bottom: _GroundPoint, y_top: float, camera: Camera) -> float | None:
    """Height of a vertical thing at `bottom` whose top shows at `y_top`; None where that ray points
    backwards."""
    pitch = math.radians(camera.pitch_deg)
    ahead = math.cos(pitch) - y_top * math.sin(pitch)
    if ahead <= 0 or bottom.ahead_m <= 0:
        return None
    down = math.sin(pitch) + y_top * math.cos(pitch)
    return camera.height_m - bottom.ahead_m * down / ahead

"""From a box in an image to a place on the road, so that a defect is where it lies and not where the car was, and to
how sure that place is, so that nobody takes a guess for a measurement."""

from dataclasses import dataclass, replace
from math import atan2, cos, degrees, hypot, radians, sin, sqrt

from service.core.geodesy import moved
from service.identity.camera import Camera, GroundPoint, meet_ground
from service.identity.gaussian import Ellipse
from service.identity.rays import BUMP_SD_DEG, CUT_PX, CUT_SD_SHARE, EDGE_SD_PX, EDGE_SD_SHARE, Ray, ray_of
from service.identity.shapes import ANY, SHAPES, Shape

MAX_DISTANCE_M = 40.0  # there one degree of pitch moves the point by 14 m when the lens is 2 m above the road
FARTHEST_M = 60.0  # nothing is detected beyond
HEADING_SD_DEG = 4.0  # of a direction that nobody smoothed: `course`
HEIGHT_SD_SHARE = 0.03  # of the lens's height: load, tyres, the road's crown
LEAST_DROP_M = 0.4  # of the lens over what is looked at, that a range can be told

# A thing is somewhere ahead of a vehicle whose camera nobody measured: frames show defects at 5 to 25 m.
UNMEASURED_AHEAD_M, UNMEASURED_ALONG_SD_M, UNMEASURED_ACROSS_SD_M = 11.0, 6.0, 4.0
UNMEASURED_HEADLESS_SD_M = 12.0
UNRANGED_M, UNRANGED_SD_M = 16.0, 8.0  # along a known ray whose meeting with the thing is unknown

ONE_METRE = Ellipse.round(1.0)


USUAL_SD_SHARE = 0.8  # things of a class differ so much in size
SURE_RANGE_M = 30.0  # nearer, the road tells the range better than any usual size


@dataclass(frozen=True)
class FramePose:
    """Where the vehicle was when it took the frame, and the upright size of the frame."""

    lat: float
    lon: float
    heading_deg: float | None  # clockwise from north
    width_px: int
    height_px: int
    heading_sd_deg: float = HEADING_SD_DEG


@dataclass(frozen=True)
class GroundPosition:
    """The place of a box and how sure it is; `distance_m` None means that nothing could be measured and the place is
    a guess ahead of the vehicle, with an ellipse to match."""

    lat: float
    lon: float
    distance_m: float | None = None  # from the point below the camera, along the ground
    ground_width_m: float | None = None  # across the view, at the lower edge of the box
    ground_length_m: float | None = None  # along the view, if the box shows something flat on the road
    upright_height_m: float | None = None  # if the box shows something that stands on its lower edge
    ellipse: Ellipse = ONE_METRE  # the vehicle's fix is not in it
    range_sd_m: float | None = None  # along the view
    ray: Ray | None = None  # what further frames of the pass are compared with
    eye: tuple[float, float] | None = None  # lat, lon of the vehicle that saw it


def locate(
    box_xyxy_px: tuple[float, float, float, float], camera: Camera | None, pose: FramePose, class_key: str | None = None
) -> GroundPosition:
    """Projects the box onto the road: pinhole camera, flat ground, no roll (`camera.meet_ground`).

    A thing that stands is where its lower edge meets the road, one that lies flat halfway between its near and far
    edge. What hangs on a wall meets the ray of its lower edge at the usual height of its class. `class_key` None: a
    thing whose lower edge is on the road. The GNSS antenna is taken to be above the lens.

    The errors of the box's edges, of the vehicle's nodding and course and of how the camera hangs make the ellipse,
    which grows with the square of the distance along the view. What several frames show is placed by their rays
    (`triangulation`) and not by the mean of such places.
    """
    if pose.heading_deg is None:
        return GroundPosition(pose.lat, pose.lon, ellipse=Ellipse.round(UNMEASURED_HEADLESS_SD_M))
    if camera is None:
        return _unmeasured(pose, pose.heading_deg)
    place = _meet(box_xyxy_px, camera, pose, SHAPES.get(class_key or "", ANY))
    ray = ray_of(box_xyxy_px, camera, pose.heading_deg, pose.heading_sd_deg, (pose.width_px, pose.height_px))
    return replace(place, ray=ray, eye=(pose.lat, pose.lon))


def _meet(
    box_xyxy_px: tuple[float, float, float, float], camera: Camera, pose: FramePose, shape: Shape
) -> GroundPosition:
    x0, y0, x1, y1 = box_xyxy_px
    left, bottom = camera.ray(x0, y1, pose.width_px, pose.height_px)
    right = camera.ray(x1, y1, pose.width_px, pose.height_px)[0]
    top = camera.ray((x0 + x1) / 2, y0, pose.width_px, pose.height_px)[1]
    drop_m = camera.height_m - shape.base_m
    near = meet_ground((left + right) / 2, bottom, camera, drop_m) if drop_m >= LEAST_DROP_M else None
    looks_deg = (pose.heading_deg or 0.0) + camera.yaw_deg
    guess_m = _usual_range_m(shape, right - left, bottom - top)
    if near is None or near.range_m > MAX_DISTANCE_M:
        return _along_the_ray((left + right) / 2, bottom, camera, pose, guess_m)
    far = meet_ground((left + right) / 2, top, camera, drop_m)
    length_m = far.ahead_m - near.ahead_m if far and 0 < far.ahead_m <= MAX_DISTANCE_M else None
    half_length_m = min(length_m or 0.0, near.range_m / 2, 4.0) / 2 if shape.height_m is None and shape.width_m else 0.0
    distance_m = near.range_m + half_length_m
    bearing_deg = looks_deg + degrees(near.bearing)
    range_sd_m, across_sd_m = _errors(near, camera, shape, drop_m, box_xyxy_px, pose)
    if near.range_m > SURE_RANGE_M and guess_m is not None:
        distance_m, range_sd_m = _weighed(distance_m, range_sd_m, guess_m)
    lat, lon = moved(pose.lat, pose.lon, bearing_deg, distance_m)
    return GroundPosition(
        lat, lon, distance_m,
        ground_width_m=near.metres_per_unit * (right - left),
        ground_length_m=length_m,
        upright_height_m=_upright_height_m(near, top, camera, drop_m),
        ellipse=Ellipse.along(bearing_deg, range_sd_m, across_sd_m),
        range_sd_m=range_sd_m,
    )  # fmt: skip


def _usual_range_m(shape: Shape, width: float, height: float) -> float | None:
    """How far away a thing of its class's usual size would look so large, in units of the image plane."""
    seen, usual_m = (width, shape.width_m) if shape.height_m is None else (height, shape.height_m)
    return min(max(usual_m / seen, 3.0), FARTHEST_M) if usual_m and seen > 1e-6 else None


def _weighed(distance_m: float, sd_m: float, guess_m: float) -> tuple[float, float]:
    """By the road and by the usual size, each weighed by how sure it is."""
    by_road, by_size = 1 / sd_m**2, 1 / (USUAL_SD_SHARE * guess_m) ** 2
    total = by_road + by_size
    return (by_road * distance_m + by_size * guess_m) / total, 1 / sqrt(total)


def _errors(
    near: GroundPoint, camera: Camera, shape: Shape, drop_m: float, box_xyxy_px: tuple[float, float, float, float],
    pose: FramePose,
) -> tuple[float, float]:  # fmt: skip
    """Standard deviations in metres along the view and across it."""
    x0, y0, x1, y1 = box_xyxy_px
    focal_px, gain_m = camera.focal_px(pose.width_px), near.range_gain_m(drop_m)
    cut = x0 <= CUT_PX or x1 >= pose.width_px - CUT_PX  # the box ends where the picture does, the thing does not
    row = hypot(EDGE_SD_PX, EDGE_SD_SHARE * (y1 - y0)) / focal_px
    column = hypot(EDGE_SD_PX, EDGE_SD_SHARE * (x1 - x0)) / focal_px / sqrt(2)
    along = hypot(
        gain_m * row,
        gain_m * radians(BUMP_SD_DEG),
        gain_m * radians(camera.pitch_sd_deg),
        near.range_m * shape.base_sd_m / drop_m,
        near.range_m * HEIGHT_SD_SHARE,
        0.1,
    )
    beyond_m = near.metres_per_unit * CUT_SD_SHARE * (x1 - x0) / focal_px if cut else 0.0
    turn = radians(hypot(pose.heading_sd_deg, camera.yaw_sd_deg))
    across = hypot(near.metres_per_unit * column, near.range_m * turn, beyond_m, 0.1)
    return hypot(along, shape.viewpoint_sd_m), hypot(across, shape.viewpoint_sd_m)


def _along_the_ray(x: float, y: float, camera: Camera, pose: FramePose, guess_m: float | None) -> GroundPosition:
    """In a known direction at a guessed distance, that of a thing of the usual size."""
    pitch, looks_deg = radians(camera.pitch_deg), (pose.heading_deg or 0.0) + camera.yaw_deg
    ahead = cos(pitch) - y * sin(pitch)
    if ahead <= 0:
        return _unmeasured(pose, looks_deg)
    distance_m, share = (UNRANGED_M, UNRANGED_SD_M / UNRANGED_M) if guess_m is None else (guess_m, USUAL_SD_SHARE)
    bearing_deg = looks_deg + degrees(atan2(x, ahead))
    lat, lon = moved(pose.lat, pose.lon, bearing_deg, distance_m)
    across_sd_m = distance_m * radians(hypot(pose.heading_sd_deg, camera.yaw_sd_deg, 1.0))
    return GroundPosition(lat, lon, ellipse=Ellipse.along(bearing_deg, share * distance_m, across_sd_m))


def _unmeasured(pose: FramePose, heading_deg: float) -> GroundPosition:
    lat, lon = moved(pose.lat, pose.lon, heading_deg, UNMEASURED_AHEAD_M)
    return GroundPosition(lat, lon, ellipse=Ellipse.along(heading_deg, UNMEASURED_ALONG_SD_M, UNMEASURED_ACROSS_SD_M))


def _upright_height_m(near: GroundPoint, y_top: float, camera: Camera, drop_m: float) -> float | None:
    """Height of a vertical thing at `near` whose top shows at `y_top`; None where that ray points backwards."""
    pitch = radians(camera.pitch_deg)
    ahead = cos(pitch) - y_top * sin(pitch)
    if ahead <= 0 or near.ahead_m <= 0:
        return None
    down = sin(pitch) + y_top * cos(pitch)
    return drop_m - near.ahead_m * down / ahead

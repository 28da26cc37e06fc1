"""Where on a frame a place on the road shows, to cut out what a vehicle saw of it, or that it saw nothing there."""

from math import cos, radians, sin

from service.defects.boxes import BoxPx
from service.identity.camera import Camera

NEAREST_M = 2.0  # ahead of the lens; nearer the bonnet hides the road


def box_of_place(
    ahead_m: float, right_m: float, camera: Camera, width_px: int, height_px: int, side_m: float
) -> BoxPx | None:
    """A box around a place on level ground, as wide as `side_m` there and half as high; None where the frame does not
    show the place.

    The inverse of `camera.meet_ground` without distortion, which moves a place by less than the box's own margin.
    """
    pitch, drop_m = radians(camera.pitch_deg), camera.height_m
    depth_m = ahead_m * cos(pitch) + drop_m * sin(pitch)
    if ahead_m < NEAREST_M or depth_m <= 0:
        return None
    per_metre_px = camera.focal_px(width_px) / depth_m
    u_px = width_px / 2 + right_m * per_metre_px
    v_px = height_px / 2 + (drop_m * cos(pitch) - ahead_m * sin(pitch)) * per_metre_px
    if not (0 <= u_px < width_px and 0 <= v_px < height_px):
        return None
    half_px = side_m * per_metre_px / 2
    return u_px - half_px, v_px - half_px / 2, u_px + half_px, v_px + half_px / 2

"""The picture of a point on the street: the projection that `locate` undoes, written the other way round."""

from math import cos, radians, sin, tan

from service.identity.camera import Camera
from service.identity.locate import FramePose


def projected(right_m: float, ahead_m: float, up_m: float, camera: Camera, pose: FramePose) -> tuple[float, float]:
    """Pixel of a point given in metres from the road below the lens."""
    pitch, drop_m, depth_m = radians(camera.pitch_deg), camera.height_m - up_m, depth_of(ahead_m, up_m, camera)
    focal_px = pose.width_px / 2 / tan(radians(camera.hfov_deg / 2))
    below_m = drop_m * cos(pitch) - ahead_m * sin(pitch)
    return (
        pose.width_px / 2 + focal_px * right_m / depth_m,
        pose.height_px / 2 + focal_px * below_m / depth_m,
    )


def depth_of(ahead_m: float, up_m: float, camera: Camera) -> float:
    """Along the lens's axis."""
    pitch = radians(camera.pitch_deg)
    return ahead_m * cos(pitch) + (camera.height_m - up_m) * sin(pitch)

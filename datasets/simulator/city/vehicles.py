"""Survey vehicles: how each camera really sits, and what its profile claims."""

from dataclasses import dataclass
from math import radians, tan

import numpy as np

SIZES_PX = ((1280, 720), (1920, 1080), (1600, 1200))


@dataclass(frozen=True)
class TrueCamera:
    """Pitch is downwards positive, yaw clockwise from the direction of travel; radial: k1 and k2 as OpenCV has them.

    As in `CameraModel` the principal point is the middle of the picture.
    """

    height_m: float
    pitch_deg: float
    yaw_deg: float
    hfov_deg: float
    width: int
    height: int
    radial: tuple[float, float]
    bump_sd_deg: float  # of pitch and of roll, while driving

    @property
    def focal_px(self) -> float:
        return self.width / 2 / tan(radians(self.hfov_deg) / 2)


@dataclass(frozen=True)
class ToldCamera:
    """The vehicle's camera profile. Height, field of view and distortion are right, pitch and yaw as calibrated."""

    height_m: float
    pitch_deg: float
    hfov_deg: float
    yaw_deg: float
    distortion: tuple[float, ...]  # k1 k2; empty: none


@dataclass(frozen=True)
class Vehicle:
    """clock_offset_s: camera clock ahead of the receiver's. told None: uncalibrated."""

    id: str
    camera: TrueCamera
    told: ToldCamera | None
    clock_offset_s: float
    states_dop: bool


def make_vehicle(
    index: int,
    rng: np.random.Generator,
    *,
    camera_error_deg: float,
    calibrated: bool,
    bump_sd_deg: float,
    clock_offset_sd_s: float,
) -> Vehicle:
    """A vehicle with a camera of its own behind the windscreen or on the roof; every second lens bends lines."""
    width, height = SIZES_PX[index % len(SIZES_PX)]
    radial = (float(rng.uniform(-0.12, -0.04)), float(rng.uniform(0.0, 0.01))) if index % 2 else (0.0, 0.0)
    camera = TrueCamera(
        height_m=float(rng.uniform(1.4, 2.5)),
        pitch_deg=float(rng.uniform(4, 11)),
        yaw_deg=float(rng.normal(0, 1.5)),
        hfov_deg=float(rng.uniform(64, 84)),
        width=width,
        height=height,
        radial=radial,
        bump_sd_deg=bump_sd_deg,
    )
    errors_deg = camera_error_deg * rng.standard_normal(2)
    told = ToldCamera(
        height_m=camera.height_m,
        pitch_deg=camera.pitch_deg + float(errors_deg[0]),
        hfov_deg=camera.hfov_deg,
        yaw_deg=camera.yaw_deg + float(errors_deg[1]),
        distortion=radial if any(radial) else (),
    )
    offset_s = float(clock_offset_sd_s * rng.standard_normal())
    return Vehicle(f"car-{index + 1}", camera, told if calibrated else None, offset_s, states_dop=index % 3 != 2)

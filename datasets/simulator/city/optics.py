"""Projects points of the world into many pictures at once."""

from dataclasses import dataclass

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.city.things import Indices
from datasets.simulator.city.vehicles import TrueCamera

NEAR_M = 0.4
LARGEST_TANGENT = 2.5  # farther from the axis nothing is in any of our pictures, and a lens model folds back


@dataclass(frozen=True, eq=False)
class Poses:
    """Where the lens is and how it looks, by row: place (n, 2), direction of travel, pitch and roll of the camera."""

    time_s: Floats
    place_m: Floats
    heading_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats

    def take(self, rows: Indices) -> "Poses":
        return Poses(
            self.time_s[rows],
            self.place_m[rows],
            self.heading_deg[rows],
            self.pitch_deg[rows],
            self.roll_deg[rows],
        )


def project(points_m: Floats, poses: Poses, camera: TrueCamera) -> tuple[Floats, Floats]:
    """Pixels (n, k, 2) and depth_m (n, k) of points (n, k, 3), seen from n poses.

    A positive roll turns the camera clockwise. The lens bends by OpenCV's radial model, x (1 + k1 r^2 + k2 r^4).
    """
    heading = np.radians(poses.heading_deg + camera.yaw_deg)[:, None]
    pitch, roll = np.radians(poses.pitch_deg)[:, None], np.radians(poses.roll_deg)[:, None]
    de, dn = points_m[..., 0] - poses.place_m[:, :1], points_m[..., 1] - poses.place_m[:, 1:]
    up = points_m[..., 2] - camera.height_m
    ahead = de * np.sin(heading) + dn * np.cos(heading)
    right = de * np.cos(heading) - dn * np.sin(heading)
    depth_m = ahead * np.cos(pitch) - up * np.sin(pitch)
    down = -ahead * np.sin(pitch) - up * np.cos(pitch)
    safe = np.maximum(depth_m, NEAR_M)
    x = (right * np.cos(roll) + down * np.sin(roll)) / safe
    y = (down * np.cos(roll) - right * np.sin(roll)) / safe
    r2 = np.minimum(x * x + y * y, LARGEST_TANGENT)
    k1, k2 = camera.radial
    bend = camera.focal_px * (1 + k1 * r2 + k2 * r2 * r2)
    return np.stack([x * bend + camera.width / 2, y * bend + camera.height / 2], axis=2), depth_m

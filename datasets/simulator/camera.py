"""A pinhole camera on a survey vehicle: the one place where world metres become image pixels.

World: east_m, north_m, up_m of the town frame. Camera: x right, y down, z forward. The principal point is the
image centre and there is no lens distortion.
"""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin

import numpy as np

from datasets.simulator.arrays import Floats

NEAR_M = 0.4


@dataclass(frozen=True)
class CameraModel:
    """How the camera is mounted: height over the road, pitch below the horizon, focal length in pixels."""

    height_m: float = 2.2
    pitch_deg: float = 8.0
    focal_px: float = 880.0
    width: int = 1280
    height: int = 720


@dataclass(frozen=True)
class View:
    """A camera standing somewhere: position in the town frame and compass heading."""

    camera: CameraModel
    east_m: float
    north_m: float
    heading_deg: float

    @cached_property
    def projection(self) -> Floats:
        """The 3x4 matrix that takes homogeneous world metres to homogeneous pixels."""
        camera, heading, pitch = self.camera, radians(self.heading_deg), radians(self.camera.pitch_deg)
        ahead = np.array([sin(heading), cos(heading), 0.0])
        up = np.array([0.0, 0.0, 1.0])
        right = np.array([cos(heading), -sin(heading), 0.0])
        down = -sin(pitch) * ahead - cos(pitch) * up
        forward = cos(pitch) * ahead - sin(pitch) * up
        rotation = np.stack([right, down, forward])
        intrinsics = np.array(
            [[camera.focal_px, 0, camera.width / 2], [0, camera.focal_px, camera.height / 2], [0, 0, 1]]
        )
        extrinsics = np.column_stack([rotation, -rotation @ self.eye_m])
        projected: Floats = intrinsics @ extrinsics
        return projected

    def project(self, points_m: Floats) -> tuple[Floats, Floats]:
        """Pixels (n, 2) and forward depth_m (n,) of points (n, 3); valid from NEAR_M on."""
        rows = points_m @ self.projection[:, :3].T + self.projection[:, 3]
        depth_m = rows[:, 2]
        safe = np.where(np.abs(depth_m) < 1e-6, 1e-6, depth_m)
        return rows[:, :2] / safe[:, None], depth_m

    @cached_property
    def rays(self) -> Floats:
        """The 3x3 matrix that takes homogeneous pixels to world directions of unit forward depth."""
        rays: Floats = np.linalg.inv(self.projection[:, :3])
        return rays

    @property
    def eye_m(self) -> Floats:
        """The camera's place in the town frame."""
        return np.array([self.east_m, self.north_m, self.camera.height_m])

    def nearby(self, places_m: Floats, sight_m: float, behind_m: float) -> list[int]:
        """Indices, far to near, of places (n, 2+) within sight, at most behind_m behind the camera."""
        heading = radians(self.heading_deg)
        steps = places_m[:, :2] - [self.east_m, self.north_m]
        away_m = np.hypot(steps[:, 0], steps[:, 1])
        ahead_m = steps @ [sin(heading), cos(heading)]
        kept = np.flatnonzero((away_m < sight_m) & (ahead_m > -behind_m))
        return [int(i) for i in kept[np.argsort(-away_m[kept], kind="stable")]]

    def outline(self, points_m: Floats) -> Floats:
        """Pixels of a flat convex polygon (n, 3) without its part behind the camera; maybe (0, 2)."""
        _, depth_m = self.project(points_m)
        kept: list[Floats] = []
        for i in range(len(points_m)):
            j = (i + 1) % len(points_m)
            if depth_m[i] >= NEAR_M:
                kept.append(points_m[i])
            if (depth_m[i] >= NEAR_M) != (depth_m[j] >= NEAR_M):
                share = (NEAR_M - depth_m[i]) / (depth_m[j] - depth_m[i])
                kept.append(points_m[i] + share * (points_m[j] - points_m[i]))
        if len(kept) < 3:
            return np.empty((0, 2))
        return self.project(np.array(kept))[0]

    def ground_rows(self, v_px: Floats) -> tuple[Floats, Floats]:
        """For image rows below the horizon: metres ahead, and metres sideways per (u - centre) / focal."""
        pitch = radians(self.camera.pitch_deg)
        y = (v_px - self.camera.height / 2) / self.camera.focal_px
        scale = self.camera.height_m / np.maximum(sin(pitch) + y * cos(pitch), 1e-4)
        ahead_m = scale * (cos(pitch) - y * sin(pitch))
        return ahead_m.astype(np.float32), scale.astype(np.float32)

    def ground_at(self, u_px: Floats, v_px: Floats) -> tuple[Floats, Floats]:
        """East and north metres (rows, columns) where the rays of a pixel grid meet the ground."""
        ahead_m, scale = self.ground_rows(v_px)
        x = (u_px - self.camera.width / 2) / self.camera.focal_px
        side_m = scale[:, None] * x[None, :]
        heading = radians(self.heading_deg)
        east_m = self.east_m + ahead_m[:, None] * sin(heading) + side_m * cos(heading)
        north_m = self.north_m + ahead_m[:, None] * cos(heading) - side_m * sin(heading)
        return east_m.astype(np.float32), north_m.astype(np.float32)

    def horizon_px(self) -> float:
        """The image row of the horizon (may lie outside the image)."""
        pitch = radians(self.camera.pitch_deg)
        return self.camera.height / 2 - self.camera.focal_px * sin(pitch) / cos(pitch)

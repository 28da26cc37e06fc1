"""Many defects as columns of numbers, so that a whole drive can be looked at in a few array operations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from datasets.simulator.arrays import Floats
from datasets.simulator.city.defects import TrueDefect

Indices = NDArray[np.intp]
RIM = np.linspace(0, 2 * np.pi, 8, endpoint=False)  # the outline on the ground: an ellipse of eight points


@dataclass(frozen=True, eq=False)
class Things:
    """By row: place (n, 2), direction and sizes in metres; lives (n, most) in seconds since a pass began."""

    place_m: Floats
    along_deg: Floats
    length_m: Floats
    width_m: Floats
    height_m: Floats
    base_m: Floats
    from_s: Floats
    to_s: Floats
    scales: Floats

    def scale(self, rows: Indices, time_s: Floats) -> Floats:
        """How large each thing is at its moment; 0: not there."""
        at_s = time_s[:, None]
        alive = (self.from_s[rows] <= at_s) & (at_s < self.to_s[rows])
        total: Floats = (self.scales[rows] * alive).sum(axis=1)
        return total

    def moved(self, place_m: Floats, along_deg: Floats) -> "Things":
        """The same things elsewhere."""
        return replace(self, place_m=place_m, along_deg=along_deg)

    def outlines(self, rows: Indices, scale: Floats) -> Floats:
        """Points (n, 16, 3), east, north and up: the outline at the lower edge of each thing and at its upper one."""
        turn = np.radians(self.along_deg[rows])
        ahead_m = np.outer(self.length_m[rows] * scale, np.cos(RIM) / 2)
        right_m = np.outer(self.width_m[rows] * scale, np.sin(RIM) / 2)
        s, c = np.sin(turn)[:, None], np.cos(turn)[:, None]
        points = np.empty((len(rows), 16, 3))
        points[:, :8, 0] = self.place_m[rows, :1] + ahead_m * s + right_m * c
        points[:, :8, 1] = self.place_m[rows, 1:] + ahead_m * c - right_m * s
        points[:, 8:, :2] = points[:, :8, :2]
        points[:, :8, 2] = self.base_m[rows, None]
        points[:, 8:, 2] = (self.base_m[rows] + self.height_m[rows] * scale)[:, None]
        return points


def things_of(defects: Sequence[TrueDefect], since: datetime) -> Things:
    """Defects without lives are there all the time."""
    columns = np.array(
        [(d.east_m, d.north_m, d.along_deg, d.length_m, d.width_m, d.height_m, d.base_m) for d in defects]
    ).reshape(-1, 7)
    most = max((len(d.life) for d in defects), default=0) or 1
    lives = np.zeros((3, len(defects), most))  # an unused life is empty: from 0 to 0
    for i, defect in enumerate(defects):
        if not defect.life:
            lives[:, i, 0] = -np.inf, np.inf, 1.0
        for j, one in enumerate(defect.life):
            lives[:, i, j] = (one.from_at - since).total_seconds(), (one.to_at - since).total_seconds(), one.scale
    return Things(columns[:, :2], *columns[:, 2:].T, *lives)

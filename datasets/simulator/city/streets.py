"""A street of the simulated city: one block of driving line between two junctions."""

from dataclasses import dataclass
from functools import cached_property
from math import atan2, degrees
from typing import Literal

import numpy as np

from datasets.simulator.arrays import Floats

StreetKind = Literal["arterial", "collector", "local"]


@dataclass(frozen=True, eq=False)
class Street:
    """line_m (n, 2) is the middle of the carriageway, east and north; a one-way street is driven along its line.

    Of a dual carriageway each side is a street of its own. setback_m: from the edge of the carriageway to the walls.
    """

    id: str
    name: str
    kind: StreetKind
    line_m: Floats
    oneway: bool
    lanes: int
    width_m: float
    setback_m: float
    start_node: int
    end_node: int

    @cached_property
    def along_m(self) -> Floats:
        """Metres from the start to every point of the line."""
        steps = np.hypot(*np.diff(self.line_m, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_m(self) -> float:
        return float(self.along_m[-1])

    def heading_deg(self, along_m: float) -> float:
        """Compass direction of the line there."""
        i = int(np.clip(np.searchsorted(self.along_m, along_m), 1, len(self.line_m) - 1))
        step = self.line_m[i] - self.line_m[i - 1]
        return degrees(atan2(step[0], step[1])) % 360

    def place(self, along_m: float, right_m: float) -> tuple[float, float]:
        """East and north of a point so far along the line and so far to its right."""
        east_m, north_m = (float(np.interp(along_m, self.along_m, self.line_m[:, axis])) for axis in (0, 1))
        heading = np.radians(self.heading_deg(along_m))
        return east_m + right_m * float(np.cos(heading)), north_m - right_m * float(np.sin(heading))

"""The simulated city: streets and true defects, the same for the same seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, Mask
from datasets.simulator.city.defects import TrueDefect
from datasets.simulator.city.layout import lay_out
from datasets.simulator.city.lives import give_lives
from datasets.simulator.city.placing import place_defects
from datasets.simulator.city.streets import Street
from datasets.simulator.geodesy import TownFrame

STARTS_AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)  # six in the morning there
PLACE = TownFrame(26.4282, 50.0920)  # Dammam
CELL_M = 1.0


@dataclass(frozen=True, eq=False)
class City:
    """frame turns its metres into WGS 84. Lives of its defects lie within the days or reach beyond."""

    frame: TownFrame
    streets: tuple[Street, ...]
    defects: tuple[TrueDefect, ...]
    starts_at: datetime
    ends_at: datetime
    seed: int

    @cached_property
    def open_ground(self) -> "OpenGround":
        """Where nothing is built, from wall to wall of every street."""
        return _open_ground(self.streets)


@dataclass(frozen=True, eq=False)
class OpenGround:
    """A raster of CELL_M, true where one can see through; outside of it everything is built."""

    west_m: float
    south_m: float
    cells: Mask  # (north, east)

    def at(self, east_m: Floats, north_m: Floats) -> Mask:
        """Whether the points lie in the open; any shape."""
        rows, columns = self.cells.shape
        i = np.clip(((north_m - self.south_m) / CELL_M).astype(np.int32), 0, rows - 1)
        j = np.clip(((east_m - self.west_m) / CELL_M).astype(np.int32), 0, columns - 1)
        return np.asarray(self.cells[i, j])


def build_city(seed: int, *, streets_km: float = 20.0, defects_per_km: float = 12.0, days: int = 120) -> City:
    """A city of about so many kilometres of street, each side of a dual carriageway counted, over so many days."""
    if not (streets_km >= 2 and defects_per_km >= 0 and days >= 1):
        raise ValueError(
            f"expected streets_km >= 2, defects_per_km >= 0 and days >= 1, got {streets_km}, {defects_per_km}, {days}"
        )
    streets = lay_out(streets_km, np.random.default_rng([seed, 20]))
    placed = place_defects(streets, round(defects_per_km * sum(s.length_m for s in streets) / 1000), seed)
    defects = give_lives(placed, STARTS_AT, days, seed)
    return City(PLACE, streets, defects, STARTS_AT, STARTS_AT + timedelta(days=days), seed)


def _open_ground(streets: tuple[Street, ...]) -> OpenGround:
    points = np.vstack([s.line_m for s in streets])
    west_m, south_m = points.min(axis=0) - 30
    columns, rows = (np.ceil((points.max(axis=0) + 30 - (west_m, south_m)) / CELL_M)).astype(int)
    cells = np.zeros((rows, columns), np.uint8)
    for street in streets:
        line = np.round((street.line_m - (west_m, south_m)) / CELL_M).astype(np.int32)
        across_m = street.width_m + 2 * (street.setback_m + 1)
        cv2.polylines(cells, [line.reshape(-1, 1, 2)], False, 1, max(1, round(across_m / CELL_M)))
    return OpenGround(float(west_m), float(south_m), cells.astype(bool))

"""Cells of the coverage grid on a map: which lie in a box of degrees, and their outlines."""

from dataclasses import dataclass

import h3.api.basic_int as h3

from service.coverage.footprint import RESOLUTION

RINGS = 8  # of coarse cells around the middle of a box: 217, of which those are kept that meet the box
_DIGIT_BITS, _DIGITS = 3, 15  # a cell's index ends in 15 digits of 3 bits, one a resolution
_REACH = 0.6  # of (1.5 rings - 0.5) edges: edges vary by a third over the globe
_OVERHANG = 0.2  # of a cell's extent: its descendants stick out of it
_METRES_PER_DEGREE = 111_700  # the longest


@dataclass(frozen=True)
class Box:
    """WGS 84 degrees; west <= east and south <= north."""

    west: float
    south: float
    east: float
    north: float

    def meets(self, west: float, south: float, east: float, north: float) -> bool:
        return west <= self.east and self.west <= east and south <= self.north and self.south <= north


def ranges_around(box: Box) -> list[tuple[int, int]] | None:
    """Ascending index ranges that hold every cell of the box (and others around); None: the box is half a world.

    The cells within a coarser cell are numbered without a gap, so an index of the database over cell numbers finds
    the cells of a box by a few ranges.
    """
    middle = (box.south + box.north) / 2, (box.west + box.east) / 2
    half_m = _METRES_PER_DEGREE * max(box.north - box.south, box.east - box.west) * 0.71  # half the diagonal
    fits = (
        resolution
        for resolution in range(RESOLUTION, -1, -1)
        if half_m <= _REACH * (1.5 * RINGS - 0.5) * h3.average_hexagon_edge_length(resolution, unit="m")
    )
    resolution = next(fits, None)
    if resolution is None:
        return None
    coarse = h3.grid_disk(h3.latlng_to_cell(*middle, resolution), RINGS)
    return _joined(sorted(_range_within(cell, resolution) for cell in coarse if meets(cell, box, _OVERHANG)))


def outline(cell: int) -> list[tuple[float, float]]:
    """The closed ring of a cell, (lon, lat)."""
    ring = [(round(lon, 7), round(lat, 7)) for lat, lon in h3.cell_to_boundary(cell)]
    return [*ring, ring[0]]


def meets(cell: int, box: Box, overhang: float = 0.0) -> bool:
    """Whether the cell's extent, widened by a share of itself to each side, meets the box."""
    lats, lons = zip(*h3.cell_to_boundary(cell), strict=True)
    west, south, east, north = min(lons), min(lats), max(lons), max(lats)
    if east - west > 180:  # over the antimeridian, or around a pole: its extent in degrees says nothing
        return True
    aside, up = overhang * (east - west), overhang * (north - south)
    return box.meets(west - aside, south - up, east + aside, north + up)


def area_m2(cell: int) -> float:
    area: float = h3.cell_area(cell, unit="m^2")
    return area


def cell_name(cell: int) -> str:
    """The index as H3 writes it; a number of that size would not survive a browser."""
    name: str = h3.int_to_str(cell)
    return name


def cell_number(name: str) -> int | None:
    """The reverse of `cell_name`; None for what names no cell."""
    number = _hexadecimal(name)
    return number if h3.is_valid_cell(number) else None


def _range_within(coarse: int, resolution: int) -> tuple[int, int]:
    """The lowest and highest number that a cell of RESOLUTION within the coarse one can have."""
    low = high = (coarse & ~(0xF << 52)) | (RESOLUTION << 52)
    for digit in range(resolution + 1, RESOLUTION + 1):
        shift = _DIGIT_BITS * (_DIGITS - digit)
        low &= ~(7 << shift)
        high = (high & ~(7 << shift)) | (6 << shift)
    return low, high


def _hexadecimal(name: str) -> int:
    """0, which is no cell, for anything that is no index of 16 digits."""
    try:
        return int(name, 16) if name.isalnum() and len(name) <= 16 else 0
    except ValueError:
        return 0


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring ranges made one, so that the database looks up fewer."""
    joined = ranges[:1]
    for low, high in ranges[1:]:
        last_low, last_high = joined[-1]
        if low <= last_high + 1:
            joined[-1] = (last_low, max(high, last_high))
        else:
            joined.append((low, high))
    return joined

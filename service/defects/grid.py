"""The grid cells that find stored defects near a place quickly."""

import math

import h3

H3_RESOLUTION = 12  # cells with edges of 10.4-11.1 m in Riyadh
_EDGE_MARGIN = 0.9  # neighbouring cells have slightly shorter edges than the cell measured


def h3_cell(lat: float, lon: float) -> str:
    cell: str = h3.latlng_to_cell(lat, lon, H3_RESOLUTION)
    return cell


def cells_within(lat: float, lon: float, radius_m: float) -> list[str]:
    """Cells that together cover every place within `radius_m` (and some beyond: measure the distance
    afterwards).

    A disk of k rings of hexagons with edge e reaches at least (1.5 k - 0.5) e beyond its middle cell; e is
    measured on the cell itself because H3 edges vary over the globe.
    """
    cell = h3_cell(lat, lon)
    edge_m = _EDGE_MARGIN * min(h3.edge_length(edge, unit="m") for edge in h3.origin_to_directed_edges(cell))
    return list(h3.grid_disk(cell, math.ceil((radius_m / edge_m + 0.5) / 1.5)))

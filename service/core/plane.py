"""Metres on the WGS 84 ellipsoid around a place, for things that lie metres to kilometres apart."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_SQUARED = 6.694_379_990_14e-3


def metres_per_degree(lat: ArrayLike) -> tuple[Floats, Floats]:
    """Metres of one degree of latitude and of longitude at `lat`, from the ellipsoid's two radii of curvature."""
    phi = np.radians(np.asarray(lat, float))
    shrink = 1 - ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    meridian_m = SEMI_MAJOR_M * (1 - ECCENTRICITY_SQUARED) / shrink**1.5
    parallel_m = SEMI_MAJOR_M * np.cos(phi) / np.sqrt(shrink)
    return np.radians(meridian_m), np.radians(parallel_m)


def steps_m(lonlat: Floats) -> Floats:
    """Lengths (n - 1,) between the places (n, 2) of a line, each with the radii at its middle latitude.

    Ten kilometres come out right to better than a millionth of their length below 65 degrees of latitude.
    """
    lons, lats = lonlat[:, 0], lonlat[:, 1]
    per_lat, per_lon = metres_per_degree((lats[:-1] + lats[1:]) / 2)
    lengths: Floats = np.hypot(np.diff(lons) * per_lon, np.diff(lats) * per_lat)
    return lengths


@dataclass(frozen=True)
class LocalPlane:
    """East and north metres around a place, good to a thousandth of the way within ten kilometres."""

    lat: float
    lon: float

    @cached_property
    def _per_degree_m(self) -> tuple[float, float]:
        per_lat, per_lon = metres_per_degree(self.lat)
        return float(per_lat), float(per_lon)

    def to_m(self, lat: float, lon: float) -> tuple[float, float]:
        """(east_m, north_m)"""
        per_lat, per_lon = self._per_degree_m
        return ((lon - self.lon + 180) % 360 - 180) * per_lon, (lat - self.lat) * per_lat

    def to_wgs84(self, east_m: float, north_m: float) -> tuple[float, float]:
        """(lat, lon)"""
        per_lat, per_lon = self._per_degree_m
        return self.lat + north_m / per_lat, (self.lon + east_m / per_lon + 180) % 360 - 180

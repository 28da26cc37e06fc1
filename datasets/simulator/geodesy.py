"""Metres east and north of a town's origin to WGS 84 and back, over the few kilometres of a town."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin, sqrt

WGS84_RADIUS_M = 6_378_137.0
WGS84_E2 = 6.694379990141e-3


@dataclass(frozen=True)
class TownFrame:
    """A flat frame touching the earth at (lat, lon)."""

    lat: float
    lon: float

    @cached_property
    def _metres_per_degree(self) -> tuple[float, float]:
        squeeze = 1 - WGS84_E2 * sin(radians(self.lat)) ** 2
        meridian_m = WGS84_RADIUS_M * (1 - WGS84_E2) / (squeeze * sqrt(squeeze))
        parallel_m = WGS84_RADIUS_M / sqrt(squeeze) * cos(radians(self.lat))
        return radians(meridian_m), radians(parallel_m)

    def to_metres(self, lat: float, lon: float) -> tuple[float, float]:
        """East and north metres of a WGS 84 point."""
        per_lat, per_lon = self._metres_per_degree
        return (lon - self.lon) * per_lon, (lat - self.lat) * per_lat

    def to_wgs84(self, east_m: float, north_m: float) -> tuple[float, float]:
        """lat, lon of a point of the frame."""
        per_lat, per_lon = self._metres_per_degree
        return self.lat + north_m / per_lat, self.lon + east_m / per_lon

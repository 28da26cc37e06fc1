"""How far it is between the places of a plan, and by what that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.core.geodesy import distance_m
from service.core.plane import Floats
from service.crews.roads import LonLat, RoadGraph


class Measured(StrEnum):
    """What distances come from: told with every plan."""

    ROADS = "roads"  # along the imported streets
    MIXED = "mixed"  # streets where they lead, else as without
    GREAT_CIRCLE = "great_circle"  # straight lines times the detour factor


@dataclass(frozen=True)
class Leg:
    metres: float
    by_road: bool
    path: tuple[LonLat, ...]  # lon, lat, both ends included


class Travel:
    """Distances between places (lon, lat), all pairs."""

    def __init__(self, places: Sequence[LonLat], lines: Sequence[Floats], detour_factor: float) -> None:
        """`lines` are the centre lines of streets; none: straight lines times `detour_factor`."""
        self.places, self.detour_factor = tuple(places), detour_factor
        self._roads = RoadGraph(lines, places) if lines else None
        by_road = [self._roads.metres_from(start) if self._roads else [] for start in range(len(places))]
        self.metres = [
            [self._metres(start, end, by_road[start]) for end in range(len(places))] for start in range(len(places))
        ]

    def seconds(self, speed_kmh: float) -> list[list[int]]:
        return [[round(metres / speed_kmh * 3.6) for metres in row] for row in self.metres]

    def leg(self, start: int, end: int) -> Leg:
        way = self._roads.way(start, end) if self._roads and start != end else None
        if way is None:
            same = start == end
            ends = (self.places[start], self.places[end])
            return Leg(self.metres[start][end], bool(same and self._roads), ends)
        return Leg(way.metres, True, (self.places[start], *way.path, self.places[end]))

    def _metres(self, start: int, end: int, by_road: Sequence[float | None]) -> float:
        along = by_road[end] if by_road else None
        if along is not None:
            return along
        (lon_a, lat_a), (lon_b, lat_b) = self.places[start], self.places[end]
        return distance_m(lat_a, lon_a, lat_b, lon_b) * self.detour_factor


def measured_by(legs: Sequence[Leg]) -> Measured:
    ways = {leg.by_road for leg in legs}
    if ways == {True}:
        return Measured.ROADS
    return Measured.MIXED if True in ways else Measured.GREAT_CIRCLE

"""The shortest way along streets: a graph of their centre lines with the places of a plan hung into it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from math import hypot

import numpy as np
import shapely

from service.core.plane import Floats, metres_per_degree

JOINED_DECIMALS = 5  # of a degree, a metre: ends of streets that lie so near are one crossing
MAX_SNAP_M = 500.0  # a place that lies further from every street is not reached by them

LonLat = tuple[float, float]


@dataclass(frozen=True)
class Way:
    """From one place to another along streets, with the steps from place to street at both ends."""

    metres: float
    path: tuple[LonLat, ...]


class RoadGraph:
    """Streets that may be driven both ways: nothing imported says which are one-way.

    Two streets are joined where they share a vertex; where they only cross on the map one may be a bridge.
    """

    def __init__(self, lines: Iterable[Floats], places: Sequence[LonLat]) -> None:
        """`lines` (n, 2) and `places` lon, lat in degrees."""
        self._points: list[LonLat] = []
        self._near: dict[int, dict[int, float]] = defaultdict(dict)
        segments = self._segments(lines)
        self._per_lon, self._per_lat = _metres(places or [(0.0, 0.0)])
        self.snap_m: list[float | None] = [None] * len(places)
        self._nodes: list[int | None] = [None] * len(places)
        self._hang_in(segments, places)
        self._ways = _junctions(self._near, {node for node in self._nodes if node is not None})

    def metres_from(self, start: int) -> list[float | None]:
        """Along streets from one place to each place; None where no street leads."""
        found, _ = self._search(start, None)
        return [None if node is None else self._with_steps(start, end, found.get(node))
                for end, node in enumerate(self._nodes)]  # fmt: skip

    def way(self, start: int, end: int) -> Way | None:
        found, before = self._search(start, end)
        target, source = self._nodes[end], self._nodes[start]
        if target is None or source is None:
            return None
        metres = self._with_steps(start, end, found.get(target))
        if metres is None:
            return None
        path, node = [self._points[target]], target
        while node != source:
            previous, through = before[node]
            path += [self._points[one] for one in reversed(through)] + [self._points[previous]]
            node = previous
        return Way(metres, tuple(reversed(path)))

    def _segments(self, lines: Iterable[Floats]) -> list[tuple[int, int]]:
        known: dict[LonLat, int] = {}
        segments: dict[tuple[int, int], None] = {}
        for line in lines:
            nodes = []
            for lon, lat in line.tolist():
                key = (round(lon, JOINED_DECIMALS), round(lat, JOINED_DECIMALS))
                if key not in known:
                    known[key] = len(self._points)
                    self._points.append((lon, lat))
                nodes.append(known[key])
            for a, b in pairwise(nodes):
                if a != b:
                    segments.setdefault((min(a, b), max(a, b)))
        return list(segments)

    def _hang_in(self, segments: list[tuple[int, int]], places: Sequence[LonLat]) -> None:
        """Every place becomes a node on the nearest segment, which is cut there."""
        cuts: dict[int, list[tuple[float, int]]] = defaultdict(list)
        if segments and places:
            scale = np.array([self._per_lon, self._per_lat])
            ends = np.array([[self._points[a], self._points[b]] for a, b in segments]) * scale
            tree = shapely.STRtree(shapely.linestrings(ends))
            points = np.array(places) * scale
            nearest = tree.nearest(shapely.points(points))
            for place, (segment, point) in enumerate(zip(nearest.tolist(), points, strict=True)):
                self._hang(place, ends[segment], point, cuts[segment])
        for segment, (a, b) in enumerate(segments):
            chain = [a, *(node for _, node in sorted(cuts.get(segment, []))), b]
            for one, other in pairwise(chain):
                self._join(one, other)

    def _hang(self, place: int, ends: Floats, point: Floats, cuts: list[tuple[float, int]]) -> None:
        along = ends[1] - ends[0]
        share = float(np.clip(np.dot(point - ends[0], along) / np.dot(along, along), 0.0, 1.0))
        foot = ends[0] + share * along
        away_m = float(hypot(*(point - foot)))
        if away_m > MAX_SNAP_M:
            return
        self.snap_m[place], self._nodes[place] = away_m, len(self._points)
        cuts.append((share, len(self._points)))
        self._points.append((float(foot[0] / self._per_lon), float(foot[1] / self._per_lat)))

    def _join(self, a: int, b: int) -> None:
        (lon_a, lat_a), (lon_b, lat_b) = self._points[a], self._points[b]
        metres = hypot((lon_b - lon_a) * self._per_lon, (lat_b - lat_a) * self._per_lat)
        self._near[a][b] = min(metres, self._near[a].get(b, metres))
        self._near[b][a] = self._near[a][b]

    def _with_steps(self, start: int, end: int, metres: float | None) -> float | None:
        step_a, step_b = self.snap_m[start], self.snap_m[end]
        if metres is None or step_a is None or step_b is None:
            return None
        return 0.0 if start == end else step_a + metres + step_b

    def _search(self, start: int, end: int | None) -> tuple[dict[int, float], dict[int, tuple[int, tuple[int, ...]]]]:
        """Dijkstra's search until every place, or `end`, is reached."""
        source = self._nodes[start]
        wanted = {self._nodes[end]} if end is not None else {node for node in self._nodes if node is not None}
        settled: dict[int, float] = {}
        before: dict[int, tuple[int, tuple[int, ...]]] = {}
        best: dict[int, float] = {source: 0.0} if source is not None else {}
        queue = [(0.0, source)] if source is not None else []
        while queue and wanted:
            metres, node = heappop(queue)
            if node in settled:
                continue
            settled[node] = metres
            wanted.discard(node)
            for other, length, through in self._ways[node]:
                if metres + length < best.get(other, np.inf):
                    best[other], before[other] = metres + length, (node, through)
                    heappush(queue, (metres + length, other))
        return settled, before


_Chain = tuple[int, float, tuple[int, ...]]  # node at its end, metres, nodes passed


def _junctions(near: dict[int, dict[int, float]], places: set[int]) -> dict[int, list[_Chain]]:
    """The graph without the bends: a search visits crossings, dead ends and places alone."""
    kept = places | {node for node, others in near.items() if len(others) != 2}
    return {node: [_follow(near, kept, node, first) for first in near.get(node, {})] for node in kept}


def _follow(near: dict[int, dict[int, float]], kept: set[int], start: int, first: int) -> _Chain:
    through: list[int] = []
    before, here, metres = start, first, near[start][first]
    while here not in kept:
        through.append(here)
        following = next(other for other in near[here] if other != before)
        metres += near[here][following]
        before, here = here, following
    return here, metres, tuple(through)


def _metres(places: Sequence[LonLat]) -> tuple[float, float]:
    """Metres of a degree of longitude and latitude amid the places."""
    lats = [lat for _, lat in places]
    per_lat, per_lon = metres_per_degree((min(lats) + max(lats)) / 2)
    return float(per_lon), float(per_lat)

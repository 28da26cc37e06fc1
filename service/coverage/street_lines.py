"""A street as lines on the ground: read from a GeoJSON feature, cut at a boundary, measured cell by cell."""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray
from shapely import LineString, MultiLineString, get_parts
from shapely.geometry.base import BaseGeometry

from service.core.plane import Floats, steps_m
from service.coverage.footprint import RESOLUTION

STEP_M = 2.0  # a street's metres are shared out to cells in pieces of this length, right to 1 m at each border
MAX_STREET_M = 100_000.0
DECIMALS = 7  # of a degree: a centimetre
OSM_IDS = ("@id", "osm_id", "full_id", "id")
NOT_DRIVEN = frozenset({
    "bridleway", "construction", "corridor", "cycleway", "elevator", "footway", "path", "pedestrian", "platform",
    "proposed", "steps",
})  # fmt: skip  # of OpenStreetMap's key "highway": where no vehicle may pass, or nothing is built yet

Line: TypeAlias = Floats  # (n >= 2, 2) lon, lat, WGS 84 degrees


@dataclass(frozen=True)
class Keys:
    """Which properties of a feature name the street; the defaults are OpenStreetMap's."""

    name: str = "name"
    road_class: str = "highway"
    id: str | None = None  # None: the feature's own id, else the first of OSM_IDS, else made of the line itself


@dataclass(frozen=True)
class StreetLine:
    source_id: str
    name: str | None
    road_class: str | None
    lines: tuple[Line, ...]


class BadStreet(ValueError):
    """A feature that is no street to be seen; the rest of the file is not touched by it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse_street(feature: object, keys: Keys) -> StreetLine:
    """Raises BadStreet for anything but a LineString or MultiLineString in WGS 84 degrees."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise BadStreet("street.feature", f"expected a Feature, got {_short(feature)}")
    found = feature.get("properties")
    properties: dict[str, object] = found if isinstance(found, dict) else {}
    lines = _lines(feature.get("geometry"))
    return StreetLine(
        _source_id(feature, properties, keys, lines),
        _text(properties.get(keys.name), 200),
        _text(properties.get(keys.road_class), 40),
        lines,
    )


def cut(lines: Sequence[Line], boundary: BaseGeometry) -> tuple[Line, ...]:
    """The parts within the boundary (prepare it for speed); none where the street lies outside."""
    shape = MultiLineString([line.tolist() for line in lines])
    if boundary.contains(shape):
        return tuple(lines)
    inside: list[BaseGeometry] = list(get_parts(boundary.intersection(shape))) if boundary.intersects(shape) else []
    parts = [_rounded(np.asarray(part.coords, float)[:, :2]) for part in inside if isinstance(part, LineString)]
    return tuple(part for part in parts if steps_m(part).sum() > 0)


def length_m(lines: Sequence[Line]) -> float:
    return float(sum(steps_m(line).sum() for line in lines))


def as_geojson(lines: Sequence[Line]) -> dict[str, object]:
    parts = [line.tolist() for line in lines]
    if len(parts) == 1:
        return {"type": "LineString", "coordinates": parts[0]}
    return {"type": "MultiLineString", "coordinates": parts}


def from_geojson(geometry: Mapping[str, object]) -> tuple[Line, ...]:
    """The reverse of `as_geojson`."""
    coordinates = geometry["coordinates"]
    parts = [coordinates] if geometry["type"] == "LineString" else coordinates
    assert isinstance(parts, list)
    return tuple(np.array(part, float) for part in parts)


def metres_by_cell(lines: Sequence[Line]) -> dict[int, float]:
    """How many metres lie in each cell: each piece of at most STEP_M counts where its middle is."""
    metres: dict[int, float] = defaultdict(float)
    for line in lines:
        pieces = _split(line)
        for cell, piece_m in zip(pieces.cells, pieces.lengths_m, strict=True):
            metres[cell] += piece_m
    return {cell: cell_m for cell, cell_m in metres.items() if cell_m > 0}


def parts_in(lines: Sequence[Line], cells: Collection[int]) -> tuple[Line, ...]:
    """The parts of the lines whose pieces lie in the cells."""
    parts: list[Line] = []
    for line in lines:
        pieces = _split(line)
        inside = np.array([cell in cells for cell in pieces.cells], bool)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False]))))
        for first, after in edges.reshape(-1, 2):
            kept = pieces.is_corner[first : after + 1].copy()
            kept[[0, -1]] = True
            parts.append(np.round(pieces.places[first : after + 1][kept], DECIMALS))
    return tuple(parts)


@dataclass(frozen=True)
class _Pieces:
    places: Floats  # (n + 1, 2) lon, lat: where the pieces begin and end
    is_corner: NDArray[np.bool_]  # (n + 1,) bool: a place of the line itself, not one put in between
    lengths_m: list[float]  # n
    cells: list[int]  # n, of the pieces' middles


def _split(line: Line) -> _Pieces:
    segments_m = steps_m(line)
    counts = np.maximum(1, np.ceil(segments_m / STEP_M).astype(int))
    segment = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    step = np.diff(line, axis=0)[segment] / counts[segment, None]
    starts = line[segment] + step * within[:, None]
    middles = starts + step / 2
    places = np.vstack([starts, line[-1:]])
    cells = [h3.latlng_to_cell(lat, lon, RESOLUTION) for lon, lat in middles.tolist()]
    return _Pieces(places, np.append(within == 0, True), (segments_m / counts)[segment].tolist(), cells)


def _lines(geometry: object) -> tuple[Line, ...]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("LineString", "MultiLineString"):
        raise BadStreet("street.geometry", f"expected a LineString or MultiLineString, got {_short(kind)}")
    coordinates = geometry.get("coordinates")
    parts = [coordinates] if kind == "LineString" else coordinates
    if not isinstance(parts, list) or not parts:
        raise BadStreet("street.coordinates", f"expected a list of places, got {_short(coordinates)}")
    lines = tuple(_line(part) for part in parts)
    long_m = length_m(lines)
    if not 0 < long_m <= MAX_STREET_M:
        raise BadStreet("street.length", f"expected a line of up to {MAX_STREET_M / 1000:.0f} km, got {long_m:.1f} m")
    return lines


def _line(places: Any) -> Line:
    try:
        line = np.array([[place[0], place[1]] for place in places], np.float64)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise BadStreet("street.coordinates", f"expected [lon, lat] pairs, got {_short(places)}") from error
    if len(line) < 2 or not np.isfinite(line).all():
        raise BadStreet("street.coordinates", f"expected two or more [lon, lat] pairs, got {_short(places)}")
    if (np.abs(line) > [180, 90]).any():
        detail = f"expected WGS 84 degrees (lon, lat), got {_short(line[0].tolist())}; reproject to EPSG:4326"
        raise BadStreet("street.degrees", detail)
    return _rounded(line)


def _rounded(line: Line) -> Line:
    """As it is stored, so that what is measured now can be measured again."""
    rounded: Line = np.round(line, DECIMALS)
    return rounded


def _source_id(feature: Mapping[str, object], properties: Mapping[str, object], keys: Keys, lines: object) -> str:
    if keys.id:
        candidates = [properties.get(keys.id)]
    else:
        candidates = [feature.get("id"), *(properties.get(key) for key in OSM_IDS)]
    known = next((text for text in (_text(one, 80) for one in candidates) if text), None)
    return known or f"line:{line_digest(lines).hex()}"


def line_digest(lines: object) -> bytes:
    assert isinstance(lines, tuple)
    return hashlib.sha256(b"".join(line.tobytes() + b"|" for line in lines)).digest()[:16]


def _text(value: object, limit: int) -> str | None:
    """A property as the database can hold it: no NUL, no halves of characters; None for what is no plain value."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and value.is_integer() and math.isfinite(value):
        value = int(value)
    return str(value).replace("\0", "").encode("utf-8", "replace").decode().strip()[:limit] or None


def _short(value: object) -> str:
    return json.dumps(value, default=str)[:60]

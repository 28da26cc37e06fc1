"""Defects as GeoJSON: points, the ellipses that hold them, and the lines along which vehicles saw them."""

from collections.abc import Iterable, Sequence
from math import cos, pi, radians, sin
from typing import Any, TypeAlias

from service.core.plane import LocalPlane
from service.identity.gaussian import Ellipse, ellipse_95

Feature: TypeAlias = dict[str, Any]
LonLat: TypeAlias = list[float]
OUTLINE_POINTS = 48  # the outline then lies within 0.3 % of the ellipse
DECIMALS = 7  # a centimetre


def point_feature(lat: float, lon: float, properties: Feature, feature_id: int | None = None) -> Feature:
    return _feature({"type": "Point", "coordinates": _lonlat(lat, lon)}, properties, feature_id)


def line_feature(places: Sequence[tuple[float, float]], properties: Feature) -> Feature:
    """Through places (lat, lon)."""
    return _feature({"type": "LineString", "coordinates": [_lonlat(*place) for place in places]}, properties)


def ellipse_feature(lat: float, lon: float, ellipse: Ellipse, properties: Feature) -> Feature:
    """The outline of the 95 % ellipse around a place."""
    return _feature({"type": "Polygon", "coordinates": [outline_95(lat, lon, ellipse)]}, properties)


def outline_95(lat: float, lon: float, ellipse: Ellipse) -> list[LonLat]:
    """A closed ring, counter-clockwise as RFC 7946 asks."""
    major_m, minor_m, azimuth_deg = ellipse_95(ellipse)
    plane, east, north = LocalPlane(lat, lon), sin(radians(azimuth_deg)), cos(radians(azimuth_deg))
    ring = []
    for step in range(OUTLINE_POINTS):
        turn = 2 * pi * step / OUTLINE_POINTS
        along_m, aside_m = major_m * cos(turn), minor_m * sin(turn)
        ring.append(_lonlat(*plane.to_wgs84(along_m * east - aside_m * north, along_m * north + aside_m * east)))
    return [*ring, ring[0]]


def collection(features: Iterable[Feature], **members: Any) -> Feature:
    return {"type": "FeatureCollection", "features": list(features), **members}


def extent_of(features: Iterable[Feature]) -> list[float] | None:
    """West, south, east, north of points, lines and outlines; None without any."""
    places = [place for feature in features for place in _places(feature["geometry"])]
    if not places:
        return None
    lons, lats = zip(*places, strict=True)
    return [min(lons), min(lats), max(lons), max(lats)]


def _places(geometry: Feature) -> list[LonLat]:
    coordinates: Any = geometry["coordinates"]
    if geometry["type"] == "Point":
        return [coordinates]
    return coordinates[0] if geometry["type"] == "Polygon" else list(coordinates)


def _feature(geometry: Feature, properties: Feature, feature_id: int | None = None) -> Feature:
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    return feature if feature_id is None else feature | {"id": feature_id}


def _lonlat(lat: float, lon: float) -> LonLat:
    return [round(lon, DECIMALS), round(lat, DECIMALS)]

"""Which municipality a place belongs to: the boundary that contains it."""

from collections.abc import Mapping

from shapely import GEOSException, Point
from shapely.geometry import mapping, shape

from service.core.tables import JsonObject


class BadBoundary(ValueError):
    """The GeoJSON is not a polygon that can be used."""


def parse_boundary(geojson: JsonObject) -> JsonObject:
    """A Polygon or MultiPolygon from a geometry, a Feature or a FeatureCollection of one, in WGS 84 lon/lat.

    Raises BadBoundary saying what came instead.
    """
    geometry = _geometry(geojson)
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        raise BadBoundary(f"expected a Polygon or MultiPolygon, got {kind!r:.60}")
    try:
        polygon = shape(geometry)
    except (GEOSException, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadBoundary(f"expected rings of [lon, lat] pairs, got: {error}") from error
    west, south, east, north = polygon.bounds or (0, 0, 0, 0)
    if polygon.is_empty or not polygon.is_valid:
        raise BadBoundary("expected a valid, non-empty polygon whose rings do not cross themselves")
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadBoundary(f"expected WGS 84 degrees (lon, lat), got bounds {polygon.bounds}; reproject to EPSG:4326")
    normalised: JsonObject = mapping(polygon)
    return normalised


def _geometry(geojson: JsonObject) -> object:
    """What stands inside a collection of one feature or a feature; anything else as it came."""
    inside: object = geojson
    if geojson.get("type") == "FeatureCollection":
        features = geojson.get("features")
        if not isinstance(features, list) or len(features) != 1:
            raise BadBoundary("expected a list of one feature; send each municipality's boundary alone")
        inside = features[0]
    return inside.get("geometry") if isinstance(inside, dict) and inside.get("type") == "Feature" else inside


def extent_of(boundary: JsonObject) -> tuple[float, float, float, float]:
    """West, south, east, north of a parsed boundary, degrees."""
    west, south, east, north = shape(boundary).bounds
    return west, south, east, north


def containing(boundaries: Mapping[int, JsonObject], lat: float, lon: float) -> int | None:
    """The key of the first boundary (in key order) that covers the point, or None."""
    point = Point(lon, lat)
    return next((key for key, boundary in sorted(boundaries.items()) if shape(boundary).covers(point)), None)

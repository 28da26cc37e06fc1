"""Distances, bearings and ways between places metres to kilometres apart, on a sphere."""

from math import asin, atan2, cos, degrees, hypot, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 of the WGS 84 ellipsoid


def distance_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Great-circle distance by the haversine formula, which stays exact for small distances."""
    half_lat, half_lon = radians(lat_b - lat_a) / 2, radians(lon_b - lon_a) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat_a)) * cos(radians(lat_b)) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))


def bearing_deg(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """In which direction the great circle from a to b leaves a, clockwise from north."""
    from_lat, to_lat, east = radians(lat_a), radians(lat_b), radians(lon_b - lon_a)
    way_east = sin(east) * cos(to_lat)
    way_north = cos(from_lat) * sin(to_lat) - sin(from_lat) * cos(to_lat) * cos(east)
    return degrees(atan2(way_east, way_north)) % 360


def between(lat_a: float, lon_a: float, lat_b: float, lon_b: float, share: float) -> tuple[float, float]:
    """(lat, lon) at `share` (0 to 1) of the great circle from a to b, also across the antimeridian."""
    arc = distance_m(lat_a, lon_a, lat_b, lon_b) / EARTH_RADIUS_M
    if arc < 1e-9:  # 6 mm
        return lat_a, lon_a
    weight_a, weight_b = sin((1 - share) * arc) / sin(arc), sin(share * arc) / sin(arc)
    a, b = _vector(lat_a, lon_a), _vector(lat_b, lon_b)
    x, y, z = (weight_a * one + weight_b * other for one, other in zip(a, b, strict=True))
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x))


def moved(lat: float, lon: float, bearing_deg: float, by_m: float) -> tuple[float, float]:
    """(lat, lon) reached from a place along a great circle that starts at `bearing_deg`, clockwise from north."""
    arc, bearing, start = by_m / EARTH_RADIUS_M, radians(bearing_deg), radians(lat)
    sin_end = sin(start) * cos(arc) + cos(start) * sin(arc) * cos(bearing)
    east = sin(bearing) * sin(arc) * cos(start)
    end_lon = lon + degrees(atan2(east, cos(arc) - sin(start) * sin_end))
    return degrees(asin(max(-1.0, min(1.0, sin_end)))), (end_lon + 180) % 360 - 180


def _vector(lat: float, lon: float) -> tuple[float, float, float]:
    north, east = radians(lat), radians(lon)
    return cos(north) * cos(east), cos(north) * sin(east), sin(north)

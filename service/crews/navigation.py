"""A plan for the devices that lead a crew: GPX 1.1 and GeoJSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from service.crews.models import CrewPlan, PlanStop

GPX = "http://www.topografix.com/GPX/1/1"
Place = Sequence[float]  # lon, lat


def plan_gpx(plan: CrewPlan) -> bytes:
    """A way point and a route point for each stop that is still to be done, and the way itself as a track."""
    ElementTree.register_namespace("", GPX)
    root = ElementTree.Element(f"{{{GPX}}}gpx", {"version": "1.1", "creator": "Rasid"})
    metadata = _under(root, "metadata")
    _under(metadata, "name", _name(plan))
    _under(metadata, "time", _utc(plan.made_at))
    left = _left(plan)
    places = _way(plan) + [[stop.lon, stop.lat] for stop in left]
    if places:
        lons, lats = zip(*places, strict=True)
        bounds = {"minlat": min(lats), "minlon": min(lons), "maxlat": max(lats), "maxlon": max(lons)}
        _under(metadata, "bounds", **{name: f"{value:.7f}" for name, value in bounds.items()})
    for stop in left:
        _point(root, "wpt", stop)
    route = _under(root, "rte")
    _under(route, "name", _name(plan))
    for stop in left:
        _point(route, "rtept", stop)
    track = _under(root, "trk")
    _under(track, "name", _name(plan))
    for leg in [*(stop.path for stop in left), plan.summary["back_path"]]:
        segment = _under(track, "trkseg")
        for lon, lat in leg:
            _under(segment, "trkpt", lat=f"{lat:.7f}", lon=f"{lon:.7f}")
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def plan_geojson(plan: CrewPlan) -> dict[str, Any]:
    """A FeatureCollection: the whole way as a line, then every stop as a point, finished ones too."""
    features = [_stop_feature(stop) for stop in plan.stops]
    way = _way(plan)
    if len(way) > 1:
        figures = {key: plan.summary[key] for key in ("drive_m", "drive_s", "work_s", "measured", "back_at")}
        line = {"type": "LineString", "coordinates": way}
        features.insert(0, {"type": "Feature", "id": "way", "geometry": line, "properties": {"kind": "way", **figures}})
    return {"type": "FeatureCollection", "features": features}


def _left(plan: CrewPlan) -> list[PlanStop]:
    return [stop for stop in plan.stops if not stop.finished]


def _way(plan: CrewPlan) -> list[list[float]]:
    """Lon, lat of all legs that are still to be driven."""
    way: list[list[float]] = []
    for leg in [*(stop.path for stop in _left(plan)), plan.summary["back_path"]]:
        way += leg[1:] if way and leg and way[-1] == leg[0] else leg
    return way


def _stop_feature(stop: PlanStop) -> dict[str, Any]:
    properties = {
        "kind": "stop", "position": stop.position, "work_order_id": stop.work_order_id, "class_key": stop.class_key,
        "quantity": stop.quantity, "quantity_unit": stop.quantity_unit, "must": stop.must, "finished": stop.finished,
        "arrives_at": _utc(stop.arrives_at), "leaves_at": _utc(stop.leaves_at), "due_at": _utc(stop.due_at),
        "drive_m": stop.drive_m, "drive_s": stop.drive_s, "by_road": stop.by_road,
    }  # fmt: skip
    place = {"type": "Point", "coordinates": [stop.lon, stop.lat]}
    return {"type": "Feature", "id": f"stop-{stop.position}", "geometry": place, "properties": properties}


def _point(parent: ElementTree.Element, tag: str, stop: PlanStop) -> None:
    point = _under(parent, tag, lat=f"{stop.lat:.7f}", lon=f"{stop.lon:.7f}")
    _under(point, "time", _utc(stop.arrives_at))
    _under(point, "name", f"{stop.position} · {stop.work_order_id}")
    _under(point, "desc", f"{stop.class_key} {stop.quantity or '?'} {stop.quantity_unit}")
    _under(point, "type", stop.class_key)


def _under(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{GPX}}}{tag}", attributes)
    child.text = text
    return child


def _name(plan: CrewPlan) -> str:
    return f"{plan.unit.name_en} · {plan.unit.name_ar} · {plan.shift_starts_at:%Y-%m-%d} v{plan.version}"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

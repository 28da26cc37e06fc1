"""What the map beside a frame shows: the defect, how sure its place is, who saw it from where, and what lies near."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session, selectinload

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.core.geodesy import distance_m
from service.core.plane import LocalPlane
from service.coverage.cells import Box, ranges_around
from service.coverage.models import Street, StreetCell
from service.defects.access import visible_defects, within
from service.defects.geo import (
    Feature,
    collection,
    ellipse_feature,
    extent_of,
    line_feature,
    point_feature,
)
from service.defects.models import Defect, Detection, Sighting
from service.defects.sights import ellipse_of
from service.defects.states import DefectState

SHOWN_SIGHTINGS, SHOWN_NEIGHBOURS, SHOWN_STREETS = 200, 200, 400
NEIGHBOURS_M, STREETS_M = 60.0, 300.0
_TOLD: tuple[Any, ...] = (
    Defect.id, Defect.municipality_id, Defect.class_key, Defect.state, Defect.lat, Defect.lon, Defect.cov_ee_m2,
    Defect.cov_en_m2, Defect.cov_nn_m2, Defect.score, Defect.size, Defect.size_sd, Defect.sightings_count,
    Defect.visits_count, Defect.presence, Defect.real_log_odds, Defect.absence, Defect.absence_at, Defect.priority,
    Defect.priority_parts, Defect.first_seen_at, Defect.last_seen_at, Defect.resolved_at, Defect.merged_into_id,
    Detection.frame_id, Detection.x0_px, Detection.y0_px, Detection.x1_px, Detection.y1_px,
)  # fmt: skip
FRAMED_M = 20.0  # neighbours so near may be the same thing: the map shows them at once


def defect_map(session: Session, caller: Caller, defect: Defect) -> Feature:
    """A FeatureCollection; `kind` says what a feature is, and `bbox` is the extent of the defect, its sightings and
    what lies within FRAMED_M."""
    seen = [feature for one in _sightings(session, defect.id) for feature in _sighting_features(one)]
    own, neighbours = [*_defect_features(defect), *seen], _neighbour_features(session, caller, defect)
    near = [one for one in neighbours if one["properties"]["distance_m"] <= FRAMED_M]
    return collection([*_street_features(session, defect), *neighbours, *own], bbox=extent_of([*own, *near]))


def read_rows(session: Session, ids: Sequence[int]) -> list[Row[Any]]:
    """What a map tells of these defects and where their best detections show them, in the order of the ids."""
    shown: Select[Any] = select(*_TOLD).outerjoin(Detection, Detection.id == Defect.best_detection_id)
    by_id = {row.id: row for row in session.execute(shown.where(Defect.id.in_(ids)))}
    return [by_id[one] for one in ids]


def box_around(lat: float, lon: float, reach_m: float) -> Box:
    plane = LocalPlane(lat, lon)
    south, west = plane.to_wgs84(-reach_m, -reach_m)
    north, east = plane.to_wgs84(reach_m, reach_m)
    return Box(west, south, east, north)


def _defect_features(defect: Defect) -> Iterable[Feature]:
    about = {"kind": "defect", "class_key": defect.class_key, "color": BY_KEY[defect.class_key].color}
    ellipse = ellipse_of(defect)
    if ellipse is not None:
        yield ellipse_feature(defect.lat, defect.lon, ellipse, about | {"kind": "ellipse_95"})
    yield point_feature(defect.lat, defect.lon, about, defect.id)


def _sightings(session: Session, defect_id: int) -> Iterable[Sighting]:
    newest = select(Sighting).where(Sighting.defect_id == defect_id).order_by(Sighting.detection_id.desc())
    frames = selectinload(Sighting.detection).selectinload(Detection.frame)
    return session.scalars(newest.limit(SHOWN_SIGHTINGS).options(frames))


def _sighting_features(sighting: Sighting) -> Iterable[Feature]:
    """Where the frame showed it, the vehicle, and the line along which it looked."""
    seen, frame = sighting.detection, sighting.detection.frame
    about = {
        "detection_id": seen.id,
        "visit_id": sighting.visit_id,
        "captured_at": frame.captured_at.isoformat() if frame.captured_at else None,
        "measured": seen.distance_m is not None,
    }
    yield point_feature(seen.lat, seen.lon, {"kind": "sighting"} | about)
    if frame.lat is not None and frame.lon is not None:
        yield point_feature(frame.lat, frame.lon, {"kind": "vehicle", "heading_deg": frame.heading_deg} | about)
        yield line_feature([(frame.lat, frame.lon), (seen.lat, seen.lon)], {"kind": "sight"} | about)


def _neighbour_features(session: Session, caller: Caller, defect: Defect) -> list[Feature]:
    around: Select[Defect] = visible_defects(caller).where(
        within(box_around(defect.lat, defect.lon, NEIGHBOURS_M)),
        Defect.state != DefectState.MERGED,
        Defect.id != defect.id,
    )
    nearby = session.scalars(around.order_by(Defect.id.desc()).limit(SHOWN_NEIGHBOURS))
    return [_neighbour_feature(one, defect) for one in nearby]


def _neighbour_feature(one: Defect, defect: Defect) -> Feature:
    about = {
        "kind": "neighbour",
        "class_key": one.class_key,
        "color": BY_KEY[one.class_key].color,
        "same_class": one.class_key == defect.class_key,
        "state": one.state.value,
        "distance_m": round(distance_m(defect.lat, defect.lon, one.lat, one.lon), 1),
    }
    return point_feature(one.lat, one.lon, about | {"defect_id": one.id}, one.id)


def _street_features(session: Session, defect: Defect) -> list[Feature]:
    """Centre lines near the defect, of its municipality's imported streets."""
    ranges = ranges_around(box_around(defect.lat, defect.lon, STREETS_M)) or []
    near = (
        select(StreetCell.street_id)
        .where(
            StreetCell.municipality_id == defect.municipality_id,
            or_(*(StreetCell.cell.between(low, high) for low, high in ranges)),
        )
        .distinct()
    )
    streets = select(Street).where(Street.id.in_(near)).order_by(Street.id).limit(SHOWN_STREETS)
    return [
        {
            "type": "Feature",
            "geometry": street.line,
            "properties": {"kind": "street", "name": street.name, "road_class": street.road_class},
        }
        for street in session.scalars(streets)
    ]

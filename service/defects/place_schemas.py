"""What callers get of where defects are: passes by them, proposals near a place, and GeoJSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Row

from service.defects.geo import Feature, collection, ellipse_feature, point_feature
from service.defects.schemas import (
    DefectOut,
    DetectionOut,
    EllipseOut,
    detection_out,
    ellipse_out,
    frame_image_url,
    told_of,
)
from service.defects.sights import ellipse_of
from service.defects.visits import Pass, ellipse_of_visit


class VisitOut(BaseModel):
    """One vehicle passing by a defect: what it saw of it there, or that it looked and saw nothing."""

    id: int
    survey_id: int
    survey_name: str
    vehicle_id: int
    first_at: datetime
    last_at: datetime
    heading_deg: float | None = Field(description="direction of travel, clockwise from north")
    looks: int = Field(description="frames that should have shown it, those that did among them")
    sightings: int = Field(description="frames that did; 0: it looked and saw nothing")
    lat: float | None = Field(description="by this pass alone; null without sightings")
    lon: float | None
    ellipse_95: EllipseOut | None = Field(description="around that place, the vehicle's fix included")
    gps_sd_m: float | None = Field(description="of the vehicle's fix, per axis")
    best: DetectionOut | None = Field(description="its surest sighting")
    look_image_url: str | None = Field(description="of a pass that saw nothing: the frame that shows the place best")


class NearbyDefectOut(BaseModel):
    """A stored defect that something told from outside, as a citizen's report, may be."""

    defect: DefectOut
    distance_m: float
    mahalanobis: float = Field(description="that distance in standard deviations of both places together")
    as_far: float = Field(description="share of true matches that lie at least as far apart, 0..1")
    log_ratio: float = Field(description="how much likelier this one is than a thing nobody has stored: e to this")


class FeaturePage(BaseModel):
    """A GeoJSON FeatureCollection with the id where the next page begins."""

    type: str = "FeatureCollection"
    features: list[dict[str, Any]]
    next: int | None = Field(description="pass as `after` to get what is left out here; null: all is here")


class FeatureOut(BaseModel):
    """A GeoJSON Feature; its geometry is null where nobody has told one."""

    type: str = "Feature"
    id: int
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


def visit_out(one: Pass) -> VisitOut:
    visit = one.visit
    return VisitOut(
        id=visit.id,
        survey_id=visit.survey_id,
        survey_name=one.survey.name,
        vehicle_id=one.survey.vehicle_id,
        first_at=visit.first_at,
        last_at=visit.last_at,
        heading_deg=visit.heading_deg,
        looks=visit.looks,
        sightings=visit.sightings,
        lat=visit.lat,
        lon=visit.lon,
        ellipse_95=ellipse_out(ellipse_of_visit(visit)),
        gps_sd_m=visit.gps_sd_m,
        best=detection_out(one.best) if one.best else None,
        look_image_url=frame_image_url(one.look.id) if one.look else None,
    )


def defect_features(rows: Sequence[Row[Any]], following: int | None, *, with_ellipses: bool) -> Feature:
    """A point for each row of `maps.read_rows` with all that is told of a defect, and on demand the outline of its
    95 % ellipse."""
    features = []
    for row in rows:
        told = told_of(row, row if row.frame_id is not None else None)
        defect_id, lat, lon = (told.pop(name) for name in ("id", "lat", "lon"))
        features.append(point_feature(lat, lon, {"kind": "defect"} | told, defect_id))
        ellipse = ellipse_of(row)
        if with_ellipses and ellipse is not None:
            of = {"kind": "ellipse_95", "defect_id": defect_id, "class_key": row.class_key}
            features.append(ellipse_feature(lat, lon, ellipse, of))
    return collection(features, next=following)

"""What callers send and get of defects."""

from datetime import datetime
from math import exp
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from sqlalchemy import Row as DbRow

from datasets.taxonomy import BY_KEY, DefectClass, Unit
from service.core.fields import Note, RowId
from service.core.tables import JsonObject
from service.defects.boxes import BoxPx
from service.defects.models import Absence, Defect, Detection, Sighting, Verdict
from service.defects.sights import ellipse_of
from service.defects.states import DefectState
from service.identity.gaussian import Ellipse, ellipse_95
from service.surveys.schemas import EventOut


def known_class(key: str) -> str:
    if key not in BY_KEY:
        raise ValueError(f"expected one of {', '.join(BY_KEY)}, got {key!r}")
    return key


_SD_95 = 1.96  # of one dimension: 95 % of a Gaussian lies within
ClassKey = Annotated[str, AfterValidator(known_class), WithJsonSchema({"type": "string", "enum": list(BY_KEY)})]


class Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ClassOut(Row):
    """One kind of defect."""

    key: str
    name_en: str
    name_ar: str
    unit: Unit = Field(description="unit of work in which a repair is measured and paid")
    group: str = Field(description="road, cleanliness, walls or furniture")
    match_radius_m: float = Field(description="no longer decides anything: each place has its own error ellipse")
    color: str = Field(description="#rrggbb for maps and boxes")
    experimental: bool = Field(description="too few labelled examples to trust the model")
    needs_person: bool = Field(description="a person confirms before work starts")


class EllipseOut(BaseModel):
    """The ellipse on the ground around a place that holds the truth in 95 of 100 cases."""

    semi_major_m: float
    semi_minor_m: float
    azimuth_deg: float = Field(description="of the long axis, clockwise from north, 0 to 180")


class DefectOut(BaseModel):
    """One real thing on the street."""

    id: int
    municipality_id: int
    class_key: str
    experimental: bool = Field(description="too few labelled examples to trust the model with this class")
    state: DefectState
    lat: float = Field(description="of all its visits, each weighed by how sure it is; WGS 84 degrees")
    lon: float
    ellipse_95: EllipseOut | None = Field(description="around that place; null where nobody could tell")
    score: float = Field(description="highest of its sightings, 0..1")
    size: float | None = Field(description="estimate in `size_unit`; null where one camera cannot see it")
    size_sd: float | None = Field(description="standard deviation of that estimate")
    size_95: tuple[float, float] | None = Field(description="least and most of the size in 95 of 100 cases")
    size_unit: Unit
    sightings_count: int
    visits_count: int = Field(description="vehicles' passes that saw it")
    presence: float = Field(description="probability that it is there now, by what passes saw and did not see")
    real: float | None = Field(
        description="probability that it is or was a real thing and no false alarm; 1 once a person has confirmed it, "
        "null until a pass has looked"
    )
    absence: Absence | None = Field(description="what passes that saw nothing propose; a person decides")
    absence_at: datetime | None
    priority: float = Field(description="which repair comes first: the higher the sooner")
    priority_parts: JsonObject = Field(description="what the priority is made of, by name")
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    merged_into_id: int | None
    image_url: str | None = Field(description="the frame that shows it best")
    box_xyxy_px: BoxPx | None = Field(description="its box there, upright pixels")


class DetectionOut(BaseModel):
    """One box of one model, or of a person, on one frame, as it came."""

    id: int
    frame_id: int
    image_url: str
    captured_at: datetime | None
    class_key: str
    score: float
    box_xyxy_px: BoxPx = Field(description="upright pixels of the frame")
    model_name: str
    model_version: str
    added_by_id: int | None = Field(description="the user who drew it; null: the model saw it")
    lat: float = Field(description="on the ground; where distance_m is null a guess ahead of the vehicle")
    lon: float
    distance_m: float | None = Field(description="from the camera along the ground")
    ellipse_95: EllipseOut | None = Field(description="around that place, seen from the vehicle: its own fix not in it")
    size: float | None = Field(description="estimate in the class's unit of work")
    size_sd: float | None


class SightingOut(DetectionOut):
    visit_id: int | None = Field(description="the vehicle's pass that saw it: /defects/{id}/visits")


class FrameDetectionOut(SightingOut):
    defect_id: int = Field(description="the defect it shows")
    defect_class_key: str = Field(description="what that defect is, by the people's verdicts")
    defect_state: DefectState
    moved_to_xyxy_px: BoxPx | None = Field(description="where a person moved the box, last")


class ReviewOut(Row):
    id: int
    user_id: int
    verdict: Verdict
    detection_id: int | None = Field(description="the sighting that the person looked at")
    class_before: str
    class_after: str
    merged_into_id: int | None
    note: str | None
    created_at: datetime


class DefectDetail(DefectOut):
    sightings: list[SightingOut] = Field(description="the newest 100; all of them: /defects/{id}/sightings")
    reviews: list[ReviewOut]
    events: list[EventOut]


class ReviewIn(BaseModel):
    """A verdict. `accept` opens a work order; `reclassify` needs `class_key`, `merge` `merged_into_id`, `move`
    `detection_id` and `box_xyxy_px`."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict
    class_key: ClassKey | None = Field(None, description="the right class, for reclassify alone")
    merged_into_id: RowId | None = Field(None, description="the defect to keep, for merge alone")
    detection_id: RowId | None = Field(None, description="the sighting that you looked at; left out: the best one")
    box_xyxy_px: BoxPx | None = Field(None, description="the right box of that sighting, for move alone")
    note: Note | None = None


def class_out(kind: DefectClass) -> ClassOut:
    return ClassOut.model_validate(kind)


def defect_out(defect: Defect) -> DefectOut:
    return DefectOut(**told_of(defect, defect.best_detection))


def told_of(defect: Defect | DbRow[Any], best: Detection | DbRow[Any] | None) -> dict[str, Any]:
    """The fields of `DefectOut`. A map takes them of rows without the models, which is several times as quick."""
    kind = BY_KEY[defect.class_key]
    return {
        "id": defect.id,
        "municipality_id": defect.municipality_id,
        "class_key": defect.class_key,
        "experimental": kind.experimental,
        "state": defect.state,
        "lat": defect.lat,
        "lon": defect.lon,
        "ellipse_95": ellipse_out(ellipse_of(defect)),
        "score": defect.score,
        "size": defect.size,
        "size_sd": defect.size_sd,
        "size_95": size_95(defect.size, defect.size_sd),
        "size_unit": kind.unit,
        "sightings_count": defect.sightings_count,
        "visits_count": defect.visits_count,
        "presence": presence_of(defect),
        "real": real_of(defect),
        "absence": defect.absence,
        "absence_at": defect.absence_at,
        "priority": defect.priority,
        "priority_parts": defect.priority_parts,
        "first_seen_at": defect.first_seen_at,
        "last_seen_at": defect.last_seen_at,
        "resolved_at": defect.resolved_at,
        "merged_into_id": defect.merged_into_id,
        "image_url": frame_image_url(best.frame_id) if best else None,
        "box_xyxy_px": box_of(best) if best else None,
    }


def detection_out(detection: Detection) -> DetectionOut:
    return DetectionOut(
        id=detection.id,
        frame_id=detection.frame_id,
        image_url=frame_image_url(detection.frame_id),
        captured_at=detection.frame.captured_at,
        class_key=detection.class_key,
        score=detection.score,
        box_xyxy_px=box_of(detection),
        model_name=detection.model_name,
        model_version=detection.model_version,
        added_by_id=detection.added_by_id,
        lat=detection.lat,
        lon=detection.lon,
        distance_m=detection.distance_m,
        ellipse_95=ellipse_out(ellipse_of(detection)),
        size=detection.size,
        size_sd=detection.size_sd,
    )


def sighting_out(sighting: Sighting) -> SightingOut:
    return SightingOut(**detection_out(sighting.detection).model_dump(), visit_id=sighting.visit_id)


def ellipse_out(ellipse: Ellipse | None) -> EllipseOut | None:
    if ellipse is None:
        return None
    semi_major_m, semi_minor_m, azimuth_deg = ellipse_95(ellipse)
    return EllipseOut(semi_major_m=semi_major_m, semi_minor_m=semi_minor_m, azimuth_deg=azimuth_deg)


def size_95(size: float | None, size_sd: float | None) -> tuple[float, float] | None:
    if size is None or size_sd is None:
        return None
    return max(0.0, size - _SD_95 * size_sd), size + _SD_95 * size_sd


def presence_of(defect: Defect | DbRow[Any]) -> float:
    """From log-odds, which rows keep so that evidence adds up, to a probability."""
    return _chance(defect.presence)


def real_of(defect: Defect | DbRow[Any]) -> float | None:
    """A person has the last word on what is real."""
    if defect.state is not DefectState.CANDIDATE:
        return 0.0 if defect.state is DefectState.REJECTED else 1.0
    return None if defect.real_log_odds is None else _chance(defect.real_log_odds)


def box_of(detection: Detection | DbRow[Any]) -> BoxPx:
    return detection.x0_px, detection.y0_px, detection.x1_px, detection.y1_px


def _chance(log_odds: float) -> float:
    odds = exp(-abs(log_odds))  # of the less likely side, so that nothing overflows
    return odds / (1 + odds) if log_odds < 0 else 1 / (1 + odds)


def frame_image_url(frame_id: int) -> str:
    return f"/api/v1/frames/{frame_id}/image"

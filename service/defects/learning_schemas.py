"""What callers send and get of checks, exported verdicts and precision."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from service.defects.boxes import BoxPx
from service.defects.export import JudgedBox, JudgedFrame
from service.defects.models import FrameCheck
from service.defects.outcomes import Outcome, Tally, wilson_interval
from service.defects.precision import BANDS, Counted
from service.defects.schemas import ClassKey, Row, box_of, frame_image_url


class CheckIn(BaseModel):
    """Classes of which every object on the frame has a box, and each box that stands is right."""

    model_config = ConfigDict(extra="forbid")

    class_keys: list[ClassKey] = Field(min_length=1)


class CheckOut(Row):
    class_key: str
    user_id: int
    created_at: datetime


class FrameChecksOut(BaseModel):
    frame_id: int
    checks: list[CheckOut]


class ExportedBox(BaseModel):
    """A box with what people made of it."""

    detection_id: int
    defect_id: int
    class_key: str = Field(description="by the people's verdicts")
    box_xyxy_px: BoxPx = Field(description="by the people's verdicts, upright pixels of the frame")
    verdict: Outcome
    looked_at: bool = Field(description="a person judged or drew this very box, not only another of its defect")
    moved: bool = Field(description="a person moved the box")
    model_class_key: str | None = Field(description="as the model named it; null: drawn by a person")
    model_box_xyxy_px: BoxPx | None
    score: float | None
    model_name: str | None
    model_version: str | None


class ExportedFrame(BaseModel):
    frame_id: int
    survey_id: int = Field(description="frames of one drive show the same street: keep them in one split")
    municipality_id: int
    captured_at: datetime | None
    image_url: str
    sha256: str = Field(description="of the image's bytes")
    media_type: str | None
    width: int | None = Field(description="upright pixels")
    height: int | None
    checked_classes: list[str] = Field(description="classes of which a person said that nothing was missed here")
    boxes: list[ExportedBox]


class Share(BaseModel):
    judged: int
    accepted: int
    rejected: int
    reclassified: int = Field(description="right place, wrong class: counts against the class the model named")
    precision: float | None = Field(description="accepted / judged; null where nothing was judged")
    low: float = Field(description="95 % interval (Wilson)")
    high: float


class BandOut(Share):
    score_from: float
    score_to: float


class PrecisionOut(Share):
    """How right a model's boxes of a class were, among those that people looked at."""

    class_key: str
    model_name: str
    model_version: str
    bands: list[BandOut] = Field(description="the same by the model's score, lowest first; empty bands are left out")


def checks_out(frame_id: int, checks: list[FrameCheck]) -> FrameChecksOut:
    return FrameChecksOut(frame_id=frame_id, checks=[CheckOut.model_validate(check) for check in checks])


def exported_frame(judged: JudgedFrame) -> ExportedFrame:
    frame = judged.frame
    return ExportedFrame(
        frame_id=frame.id,
        survey_id=frame.survey_id,
        municipality_id=frame.municipality_id,
        captured_at=frame.captured_at,
        image_url=frame_image_url(frame.id),
        sha256=frame.sha256,
        media_type=frame.media_type,
        width=frame.width,
        height=frame.height,
        checked_classes=list(judged.checked_classes),
        boxes=[_exported_box(box) for box in judged.boxes],
    )


def precision_out(counted: Counted) -> PrecisionOut:
    subject = counted.subject
    bands = [
        BandOut(**_share(tally), score_from=band / BANDS, score_to=(band + 1) / BANDS)
        for band, tally in sorted(counted.bands.items())
    ]
    return PrecisionOut(
        **_share(counted.tally),
        class_key=subject.class_key,
        model_name=subject.model_name,
        model_version=subject.model_version,
        bands=bands,
    )


def _exported_box(box: JudgedBox) -> ExportedBox:
    detection = box.detection
    by_model = detection.added_by_id is None
    return ExportedBox(
        detection_id=detection.id,
        defect_id=box.defect.id,
        class_key=box.defect.class_key if box.outcome is not Outcome.ADDED else detection.class_key,
        box_xyxy_px=box.box_px,
        verdict=box.outcome,
        looked_at=box.looked_at,
        moved=box.moved_to_px is not None,
        model_class_key=detection.class_key if by_model else None,
        model_box_xyxy_px=box_of(detection) if by_model else None,
        score=detection.score if by_model else None,
        model_name=detection.model_name if by_model else None,
        model_version=detection.model_version if by_model else None,
    )


def _share(tally: Tally) -> dict[str, float | int | None]:
    low, high = wilson_interval(tally.accepted, tally.judged)
    return {
        "judged": tally.judged, "accepted": tally.accepted, "rejected": tally.rejected,
        "reclassified": tally.reclassified, "precision": tally.precision, "low": low, "high": high,
    }  # fmt: skip

"""Reads what a model says of itself, so that its classes and thresholds live in one place."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field, model_validator

from datasets.taxonomy import BY_KEY
from inference.calibration import Platt
from inference.errors import ModelRefused
from inference.heads import Head

FORMAT = "1"
_HAIR = 1e-9
_STRUCTURED = (
    "class_keys",
    "thresholds",
    "experimental",
    "source_data",
    "calibration",
    "operating_points",
    "near_recall",
    "calibrated_on",
    "gate",
)

Score = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=32, le=4096)]


class ThresholdRule(StrEnum):
    """What decided a class's threshold."""

    BEST_F1 = "best_f1"
    FALSE_ALARMS = "false_alarms"  # the lowest one that keeps false-alarm frames within the limit
    DEFAULT = "default"  # too few labelled boxes to choose by


class OperatingPoint(BaseModel):
    """How a class's threshold was chosen, and what it does on the val pictures it was chosen on."""

    model_config = ConfigDict(frozen=True)

    threshold: Score
    rule: ThresholdRule
    sources: str  # "vehicle sources" or "all sources"
    pictures: int
    boxes: int
    free_pictures: int  # labelled for the class and free of it
    most_false_alarms: Score | None  # the limit; None where too few pictures are free of the class to hold it
    false_alarm_frames: Score | None
    precision: Score | None
    recall: Score | None


class GateScore(BaseModel):
    """One file on val: mean AP50 of the eight, and the share of pictures free of a class that report it."""

    model_config = ConfigDict(frozen=True)

    sha256: str  # of the network alone: metadata, this gate among it, changes no detection
    ap_50: Score
    false_alarm_frames: Score


class Gate(BaseModel):
    """What a faster variant costs against the fp32 network it was made from, both measured on the same val pictures."""

    model_config = ConfigDict(frozen=True)

    fp32: GateScore
    variant: GateScore
    most_ap_50_lost: Score
    most_false_alarm_frames_gained: Score
    pictures: int
    thresholds: dict[str, Score]  # at which false alarms were counted
    measured_at: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Within both limits; a hair of rounding is forgiven."""
        lost = self.fp32.ap_50 - self.variant.ap_50
        gained = self.variant.false_alarm_frames - self.fp32.false_alarm_frames
        return lost <= self.most_ap_50_lost + _HAIR and gained <= self.most_false_alarm_frames_gained + _HAIR


class ModelCard(BaseModel):
    """What a detector is and was made from; travels as metadata inside its ONNX file, sha256 apart."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    class_keys: tuple[str, ...] = Field(min_length=1)
    input_height: Side
    input_width: Side
    fits_aspect: bool = False  # the input takes each image's own aspect; its long side is the longer of the two
    stride: int = Field(ge=1)
    head: Head
    thresholds: dict[str, Score]
    experimental: tuple[str, ...]
    source_data: tuple[str, ...]
    license: str
    trained_at: str
    code_version: str
    calibration: dict[str, Platt] = Field(default_factory=dict)
    operating_points: dict[str, OperatingPoint] = Field(default_factory=dict)
    near_recall: dict[str, Score] = Field(default_factory=dict)  # of present things near by, by the frame; if measured
    variant: str = ""  # e.g. int8; empty for the network as it was trained
    variant_of: str = ""  # sha256 of the file the variant was made from
    calibrated_on: tuple[str, ...] = ()  # pictures of the train split that gave the variant its ranges
    gate: Gate | None = None
    sha256: str = ""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        keys = set(self.class_keys)
        if len(keys) != len(self.class_keys):
            raise ValueError(f"class_keys name a class twice: {self.class_keys}")
        if set(self.thresholds) != keys:
            raise ValueError(f"thresholds need exactly the class keys, differing in {keys ^ set(self.thresholds)}")
        for field in ("experimental", "calibration", "operating_points", "near_recall"):
            if not keys.issuperset(named := getattr(self, field)):
                raise ValueError(f"{field} names other classes: {set(named) - keys}")
        if self.input_height % self.stride or self.input_width % self.stride:
            raise ValueError(f"input {self.input_height}x{self.input_width} is not a multiple of {self.stride}")
        return self

    def to_metadata(self) -> dict[str, str]:
        """The metadata_props to store in the ONNX file; read_model_card reads them back unchanged."""
        fields = self.model_dump(mode="json", exclude={"sha256"})
        texts = {key: json.dumps(value) if key in _STRUCTURED else str(value) for key, value in fields.items()}
        return {"rasid_format": FORMAT} | texts


def read_model_card(metadata: Mapping[str, str], sha256: str) -> ModelCard:
    """Parse an ONNX file's metadata_props; raises ModelRefused naming what is missing or wrong."""
    _check_format(metadata)
    try:
        fields = {key: json.loads(text) if key in _STRUCTURED else text for key, text in metadata.items()}
        card = ModelCard.model_validate({**fields, "sha256": sha256})
    except json.JSONDecodeError as error:
        raise _refusal(f"JSON in {', '.join(_STRUCTURED)}", f"{error.doc!r}: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'card'}: {e['msg']}" for e in error.errors())
        raise _refusal("complete, agreeing fields", wrong) from error
    unknown = [key for key in card.class_keys if key not in BY_KEY]
    if unknown:
        raise _refusal("class keys of datasets/taxonomy.yaml", f"unknown keys {unknown}")
    return card


def _check_format(metadata: Mapping[str, str]) -> None:
    found = metadata.get("rasid_format")
    if found is None:
        raise _refusal("metadata rasid_format", "a model without it; export it with the training recipe")
    if found != FORMAT:
        raise _refusal(f"rasid_format {FORMAT}", f"{found}; update the software or choose another model")


def _refusal(expected: str, got: str) -> ModelRefused:
    return ModelRefused("model.metadata", expected, got)

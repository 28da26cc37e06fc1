"""The words of the Panoramax API: names and shapes are GeoVisio's (its OpenAPI document), so its clients read them."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from service.core.fields import NO_NUL

MAX_FILES = 50_000  # of one set: its list of files is one answer, as the API has it
MAX_METADATA_BYTES, MAX_METADATA_LEVELS = 20_000, 20
OVERRIDE, MAX_OVERRIDES, MAX_OVERRIDE_CHARS = "override_", 50, 500
HEADING_TAG = "override_Exif.GPSInfo.GPSImgDirection"

Text = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=2000)]
Title = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=1000, strip_whitespace=True)]
SortMethod = Literal["filename-asc", "filename-desc", "time-asc", "time-desc"]


class Link(BaseModel):
    rel: str
    href: str
    type: str = "application/json"
    method: str | None = None


class SemanticTag(BaseModel):
    key: Annotated[Text, Field(max_length=256)]
    value: Text


class UploadSetIn(BaseModel):
    """What a client asks of a new set. Pictures are neither split nor thinned out here: one set is one survey, and
    each frame that cannot be used says why."""

    model_config = ConfigDict(ser_json_timedelta="float")

    title: Title = Field(description="becomes the survey's name")
    estimated_nb_files: int | None = Field(None, ge=0, le=MAX_FILES, description="then the set completes itself")
    sort_method: SortMethod | None = None
    no_split: bool | None = None
    split_distance: int | None = Field(None, ge=0, le=10_000_000)
    split_time: timedelta | None = Field(None, description="seconds", ge=timedelta(0), le=timedelta(days=366))
    no_deduplication: bool | None = None
    duplicate_distance: float | None = Field(None, ge=0, le=10_000_000, allow_inf_nan=False)
    duplicate_rotation: int | None = Field(None, ge=0, le=360)
    metadata: dict[str, Any] | None = Field(None, description=f"anything, up to {MAX_METADATA_BYTES} bytes as JSON")
    semantics: list[SemanticTag] | None = Field(None, max_length=100)
    relative_heading: int | None = Field(
        None, ge=-360, le=360, description="kept, not applied: how the camera looks is the vehicle's camera profile"
    )
    visibility: Literal["anyone", "owner-only", "logged-only"] | None = Field(
        None, description="kept, not applied: frames are never public"
    )

    @field_validator("metadata")
    @classmethod
    def _can_be_kept(cls, told: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            text = json.dumps(told, allow_nan=False, ensure_ascii=False)
            size, levels = len(text.encode()), _levels(told)  # half a character is no UTF-8: a ValueError as well
        except RecursionError as error:
            raise ValueError(f"expected at most {MAX_METADATA_LEVELS} levels, got far more") from error
        if size > MAX_METADATA_BYTES or levels > MAX_METADATA_LEVELS or "\\u0000" in text:
            limits = f"{MAX_METADATA_BYTES} bytes and {MAX_METADATA_LEVELS} levels without U+0000"
            raise ValueError(f"expected at most {limits}, got {size} bytes and {levels} levels")
        return told

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        if self.no_split and not (self.split_distance is None and self.split_time is None):
            raise ValueError("expected no_split or split_distance and split_time, got both")
        if self.no_deduplication and not (self.duplicate_distance is None and self.duplicate_rotation is None):
            raise ValueError("expected no_deduplication or duplicate_distance and duplicate_rotation, got both")
        return self


class FileForm(BaseModel):
    """One picture and what the client says of it; `override_Exif.…` and `override_Xmp.…` fields may be added and are
    kept with the file, of them the direction (Exif.GPSInfo.GPSImgDirection) is applied."""

    model_config = ConfigDict(extra="allow")

    file: UploadFile = Field(description="JPEG; PNG and WebP are taken as well")
    isBlurred: bool = Field(False, description="noted; the service blurs all the same")  # noqa: N815
    override_capture_time: datetime | None = Field(None, description="with zone, e.g. 2026-11-22T08:30:00+03:00")
    override_longitude: float | None = Field(None, description="WGS 84 degrees")
    override_latitude: float | None = Field(None, description="WGS 84 degrees")
    picture_id: UUID | None = Field(None, description="id that the client has given the picture already")

    @model_validator(mode="after")
    def _checks(self) -> Self:
        if (self.override_latitude is None) != (self.override_longitude is None):
            raise ValueError("expected override_latitude and override_longitude together, got one of them")
        told = self.overrides()
        if len(told) > MAX_OVERRIDES or any(len(key) + len(text) > MAX_OVERRIDE_CHARS for key, text in told.items()):
            raise ValueError(f"expected at most {MAX_OVERRIDES} overrides of at most {MAX_OVERRIDE_CHARS} characters")
        return self

    def overrides(self) -> dict[str, str]:
        """The tags that came beside the named fields, by field name."""
        extra = self.model_extra or {}
        return {key: text for key, text in extra.items() if key.startswith(OVERRIDE) and isinstance(text, str)}


class ItemsStatus(BaseModel):
    """`not_processed` counts every picture that waits, `preparing` those of them that a worker has taken."""

    prepared: int
    preparing: int
    broken: int
    rejected: int
    not_processed: int


class Collection(BaseModel):
    """The survey that the set's pictures make; it has the set's own id."""

    id: UUID
    title: str
    nb_items: int
    ready: bool
    items_status: ItemsStatus
    links: list[Link]


class UploadSetOut(UploadSetIn):
    id: UUID
    created_at: datetime
    completed: bool
    dispatched: bool = Field(description="the pictures are a survey from the start, so this is `completed`")
    ready: bool = Field(description="complete, and every picture is processed or says why it cannot be")
    account_id: UUID
    title: str
    nb_items: int
    items_status: ItemsStatus
    associated_collections: list[Collection]
    links: list[Link]


RejectionReason = Literal[
    "capture_duplicate", "file_duplicate", "in_excluded_area", "invalid_file", "invalid_metadata", "other_error"
]  # fmt: skip
Severity = Literal["error", "info"]


class Rejection(BaseModel):
    reason: RejectionReason
    severity: Severity
    message: str
    details: dict[str, Any] = Field(description="`code`: our own, finer reason; `frame_id`: the row that keeps it")


class UploadSetFileOut(BaseModel):
    picture_id: UUID | None = Field(None, description="none: the picture was rejected")
    file_name: str
    file_type: Literal["picture"] = "picture"
    content_md5: str
    size: int
    inserted_at: datetime
    rejected: Rejection | None = None
    links: list[Link]


class UploadSetFilesOut(BaseModel):
    files: list[UploadSetFileOut]
    links: list[Link]


class UserOut(BaseModel):
    """The vehicle whose key was given."""

    id: UUID
    name: str
    links: list[Link]


class LandingOut(BaseModel):
    """A STAC catalogue without children."""

    type: Literal["Catalog"] = "Catalog"
    stac_version: str = "1.0.0"
    id: str = "rasid"
    title: str = "Rasid"
    description: str = "Takes survey frames by Panoramax upload sets"
    links: list[Link]


class Translated(BaseModel):
    label: str
    langs: dict[str, str]


class Defaults(BaseModel):
    """No client need split or thin out what it sends: None switches both off."""

    collaborative_metadata: bool = False
    split_distance: int | None = None
    split_time: float | None = None
    duplicate_distance: float | None = None
    duplicate_rotation: int | None = None
    default_visibility: str = "owner-only"


class Auth(BaseModel):
    enabled: bool = True
    registration_is_open: bool = False


class ConfigurationOut(BaseModel):
    name: Translated = Translated(label="Rasid", langs={"en": "Rasid", "ar": "راصد"})
    auth: Auth = Auth()
    defaults: Defaults = Defaults()
    visibility: dict[str, list[str]] = {"possible_values": ["owner-only"]}
    pages: list[str] = []


def _levels(told: object) -> int:
    inner = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return 1 + max(map(_levels, inner), default=0)

"""Decides by its content what a whole file is, a frame, an archive or a track, and gives it to whoever takes that."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath

from pydantic import ValidationError
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.core.errors import RasidError, Unprocessable
from service.core.runtime import Runtime
from service.intake import archives
from service.intake.videos import SpacingM
from service.surveys import tracks
from service.surveys.door import take_frame
from service.surveys.models import FrameState
from service.surveys.reading import Refusal
from service.surveys.schemas import FrameMetadata
from service.surveys.service import survey_of
from service.surveys.track_points import TrackRefused

HEAD_BYTES = 4_096
# Formats that cameras write. Those that Rasid cannot read become refused frames, so that somebody sees them.
PICTURE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
PICTURE_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}


class Content(StrEnum):
    PICTURE = "picture"
    ARCHIVE = "archive"
    TRACK = "track"


@dataclass(frozen=True)
class HandedOver:
    """What became of a file: the row that was made of it, or the refusal; a refused frame has both."""

    frame_id: int | None = None
    archive_id: int | None = None
    track_id: int | None = None
    refusal: Refusal | None = None


class Told(FrameMetadata):
    """What a client may say of a whole file."""

    spacing_m: SpacingM | None = None

    def of_frame(self) -> FrameMetadata:
        return FrameMetadata.model_validate(self.model_dump(exclude={"spacing_m"}))


def hand_over(
    session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, told: Mapping[str, str], came_by: str,
    now: datetime,
) -> HandedOver:  # fmt: skip
    """Takes the file at `path`, which stays the caller's to delete. A refusal is part of the answer, never raised."""
    try:
        with session.begin_nested():  # a refusal half-way leaves nothing half-written
            return _take(session, runtime, vehicle, path, told, came_by, now)
    except RasidError as error:
        return HandedOver(refusal=Refusal(error.code, error.detail))


def read_told(told: Mapping[str, str]) -> Told:
    """The keys that are ours, empty ones left out; a client may send others. Raises Unprocessable."""
    try:
        return Told.model_validate({key: told[key] for key in Told.model_fields if told.get(key)})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Unprocessable("metadata.invalid", f"expected metadata as of a frame; {where}: {first['msg']}") from error


def plain_name(told: Mapping[str, str]) -> str:
    """The file's name without folders, and without what neither a disk nor the database can hold."""
    given = told.get("filename") or told.get("name") or ""
    name = PurePosixPath(given.replace("\\", "/").replace("\0", "")).name
    return name.encode("utf-8", "replace").decode()[:255]


def sniff(path: Path) -> Content | None:
    """What the file is by its first bytes; an empty one is taken as the picture it should have been."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head or _is_picture(head):
        return Content.PICTURE
    if archives.sniff(path):
        return Content.ARCHIVE
    return Content.TRACK if _is_track(head) else None


def _take(
    session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, told: Mapping[str, str], came_by: str,
    now: datetime,
) -> HandedOver:  # fmt: skip
    said, name = read_told(told), plain_name(told)
    match sniff(path):
        case Content.PICTURE:
            return _take_picture(session, runtime, vehicle, path, name, said, came_by, now)
        case Content.ARCHIVE:
            return _take_archive(session, runtime, vehicle, path, name, said, now)
        case Content.TRACK:
            return _take_track(session, runtime, vehicle, path, name, said, now)
    detail = "expected a JPEG, PNG or WebP image, a ZIP, an MP4 video, a GPX track or mapillary_image_description.json"
    raise Unprocessable("upload.unknown_content", f"{detail}; the bytes are none of these")


def _take_picture(
    session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, name: str, said: Told, came_by: str,
    now: datetime,
) -> HandedOver:  # fmt: skip
    data = _read(path, runtime.settings.max_image_bytes, "image.too_many_bytes")
    frame = take_frame(session, runtime, vehicle, data, name, said.of_frame(), came_by, now).frame
    refused = frame.state is FrameState.REFUSED
    reason = Refusal(frame.reason_code or "", frame.reason_detail or "") if refused else None
    return HandedOver(frame_id=frame.id, refusal=reason)


def _take_archive(
    session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, name: str, said: Told, now: datetime
) -> HandedOver:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    archive = archives.receive_archive(
        session, runtime, vehicle, path, name, sha256, said.survey, now, said.spacing_m, said.captured_at
    )
    return HandedOver(archive_id=archive.id)


def _take_track(
    session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, name: str, said: Told, now: datetime
) -> HandedOver:
    if said.survey is None:
        raise Unprocessable("track.no_survey", "expected the metadata key survey, got none: name the survey it is of")
    data = _read(path, runtime.settings.max_track_bytes, "track.too_many_bytes")
    survey = survey_of(session, vehicle, said.survey)
    try:
        track = tracks.receive_track(session, survey, data, name, now)
    except TrackRefused as refused:
        raise Unprocessable(refused.code, refused.detail) from refused
    return HandedOver(track_id=track.id)


def _read(path: Path, limit_bytes: int, code: str) -> bytes:
    size = path.stat().st_size
    if size > limit_bytes:
        raise Unprocessable(code, f"expected at most {limit_bytes} bytes, got {size}")
    return path.read_bytes()


def _is_picture(head: bytes) -> bool:
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    still = head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS
    return webp or still or head.startswith(PICTURE_STARTS)


def _is_track(head: bytes) -> bool:
    """GPX, or JSON, which is then read as what mapillary_tools writes."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return (text[:1] == b"<" and b"<gpx" in text) or text[:1] in {b"[", b"{"}

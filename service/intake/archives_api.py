"""HTTP for archives: send a ZIP or a video, see what became of its pieces, retry a refused one."""

import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from service.accounts.caller import Caller, CallerDep, SecretDep, caller_of_secret
from service.accounts.models import Vehicle
from service.accounts.permissions import Permission, may
from service.core.api import (
    PROBLEMS,
    AfterQuery,
    LimitQuery,
    NowDep,
    Page,
    RuntimeDep,
    SessionDep,
    paginate,
    problems,
)
from service.core.errors import Forbidden, Unauthenticated, Unprocessable
from service.core.fields import NO_NUL, RowId
from service.intake import archive_files, archives
from service.intake.archive_progress import Progress
from service.intake.models import Archive, ArchiveState
from service.intake.multipart import Form, receive_form
from service.intake.videos import SpacingM
from service.surveys.api import ViewerDep
from service.surveys.pressure import StorageFull, refuse_under_pressure

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["surveys"])


class ArchiveTold(BaseModel):
    """What the sender says of an archive beside its bytes."""

    model_config = ConfigDict(extra="forbid")

    survey: str | None = Field(
        None, min_length=1, max_length=120, pattern=NO_NUL, description="name of the drive; default: the file's name"
    )
    spacing_m: SpacingM | None = None
    captured_at: AwareDatetime | None = Field(
        None, description="of a video: its start with zone; needed where no GPS time tells it"
    )


class ArchiveRetry(BaseModel):
    """What is known now and was not before; anything left out stays."""

    model_config = ConfigDict(extra="forbid")

    spacing_m: SpacingM | None = None
    captured_at: AwareDatetime | None = Field(None, description="of a video: its start with zone")


class ArchiveOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    vehicle_id: int
    municipality_id: int
    survey_id: int
    sha256: str
    filename: str
    kind: str = Field(description="zip or video")
    size_bytes: int
    spacing_m: float | None
    state: ArchiveState
    reason_code: str | None
    reason_detail: str | None
    entries: Progress
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Incoming:
    """A form whose file is in the spool until the request ends."""

    vehicle: Vehicle
    path: Path
    filename: str
    form: Form
    told: ArchiveTold


def sender(request: Request, runtime: RuntimeDep, secret: SecretDep, now: NowDep) -> Vehicle:
    """The vehicle, before its body is read; in a transaction of its own, for an upload may last for hours."""
    with runtime.database.transaction() as session:
        caller = caller_of_secret(session, secret, now) if secret else None
        if caller is None:
            raise Unauthenticated("auth.required", "expected a vehicle's key, got none that is valid; send its key")
        if caller.vehicle is None:
            raise Forbidden("auth.vehicle", "expected a vehicle's key; register a vehicle and send its key")
        declared = request.headers.get("content-length", "")
        refuse_under_pressure(session, runtime, int(declared) if declared.isdecimal() else 0)
        return caller.vehicle


async def incoming(
    request: Request, runtime: RuntimeDep, vehicle: Annotated[Vehicle, Depends(sender)]
) -> AsyncIterator[Incoming]:
    path = archive_files.coming_file(runtime.settings)
    try:
        content_type = request.headers.get("content-type", "")
        form = await receive_form(content_type, request.stream(), path, "archive", runtime.settings.max_archive_bytes)
        if form.filename is None or not form.size_bytes:
            raise Unprocessable("archive.empty", "expected the archive's bytes in the field `archive`, got none")
        yield Incoming(vehicle, path, form.filename, form, _told(form.fields))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StorageFull("storage.full", "the disk is full; keep the file and try again later") from error
    finally:
        path.unlink(missing_ok=True)


FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["archive"],
                    "properties": {
                        "archive": {"type": "string", "format": "binary", "description": "ZIP, MP4 or MOV"},
                        "metadata": {"type": "string", "description": "JSON: survey, spacing_m, captured_at"},
                    },
                }
            }
        },
    }
}


@router.post(
    "/archives",
    status_code=202,
    openapi_extra=FORM,
    responses=problems(413, 415, 429) | {200: {"model": ArchiveOut, "description": "Unpacked already"}},
)
def send_archive(
    sent: Annotated[Incoming, Depends(incoming)], session: SessionDep, runtime: RuntimeDep, now: NowDep,
    response: Response,
) -> ArchiveOut:  # fmt: skip
    """Sends a whole survey in one file. 202: it waits to be unpacked; ask again by its id. 200: it is unpacked
    already. The same bytes are one archive, however often they come."""
    archive = archives.receive_archive(
        session, runtime, sent.vehicle, sent.path, sent.filename, sent.form.sha256, sent.told.survey, now,
        spacing_m=sent.told.spacing_m, captured_at=sent.told.captured_at,
    )  # fmt: skip
    response.status_code = 200 if archive.state is ArchiveState.UNPACKED else 202
    return ArchiveOut.model_validate(archive)


@router.get("/archives")
def list_archives(
    caller: ViewerDep, session: SessionDep, state: ArchiveState | None = None, survey_id: RowId | None = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[ArchiveOut]:  # fmt: skip
    statement = archives.visible_archives(caller)
    if state:
        statement = statement.where(Archive.state == state)
    if survey_id is not None:
        statement = statement.where(Archive.survey_id == survey_id)
    rows, following = paginate(session, statement, Archive.id, after, limit)
    return Page(items=[ArchiveOut.model_validate(row) for row in rows], next=following)


@router.get("/archives/{archive_id}")
def get_archive(archive_id: RowId, caller: ViewerDep, session: SessionDep) -> ArchiveOut:
    return ArchiveOut.model_validate(archives.get_archive(session, caller, archive_id))


def mender(caller: CallerDep) -> Caller:
    """A vehicle may retry its own archives; a user needs the permission."""
    if caller.vehicle is None and not may(caller.role, Permission.MEND_FRAMES):
        raise Forbidden("auth.permission", "expected a vehicle's key or a role that may mend frames")
    return caller


@router.post("/archives/{archive_id}/retry", status_code=202)
def retry_archive(
    archive_id: RowId, caller: Annotated[Caller, Depends(mender)], session: SessionDep, runtime: RuntimeDep,
    now: NowDep, retry: ArchiveRetry | None = None,
) -> ArchiveOut:  # fmt: skip
    """Unpacks a refused archive again: after a track was sent to its survey, or with what the body tells."""
    archive, told = archives.get_archive(session, caller, archive_id, lock=True), retry or ArchiveRetry()
    archives.retry_archive(session, runtime, archive, caller.actor, now, told.captured_at, told.spacing_m)
    return ArchiveOut.model_validate(archive)


def _told(fields: dict[str, str]) -> ArchiveTold:
    if unknown := sorted(fields.keys() - {"metadata"}):
        raise Unprocessable("metadata.invalid", f"expected the fields archive and metadata, got {unknown[:5]}")
    try:
        return ArchiveTold.model_validate_json(fields.get("metadata", "{}"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "metadata"
        raise Unprocessable("metadata.invalid", f"expected metadata as JSON; {where}: {first['msg']}") from error

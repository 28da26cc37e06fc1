"""HTTP list of resumable uploads: how far each is, what became of it, and why it was refused."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.core.api import PROBLEMS, AfterQuery, LimitQuery, Page, SessionDep, paginate
from service.intake import tus, uploads
from service.intake.handover import plain_name
from service.intake.models import Upload, UploadState
from service.surveys.api import ViewerDep

router = APIRouter(prefix="/api/v1/uploads", responses=PROBLEMS, tags=["resumable uploads"])


class UploadOut(BaseModel):
    public_id: UUID = Field(description="the last part of the upload's address")
    vehicle_id: int
    filename: str
    state: UploadState
    length_bytes: int
    offset_bytes: int = Field(description="bytes that have come")
    reason_code: str | None
    reason_detail: str | None
    frame_id: int | None
    archive_id: int | None
    track_id: int | None
    created_at: datetime
    expires_at: datetime = Field(description="open: ends then if nothing more comes; else: is listed until then")

    @classmethod
    def of(cls, row: Upload) -> "UploadOut":
        columns = {name: getattr(row, name) for name in cls.model_fields if name != "filename"}
        return cls(filename=plain_name(tus.parse_metadata(row.metadata_header)), **columns)


@router.get("")
def list_uploads(
    caller: ViewerDep, session: SessionDep, state: UploadState | None = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[UploadOut]:  # fmt: skip
    statement = uploads.visible_uploads(caller)
    if state:
        statement = statement.where(Upload.state == state)
    rows, following = paginate(session, statement, Upload.id, after, limit)
    return Page(items=[UploadOut.of(row) for row in rows], next=following)


@router.get("/{public_id}")
def get_upload(public_id: str, caller: ViewerDep, session: SessionDep) -> UploadOut:
    return UploadOut.of(uploads.get_upload(session, caller, public_id))

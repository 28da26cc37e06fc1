"""How sets, files and refusals read in the Panoramax API."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from service.core.errors import Conflict, RasidError
from service.intake import panoramax
from service.intake.models import UploadSet
from service.intake.panoramax import Added, Listed
from service.intake.panoramax_schemas import (
    Collection,
    Link,
    Rejection,
    RejectionReason,
    Severity,
    UploadSetFileOut,
    UploadSetOut,
)

WORDS: dict[RejectionReason, str] = {
    "capture_duplicate": "The picture shows nothing that another one does not",
    "in_excluded_area": "The picture was taken outside of every municipality",
    "file_duplicate": "The same picture has been sent before, outside this upload set",
    "invalid_file": "The file cannot be read as a picture",
    "invalid_metadata": "The picture has no place or time that can be used",
    "other_error": "The picture cannot be used",
}


def show_set(session: Session, request: Request, upload_set: UploadSet) -> UploadSetOut:
    status = panoramax.count_items(session, upload_set)
    completed, pictures = upload_set.completed_at is not None, status.prepared + status.broken + status.not_processed
    ready = completed and status.not_processed == 0
    frames = f"{request.url_for('list_frames')}?survey_id={upload_set.survey_id}"
    survey = Collection(
        id=upload_set.public_id, title=upload_set.survey.name, nb_items=pictures, ready=ready, items_status=status,
        links=[Link(rel="items", href=frames)],
    )  # fmt: skip
    told = {"sort_method": "time-asc", "semantics": []} | upload_set.told | {"visibility": "owner-only"}
    name = {"upload_set_id": upload_set.public_id}
    return UploadSetOut(
        **told, id=upload_set.public_id, created_at=upload_set.created_at, completed=completed, dispatched=completed,
        ready=ready, account_id=account_id(upload_set.vehicle_id), nb_items=pictures, items_status=status,
        associated_collections=[survey] if completed and pictures else [],
        links=[
            set_link(request, upload_set, "self"),
            Link(rel="add_files", href=str(request.url_for("add_upload_set_file", **name)), method="POST"),
            Link(rel="complete", href=str(request.url_for("complete_upload_set", **name)), method="POST"),
        ],
    )  # fmt: skip


def show_file(file: Listed, parent: Link) -> UploadSetFileOut:
    reason = panoramax.rejection(file)
    return UploadSetFileOut(
        picture_id=None if reason else file.public_id, file_name=file.filename, content_md5=file.content_md5,
        size=file.size_bytes, inserted_at=file.created_at, rejected=_rejection(file, reason) if reason else None,
        links=[parent],
    )  # fmt: skip


def refuse_file(session: Session, added: Added) -> Response | None:
    """The answer to a file that is not taken; None for one that is."""
    file = added.file
    if added.again:
        detail = f"expected a picture that is new to this upload set, {file.filename} is in it already; go on"
        return answer(Conflict("picture.again", detail, existing_item={"id": str(file.public_id)}))
    reason = panoramax.rejection(file)
    if reason is None:
        return None
    rejected = _rejection(file, reason)
    more = {"message": WORDS[reason], "details": {"error": rejected.message}, "rejected": rejected.model_dump()}
    if file.own:
        return answer(RasidError(file.reason_code or "frame.refused", rejected.message, **more))
    sets = [{"upload_set_id": str(public_id)} for public_id in panoramax.sets_with(session, file.frame_id)]
    return answer(Conflict("picture.elsewhere", f"{WORDS[reason]}; go on", upload_sets=sets, **more))


def answer(error: RasidError) -> Response:
    """A refusal as an answer, not as an exception: what was noted of the file must be committed."""
    return JSONResponse(worded(error).problem(), error.status, media_type="application/problem+json")


def worded(error: RasidError) -> RasidError:
    """The refusal with what Panoramax clients read of it."""
    error.extra = {"message": error.detail, "status_code": error.status} | error.extra
    return error


def set_link(request: Request, upload_set: UploadSet, rel: str) -> Link:
    return Link(rel=rel, href=str(request.url_for("get_upload_set", upload_set_id=upload_set.public_id)))


def account_id(vehicle_id: int) -> UUID:
    """A vehicle's id where the API has UUIDs."""
    return uuid5(NAMESPACE_URL, f"urn:rasid:vehicle:{vehicle_id}")


def _rejection(file: Listed, reason: RejectionReason) -> Rejection:
    details: dict[str, Any] = {"frame_id": file.frame_id}
    if not file.own:
        return Rejection(reason=reason, severity="info", message=WORDS[reason], details=details)
    details["code"] = file.reason_code
    severity: Severity = "info" if reason == "capture_duplicate" else "error"
    return Rejection(reason=reason, severity=severity, message=file.reason_detail or WORDS[reason], details=details)

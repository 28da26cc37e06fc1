"""HTTP for resumable uploads: tus 1.0.0 with creation, creation-with-upload, expiration, termination and checksum."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from service.accounts.caller import BearerDep, caller_of_secret
from service.accounts.models import Vehicle
from service.core.api import PROBLEMS, NowDep, Responses, RuntimeDep, problems
from service.core.clock import utc_now
from service.core.errors import Forbidden, RasidError, Unauthenticated
from service.core.runtime import Runtime
from service.intake import tus, uploads
from service.intake.handover import read_told
from service.intake.models import Upload, UploadState
from service.intake.receiving import Ending, receive_body, taken
from service.intake.spool import SpoolFile
from service.surveys.pressure import refuse_full_disk

FOLDER = "/api/v1/tus"
NO_CONTENT: Responses = {204: {"description": "As tus 1.0.0 says"}}


class TusRoute(APIRoute):
    """Names the protocol in every answer, refusals too, and obeys X-HTTP-Method-Override."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return super().matches(scope)
        method = tus.asked_method(Headers(scope=scope), scope["method"])
        match, child = super().matches({**scope, "method": method})
        return match, {**child, "method": method}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = tus.VERSION
                if message["status"] == 412:
                    headers["Tus-Version"] = tus.VERSION
            await send(message)

        if scope["method"] in (self.methods or ()):
            await super().handle(scope, receive, answer)
            return
        detail = f"expected POST on {FOLDER} and HEAD, PATCH or DELETE on an upload, got {scope['method']}"
        await _document(tus.MethodRefused("tus.method", detail))(scope, receive, answer)


router = APIRouter(prefix=FOLDER, route_class=TusRoute, responses=PROBLEMS, tags=["resumable uploads"])


def sending_vehicle(request: Request, runtime: RuntimeDep, now: NowDep, bearer: BearerDep) -> Vehicle:
    """Who sends, judged in a transaction of its own: none may stay open while a slow link sends."""
    with runtime.database.transaction() as session:
        caller = caller_of_secret(session, bearer.credentials, now) if bearer else None
    if caller is None:
        raise Unauthenticated("auth.required", "expected the header Authorization: Bearer and a vehicle's key")
    if caller.vehicle is None:
        raise Forbidden("auth.vehicle", "expected a vehicle's key; register a vehicle and send its key")
    tus.check_version(request.headers)
    return caller.vehicle


VehicleDep = Annotated[Vehicle, Depends(sending_vehicle)]


def own_upload(public_id: str, vehicle: VehicleDep, runtime: RuntimeDep, now: NowDep) -> Upload:
    with runtime.database.transaction() as session:
        return uploads.find(session, vehicle, public_id, now)


UploadDep = Annotated[Upload, Depends(own_upload)]


@router.options("", include_in_schema=False)
@router.options("/", include_in_schema=False)
@router.options("/{public_id}", include_in_schema=False)
def show_options(runtime: RuntimeDep) -> Response:
    return Response(status_code=204, headers=tus.options(runtime.settings.tus_max_size_bytes))


@router.post("", status_code=201, responses=problems(413, 415, 429))
@router.post("/", include_in_schema=False)
async def create_upload(request: Request, vehicle: VehicleDep, runtime: RuntimeDep, now: NowDep) -> Response:
    """Makes an upload of Upload-Length bytes; with a body, takes its first bytes too."""
    headers = request.headers
    length = tus.read_length(headers, runtime.settings.tus_max_size_bytes)
    metadata = headers.get("upload-metadata", "")
    read_told(tus.parse_metadata(metadata))
    declared = tus.declared_bytes(headers)
    if declared != 0:
        tus.check_body_type(headers)
        tus.check_append(0, declared, 0, length)
        tus.read_checksum(headers)
    upload = await run_in_threadpool(uploads.create, runtime, vehicle, length, metadata, now)
    if declared != 0 or length == 0:
        async with taken(uploads.spool_of(runtime.settings), upload) as file:
            ending = await _take_first_bytes(request, runtime, upload, file)
            if ending is not Ending.WHOLE:
                return _stopped(ending)
            upload = await run_in_threadpool(uploads.finish, runtime, upload, file, utc_now())
    location = f"{request.scope.get('root_path', '')}{FOLDER}/{upload.public_id}"
    return Response(status_code=201, headers=_state(upload) | {"Location": location})


@router.head("/{public_id}")
async def show_offset(upload: UploadDep, runtime: RuntimeDep, now: NowDep) -> Response:
    """How many bytes have come; hands the upload over if a crash kept that from happening."""
    if upload.state is UploadState.OPEN:
        with suppress(tus.Locked):  # somebody sends: the last saved offset is the answer
            async with taken(uploads.spool_of(runtime.settings), upload) as file:
                upload = await run_in_threadpool(uploads.settle, runtime, upload.id, file, now)
    headers = _state(upload) | {"Upload-Length": str(upload.length_bytes), "Cache-Control": "no-store"}
    if upload.metadata_header:
        headers["Upload-Metadata"] = upload.metadata_header
    return Response(status_code=200, headers=headers)


@router.patch("/{public_id}", status_code=204, responses=problems(413, 415, 429) | NO_CONTENT)
async def send_bytes(request: Request, upload: UploadDep, runtime: RuntimeDep) -> Response:
    """Adds the body to the upload; the last byte hands it over, and Rasid-State says what became of it."""
    headers = request.headers
    tus.check_body_type(headers)
    offset, checksum = tus.read_offset(headers), tus.read_checksum(headers)
    declared = tus.declared_bytes(headers)
    if upload.state is not UploadState.OPEN:
        tus.check_append(offset, declared, upload.offset_bytes, upload.length_bytes)
        return Response(status_code=204, headers=_state(upload))
    async with taken(uploads.spool_of(runtime.settings), upload) as file:
        upload = await run_in_threadpool(uploads.begin, runtime, upload.id, file)
        tus.check_append(offset, declared, upload.offset_bytes, upload.length_bytes)
        await run_in_threadpool(refuse_full_disk, runtime, declared or 0)
        ending = await receive_body(runtime, upload, file, request.stream(), declared, checksum)
        upload = await run_in_threadpool(uploads.finish, runtime, upload, file, utc_now())
    return Response(status_code=204, headers=_state(upload)) if ending is Ending.WHOLE else _stopped(ending)


@router.delete("/{public_id}", status_code=204, responses=NO_CONTENT)
async def terminate_upload(upload: UploadDep, runtime: RuntimeDep, now: NowDep) -> Response:
    """Forgets the upload and its bytes; a frame that it became stays."""
    async with taken(uploads.spool_of(runtime.settings), upload) as file:
        await run_in_threadpool(uploads.terminate, runtime, upload.id, file, now)
    return Response(status_code=204)


async def _take_first_bytes(request: Request, runtime: Runtime, upload: Upload, file: SpoolFile) -> Ending:
    """The body of a creation. Where it fails the upload goes too: its client never learns the address."""
    ending = None
    try:
        declared, checksum = tus.declared_bytes(request.headers), tus.read_checksum(request.headers)
        ending = await receive_body(runtime, upload, file, request.stream(), declared, checksum)
    finally:
        if ending is not Ending.WHOLE:
            await run_in_threadpool(uploads.terminate, runtime, upload.id, file, utc_now())
    return ending


def _state(upload: Upload) -> dict[str, str]:
    """What every answer about an upload says of it."""
    headers = {"Upload-Offset": str(upload.offset_bytes)}
    if upload.state is UploadState.OPEN:
        return headers | {"Upload-Expires": tus.http_date(upload.expires_at)}
    told = {
        "Rasid-State": upload.state.value,
        "Rasid-Reason": upload.reason_code,
        "Rasid-Frame-Id": upload.frame_id,
        "Rasid-Archive-Id": upload.archive_id,
        "Rasid-Track-Id": upload.track_id,
    }
    return headers | {name: str(value) for name, value in told.items() if value is not None}


def _stopped(ending: Ending) -> Response:
    """The rest of the body may still come: the connection is of no use to another request."""
    detail = f"expected the whole body, it stopped ({ending.value}); ask by HEAD how much came and go on from there"
    return _document(tus.StoppedShort(f"upload.{ending.value}", detail), {"Connection": "close"})


def _document(error: RasidError, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(error.problem(), error.status, headers, media_type="application/problem+json")

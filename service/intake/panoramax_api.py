"""The part of the Panoramax API that survey clients upload by, under its own addresses (/api, not /api/v1).

No endpoint is public, unlike at Panoramax: `panoramax_cli --token KEY` sends the vehicle's key with every call but its
first look at /api, where it takes a 401 for an answer. So there is no token to generate or to claim either.
"""

import re
from collections.abc import Callable, Coroutine
from fractions import Fraction
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from service.accounts.caller import Caller, CallerDep
from service.accounts.models import Vehicle
from service.core.api import NowDep, RuntimeDep, SessionDep, problems
from service.core.errors import RasidError, UnsupportedMedia
from service.core.tables import JsonObject
from service.intake import panoramax
from service.intake.models import UploadSet
from service.intake.panoramax_schemas import (
    HEADING_TAG,
    ConfigurationOut,
    FileForm,
    LandingOut,
    Link,
    UploadSetFileOut,
    UploadSetFilesOut,
    UploadSetIn,
    UploadSetOut,
    UserOut,
)
from service.intake.panoramax_views import account_id, refuse_file, set_link, show_file, show_set, worded
from service.surveys.api import vehicle_caller
from service.surveys.schemas import FrameMetadata

MAX_USER_AGENT = 200
RATIONAL = re.compile(r"-?[0-9]{1,9}(/[1-9][0-9]{0,8}|\.[0-9]{1,9})?")  # bounded: Fraction("1e999999999") never ends


class PanoramaxRoute(APIRoute):
    """Adds to each problem document what Panoramax clients read, `message` and `status_code`; a malformed request is
    a 400 there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RasidError as error:
                raise worded(error) from error
            except RequestValidationError as error:
                raise worded(_malformed(error)) from error
            except HTTPException as error:
                detail = f"expected a body as in /openapi.json; {error.detail}"
                raise worded(RasidError("request.invalid", detail)) from error

        return answer


router = APIRouter(
    prefix="/api", responses=problems(400, 401, 403, 404), tags=["panoramax"], route_class=PanoramaxRoute
)


def get_vehicle(caller: Annotated[Caller, Depends(vehicle_caller)]) -> Vehicle:
    assert caller.vehicle is not None
    return caller.vehicle


VehicleDep = Annotated[Vehicle, Depends(get_vehicle)]


def get_set(upload_set_id: UUID, session: SessionDep, vehicle: VehicleDep) -> UploadSet:
    return panoramax.get_set(session, vehicle, upload_set_id)


SetDep = Annotated[UploadSet, Depends(get_set)]


def takes(media_type: str) -> Any:
    """A dependency that refuses any other body, once it is known who sends it."""

    def check(request: Request, _: VehicleDep) -> None:
        told = request.headers.get("content-type", "nothing")
        if told.partition(";")[0].strip().lower() != media_type:
            raise UnsupportedMedia("request.media_type", f"expected {media_type}, got {told[:100]}")

    return Depends(check)


@router.get("", response_model_exclude_none=True)
def get_landing(request: Request, _: CallerDep) -> LandingOut:
    """Where to go from here."""
    hrefs = {"self": "get_landing", "root": "get_landing", "service-desc": "openapi"}
    links = [Link(rel=rel, href=str(request.url_for(name))) for rel, name in hrefs.items()]
    return LandingOut(links=[*links, _way_in(request)])


@router.get("/configuration")
def get_configuration(_: CallerDep) -> ConfigurationOut:
    """What a client should know before it sends."""
    return ConfigurationOut()


@router.get("/users/me", response_model_exclude_none=True)
def get_me(request: Request, vehicle: VehicleDep) -> UserOut:
    """Whose key this is."""
    return UserOut(id=account_id(vehicle.id), name=vehicle.name, links=[_way_in(request)])


@router.post(
    "/upload_sets",
    dependencies=[takes("application/json")],
    response_model_exclude_none=True,
    responses=problems(415),
)
def create_upload_set(
    told: UploadSetIn, request: Request, response: Response, vehicle: VehicleDep, session: SessionDep, now: NowDep,
    user_agent: Annotated[str | None, Header()] = None,
) -> UploadSetOut:  # fmt: skip
    """Opens a set for the pictures of one drive."""
    kept = told.model_dump(mode="json", exclude_none=True)
    if user_agent:
        kept["user_agent"] = panoramax.plain(user_agent, MAX_USER_AGENT)
    shown = show_set(session, request, panoramax.open_set(session, vehicle, kept, now))
    response.headers["Location"] = str(request.url_for("get_upload_set", upload_set_id=shown.id))
    return shown


@router.get("/upload_sets/{upload_set_id}", response_model_exclude_none=True)
def get_upload_set(upload_set: SetDep, session: SessionDep, request: Request) -> UploadSetOut:
    """How far a set is."""
    return show_set(session, request, upload_set)


@router.get("/upload_sets/{upload_set_id}/files", response_model_exclude_none=True)
def list_upload_set_files(upload_set: SetDep, session: SessionDep, request: Request) -> UploadSetFilesOut:
    """Every file that came, those that cannot be used with the reason."""
    parent = set_link(request, upload_set, "parent")
    files = [show_file(file, parent) for file in panoramax.list_files(session, upload_set)]
    return UploadSetFilesOut(files=files, links=[set_link(request, upload_set, "self")])


@router.post(
    "/upload_sets/{upload_set_id}/files",
    status_code=202,
    dependencies=[takes("multipart/form-data")],
    response_model=UploadSetFileOut,
    response_model_exclude_none=True,
    responses=problems(409, 413, 415, 429),
)
def add_upload_set_file(
    form: Annotated[FileForm, Form(media_type="multipart/form-data")],
    upload_set: SetDep, vehicle: VehicleDep, session: SessionDep, runtime: RuntimeDep, request: Request, now: NowDep,
) -> UploadSetFileOut | Response:  # fmt: skip
    """Sends one picture. 202: taken. 409: it is here already, in this set (`existing_item`) or from before. 400: it
    cannot be used; it is kept, listed with the reason, and may be sent again with what it lacked. 429, 507: later."""
    sent = panoramax.Sent(
        data=form.file.file.read(runtime.settings.max_image_bytes + 1),
        filename=form.file.filename or "",
        picture_id=form.picture_id,
        place=_place(form),
        told=_told(form),
    )
    added = panoramax.add_file(session, runtime, vehicle, upload_set, sent, now)
    return refuse_file(session, added) or show_file(added.file, set_link(request, upload_set, "parent"))


@router.post("/upload_sets/{upload_set_id}/complete", response_model_exclude_none=True)
def complete_upload_set(
    upload_set: SetDep, vehicle: VehicleDep, session: SessionDep, request: Request, now: NowDep
) -> UploadSetOut:
    """Nothing more will come; a file that comes all the same opens the set again."""
    panoramax.complete_set(session, vehicle, upload_set, now)
    return show_set(session, request, upload_set)


def _malformed(error: RequestValidationError) -> RasidError:
    fields = [{"field": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors()]
    named = "; ".join(f"{one['field']}: {one['message']}" for one in fields[:3])
    return RasidError("request.invalid", f"expected a request as in /openapi.json; {named}", errors=fields)


def _way_in(request: Request) -> Link:
    return Link(rel="add_upload_set", href=str(request.url_for("create_upload_set")), method="POST")


def _place(form: FileForm) -> FrameMetadata:
    return FrameMetadata(
        lat=form.override_latitude,
        lon=form.override_longitude,
        captured_at=form.override_capture_time,
        heading_deg=_heading_deg(form.overrides().get(HEADING_TAG)),
        survey=None,
    )


def _heading_deg(text: str | None) -> float | None:
    """An EXIF rational ("27000/100") or a decimal."""
    if not text:
        return None
    if not RATIONAL.fullmatch(text):
        raise RasidError("request.invalid", f"expected degrees in {HEADING_TAG}, got {text!a}")
    return float(Fraction(text))


def _told(form: FileForm) -> JsonObject:
    """What is kept with the file beside its place and time."""
    tags = {panoramax.plain(key, 500): panoramax.plain(text, 500) for key, text in form.overrides().items()}
    return {"isBlurred": form.isBlurred} | tags

"""HTTP for files of features, and for what a municipality publishes."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, NowDep, Responses, SessionDep, problems
from service.core.fields import RowId
from service.geodata.api import caller_view
from service.geodata.asking import read_asked
from service.geodata.description import query_parameters
from service.geodata.doors import GEOJSON, PRIVATE, find_source
from service.geodata.export import MOST_FEATURES, Format, export
from service.geodata.models import Publication
from service.geodata.publishing import find_publication, publish, withdraw
from service.geodata.sources import View

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["open data"])
AdminDep = Annotated[Caller, Depends(require(Permission.MANAGE_ACCOUNTS))]
GEOPACKAGE = "application/geopackage+sqlite3"
MEDIA_TYPES = {Format.GEOJSON: GEOJSON, Format.GEOPACKAGE: GEOPACKAGE}
FILES: Responses = {200: {"content": {GEOJSON: {}, GEOPACKAGE: {}}, "description": "The file"}}
NARROWING = [one for one in query_parameters() if one["name"] in ("bbox", "datetime")]


class PublicationIn(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    delay_days: int = Field(30, ge=1, le=3650, description="a defect is shown so long after it was first seen")
    grid_m: float = Field(100.0, ge=50, le=5000, description="places are moved to the corners of a grid so wide")


class PublicationOut(BaseModel):
    """What a municipality shows to everyone at /ogc/public."""

    municipality_id: int
    published: bool
    delay_days: int | None
    grid_m: float | None
    since: datetime | None


@router.get(
    "/geodata/{collection_id}/export",
    response_class=FileResponse,
    responses=problems(413) | FILES,
    openapi_extra={"parameters": NARROWING},
)
def export_features(
    collection_id: str, request: Request, session: SessionDep, view: Annotated[View, Depends(caller_view)],
    form: Annotated[Format, Query(alias="format")] = Format.GEOPACKAGE,
) -> FileResponse:  # fmt: skip
    """A collection of /ogc as one file, narrowed as there by bbox, datetime and its properties."""
    source = find_source(PRIVATE, view.caller, collection_id)
    query = [one for one in request.query_params.multi_items() if one[0] != "format"]
    asked = read_asked(query, source.about.filters)
    folder = Path(tempfile.mkdtemp(prefix="rasid-export-"))
    path = folder / f"{collection_id}.{form.value}"
    try:
        export(session, view, [(source, asked)], path, form, MOST_FEATURES)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    tidy = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type=MEDIA_TYPES[form], filename=path.name, background=tidy)


@router.get("/municipalities/{municipality_id}/publication")
def get_publication(municipality_id: RowId, caller: AdminDep, session: SessionDep) -> PublicationOut:
    """Whether and how a municipality shows its defects to everyone."""
    return _out(municipality_id, find_publication(session, caller, municipality_id))


@router.put("/municipalities/{municipality_id}/publication")
def put_publication(
    municipality_id: RowId, body: PublicationIn, caller: AdminDep, session: SessionDep, now: NowDep
) -> PublicationOut:
    """Shows the municipality's confirmed defects to everyone: late, roughly placed, without photos, people or units."""
    return _out(municipality_id, publish(session, caller, municipality_id, body.delay_days, body.grid_m, now))


@router.delete("/municipalities/{municipality_id}/publication")
def delete_publication(municipality_id: RowId, caller: AdminDep, session: SessionDep, now: NowDep) -> PublicationOut:
    """Shows nothing any more."""
    withdraw(session, caller, municipality_id, now)
    return _out(municipality_id, None)


def _out(municipality_id: int, found: Publication | None) -> PublicationOut:
    return PublicationOut(
        municipality_id=municipality_id,
        published=found is not None,
        delay_days=found.delay_days if found else None,
        grid_m=found.grid_m if found else None,
        since=found.since if found else None,
    )

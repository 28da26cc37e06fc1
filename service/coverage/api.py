"""HTTP for coverage: the figures of a municipality, its gaps and seen cells as GeoJSON, and the import of streets."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic_core import to_json
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, require, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, NowDep, SessionDep, problems
from service.core.errors import NotFound, Unprocessable
from service.core.fields import NO_NUL, RowId
from service.coverage.cells import Box, cell_name, cell_number
from service.coverage.figures import Coverage, coverage_of
from service.coverage.maps import GapPlace, cell_feature, gap_feature, gaps_of, seen_cells
from service.coverage.period import PERIOD_DAYS, Period, period_of
from service.coverage.street_lines import NOT_DRIVEN, Keys
from service.coverage.streets import StreetImport, import_streets

router = APIRouter(prefix="/api/v1/coverage", responses=PROBLEMS, tags=["coverage"])

ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_FRAMES))]
StreetsDep = Annotated[Caller, Depends(require(Permission.MANAGE_STREETS))]
PropertyName = Annotated[str, Form(min_length=1, max_length=80, pattern=NO_NUL)]
Features = dict[str, Any]


class FeaturePage(BaseModel):
    """A GeoJSON FeatureCollection with the place where the next page begins."""

    type: str = "FeatureCollection"
    features: list[Features]
    next: str | None = Field(description="pass as `after` to get the following page; null at the end")


class GeoJsonResponse(JSONResponse):
    media_type = "application/geo+json"

    def render(self, content: object) -> bytes:
        """A thousand features are written in a quarter of the time that `json` takes; times as models write them."""
        return to_json(content)


def asked_period(
    now: NowDep,
    first: Annotated[date | None, Query(alias="from", description=f"UTC day; {PERIOD_DAYS} days if left out")] = None,
    last: Annotated[date | None, Query(alias="to", description="UTC day, counted too; today if left out")] = None,
) -> Period:
    return period_of(first, last, now.date())


def asked_box(
    bbox: Annotated[str | None, Query(max_length=200, description="west,south,east,north in WGS 84 degrees")] = None,
) -> Box | None:
    if bbox is None:
        return None
    expected = Unprocessable("coverage.bbox", f"expected west,south,east,north in ascending degrees, got {bbox!r}")
    try:
        west, south, east, north = map(float, bbox.split(","))
    except ValueError as error:
        raise expected from error
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise expected
    return Box(west, south, east, north)


def asked_place(municipality_id: RowId, caller: ViewerDep, session: SessionDep) -> Municipality:
    return _place(session, caller, municipality_id)


PeriodDep = Annotated[Period, Depends(asked_period)]
BoxDep = Annotated[Box | None, Depends(asked_box)]
PlaceDep = Annotated[Municipality, Depends(asked_place)]
AfterDep = Annotated[str | None, Query(max_length=60, description="`next` of the page before")]


@router.get("")
def get_coverage(place: PlaceDep, period: PeriodDep, session: SessionDep) -> Coverage:
    """Of the metres of street, how many were seen at least once, by road class and by how long ago; the target is
    100 %. Without imported streets the percentage is null and cells and area still tell where the vehicles looked."""
    return coverage_of(session, place.id, period)


@router.get("/gaps", response_class=GeoJsonResponse, response_model=FeaturePage)
def list_gaps(
    place: PlaceDep, period: PeriodDep, box: BoxDep, session: SessionDep, after: AfterDep = None,
    min_m: Annotated[float, Query(ge=0, le=100_000, description="leave out what is shorter")] = 20.0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> GeoJsonResponse:  # fmt: skip
    """Streets, or their parts, that were not seen, longest first. With a bbox a page may hold fewer than `limit`."""
    start = _gap_place(after)
    gaps, following = gaps_of(session, place.id, period, min_m=min_m, box=box, after=start, limit=limit)
    beyond = f"{following.gap_dm}-{following.street_id}" if following else None
    return _page([gap_feature(gap) for gap in gaps], beyond)


@router.get("/cells.geojson", response_class=GeoJsonResponse, response_model=FeaturePage)
def list_cells(
    place: PlaceDep, period: PeriodDep, box: BoxDep, session: SessionDep, after: AfterDep = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> GeoJsonResponse:  # fmt: skip
    """Cells that were seen, with the last day and the number of passes (days on which a frame looked there)."""
    start = cell_number(after) if after is not None else 0
    if start is None:
        raise Unprocessable("coverage.after", f"expected `next` of the page before, got {after!r}")
    cells, following = seen_cells(session, place.id, period, box=box, after=start, limit=limit)
    return _page([cell_feature(cell) for cell in cells], cell_name(following) if following else None)


@router.post("/streets", responses=problems(413))
def post_streets(
    caller: StreetsDep, session: SessionDep, now: NowDep,
    municipality_id: Annotated[RowId, Form()],
    streets: Annotated[UploadFile, File(description="GeoJSON FeatureCollection of lines, WGS 84")],
    name_key: PropertyName = "name",
    class_key: PropertyName = "highway",
    id_key: Annotated[str | None, Form(min_length=1, max_length=80, pattern=NO_NUL)] = None,
    leave_out: Annotated[
        list[str] | None, Form(description="road classes that are no streets to drive; OpenStreetMap's if left out")
    ] = None,
    replace_all: Annotated[bool, Form(description="remove the streets that the file does not name")] = False,
) -> StreetImport:  # fmt: skip
    """Imports road centre lines; a street of the same id is replaced. All or nothing. For files over the size limit:
    `rasid coverage streets`."""
    place = _place(session, caller, municipality_id)
    return import_streets(
        session, place, streets.file, actor=caller.actor, now=now, keys=Keys(name_key, class_key, id_key),
        leave_out=NOT_DRIVEN if leave_out is None else frozenset(leave_out), replace_all=replace_all,
    )  # fmt: skip


def _place(session: Session, caller: Caller, municipality_id: int) -> Municipality:
    own = select(Municipality).where(Municipality.id == municipality_id)
    found = session.scalar(visible(own, Municipality.id, caller))
    if found is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")
    return found


def _gap_place(after: str | None) -> GapPlace | None:
    if after is None:
        return None
    gap_dm, dash, street_id = after.partition("-")
    if not (dash and gap_dm.isdecimal() and street_id.isdecimal() and len(after) < 40):
        raise Unprocessable("coverage.after", f"expected `next` of the page before, got {after!r}")
    return GapPlace(min(int(gap_dm), 2**62), min(int(street_id), 2**62))


def _page(features: list[dict[str, object]], following: str | None) -> GeoJsonResponse:
    return GeoJsonResponse({"type": "FeatureCollection", "features": features, "next": following})

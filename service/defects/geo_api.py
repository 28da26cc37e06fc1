"""HTTP for where defects are: passes by one, maps, what lies near a place, and the boundaries around them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.orm import undefer

from service.accounts.caller import Caller, CallerDep, require, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, Page, SessionDep
from service.core.errors import NotFound
from service.core.fields import RowId
from service.coverage.api import BoxDep, GeoJsonResponse
from service.defects import access
from service.defects.access import DefectOrder
from service.defects.maps import defect_map, read_rows
from service.defects.nearness import propose
from service.defects.place_schemas import (
    FeatureOut,
    FeaturePage,
    NearbyDefectOut,
    VisitOut,
    defect_features,
    visit_out,
)
from service.defects.schemas import ClassKey, defect_out
from service.defects.states import DefectState
from service.defects.visits import list_visits

router = APIRouter(responses=PROBLEMS, tags=["defects"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_DEFECTS))]
BOUNDARY_HEADERS = {"Cache-Control": "private, max-age=3600"}  # thousands of points that change once in years


@router.get("/defects.geojson", response_class=GeoJsonResponse, response_model=FeaturePage)
def list_features(
    caller: ViewerDep, session: SessionDep, box: BoxDep, state: DefectState | None = None,
    class_key: Annotated[ClassKey | None, Query(alias="class")] = None, municipality_id: RowId | None = None,
    order: DefectOrder = DefectOrder.PRIORITY, after: AfterQuery = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ellipse: Annotated[bool, Query(description="add the outline of each defect's 95 % ellipse")] = False,
) -> GeoJsonResponse:  # fmt: skip
    """Defects of the caller's municipalities as points, in a box where one is given; `next` tells whether that is
    all."""
    ids, following = access.page_of_ids(
        session, caller, state=state, class_key=class_key, municipality_id=municipality_id, box=box, order=order,
        after=after, limit=limit,
    )  # fmt: skip
    return GeoJsonResponse(defect_features(read_rows(session, ids), following, with_ellipses=ellipse))


@router.get("/defects/near")
def list_near(
    caller: ViewerDep, session: SessionDep,
    lat: Annotated[float, Query(ge=-90, le=90)], lon: Annotated[float, Query(ge=-180, le=180)],
    sd_m: Annotated[float, Query(gt=0, le=200, description="standard deviation of that place, per axis")] = 10.0,
    class_key: Annotated[ClassKey | None, Query(description="what was reported there")] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[NearbyDefectOut]:  # fmt: skip
    """What a report from outside may be: stored defects whose places agree with its own, the likeliest first, by
    place, class and how sure both places are."""
    return [
        NearbyDefectOut(
            defect=defect_out(one.defect),
            distance_m=one.distance_m,
            mahalanobis=one.mahalanobis2**0.5,
            as_far=one.as_far,
            log_ratio=one.log_ratio,
        )
        for one in propose(session, caller, lat, lon, sd_m, class_key, limit)
    ]


@router.get("/defects/{defect_id}/visits")
def list_defect_visits(
    defect_id: RowId, caller: ViewerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[VisitOut]:
    """Every vehicle's pass by a defect, the newest first, those that looked and saw nothing among them."""
    passes, following = list_visits(session, access.get_defect(session, caller, defect_id), after, limit)
    return Page(items=[visit_out(one) for one in passes], next=following)


@router.get("/defects/{defect_id}/map.geojson", response_class=GeoJsonResponse)
def get_defect_map(defect_id: RowId, caller: ViewerDep, session: SessionDep) -> JSONResponse:
    """A defect with its ellipse, its newest 200 sightings, the vehicles and their lines of sight, its neighbours and
    the streets around; `kind` tells them apart and `bbox` is where it is all about."""
    defect = access.get_defect(session, caller, defect_id)
    return GeoJsonResponse(defect_map(session, caller, defect))


@router.get("/municipalities/{municipality_id}/boundary.geojson", response_class=GeoJsonResponse, tags=["accounts"])
def get_boundary(municipality_id: RowId, caller: CallerDep, session: SessionDep) -> JSONResponse:
    """A municipality as a GeoJSON Feature; its geometry is null while no boundary has been imported."""
    own = select(Municipality).options(undefer(Municipality.boundary)).where(Municipality.id == municipality_id)
    found = session.scalar(visible(own, Municipality.id, caller))
    if found is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")
    names = {"key": found.key, "name_ar": found.name_ar, "name_en": found.name_en}
    feature = FeatureOut(id=found.id, geometry=found.boundary, properties=names)
    return GeoJsonResponse(feature.model_dump(), headers=BOUNDARY_HEADERS)

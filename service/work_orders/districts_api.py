"""HTTP for districts: imported from GeoJSON; the orders that lie in them follow."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from service.accounts import districts
from service.accounts.caller import Caller, require
from service.accounts.models import District
from service.accounts.permissions import Permission
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.fields import Key, Name, RowId
from service.core.tables import JsonObject
from service.defects.schemas import Row
from service.work_orders.operations import check_municipality
from service.work_orders.placing import place_orders
from service.work_orders.schemas import Body

router = APIRouter(tags=["districts"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]
ManagerDep = Annotated[Caller, Depends(require(Permission.MANAGE_WORK_ORDERS))]
PropertyName = Annotated[str, Query(min_length=1, max_length=80)]


class DistrictIn(Body):
    municipality_id: RowId
    key: Key
    name_en: Name
    name_ar: Name
    boundary: JsonObject = Field(description="GeoJSON Polygon or MultiPolygon, WGS 84, lon/lat, or a Feature of one")


class DistrictOut(Row):
    """A part of a municipality by which work is routed and counted."""

    id: int
    municipality_id: int
    key: str
    name_en: str
    name_ar: str
    west: float = Field(description="extent, WGS 84 degrees")
    south: float
    east: float
    north: float
    ended_at: datetime | None = Field(description="no work is placed in it since; what ended before keeps it")


class DistrictDetail(DistrictOut):
    boundary: JsonObject = Field(description="GeoJSON Polygon or MultiPolygon")


class SkippedOut(Row):
    number: int = Field(description="of the feature in the file, from 1")
    code: str
    detail: str


class DistrictImportOut(BaseModel):
    new: int
    changed: int
    same: int
    skipped: list[SkippedOut]
    orders_moved: int = Field(description="work orders whose district changed by this")


@router.get("/districts")
def list_districts(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100, ended: bool = False,
) -> Page[DistrictOut]:  # fmt: skip
    """Districts in use of the caller's municipalities, without their boundaries; `ended`: those that are not."""
    statement = districts.visible_districts(caller)
    statement = statement.where(District.ended_at.is_not(None) if ended else District.ended_at.is_(None))
    if municipality_id is not None:
        statement = statement.where(District.municipality_id == municipality_id)
    rows, following = paginate(session, statement, District.id, after, limit)
    return Page(items=[DistrictOut.model_validate(row) for row in rows], next=following)


@router.get("/districts/{district_id}")
def get_district(district_id: RowId, caller: ViewerDep, session: SessionDep) -> DistrictDetail:
    """A district with its boundary."""
    return DistrictDetail.model_validate(districts.get_district(session, caller, district_id))


@router.put("/districts")
def put_district(body: DistrictIn, caller: ManagerDep, session: SessionDep, now: NowDep) -> DistrictDetail:
    """Adds the district of that key or changes it; work orders within follow. Sent again it changes nothing."""
    check_municipality(session, caller, body.municipality_id)
    told = districts.Shape(body.key, body.name_en, body.name_ar, body.boundary)
    district, what = districts.put_district(session, body.municipality_id, told, caller.actor, now)
    if what != "same":
        place_orders(session, body.municipality_id)
    return DistrictDetail.model_validate(district)


@router.post("/municipalities/{municipality_id}/districts")
def import_districts(
    municipality_id: RowId, body: JsonObject, caller: ManagerDep, session: SessionDep, now: NowDep,
    key_property: PropertyName = "key", name_en_property: PropertyName = "name_en",
    name_ar_property: PropertyName = "name_ar",
) -> DistrictImportOut:  # fmt: skip
    """Adds or changes the districts of a GeoJSON FeatureCollection; a feature that is none is named and skipped."""
    check_municipality(session, caller, municipality_id)
    properties = districts.Properties(key_property, name_en_property, name_ar_property)
    done = districts.import_districts(session, municipality_id, body, properties, caller.actor, now)
    skipped = [SkippedOut.model_validate(one) for one in done.skipped]
    moved = place_orders(session, municipality_id) if done.new or done.changed else 0
    return DistrictImportOut(new=done.new, changed=done.changed, same=done.same, skipped=skipped, orders_moved=moved)

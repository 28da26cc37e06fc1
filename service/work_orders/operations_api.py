"""HTTP for what a municipality decides once: its units."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.accounts.schemas import MunicipalityIn, MunicipalityOut
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.fields import RowId
from service.work_orders import operations
from service.work_orders.models import Unit
from service.work_orders.schemas import (
    UnitChange,
    UnitIn,
    UnitOut,
)

Row = TypeVar("Row")
router = APIRouter()
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]


@router.post("/municipalities", status_code=201, tags=["accounts"])
def create_municipality(
    body: MunicipalityIn,
    caller: Annotated[Caller, Depends(require(Permission.MANAGE_ACCOUNTS))],
    session: SessionDep,
) -> MunicipalityOut:
    """Adds a municipality with the usual units, routing and service levels, which can be changed afterwards."""
    return MunicipalityOut.model_validate(operations.create_municipality(session, body))


@router.get("/units")
def list_units(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[UnitOut]:  # fmt: skip
    """Units of the caller's municipalities."""
    statement = _of(operations.visible_units(caller), Unit.municipality_id, municipality_id)
    rows, following = paginate(session, statement, Unit.id, after, limit)
    return Page(items=[UnitOut.model_validate(row) for row in rows], next=following)


@router.post("/units", status_code=201)
def create_unit(body: UnitIn, caller: CallerDep, session: SessionDep, now: NowDep) -> UnitOut:
    """Adds a unit; the same request again returns the unit that is there."""
    return UnitOut.model_validate(operations.create_unit(session, caller, **body.model_dump(), now=now))


@router.put("/units/{unit_id}")
def change_unit(unit_id: RowId, body: UnitChange, caller: CallerDep, session: SessionDep, now: NowDep) -> UnitOut:
    """Renames a unit, sets what it can do in a day (left out: as it was) or takes it out of service; orders that it
    has stay with it."""
    changes = body.model_dump(exclude_unset=True)
    return UnitOut.model_validate(operations.change_unit(session, caller, unit_id, changes, now))


def _of(statement: Select[Row], column: InstrumentedAttribute[int], municipality_id: int | None) -> Select[Row]:
    return statement if municipality_id is None else statement.where(column == municipality_id)

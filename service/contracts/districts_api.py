"""HTTP to end a district: above the contracts that may name it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.contracts import districts
from service.core.api import NowDep, SessionDep
from service.core.fields import Note, RowId
from service.work_orders.districts_api import DistrictOut
from service.work_orders.schemas import Body

router = APIRouter(tags=["districts"])
ManagerDep = Annotated[Caller, Depends(require(Permission.MANAGE_WORK_ORDERS))]


class EndDistrictIn(Body):
    reason: Note
    even_if_used: bool = Field(
        False, description="although rules or contracts name it, which then hold for no new work"
    )


class DistrictEndedOut(BaseModel):
    district: DistrictOut
    routing_rules: list[str] = Field(description="keys of rules in force that name it")
    contracts: list[str] = Field(description="references of running contracts that name it")
    orders_moved: int = Field(description="work orders whose district changed by this")


@router.post("/districts/{district_id}/end")
def end_district(
    district_id: RowId, body: EndDistrictIn, caller: ManagerDep, session: SessionDep, now: NowDep
) -> DistrictEndedOut:
    """Places no more work in a district; what is over keeps it. 409 names the rules and contracts that still name it.
    Sent again it changes nothing; a district put or imported again is in use again."""
    done = districts.end(session, caller, district_id, body.reason, now, even_if_used=body.even_if_used)
    session.flush()
    return DistrictEndedOut(
        district=DistrictOut.model_validate(done.district), routing_rules=list(done.uses.routing_rules),
        contracts=list(done.uses.contracts), orders_moved=done.orders_moved,
    )  # fmt: skip

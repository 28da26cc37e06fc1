"""HTTP for contractors, contracts, their prices and penalties, and what work orders cost."""

from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.contracts import districts_api, service, statements_api
from service.contracts.charging import cost_of
from service.contracts.models import Charge, Contract, Contractor
from service.contracts.schemas import (
    ChargeOut,
    ContractDetail,
    ContractIn,
    ContractorIn,
    ContractorNames,
    ContractorOut,
    ContractOut,
    CostOut,
    EndIn,
    PenaltyIn,
    PenaltyOut,
    PriceIn,
    PriceOut,
)
from service.contracts.showing import (
    charge_out,
    contract_detail,
    contract_out,
    contractor_out,
    cost_out,
    penalty_out,
    price_out,
)
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.fields import RowId
from service.work_orders.access import get_order

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["contracts"])
router.include_router(statements_api.router)
router.include_router(districts_api.router)
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_CONTRACTS))]


@router.get("/contractors")
def list_contractors(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[ContractorOut]:  # fmt: skip
    """Companies of the caller's municipalities; a unit's user gets the one that the unit works for."""
    statement = service.visible_contractors(caller)
    if municipality_id is not None:
        statement = statement.where(Contractor.municipality_id == municipality_id)
    rows, following = paginate(session, statement, Contractor.id, after, limit)
    return Page(items=[contractor_out(row) for row in rows], next=following)


@router.post("/contractors", status_code=201)
def create_contractor(body: ContractorIn, caller: CallerDep, session: SessionDep, now: NowDep) -> ContractorOut:
    """Adds a company; the same request again returns the one that is there."""
    return contractor_out(service.create_contractor(session, caller, body, now))


@router.put("/contractors/{contractor_id}")
def change_contractor(
    contractor_id: RowId, body: ContractorNames, caller: CallerDep, session: SessionDep, now: NowDep
) -> ContractorOut:
    """Renames a company; issued statements keep the name that they were issued to."""
    return contractor_out(service.change_contractor(session, caller, contractor_id, body.model_dump(), now))


@router.get("/contracts")
def list_contracts(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, contractor_id: RowId | None = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[ContractOut]:  # fmt: skip
    """Contracts of the caller's municipalities; a unit's user gets those of the company that the unit works for."""
    statement = service.visible_contracts(caller).options(selectinload(Contract.units))
    for column, wanted in ((Contract.municipality_id, municipality_id), (Contract.contractor_id, contractor_id)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    rows, following = paginate(session, statement, Contract.id, after, limit)
    return Page(items=[contract_out(row) for row in rows], next=following)


@router.post("/contracts", status_code=201)
def create_contract(body: ContractIn, caller: CallerDep, session: SessionDep, now: NowDep) -> ContractDetail:
    """Adds a contract with its prices and penalties; the same request again returns the one that is there."""
    return contract_detail(service.create_contract(session, caller, body, now))


@router.get("/contracts/{contract_id}")
def get_contract(contract_id: RowId, caller: ViewerDep, session: SessionDep) -> ContractDetail:
    """A contract with its whole price list and its penalties."""
    return contract_detail(service.get_contract(session, caller, contract_id))


@router.post("/contracts/{contract_id}/end")
def end_contract(
    contract_id: RowId, body: EndIn, caller: CallerDep, session: SessionDep, now: NowDep
) -> ContractDetail:
    """Ends a contract before its time; work done until then stays covered."""
    return contract_detail(service.end_contract(session, caller, contract_id, body.last_day, body.reason, now))


@router.post("/contracts/{contract_id}/prices", status_code=201)
def add_price(contract_id: RowId, body: PriceIn, caller: CallerDep, session: SessionDep, now: NowDep) -> PriceOut:
    """A price from its first day on; the one that was open till then ends the day before. For days that were stated
    already the next statement has the difference."""
    return price_out(service.add_price(session, caller, contract_id, body, now))


@router.post("/contracts/{contract_id}/penalties", status_code=201)
def add_penalty(contract_id: RowId, body: PenaltyIn, caller: CallerDep, session: SessionDep, now: NowDep) -> PenaltyOut:
    """A penalty from its first day on, as a price."""
    return penalty_out(service.add_penalty(session, caller, contract_id, body, now))


@router.get("/contracts/{contract_id}/charges")
def list_charges(
    contract_id: RowId, caller: ViewerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[ChargeOut]:
    """Charges and credits as they were kept, each with the event behind it."""
    contract = service.get_contract(session, caller, contract_id)
    own = select(Charge).where(Charge.contract_id == contract.id)
    rows, following = paginate(session, own, Charge.id, after, limit)
    return Page(items=[charge_out(row) for row in rows], next=following)


@router.get("/work-orders/{order_id}/cost")
def get_cost(order_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep) -> CostOut:
    """What an order cost, by the contract and price list of the day it was done, and why no other contract."""
    return cost_out(order_id, cost_of(session, get_order(session, caller, order_id), now, caller))

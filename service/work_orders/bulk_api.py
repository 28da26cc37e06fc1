"""HTTP for one action on many orders and for taking it back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.accounts.caller import CallerDep
from service.core.api import NowDep, SessionDep
from service.core.fields import NO_NUL, RowId
from service.work_orders import bulk
from service.work_orders.bulk_models import BulkAction, BulkKind
from service.work_orders.listing_api import OrderFilterFields
from service.work_orders.schemas import Body, Reason

router = APIRouter(tags=["work orders"])


class BulkFilter(OrderFilterFields):
    """As in the list; a name that it does not know is refused, for it would act on too many."""

    model_config = ConfigDict(extra="forbid")


class BulkIn(Body):
    key: Annotated[str, Field(min_length=1, max_length=80, pattern=NO_NUL)] = Field(
        description="the sender's, new for each action: sent again it changes nothing"
    )
    action: BulkKind
    order_ids: list[RowId] | None = Field(None, min_length=1, max_length=bulk.MAX_ORDERS)
    filter: BulkFilter | None = Field(None, description="in place of order_ids; at most 1000 orders may fit it")
    unit_id: RowId | None = Field(None, description="to assign (left out: as routed) or transfer to")
    reason: Reason | None = Field(None, description="to transfer, hold, cancel and for a priority")
    priority: float | None = Field(None, ge=0, le=100, description="null gives the defect's own back")


class OutcomeOut(BaseModel):
    order_id: int
    done: bool
    code: str | None = Field(description="why it was refused")
    detail: str | None
    undone: bool | None = Field(description="null: not tried")
    undo_code: str | None = Field(description="why it could not be taken back")
    undo_detail: str | None


class BulkOut(BaseModel):
    id: int
    action: BulkKind
    at: datetime
    undo_until: datetime
    undone_at: datetime | None
    done: int
    refused: int
    outcomes: list[OutcomeOut]


@router.post("/work-orders/bulk")
def act_on_many(body: BulkIn, caller: CallerDep, session: SessionDep, now: NowDep) -> BulkOut:
    """Assigns, transfers, routes, holds, resumes, cancels or sets the priority of up to 1000 orders; each that refuses
    says why and holds up no other."""
    request = bulk.BulkRequest(
        body.action, tuple(body.order_ids) if body.order_ids is not None else None,
        body.filter.told() if body.filter is not None else None, body.unit_id, body.reason or "", body.priority,
    )  # fmt: skip
    return _out(bulk.act_on_many(session, caller, body.key, request, now))


@router.get("/work-orders/bulk/{bulk_id}")
def get_bulk(bulk_id: RowId, caller: CallerDep, session: SessionDep) -> BulkOut:
    """What became of each order."""
    return _out(bulk.get_bulk(session, caller, bulk_id))


@router.post("/work-orders/bulk/{bulk_id}/undo")
def undo(bulk_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> BulkOut:
    """Within half an hour returns each order to where it was, unless it has moved since."""
    return _out(bulk.undo(session, caller, bulk_id, now))


def _out(row: BulkAction) -> BulkOut:
    outcomes = [
        OutcomeOut(
            order_id=item.order_id, done=item.code is None, code=item.code, detail=item.detail, undone=item.undone,
            undo_code=item.undo_code, undo_detail=item.undo_detail,
        )
        for item in row.items
    ]  # fmt: skip
    outcomes += [_unknown(order_id) for order_id in bulk.unknown_ids(row)]
    done = sum(one.done for one in outcomes)
    return BulkOut(
        id=row.id, action=row.kind, at=row.at, undo_until=row.undo_until, undone_at=row.undone_at, done=done,
        refused=len(outcomes) - done, outcomes=sorted(outcomes, key=lambda one: one.order_id),
    )  # fmt: skip


def _unknown(order_id: int) -> OutcomeOut:
    detail = f"expected a work order that you may see, got id {order_id}"
    return OutcomeOut(order_id=order_id, done=False, code="work_order.unknown", detail=detail, undone=None,
                      undo_code=None, undo_detail=None)  # fmt: skip

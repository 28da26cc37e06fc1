"""The repairs: every order with how late it is, and one order with its evidence and what may be done next."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role
from service.core.api import RuntimeDep, SessionDep
from service.core.errors import NotFound, RasidError
from service.core.fields import RowId
from service.web.due import read_due
from service.web.evidence import read_history, read_shot
from service.web.forms import attempt, whole_number
from service.web.order_forms import ACTIONS, Asked, OrderForm, OrderFormDep
from service.web.pages import SignedInPage, page_for, see_other
from service.work_orders import access
from service.work_orders.listing import OrderFilter, page_of_orders
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.operations import visible_units
from service.work_orders.states import WorkOrderAction, WorkOrderState

router = APIRouter(prefix="/work-orders")
OrderPage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_WORK_ORDERS))]
SHOWN = 100


@router.get("")
def list_orders(
    page: OrderPage, session: SessionDep, state: str = "", unit: str = "", late: str = "",
    after: Annotated[str, Query()] = "",
) -> Response:  # fmt: skip
    chosen = WorkOrderState(state) if state in set(WorkOrderState) else None
    wanted = OrderFilter(state=chosen, unit_id=whole_number(unit), overdue=True if late else None)
    listed = page_of_orders(session, page.caller, wanted, page.now, after=after or None, limit=SHOWN)
    choices = {"state": chosen, "unit": whole_number(unit), "late": "1" if late else None}
    kept = {name: value for name, value in choices.items() if value is not None}
    return page.render(
        "work_orders.html",
        rows=[(row, read_due(row, page.now)) for row in listed.items],
        chosen=choices,
        units=_units(session, page),
        next_page=f"?{urlencode(kept | {'after': listed.next})}" if listed.next else None,
        first_page=f"?{urlencode(kept)}" if after else None,
    )


@router.get("/{order_id}")
def show_order(page: OrderPage, session: SessionDep, order_id: RowId) -> Response:
    return _order_page(page, session, order_id)


@router.post("/{order_id}/{action}")
def act(
    page: OrderPage, session: SessionDep, runtime: RuntimeDep, order_id: RowId, action: WorkOrderAction,
    form: OrderFormDep,
) -> Response:  # fmt: skip
    if action not in ACTIONS:
        raise NotFound("page.unknown", f"expected one of {', '.join(ACTIONS)}, got {action.value}")
    refusal = attempt(session, lambda: ACTIONS[action](Asked(session, runtime, page.caller, page.now, order_id, form)))
    if refusal:
        session.expire_all()  # the order is shown as it is, not as the refused form left it
        return _order_page(page, session, order_id, refusal, form)
    return see_other(f"/work-orders/{order_id}")


def _order_page(
    page: SignedInPage, session: Session, order_id: int, refusal: RasidError | None = None,
    form: OrderForm | None = None,
) -> Response:  # fmt: skip
    order = access.get_order(session, page.caller, order_id)
    best = order.defect.best_detection
    return page.render(
        "work_order.html",
        refusal.status if refusal else 200,
        order=order,
        due=read_due(order, page.now),
        shot=read_shot(session, best) if best else None,
        proofs=access.list_proofs(session, order.id),
        history=read_history(session, "work_order", order.id),
        actions=[action for action in map(WorkOrderAction, access.actions_of(page.caller, order)) if action in ACTIONS],
        units=_units(session, page, order),
        refusal=refusal,
        form=form,
    )


def _units(session: Session, page: SignedInPage, order: WorkOrder | None = None) -> list[Unit]:
    """To choose from: of the order's municipality and active, or all that the caller sees."""
    statement = visible_units(page.caller)
    if order is not None:
        statement = statement.where(Unit.municipality_id == order.municipality_id, Unit.active)
    if page.caller.role is Role.UNIT:
        statement = statement.where(Unit.id == page.caller.unit_id)
    return list(session.scalars(statement.order_by(Unit.municipality_id, Unit.id)))

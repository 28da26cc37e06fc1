"""The repairs: every order with how late it is, and one order with its evidence and what may be done next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role
from service.core.api import RuntimeDep, SessionDep
from service.core.errors import RasidError, Unprocessable
from service.core.runtime import Runtime
from service.web.due import read_due
from service.web.evidence import read_history, read_shot
from service.web.forms import attempt, plain_text, whole_number
from service.web.pages import SignedInPage, page_for, see_other
from service.work_orders import access, proofs, service
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.operations import visible_units
from service.work_orders.states import WorkOrderAction, WorkOrderState

router = APIRouter(prefix="/work-orders")
OrderPage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_WORK_ORDERS))]
SHOWN = 100
REASON_LENGTH, NOTE_LENGTH = 500, 1000


@dataclass(frozen=True)
class OrderForm:
    """What the forms of an order send; each action reads its own fields."""

    unit: str
    reason: str
    note: str
    quantity: str
    photo: UploadFile | None


def order_form(
    unit: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "", note: Annotated[str, Form()] = "",
    quantity: Annotated[str, Form()] = "", photo: Annotated[UploadFile | None, File()] = None,
) -> OrderForm:  # fmt: skip
    return OrderForm(unit, reason, note, quantity, photo)


@router.get("")
def list_orders(
    page: OrderPage, session: SessionDep, state: str = "", unit: str = "", late: str = "",
    after: Annotated[str, Query()] = "",
) -> Response:  # fmt: skip
    chosen = WorkOrderState(state) if state in set(WorkOrderState) else None
    rows, following = access.list_orders(
        session, page.caller, page.now, state=chosen, unit_id=whole_number(unit), overdue=True if late else None,
        after=whole_number(after), limit=SHOWN,
    )  # fmt: skip
    choices = {"state": chosen, "unit": whole_number(unit), "late": "1" if late else None}
    kept = {name: value for name, value in choices.items() if value is not None}
    return page.render(
        "work_orders.html",
        rows=[(row, read_due(row, page.now)) for row in rows],
        chosen=choices,
        units=_units(session, page),
        next_page=f"?{urlencode(kept | {'after': following})}" if following else None,
        first_page=f"?{urlencode(kept)}" if after else None,
    )


@router.get("/{order_id}")
def show_order(page: OrderPage, session: SessionDep, order_id: int) -> Response:
    return _order_page(page, session, order_id)


@router.post("/{order_id}/{action}")
def act(
    page: OrderPage, session: SessionDep, runtime: RuntimeDep, order_id: int, action: WorkOrderAction,
    form: Annotated[OrderForm, Depends(order_form)],
) -> Response:  # fmt: skip
    refusal = attempt(session, lambda: ACTIONS[action](page, session, runtime, order_id, form))
    if refusal:
        session.expire_all()  # the order is shown as it is, not as the refused form left it
        return _order_page(page, session, order_id, refusal, form)
    return see_other(f"/work-orders/{order_id}")


def _assign(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.assign(session, page.caller, order_id, whole_number(form.unit), page.now)


def _start(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.start(session, page.caller, order_id, page.now)


def _report_done(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    if form.photo is None or not form.photo.filename:
        raise Unprocessable("proof.photo", "expected a photo of the finished repair, got none")
    proofs.report_done(
        session,
        runtime.store,
        runtime.settings,
        page.caller,
        order_id,
        photo=form.photo.file.read(runtime.settings.max_image_bytes + 1),
        quantity=_quantity(form.quantity),
        note=_note(form),
        now=page.now,
    )


def _pass(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.inspect(session, page.caller, order_id, passed=True, note=_note(form), now=page.now)


def _fail(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.inspect(session, page.caller, order_id, passed=False, note=_note(form), now=page.now)


def _hold(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.hold(session, page.caller, order_id, _reason(form), page.now)


def _resume(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.resume(session, page.caller, order_id, page.now)


def _cancel(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.cancel(session, page.caller, order_id, _reason(form), page.now)


def _reopen(page: SignedInPage, session: Session, runtime: Runtime, order_id: int, form: OrderForm) -> None:
    service.reopen(session, page.caller, order_id, _reason(form), page.now)


Act = Callable[[SignedInPage, Session, Runtime, int, OrderForm], None]
ACTIONS: dict[WorkOrderAction, Act] = {
    WorkOrderAction.ASSIGN: _assign,
    WorkOrderAction.START: _start,
    WorkOrderAction.REPORT_DONE: _report_done,
    WorkOrderAction.PASS: _pass,
    WorkOrderAction.FAIL: _fail,
    WorkOrderAction.HOLD: _hold,
    WorkOrderAction.RESUME: _resume,
    WorkOrderAction.CANCEL: _cancel,
    WorkOrderAction.REOPEN: _reopen,
}


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
        inspections=access.list_inspections(session, order.id),
        history=read_history(session, "work_order", order.id),
        actions=[WorkOrderAction(action) for action in access.actions_of(page.caller, order)],
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


def _reason(form: OrderForm) -> str:
    reason = plain_text(form.reason, "work_order.reason", REASON_LENGTH, required=True)
    assert reason is not None
    return reason


def _note(form: OrderForm) -> str | None:
    return plain_text(form.note, "work_order.note", NOTE_LENGTH)


def _quantity(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Unprocessable("proof.quantity", f"expected the measured quantity, above 0, got {text!r}") from error

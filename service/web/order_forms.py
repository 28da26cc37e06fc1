"""What the forms of a work order ask for, and which step of its life each one takes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, File, Form, UploadFile
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import Unprocessable
from service.core.runtime import Runtime
from service.web.forms import plain_text, whole_number
from service.work_orders import proofs, service
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderAction

REASON_LENGTH, NOTE_LENGTH = 500, 1000


@dataclass(frozen=True)
class OrderForm:
    """The fields of all forms; each action reads its own."""

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


OrderFormDep = Annotated[OrderForm, Depends(order_form)]


@dataclass(frozen=True)
class Asked:
    """One person's request to take an order one step on."""

    session: Session
    runtime: Runtime
    caller: Caller
    now: datetime
    order_id: int
    form: OrderForm

    @property
    def reason(self) -> str:
        return plain_text(self.form.reason, "work_order.reason", REASON_LENGTH, required=True) or ""

    @property
    def note(self) -> str | None:
        return plain_text(self.form.note, "work_order.note", NOTE_LENGTH)


def _assign(asked: Asked) -> WorkOrder:
    unit_id = whole_number(asked.form.unit)
    return service.assign(asked.session, asked.caller, asked.order_id, unit_id, asked.now)


def _start(asked: Asked) -> WorkOrder:
    return service.start(asked.session, asked.caller, asked.order_id, asked.now)


def _report_done(asked: Asked) -> WorkOrder:
    form, settings = asked.form, asked.runtime.settings
    if form.photo is None or not form.photo.filename:
        raise Unprocessable("proof.photo", "expected a photo of the finished repair, got none")
    photo, quantity = form.photo.file.read(settings.max_image_bytes + 1), _quantity(form.quantity)
    return proofs.report_done(
        asked.session, asked.runtime, asked.caller, asked.order_id,
        photo=photo, quantity=quantity, note=asked.note, now=asked.now,
    )  # fmt: skip


def _pass(asked: Asked) -> WorkOrder:
    return _inspect(asked, passed=True)


def _fail(asked: Asked) -> WorkOrder:
    return _inspect(asked, passed=False)


def _inspect(asked: Asked, *, passed: bool) -> WorkOrder:
    return service.inspect(asked.session, asked.caller, asked.order_id, passed=passed, note=asked.note, now=asked.now)


def _hold(asked: Asked) -> WorkOrder:
    return service.hold(asked.session, asked.caller, asked.order_id, asked.reason, asked.now)


def _resume(asked: Asked) -> WorkOrder:
    return service.resume(asked.session, asked.caller, asked.order_id, asked.now)


def _cancel(asked: Asked) -> WorkOrder:
    return service.cancel(asked.session, asked.caller, asked.order_id, asked.reason, asked.now)


def _reopen(asked: Asked) -> WorkOrder:
    return service.reopen(asked.session, asked.caller, asked.order_id, asked.reason, asked.now)


ACTIONS: dict[WorkOrderAction, Callable[[Asked], WorkOrder]] = {
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


def _quantity(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Unprocessable("proof.quantity", f"expected a quantity above 0, got {text!r}") from error

"""The life of a work order as one table, so that every move is possible, permitted or refused for a written
reason."""

from enum import StrEnum

from service.accounts.permissions import Permission
from service.core.errors import Conflict


class WorkOrderState(StrEnum):
    OPEN = "open"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    DONE = "done"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class WorkOrderAction(StrEnum):
    ASSIGN = "assign"
    START = "start"
    REPORT_DONE = "report_done"
    PASS = "pass"
    FAIL = "fail"
    HOLD = "hold"
    RESUME = "resume"
    CANCEL = "cancel"
    REOPEN = "reopen"


S, A = WorkOrderState, WorkOrderAction
MOVES: dict[tuple[WorkOrderState, WorkOrderAction], WorkOrderState] = {
    (S.OPEN, A.ASSIGN): S.ASSIGNED,
    (S.ASSIGNED, A.START): S.IN_PROGRESS,
    (S.IN_PROGRESS, A.REPORT_DONE): S.DONE,
    (S.DONE, A.PASS): S.CLOSED,
    (S.DONE, A.FAIL): S.IN_PROGRESS,
    (S.OPEN, A.HOLD): S.ON_HOLD,
    (S.ASSIGNED, A.HOLD): S.ON_HOLD,
    (S.IN_PROGRESS, A.HOLD): S.ON_HOLD,
    (S.OPEN, A.CANCEL): S.CANCELLED,
    (S.ASSIGNED, A.CANCEL): S.CANCELLED,
    (S.IN_PROGRESS, A.CANCEL): S.CANCELLED,
    (S.ON_HOLD, A.CANCEL): S.CANCELLED,
    (S.CLOSED, A.REOPEN): S.OPEN,
}  # and on_hold -resume-> where it was: `advance`

HOLDABLE = frozenset(state for state, action in MOVES if action is A.HOLD)

# Any one of these lets a user do it; a unit's user works on the orders of that unit alone.
PERMISSIONS: dict[WorkOrderAction, frozenset[Permission]] = {
    A.ASSIGN: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.START: frozenset({Permission.WORK}),
    A.REPORT_DONE: frozenset({Permission.WORK}),
    A.PASS: frozenset({Permission.INSPECT}),
    A.FAIL: frozenset({Permission.INSPECT}),
    A.HOLD: frozenset({Permission.WORK, Permission.MANAGE_WORK_ORDERS}),
    A.RESUME: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.CANCEL: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.REOPEN: frozenset({Permission.MANAGE_WORK_ORDERS}),
}


def advance(state: WorkOrderState, action: WorkOrderAction, held_from: WorkOrderState | None = None) -> WorkOrderState:
    """The state that the action leads to; `held_from` is where an order on hold returns on resume.

    Raises Conflict naming what the present state allows.
    """
    if state is S.ON_HOLD and action is A.RESUME and held_from in HOLDABLE:
        return held_from
    try:
        return MOVES[state, action]
    except KeyError:
        choices = allowed(state)
        raise Conflict("work_order.state", _refusal(state, action), state=state.value, allowed=choices) from None


def allowed(state: WorkOrderState) -> list[str]:
    resume = [A.RESUME.value] if state is S.ON_HOLD else []
    return resume + [action.value for (start, action) in MOVES if start is state]


def _refusal(state: WorkOrderState, action: WorkOrderAction) -> str:
    choices = ", ".join(allowed(state)) or "no further action"
    return f"expected {choices} for a {state.value} order, got {action.value}; reload and choose again"

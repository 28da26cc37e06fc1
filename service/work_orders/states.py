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
    REFERRED = "referred"  # another agency must do it
    DONE = "done"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"  # done with another order


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
    REFUSE = "refuse"  # by the unit: back to dispatch
    TRANSFER = "transfer"
    SPLIT = "split"
    MERGE = "merge"  # into another order
    REFER = "refer"
    AGENCY_DONE = "agency_done"
    AGENCY_BACK = "agency_back"  # declined or returned


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
    (S.MERGED, A.REOPEN): S.OPEN,  # its repair did not last
    (S.MERGED, A.CANCEL): S.CANCELLED,
    (S.ASSIGNED, A.REFUSE): S.OPEN,
    (S.IN_PROGRESS, A.REFUSE): S.OPEN,
    (S.ASSIGNED, A.TRANSFER): S.ASSIGNED,
    (S.IN_PROGRESS, A.TRANSFER): S.ASSIGNED,
    (S.OPEN, A.SPLIT): S.OPEN,
    (S.ASSIGNED, A.SPLIT): S.ASSIGNED,
    (S.IN_PROGRESS, A.SPLIT): S.IN_PROGRESS,
    (S.OPEN, A.MERGE): S.MERGED,
    (S.ASSIGNED, A.MERGE): S.MERGED,
    (S.OPEN, A.REFER): S.REFERRED,
    (S.ASSIGNED, A.REFER): S.REFERRED,
    (S.IN_PROGRESS, A.REFER): S.REFERRED,
    (S.REFERRED, A.AGENCY_DONE): S.DONE,
    (S.REFERRED, A.AGENCY_BACK): S.OPEN,
    (S.REFERRED, A.CANCEL): S.CANCELLED,
}  # and on_hold -resume-> where it was: `advance`

CLOCK_STOPPED = frozenset({S.ON_HOLD, S.REFERRED})  # from `held_at` on
ENDED = frozenset({S.CLOSED, S.CANCELLED, S.MERGED})
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
    A.REFUSE: frozenset({Permission.WORK}),
    A.TRANSFER: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.SPLIT: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.MERGE: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.REFER: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.AGENCY_DONE: frozenset({Permission.MANAGE_WORK_ORDERS}),
    A.AGENCY_BACK: frozenset({Permission.MANAGE_WORK_ORDERS}),
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

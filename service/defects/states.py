"""The life of a defect as one table, so that every move is possible, permitted or refused for a written
reason."""

from enum import StrEnum

from datasets.taxonomy import BY_KEY
from service.accounts.permissions import Permission
from service.core.errors import Conflict


class DefectState(StrEnum):
    """A candidate waits for a person; confirmed is work; rejected, merged and resolved ask for none."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    MERGED = "merged"
    RESOLVED = "resolved"


class DefectAction(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    MERGE = "merge"
    RECLASSIFY = "reclassify"
    MOVE = "move"  # a person corrected one of its boxes
    RESOLVE = "resolve"  # its repair was inspected and closed
    REOPEN = "reopen"  # seen again after its repair
    VANISH = "vanish"  # it went without our work: passes looked and saw nothing, and a person agrees
    RETURN = "return"  # seen again after it had vanished: a person decides anew


S, A = DefectState, DefectAction
MOVES: dict[tuple[DefectState, DefectAction], DefectState] = {
    (S.CANDIDATE, A.ACCEPT): S.CONFIRMED,
    (S.CANDIDATE, A.REJECT): S.REJECTED,
    (S.CANDIDATE, A.MERGE): S.MERGED,
    (S.CANDIDATE, A.RECLASSIFY): S.CANDIDATE,
    (S.CANDIDATE, A.MOVE): S.CANDIDATE,
    (S.CONFIRMED, A.MOVE): S.CONFIRMED,
    (S.RESOLVED, A.MOVE): S.RESOLVED,
    (S.CONFIRMED, A.RESOLVE): S.RESOLVED,
    (S.RESOLVED, A.REOPEN): S.CONFIRMED,
    (S.CANDIDATE, A.VANISH): S.RESOLVED,
    (S.CONFIRMED, A.VANISH): S.RESOLVED,
    (S.RESOLVED, A.RETURN): S.CANDIDATE,
}

# Who may ask for it; resolve, reopen and return also follow from a work order and from the machine path.
PERMISSIONS: dict[DefectAction, Permission] = {
    A.ACCEPT: Permission.REVIEW,
    A.REJECT: Permission.REVIEW,
    A.MERGE: Permission.REVIEW,
    A.RECLASSIFY: Permission.REVIEW,
    A.MOVE: Permission.REVIEW,
    A.RESOLVE: Permission.INSPECT,
    A.REOPEN: Permission.MANAGE_WORK_ORDERS,
    A.VANISH: Permission.INSPECT,
    A.RETURN: Permission.REVIEW,
}


def advance(state: DefectState, action: DefectAction) -> DefectState:
    """The state that the action leads to; raises Conflict naming what the present state allows."""
    try:
        return MOVES[state, action]
    except KeyError:
        raise Conflict("defect.state", _refusal(state, action), state=state.value, allowed=allowed(state)) from None


def machine_may_confirm(class_key: str) -> bool:
    """False where a person decides each time: the model is not trusted with the class, or the class needs it."""
    kind = BY_KEY[class_key]
    return not (kind.experimental or kind.needs_person)


def allowed(state: DefectState) -> list[str]:
    return [action.value for (start, action) in MOVES if start is state]


def _refusal(state: DefectState, action: DefectAction) -> str:
    choices = ", ".join(allowed(state)) or "no further action"
    return f"expected {choices} for a {state.value} defect, got {action.value}; reload and choose again"

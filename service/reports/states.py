"""The life of a citizen's report as one table, and what of it other software is told."""

from enum import StrEnum

from service.core.errors import Conflict


class ReportState(StrEnum):
    RECEIVED = "received"  # nobody has decided yet
    ACCEPTED = "accepted"  # it belongs to a defect
    REFERRED = "referred"  # another agency has it
    REJECTED = "rejected"
    IN_WORK = "in_work"
    CLOSED = "closed"
    REOPENED = "reopened"  # the reporter, a person or a later pass says that it is not mended


class ReportAction(StrEnum):
    ACCEPT = "accept"
    REFER = "refer"
    REJECT = "reject"
    START = "start"
    CLOSE = "close"
    REOPEN = "reopen"


class Step(StrEnum):
    """What a reporter is told, finer than the state."""

    RECEIVED = "received"
    INSPECTION = "inspection"  # a candidate: somebody will look
    CONFIRMED = "confirmed"  # a work order is open
    WORK_BEGUN = "work_begun"
    WORK_DONE = "work_done"  # reported done, to be checked
    REFERRED = "referred"
    REJECTED = "rejected"
    FIXED = "fixed"
    GONE = "gone"
    CLOSED = "closed"  # by a person, with words of their own
    REOPENED = "reopened"
    ANSWERED = "answered"  # words alone; the state stays


S, A = ReportState, ReportAction
MOVES: dict[tuple[ReportState, ReportAction], ReportState] = {
    (S.RECEIVED, A.ACCEPT): S.ACCEPTED,
    (S.REOPENED, A.ACCEPT): S.ACCEPTED,
    (S.REFERRED, A.ACCEPT): S.ACCEPTED,  # the agency sent it back
    (S.RECEIVED, A.REFER): S.REFERRED,
    (S.ACCEPTED, A.REFER): S.REFERRED,
    (S.IN_WORK, A.REFER): S.REFERRED,
    (S.REOPENED, A.REFER): S.REFERRED,
    (S.RECEIVED, A.REJECT): S.REJECTED,
    (S.ACCEPTED, A.REJECT): S.REJECTED,
    (S.REOPENED, A.REJECT): S.REJECTED,
    (S.RECEIVED, A.START): S.IN_WORK,
    (S.ACCEPTED, A.START): S.IN_WORK,
    (S.REOPENED, A.START): S.IN_WORK,
    (S.REFERRED, A.START): S.IN_WORK,
    (S.RECEIVED, A.CLOSE): S.CLOSED,
    (S.ACCEPTED, A.CLOSE): S.CLOSED,
    (S.IN_WORK, A.CLOSE): S.CLOSED,
    (S.REFERRED, A.CLOSE): S.CLOSED,
    (S.REOPENED, A.CLOSE): S.CLOSED,
    (S.CLOSED, A.REOPEN): S.REOPENED,
    (S.REJECTED, A.REOPEN): S.REOPENED,
}
OVER = frozenset({S.CLOSED, S.REJECTED})
LIVE = frozenset(S) - OVER


def advance(state: ReportState, action: ReportAction) -> ReportState:
    """The state that the action leads to; raises Conflict naming what the present state allows."""
    try:
        return MOVES[state, action]
    except KeyError:
        choices = ", ".join(allowed(state)) or "no further action"
        detail = f"expected {choices} for a {state.value} report, got {action.value}; reload and choose again"
        raise Conflict("report.state", detail, state=state.value, allowed=allowed(state)) from None


def allowed(state: ReportState) -> list[str]:
    return [action.value for (start, action) in MOVES if start is state]


def open311_status(state: ReportState) -> str:
    """GeoReport v2 knows open and closed alone."""
    return "closed" if state in OVER else "open"

"""What a report becomes by what happens to its defect and work order, as one rule."""

from dataclasses import dataclass
from datetime import datetime

from service.reports.states import OVER, ReportAction, ReportState, Step

S = ReportState
ACTIONS: dict[Step, ReportAction] = {
    Step.CONFIRMED: ReportAction.ACCEPT,
    Step.WORK_BEGUN: ReportAction.START,
    Step.WORK_DONE: ReportAction.START,
    Step.REFERRED: ReportAction.REFER,
    Step.REJECTED: ReportAction.REJECT,
    Step.FIXED: ReportAction.CLOSE,
    Step.GONE: ReportAction.CLOSE,
    Step.REOPENED: ReportAction.REOPEN,
}
LEADS_TO: dict[Step, ReportState] = {
    Step.CONFIRMED: S.ACCEPTED, Step.WORK_BEGUN: S.IN_WORK, Step.WORK_DONE: S.IN_WORK, Step.REFERRED: S.REFERRED,
    Step.REJECTED: S.REJECTED, Step.FIXED: S.CLOSED, Step.GONE: S.CLOSED, Step.REOPENED: S.REOPENED,
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """A report beside its defect and that one's order, states as they are stored."""

    state: ReportState
    step: Step
    closed_at: datetime | None
    reopened_at: datetime | None
    defect_state: str
    defect_gone: bool  # it went without our work
    resolved_at: datetime | None
    order_state: str | None = None  # of the order that was not cancelled
    order_opened_at: datetime | None = None
    referred_by_person: bool = False  # the report itself; else its order was


def next_step(facts: Facts) -> Step | None:
    """The step that is due now; None where the report already says what is so.

    A report that a person closed, and one that its reporter reopened, follow only what happens afterwards.
    """
    if facts.state in OVER:
        return Step.REOPENED if _came_back(facts) else None
    if facts.defect_state == "resolved":
        if facts.reopened_at and (facts.resolved_at is None or facts.resolved_at <= facts.reopened_at):
            return None
        return Step.GONE if facts.defect_gone else Step.FIXED
    if facts.defect_state == "rejected":
        return Step.REJECTED if facts.state in {S.RECEIVED, S.ACCEPTED, S.REOPENED} else None
    return _by_order(facts) if facts.defect_state == "confirmed" else None


def _by_order(facts: Facts) -> Step | None:
    if facts.order_state == "in_progress":
        return Step.WORK_BEGUN if facts.state is not S.IN_WORK else None
    if facts.order_state == "done":
        return None if facts.state is S.IN_WORK and facts.step is Step.WORK_DONE else Step.WORK_DONE
    if facts.order_state == "referred":
        return Step.REFERRED if facts.state is not S.REFERRED else None
    if facts.order_state == "open" and facts.state is S.REFERRED and not facts.referred_by_person:
        return Step.CONFIRMED  # the agency sent it back
    if facts.state in {S.RECEIVED, S.REOPENED} or (facts.state is S.ACCEPTED and facts.step is Step.INSPECTION):
        return Step.CONFIRMED if facts.order_state != "closed" else None
    return None


def _came_back(facts: Facts) -> bool:
    """Its repair did not last: the order was opened again after the report was closed."""
    live = facts.order_state not in {None, "closed", "cancelled", "merged"}
    after = facts.order_opened_at and facts.closed_at and facts.order_opened_at > facts.closed_at
    return facts.defect_state == "confirmed" and live and bool(after)

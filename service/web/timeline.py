"""A defect over time, as a page shows it: what each pass saw or did not see, with repairs and relapses between."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.events import Event
from service.defects.access import list_events
from service.defects.models import Defect
from service.defects.visits import Pass, list_visits
from service.web.words import EVENTS
from service.work_orders.models import WorkOrder

SHOWN = 60
MARKS = {
    ("work_order", "report_done"): "repaired",
    ("defect", "resolve"): "repaired",
    ("defect", "vanish"): "repaired",
    ("defect", "reopen"): "relapsed",
    ("defect", "return"): "relapsed",
}


@dataclass(frozen=True)
class Entry:
    """A pass, or a mark between passes with its message to translate."""

    at: datetime
    seen: Pass | None = None
    mark: str = ""
    what: str = ""


@dataclass(frozen=True)
class Timeline:
    """The oldest first; `more`: there are still older passes."""

    entries: Sequence[Entry]
    more: bool


def read_timeline(session: Session, defect: Defect) -> Timeline:
    passes, following = list_visits(session, defect, None, SHOWN)
    entries = [Entry(one.visit.first_at, one) for one in passes]
    marks = [Entry(event.at, None, MARKS[_kind(event)], EVENTS[_kind(event)]) for event in _events(session, defect.id)]
    begun_at = min((entry.at for entry in entries), default=None)
    shown = marks if following is None or begun_at is None else [mark for mark in marks if mark.at >= begun_at]
    return Timeline(sorted([*entries, *shown], key=lambda entry: entry.at), following is not None)


def _events(session: Session, defect_id: int) -> Iterable[Event]:
    orders = session.scalars(select(WorkOrder.id).where(WorkOrder.defect_id == defect_id))
    subjects = [("defect", defect_id), *(("work_order", order_id) for order_id in orders)]
    return [event for subject in subjects for event in list_events(session, *subject) if _kind(event) in MARKS]


def _kind(event: Event) -> tuple[str, str]:
    return event.subject_kind, event.action

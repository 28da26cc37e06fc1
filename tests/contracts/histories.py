"""Orders with events as the work order room writes them, random or told step by step."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from service.contracts.history import Fact, OrderFacts
from service.contracts.terms import Penalty, PenaltyKind, Price, Terms

START = datetime(2026, 2, 25, 6, 0, tzinfo=UTC)
OURS, OTHERS = 7, 8
NEXT = {
    "new": ("open",),
    "open": ("assign", "cancel", "hold"),
    "assigned": ("start", "transfer", "hold", "refuse"),
    "in_progress": ("report_done", "report_done", "hold", "refer"),
    "done": ("pass", "pass", "fail"),
    "closed": ("reopen",),
    "on_hold": ("resume",),
    "cancelled": (),
    "referred": ("agency_done", "agency_back"),
}
LEADS = {
    "open": "open", "assign": "assigned", "transfer": "assigned", "start": "in_progress", "report_done": "done",
    "pass": "closed", "fail": "in_progress", "hold": "on_hold", "cancel": "cancelled", "reopen": "open",
    "merge": "merged", "refuse": "open", "refer": "referred", "agency_done": "done", "agency_back": "open",
}  # fmt: skip


@dataclass
class Story:
    """Writes an order's events; the due time moves as the service level moves it."""

    order_id: int = 1
    first_event_id: int = 1
    hours: int = 48
    class_key: str = "pothole"
    now: datetime = START
    state: str = "new"
    due_at: datetime | None = None
    held: tuple[str, datetime] | None = None
    facts: list[Fact] = field(default_factory=list)

    def then(self, action: str, /, after_h: float = 1, **data: Any) -> "Story":
        self.now += timedelta(hours=after_h)
        if action == "hold":
            self.held = (self.state, self.now)
        if action == "reopen":
            data = {"due_at": self.due_at and self.due_at.isoformat(), "reason": "seen again"} | data
        if action == "resume" and self.held:
            self.state, since = self.held
            self.due_at = self.due_at and self.due_at + (self.now - since)
        else:
            self.state = LEADS.get(action, self.state)
        if action in ("open", "reopen"):
            self.due_at = self.now + timedelta(hours=self.hours)
        self.facts.append(Fact(self.first_event_id + len(self.facts), self.now, action, data, self.state))
        return self

    def done(self, quantity: float, after_h: float = 1) -> "Story":
        return self.then("report_done", after_h, quantity=quantity, unit="m2")

    def repaired(self, quantity: float, after_h: float = 1) -> "Story":
        """From open to closed, by us."""
        return self.then("assign", unit_id=OURS).then("start").done(quantity, after_h).then("pass")

    def told(self) -> OrderFacts:
        return OrderFacts(self.order_id, 1, self.class_key, "m2", None, None, OURS, self.due_at, tuple(self.facts))


@st.composite
def stories(draw: st.DrawFn, order_id: int) -> OrderFacts:
    story = Story(order_id, first_event_id=order_id * 1000, hours=draw(st.integers(1, 400)))
    for _ in range(draw(st.integers(1, 25))):
        choices = NEXT[story.state]
        if not choices:
            break
        action = draw(st.sampled_from(choices))
        after_h = draw(st.floats(0.01, 300, allow_nan=False))
        if action == "report_done":
            story.done(draw(st.floats(0.001, 500, allow_nan=False)), after_h)
        elif action in ("assign", "transfer"):
            story.then(action, after_h, unit_id=draw(st.sampled_from((OURS, OURS, OTHERS))))
        else:
            story.then(action, after_h)
    return story.told()


histories = st.integers(0, 4).flatmap(lambda number: st.tuples(*(stories(one) for one in range(1, number + 1))))


def terms(**changes: Any) -> Terms:
    """A year's contract for potholes: 100.00 for a square metre, at least 50.00."""
    values: dict[str, Any] = {
        "contract_id": 1, "municipality_id": 1, "unit_ids": (OURS,), "first_day": date(2026, 2, 1),
        "last_day": date(2027, 1, 31), "vat_percent": Decimal(15), "warranty_days": 90, "prices": (price(),),
        "penalties": (
            penalty(1, PenaltyKind.BREACH, amount_halalas=50_000),
            penalty(2, PenaltyKind.LATE_HOUR, amount_halalas=1_000, cap_halalas=100_000),
            penalty(3, PenaltyKind.FAILED_REPAIR, percent=Decimal(20)),
            penalty(4, PenaltyKind.FAILED_INSPECTION, percent=Decimal("2.5")),
        ),
    }  # fmt: skip
    return Terms(**(values | changes))


def price(halalas: int = 10_000, minimum: int = 5_000, first_day: date = date(2026, 2, 1), **changes: Any) -> Price:
    values: dict[str, Any] = {
        "id": 1,
        "class_key": "pothole",
        "size_class": None,
        "quantity_unit": "m2",
        "last_day": None,
    }
    return Price(price_halalas=halalas, minimum_halalas=minimum, first_day=first_day, **(values | changes))


def penalty(number: int, kind: PenaltyKind, **changes: Any) -> Penalty:
    values: dict[str, Any] = {
        "class_key": None,
        "amount_halalas": None,
        "percent": None,
        "cap_halalas": None,
        "last_day": None,
    }
    return Penalty(id=number, kind=kind, first_day=date(2026, 2, 1), **(values | changes))

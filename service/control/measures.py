"""How each indicator is counted: from the sums, and as the rows behind it, side by side so that they agree."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_

from datasets.taxonomy import CLASSES, Unit
from service.control.counting import Tally, open_at, waiting_in_time
from service.control.periods import Span

Columns = Any  # of counting.View.cases()
Of = Callable[[Tally], float]


@dataclass(frozen=True)
class Measure:
    """`of` and `met` from the sums; `rows` and `row_met` the same as conditions on cases.

    A share is met / of; anything else is `of`, and has no value where `known` is 0. `day` is the column by which a
    case belongs to a period, None where the condition looks at the end of the period.
    """

    of: Of
    rows: Callable[[Columns, Span, datetime], ColumnElement[bool]]
    day: str | None = "day"
    met: Of | None = None
    known: Of | None = None  # 0: there is no value
    row_met: Callable[[Columns], ColumnElement[bool]] | None = None


def _sum(name: str) -> Of:
    return lambda tally: tally[name]


def _orders(*conditions: Callable[[Columns], ColumnElement[bool]]) -> Callable[..., ColumnElement[bool]]:
    return lambda c, span, now: and_(c.kind == "order", *(one(c) for one in conditions))


def _outcome(value: str) -> Callable[[Columns], ColumnElement[bool]]:
    return lambda c: c.outcome == value


def _kept(c: Columns) -> ColumnElement[bool]:
    kept: ColumnElement[bool] = c.outcome != "cancelled"
    return kept


def _in_time(c: Columns) -> ColumnElement[bool]:
    return and_(c.done_at.is_not(None), c.done_at <= c.due_at)


def _quantity(unit: Unit) -> Measure:
    keys = [one.key for one in CLASSES if one.unit is unit]
    return Measure(
        of=lambda tally: float(tally.quantity[unit]),
        rows=_orders(_outcome("treated"), lambda c: c.class_key.in_(keys)),
        day="ended_day",
    )


MEASURES: dict[str, Measure] = {
    "observed": Measure(
        _sum("observed"), lambda c, span, now: and_(c.kind == "defect", c.outcome.not_in(("merged", "rejected")))
    ),
    "received": Measure(_sum("received"), _orders()),
    "cancelled": Measure(_sum("cancelled"), _orders(_outcome("cancelled"))),
    "treated": Measure(_sum("treated"), _orders(_outcome("treated"))),
    "percent_treated": Measure(
        lambda tally: tally["received"] - tally["cancelled"], _orders(_kept),
        met=_sum("treated"), row_met=_outcome("treated"),
    ),
    "percent_in_time": Measure(
        lambda tally: tally["received"] - tally["cancelled"] - tally.waiting_in_time,
        lambda c, span, now: and_(c.kind == "order", _kept(c), ~waiting_in_time(c, now)),
        met=_sum("in_time"), row_met=_in_time,
    ),
    "percent_satisfied": Measure(
        _sum("rated"), lambda c, span, now: c.kind == "rating", met=_sum("satisfied"), row_met=_outcome("satisfied")
    ),
    "open": Measure(
        lambda tally: sum(tally.open_by_age.values()),
        lambda c, span, now: open_at(c, min(now, span.ends_at), now), day=None,
    ),
    "completed": Measure(_sum("completed"), _orders(_outcome("treated")), day="ended_day"),
    **{f"completed_{unit.value}": _quantity(unit) for unit in Unit},
    "cost": Measure(
        lambda tally: float(tally.sums["cost"]), _orders(lambda c: c.cost.is_not(None)), known=_sum("costed")
    ),
    "percent_repairs_lasting": Measure(
        _sum("repairs"), lambda c, span, now: and_(c.kind == "repair", c.outcome != "unverified"),
        met=_sum("repairs_lasting"), row_met=_outcome("good"),
    ),
    "precision": Measure(
        _sum("judged"), lambda c, span, now: c.kind == "verdict",
        met=_sum("judged_right"), row_met=_outcome("accepted"),
    ),
}  # fmt: skip

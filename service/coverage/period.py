"""The days that figures of coverage are asked for."""

from dataclasses import dataclass
from datetime import date, timedelta

from service.core.errors import Unprocessable

PERIOD_DAYS = 365  # where no first day is asked for


@dataclass(frozen=True)
class Period:
    """UTC days, both counted."""

    first: date
    last: date

    def of(self, municipality_id: int) -> dict[str, object]:
        """The parameters of a query."""
        return {"municipality_id": municipality_id, "first": self.first, "last": self.last}


def period_of(first: date | None, last: date | None, today: date) -> Period:
    """The days asked for, both counted; raises Unprocessable for a period that ends before it begins."""
    last = last or today
    first = first or max(date.min + timedelta(PERIOD_DAYS), last) - timedelta(PERIOD_DAYS - 1)
    if first > last:
        raise Unprocessable("coverage.period", f"expected from <= to, got from {first} to {last}")
    return Period(first, last)

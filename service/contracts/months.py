"""A month as the municipality's book-keeping counts it: by the clock of Riyadh, not of Greenwich."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from service.core.hijri import SAUDI_TIME


@dataclass(frozen=True, order=True)
class Month:
    """`str(Month(2026, 3))` is 2026-03."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def start(self) -> datetime:
        """UTC."""
        return datetime(self.year, self.number, 1, tzinfo=SAUDI_TIME).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """UTC; the first moment that is no longer in it."""
        return self.next.start

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def before(self) -> "Month":
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)


def month_of(at: datetime | date) -> Month:
    day = day_of(at) if isinstance(at, datetime) else at
    return Month(day.year, day.month)


def parse_month(text: str) -> Month:
    """Raises ValueError for anything but YYYY-MM from 2000 to 2999."""
    year, _, number = text.partition("-")
    if not (len(text) == 7 and text.isascii() and year.isdigit() and number.isdigit()):
        raise ValueError(f"expected a month like 2026-03, got {text!r}")
    if not (2000 <= int(year) <= 2999 and 1 <= int(number) <= 12):
        raise ValueError(f"expected a month from 2000-01 to 2999-12, got {text!r}")
    return Month(int(year), int(number))


def day_of(at: datetime) -> date:
    """The day in Riyadh."""
    return at.astimezone(SAUDI_TIME).date()

"""The periods that figures are asked for: Saudi days, weeks from Sunday, months of both calendars, any days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from hijridate import Gregorian, Hijri

from service.core.errors import Unprocessable
from service.core.fields import FIRST_DAY, LAST_DAY
from service.core.hijri import SAUDI_TIME

DAY = timedelta(days=1)
MOST_DAYS = 3660


class PeriodKind(StrEnum):
    DAY = "day"
    WEEK = "week"  # Sunday to Saturday
    MONTH = "month"
    HIJRI_MONTH = "hijri_month"  # Umm al-Qura
    RANGE = "range"


@dataclass(frozen=True)
class Span:
    """Days in Saudi time, both counted."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def ends_at(self) -> datetime:
        """The midnight after the last day."""
        return datetime.combine(self.last + DAY, time(), SAUDI_TIME).astimezone(UTC)

    @property
    def whole_months(self) -> "Span | None":
        """Of the Gregorian calendar; None where it holds none."""
        first = self.first if self.first.day == 1 else _next_month(self.first)
        last = (self.last + DAY).replace(day=1) - DAY
        return Span(first, last) if first < last else None

    def until(self, last: date) -> "Span":
        """Its part up to a day; at least the first day."""
        return Span(self.first, max(self.first, min(self.last, last)))


def _next_month(day: date) -> date:
    return (day.replace(day=28) + 4 * DAY).replace(day=1)


def saudi_day(at: datetime) -> date:
    return at.astimezone(SAUDI_TIME).date()


def span_of(kind: PeriodKind, on: date, first: date | None = None, last: date | None = None) -> Span:
    """The period of a kind that holds a day, or for a range the days given. Raises Unprocessable for a range that is
    none, for days no calendar can count around, and for Hijri months that ours (1343 to 1500 AH) knows nothing of."""
    for day in (on, first, last):
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise Unprocessable("indicators.period", f"expected days from {FIRST_DAY} to {LAST_DAY}, got {day}")
    if kind is not PeriodKind.RANGE and (first or last):
        raise Unprocessable("indicators.period", f"expected period=range with from and to, got {kind.value}")
    if kind is PeriodKind.RANGE:
        return _range(first, last)
    if kind is PeriodKind.DAY:
        return Span(on, on)
    if kind is PeriodKind.WEEK:
        sunday = on - DAY * (on.isoweekday() % 7)
        return Span(sunday, sunday + 6 * DAY)
    if kind is PeriodKind.MONTH:
        return Span(on.replace(day=1), _next_month(on) - DAY)
    return _hijri_month(on)


def before(kind: PeriodKind, span: Span, today: date) -> Span:
    """The period before, and of that no more days than the present one has had: the third day of a month is compared
    with the first three of the month before."""
    if kind is PeriodKind.RANGE:
        earlier = Span(span.first - DAY * span.days, span.first - DAY)
    else:
        earlier = span_of(kind, span.first - DAY)
    if span.first <= today < span.last:
        earlier = earlier.until(earlier.first + (today - span.first))
    return earlier


def hijri(day: date) -> str | None:
    """YYYY-MM-DD of the Umm al-Qura calendar; None outside of what it knows."""
    try:
        return str(Gregorian(day.year, day.month, day.day).to_hijri().isoformat())
    except OverflowError:
        return None


def _range(first: date | None, last: date | None) -> Span:
    if first is None or last is None or not timedelta(0) <= last - first < MOST_DAYS * DAY:
        raise Unprocessable(
            "indicators.period", f"expected from <= to, both given and at most {MOST_DAYS} days, got {first} and {last}"
        )
    return Span(first, last)


def _hijri_month(on: date) -> Span:
    try:
        day = Gregorian(on.year, on.month, on.day).to_hijri()
        begun = Hijri(day.year, day.month, 1)
        first = begun.to_gregorian()
    except OverflowError as error:
        raise Unprocessable("indicators.period", f"expected a day of 1343 to 1500 AH, got {on}") from error
    begins = date(first.year, first.month, first.day)
    return Span(begins, begins + DAY * (begun.month_length() - 1))

"""The working calendar: which hours of which days count, so that a promise in working hours has one due time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise

import holidays

from service.core.errors import Unprocessable
from service.core.hijri import FIRST_DAY, LAST_DAY, RAMADAN, SAUDI_TIME, HijriDate, hijri_of_day

DAY_MIN = 24 * 60
MAX_PERIOD_DAYS = 366
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_DAY, _ZERO = timedelta(days=1), timedelta(0)


@dataclass(frozen=True, order=True)
class Span:
    """Hours of one local day, in minutes after midnight; work beyond midnight is a second span on the next day."""

    opens_min: int
    closes_min: int

    def __str__(self) -> str:
        return f"{_clock(self.opens_min)}-{_clock(self.closes_min)}"


Hours = tuple[Span, ...]
Week = tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]  # Monday first, as `date.weekday()` counts


class DayKind(StrEnum):
    """Why a day has the hours that it has."""

    WORKING = "working"
    RAMADAN = "ramadan"  # working, by the hours of Ramadan
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    SPECIAL = "special"  # closed or with hours of its own, as the municipality decided


@dataclass(frozen=True)
class Names:
    en: str
    ar: str


@dataclass(frozen=True)
class SpecialDays:
    """Days, both counted, that are closed (no hours) or have hours of their own, whatever else they are."""

    first: date
    last: date
    names: Names
    hours: Hours = ()


@dataclass(frozen=True)
class CalendarDay:
    day: date
    hijri: HijriDate | None
    hours: Hours
    kind: DayKind
    names: Names | None  # of the holiday or special days


@dataclass(frozen=True)
class Calendar:
    """Working hours of a municipality, in Saudi time. Raises Unprocessable where it would never open."""

    week: Week
    ramadan: Week | None = None  # None: as in the rest of the year
    public_holidays: bool = True  # closed on them
    special: tuple[SpecialDays, ...] = ()  # of two that share a day the later in this order counts

    def __post_init__(self) -> None:
        for week in (self.week, self.ramadan):
            if week is not None and not any(week):
                raise Unprocessable("calendar.closed", "expected a day of the week with hours, got none")
        for period in self.special:
            if not _ZERO <= period.last - period.first < MAX_PERIOD_DAYS * _DAY:
                dates = f"{period.first} to {period.last}"
                raise Unprocessable("calendar.period", f"expected 1 to {MAX_PERIOD_DAYS} days, got {dates}")

    @cached_property
    def special_by_day(self) -> Mapping[date, SpecialDays]:
        days = ((period.first + n * _DAY, period) for period in self.special for n in range(_length(period)))
        return dict(days)


def parse_hours(told: Sequence[str]) -> Hours:
    """Spans such as "07:30-14:30", in order and apart; raises Unprocessable for anything else."""
    spans = tuple(map(_parse_span, told))
    if any(left.closes_min >= right.opens_min for left, right in pairwise(spans)):
        raise Unprocessable("calendar.hours", f"expected spans in order that do not touch, got {', '.join(told)}")
    return spans


def parse_week(told: Mapping[str, Sequence[str]]) -> Week:
    """By name of the day; a day that is not named is closed."""
    if unknown := sorted(set(told) - set(WEEKDAYS)):
        raise Unprocessable("calendar.weekday", f"expected some of {', '.join(WEEKDAYS)}, got {', '.join(unknown)}")
    mon, tue, wed, thu, fri, sat, sun = (parse_hours(told.get(name, ())) for name in WEEKDAYS)
    return (mon, tue, wed, thu, fri, sat, sun)


def told_week(week: Week) -> dict[str, list[str]]:
    """What `parse_week` reads."""
    return {name: [str(span) for span in hours] for name, hours in zip(WEEKDAYS, week, strict=True) if hours}


def _sunday_to_thursday(opens_h: float, closes_h: float) -> Week:
    day = (Span(round(opens_h * 60), round(closes_h * 60)),)
    return (day, day, day, day, (), (), day)


# Hours of Saudi government offices: 35 a week, 10 to 3 in Ramadan. What a municipality starts with.
OFFICE_HOURS = Calendar(_sunday_to_thursday(7.5, 14.5), _sunday_to_thursday(10, 15))
_ALL_DAY = (Span(0, DAY_MIN),)
ROUND_THE_CLOCK = Calendar((_ALL_DAY,) * 7, public_holidays=False)


def day_of(day: date, calendar: Calendar) -> CalendarDay:
    """The hours of a day and why; the municipality's own days come before holidays, these before the week."""
    hijri = hijri_of_day(day)
    special = calendar.special_by_day.get(day)
    if special:
        return CalendarDay(day, hijri, special.hours, DayKind.SPECIAL, special.names)
    if calendar.public_holidays and (names := saudi_holidays(day.year).get(day)):
        return CalendarDay(day, hijri, (), DayKind.HOLIDAY, names)
    fasting = calendar.ramadan is not None and hijri is not None and hijri.month == RAMADAN
    week = calendar.ramadan if fasting and calendar.ramadan else calendar.week
    hours = week[day.weekday()]
    open_kind = DayKind.RAMADAN if fasting else DayKind.WORKING
    return CalendarDay(day, hijri, hours, open_kind if hours else DayKind.WEEKEND, None)


def add_working_time(start: datetime, working: timedelta, calendar: Calendar) -> datetime:
    """The first moment by which so much working time has passed since `start`; `start` itself for none.

    What ends with the day ends at closing time, not at the next opening. Raises Unprocessable where the calendar ends.
    """
    left = working
    if left <= _ZERO:
        return start
    if calendar is ROUND_THE_CLOCK:
        return start + left
    for opens, closes in _open_from(start, calendar):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    raise Unprocessable("calendar.end", f"expected a due time until {LAST_DAY}, got {working} from {start}; ask less")


def working_time_between(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """The working time from `start` to `end`; none where `end` is not later."""
    if end <= start:
        return _ZERO
    if calendar is ROUND_THE_CLOCK:
        return end - start
    passed = _ZERO
    for opens, closes in _open_from(start, calendar):
        if opens >= end:
            break
        passed += min(closes, end) - opens
    return passed


def days_of(first: date, last: date, calendar: Calendar) -> list[CalendarDay]:
    return [day_of(first + n * _DAY, calendar) for n in range((last - first).days + 1)]


@lru_cache(maxsize=200)
def saudi_holidays(year: int) -> Mapping[date, Names]:
    """Public holidays with their days in lieu. Those of the moon are as calculated: what is announced otherwise is
    entered as special days."""
    years = (year - 1, year, year + 1)  # a day in lieu may fall into the neighbouring year
    english, arabic = (
        holidays.country_holidays("SA", years=years, expand=False, language=language) for language in ("en_US", "ar")
    )
    return {day: Names(name, arabic[day]) for day, name in english.items() if day.year == year}


def _open_from(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Open spans after `start` in order, UTC; the first may be begun already."""
    start = start.astimezone(UTC)
    day = start.astimezone(SAUDI_TIME).date()
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Unprocessable("calendar.end", f"expected a time from {FIRST_DAY} to {LAST_DAY}, got {start}")
    while day <= LAST_DAY:
        midnight = datetime(day.year, day.month, day.day, tzinfo=SAUDI_TIME).astimezone(UTC)
        for span in day_of(day, calendar).hours:
            closes = midnight + timedelta(minutes=span.closes_min)
            if closes > start:
                yield max(start, midnight + timedelta(minutes=span.opens_min)), closes
        day += _DAY


def _parse_span(told: str) -> Span:
    match = _SPAN.fullmatch(told)
    if match:
        opens_h, opens_m, closes_h, closes_m = match.groups()
        closes = int(closes_h) * 60 + int(closes_m) if closes_h else DAY_MIN
        span = Span(int(opens_h) * 60 + int(opens_m), closes)
        if span.opens_min < span.closes_min:
            return span
    raise Unprocessable("calendar.hours", f"expected hours such as 07:30-14:30, until 24:00 at most, got {told!r}")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _length(period: SpecialDays) -> int:
    return (period.last - period.first).days + 1

"""The hours that count: by week, Ramadan, holiday and the municipality's own days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from service.core.calendar import (
    OFFICE_HOURS,
    ROUND_THE_CLOCK,
    WEEKDAYS,
    Calendar,
    DayKind,
    Names,
    Span,
    SpecialDays,
    add_working_time,
    day_of,
    days_of,
    parse_hours,
    parse_week,
    saudi_holidays,
    told_week,
    working_time_between,
)
from service.core.errors import Unprocessable
from service.core.hijri import SAUDI_TIME, hijri_of, hijri_of_day
from service.core.i18n import Language

H = timedelta(hours=1)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure


def local(*told: int) -> datetime:
    return datetime(*told, tzinfo=SAUDI_TIME)  # type: ignore[arg-type,misc]


def span_pairs(minutes: list[int]) -> list[str]:
    marks = sorted(set(minutes))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    return [str(Span(opens, closes)) for opens, closes in pairs]


days = st.dates(date(2024, 1, 1), date(2028, 1, 1))
hours = st.lists(st.integers(0, 1440), max_size=6).map(span_pairs)
told_weeks = st.dictionaries(st.sampled_from(WEEKDAYS), hours)
weeks = told_weeks.map(parse_week)
open_weeks = st.builds(
    lambda told, day: parse_week(told | {day: ["07:10-15:20"]}), told_weeks, st.sampled_from(WEEKDAYS)
)


@st.composite
def special_days(draw: st.DrawFn) -> SpecialDays:
    first = draw(days)
    last = first + timedelta(days=draw(st.integers(0, 12)))
    return SpecialDays(first, last, Names("x", "x"), parse_hours(draw(hours)))


calendars = st.builds(
    Calendar, open_weeks, st.none() | open_weeks, st.booleans(), st.lists(special_days(), max_size=4).map(tuple)
)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
amounts = st.timedeltas(timedelta(0), timedelta(hours=80))


def test_a_friday_and_a_saturday_are_closed_and_sunday_opens_the_week() -> None:
    thursday = local(2026, 1, 8, 13, 30)
    assert add_working_time(thursday, 2 * H, OFFICE_HOURS) == local(2026, 1, 11, 8, 30)
    assert working_time_between(thursday, local(2026, 1, 11, 8, 30), OFFICE_HOURS) == 2 * H


def test_what_ends_with_the_day_ends_at_closing_time() -> None:
    assert add_working_time(local(2026, 1, 11, 7, 30), 7 * H, OFFICE_HOURS) == local(2026, 1, 11, 14, 30)


def test_work_that_is_given_at_night_begins_in_the_morning() -> None:
    assert add_working_time(local(2026, 1, 11, 23), H, OFFICE_HOURS) == local(2026, 1, 12, 8, 30)


def test_ramadan_has_its_own_hours_by_the_hijri_month() -> None:
    before, first = day_of(date(2026, 2, 17), OFFICE_HOURS), day_of(date(2026, 2, 18), OFFICE_HOURS)
    assert (before.kind, str(before.hours[0])) == (DayKind.WORKING, "07:30-14:30")
    assert (first.kind, str(first.hours[0])) == (DayKind.RAMADAN, "10:00-15:00")
    assert first.hijri is not None and first.hijri.iso == "1447-09-01"
    assert add_working_time(local(2026, 2, 17, 13, 30), 2 * H, OFFICE_HOURS) == local(2026, 2, 18, 11)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 2, 22), "Founding Day"), (date(2026, 3, 22), "Eid al-Fitr"), (date(2026, 5, 26), "Arafah"),
        (date(2026, 5, 27), "Eid al-Adha"), (date(2026, 9, 23), "National Day"), (date(2025, 2, 23), "Founding Day"),
    ],
)  # fmt: skip
def test_public_holidays_are_closed_with_their_names(day: date, name: str) -> None:
    found = day_of(day, OFFICE_HOURS)
    assert found.kind is DayKind.HOLIDAY and found.hours == ()
    assert found.names is not None and name in found.names.en and "ي" in found.names.ar
    assert day_of(day, Calendar(OFFICE_HOURS.week, public_holidays=False)).kind is DayKind.WORKING


def test_eid_is_skipped_as_a_whole() -> None:
    last_day = local(2026, 3, 18, 14)  # Wednesday; Thursday 19 to Tuesday 24 are Eid and its days in lieu
    assert add_working_time(last_day, 2 * H, OFFICE_HOURS) == local(2026, 3, 25, 8, 30)


def test_the_municipalitys_own_days_come_before_the_holiday_and_the_week() -> None:
    closed = SpecialDays(date(2026, 1, 11), date(2026, 1, 12), Names("Sandstorm", "عاصفة رملية"))
    short = SpecialDays(date(2026, 9, 23), date(2026, 9, 23), Names("Duty", "مناوبة"), parse_hours(["08:00-10:00"]))
    calendar = Calendar(OFFICE_HOURS.week, special=(closed, short))
    assert add_working_time(local(2026, 1, 8, 14), H, calendar) == local(2026, 1, 13, 8)
    assert working_time_between(local(2026, 9, 23, 0), local(2026, 9, 24, 0), calendar) == 2 * H
    assert day_of(date(2026, 1, 12), calendar).names == closed.names


def test_work_over_midnight_counts_on_both_days() -> None:
    night = Calendar(parse_week({"sunday": ["21:00-24:00"], "monday": ["00:00-02:00"]}))
    assert add_working_time(local(2026, 1, 11, 22), 3 * H, night) == local(2026, 1, 12, 1)


@unhurried
@given(moments, amounts)
def test_round_the_clock_is_the_plain_clock(start: datetime, amount: timedelta) -> None:
    assert add_working_time(start, amount, ROUND_THE_CLOCK) == start + amount


@unhurried
@given(calendars, moments, amounts)
def test_the_time_added_is_the_time_between(calendar: Calendar, start: datetime, amount: timedelta) -> None:
    assert working_time_between(start, add_working_time(start, amount, calendar), calendar) == amount


@unhurried
@given(calendars, moments, amounts, amounts)
def test_time_added_in_two_parts_is_time_added_at_once(
    calendar: Calendar, start: datetime, one: timedelta, other: timedelta
) -> None:
    halfway = add_working_time(start, one, calendar)
    assert add_working_time(halfway, other, calendar) == add_working_time(start, one + other, calendar)


@unhurried
@given(calendars, moments, moments, moments)
def test_the_time_between_adds_up(calendar: Calendar, one: datetime, two: datetime, three: datetime) -> None:
    start, middle, end = sorted((one, two, three))
    parts = [working_time_between(a, b, calendar) for a, b in ((start, middle), (middle, end))]
    assert sum(parts, timedelta(0)) == working_time_between(start, end, calendar)


@unhurried
@given(calendars, moments, moments, amounts, amounts)
def test_later_and_more_is_never_due_earlier(
    calendar: Calendar, one: datetime, two: datetime, less: timedelta, more: timedelta
) -> None:
    (start, later), (less, more) = sorted((one, two)), sorted((less, more))
    assert add_working_time(start, less, calendar) <= add_working_time(start, more, calendar)
    assert add_working_time(start, less, calendar) <= add_working_time(later, less, calendar)


@unhurried
@given(calendars, moments, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_adding_the_time_between_comes_back_and_never_later(
    calendar: Calendar, start: datetime, long: timedelta
) -> None:
    end = start + long
    back = add_working_time(start, working_time_between(start, end, calendar), calendar)
    assert back <= end
    assert working_time_between(back, end, calendar) == timedelta(0)


@unhurried
@given(calendars, moments, amounts)
def test_a_due_time_lies_in_open_hours(calendar: Calendar, start: datetime, amount: timedelta) -> None:
    assume(amount > timedelta(0))
    due = add_working_time(start, amount, calendar).astimezone(SAUDI_TIME)
    just_before = due - timedelta(microseconds=1)
    minute = (just_before - local(just_before.year, just_before.month, just_before.day)) / timedelta(minutes=1)
    assert any(s.opens_min <= minute < s.closes_min for s in day_of(just_before.date(), calendar).hours)


@unhurried
@given(st.integers(1350, 1490))
def test_ramadan_is_29_or_30_days_in_a_row_each_hijri_year(year: int) -> None:
    about = date(622, 7, 19) + timedelta(days=round((year - 1) * 354.367))  # of the year's first day
    around = days_of(about + timedelta(days=220), about + timedelta(days=280), OFFICE_HOURS)
    fasting = [one.day for one in around if one.hijri and (one.hijri.year, one.hijri.month) == (year, 9)]
    assert len(fasting) in (29, 30) and (fasting[-1] - fasting[0]).days == len(fasting) - 1


def test_the_hijri_day_is_the_saudi_day_in_both_languages() -> None:
    evening_utc = datetime(2026, 2, 17, 21, 30, tzinfo=UTC)  # half past midnight in Riyadh
    found = hijri_of(evening_utc)
    assert found is not None
    assert (found.iso, found.text(Language.ENGLISH)) == ("1447-09-01", "1 Ramadan 1447")
    assert found.text(Language.ARABIC) == "1 رمضان 1447"
    assert hijri_of_day(date(2090, 1, 1)) is None


def test_holidays_do_not_depend_on_which_year_was_asked_first() -> None:
    saudi_holidays.cache_clear()
    forward = [dict(saudi_holidays(year)) for year in range(2020, 2030)]
    saudi_holidays.cache_clear()
    backward = [dict(saudi_holidays(year)) for year in reversed(range(2020, 2030))]
    assert forward == backward[::-1]


@pytest.mark.parametrize(
    "told", [["14:30-07:30"], ["7:30-14:30"], ["08:00-25:00"], ["08:00-12:00", "11:00-13:00"], ["x"], ["08:00-08:00"]]
)
def test_hours_that_are_none_are_refused(told: list[str]) -> None:
    with pytest.raises(Unprocessable, match="expected"):
        parse_hours(told)


def test_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(Unprocessable, match=r"calendar\.closed"):
        Calendar(parse_week({}))
    with pytest.raises(Unprocessable, match=r"calendar\.weekday"):
        parse_week({"yaum": ["08:00-09:00"]})
    with pytest.raises(Unprocessable, match=r"calendar\.period"):
        Calendar(OFFICE_HOURS.week, special=(SpecialDays(date(2026, 2, 1), date(2026, 1, 1), Names("x", "x")),))


def test_time_beyond_the_tables_is_refused_in_words() -> None:
    with pytest.raises(Unprocessable, match="2077-11-16"):
        add_working_time(local(2077, 11, 1), 1000 * H, OFFICE_HOURS)


@unhurried
@given(weeks)
def test_a_week_is_told_and_read_again(week: tuple[tuple[Span, ...], ...]) -> None:
    assert parse_week(told_week(week)) == week  # type: ignore[arg-type]

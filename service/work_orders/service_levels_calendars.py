"""Keeps each municipality's working calendar: its week, its hours in Ramadan and the days it decides on itself."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.core.calendar import (
    OFFICE_HOURS,
    Calendar,
    CalendarDay,
    Names,
    SpecialDays,
    days_of,
    parse_hours,
    parse_week,
    told_week,
)
from service.core.errors import NotFound, Unprocessable
from service.core.events import Event, record
from service.core.hijri import FIRST_DAY, LAST_DAY
from service.core.tables import JsonObject
from service.defects.access import permit
from service.work_orders.service_levels_models import SpecialPeriod, WorkingCalendar

MAX_DAYS = 400  # of one answer: a Hijri or Gregorian year and what surrounds it


@dataclass(frozen=True)
class WeekPlan:
    """What a municipality sets of its calendar, special days aside."""

    week: dict[str, list[str]]
    ramadan: dict[str, list[str]] | None
    public_holidays: bool


def calendar_of(session: Session, municipality_id: int) -> Calendar:
    """The municipality's calendar as it is now; office hours where it has set none."""
    row = session.get(WorkingCalendar, municipality_id)
    own = select(SpecialPeriod).where(SpecialPeriod.municipality_id == municipality_id).order_by(SpecialPeriod.id)
    special = tuple(
        SpecialDays(one.first_day, one.last_day, Names(one.name_en, one.name_ar), parse_hours(one.hours))
        for one in session.scalars(own)
    )
    if row is None:
        return Calendar(OFFICE_HOURS.week, OFFICE_HOURS.ramadan, special=special)
    ramadan = None if row.ramadan is None else parse_week(row.ramadan)
    return Calendar(parse_week(row.week), ramadan, row.public_holidays, special)


def get_plan(session: Session, caller: Caller, municipality_id: int) -> WeekPlan:
    """Raises NotFound outside the caller's municipalities."""
    check_place(session, caller, municipality_id, Permission.VIEW_WORK_ORDERS)
    return _plan(session, municipality_id)


def set_plan(session: Session, caller: Caller, municipality_id: int, told: WeekPlan, now: datetime) -> WeekPlan:
    """Hours for promises made or resumed from now on; due times that were given stay. Safe to send twice."""
    check_place(session, caller, municipality_id, Permission.MANAGE_WORK_ORDERS)
    ramadan = None if told.ramadan is None else parse_week(told.ramadan)
    calendar = Calendar(parse_week(told.week), ramadan, told.public_holidays)  # refuses one that never opens
    values: JsonObject = {
        "week": told_week(calendar.week),
        "ramadan": calendar.ramadan and told_week(calendar.ramadan),
        "public_holidays": calendar.public_holidays,
    }
    before = _plan(session, municipality_id)
    stored = insert(WorkingCalendar).values(municipality_id=municipality_id, **values)
    session.execute(stored.on_conflict_do_update(index_elements=["municipality_id"], set_=values))
    after = _plan(session, municipality_id)
    if after != before:
        _record(session, caller, "municipality", municipality_id, municipality_id, "set_calendar", now, values)
    return after


def list_days(session: Session, caller: Caller, municipality_id: int, first: date, last: date) -> list[CalendarDay]:
    """Each day with its hours and why; both counted. Raises NotFound, and Unprocessable for too many days."""
    check_place(session, caller, municipality_id, Permission.VIEW_WORK_ORDERS)
    if not (FIRST_DAY <= first <= last <= LAST_DAY) or (last - first).days >= MAX_DAYS:
        raise Unprocessable(
            "calendar.days", f"expected 1 to {MAX_DAYS} days from {FIRST_DAY} to {LAST_DAY}, got {first} to {last}"
        )
    return days_of(first, last, calendar_of(session, municipality_id))


def visible_periods(caller: Caller) -> Select[SpecialPeriod]:
    return visible(select(SpecialPeriod), SpecialPeriod.municipality_id, caller)


def set_period(
    session: Session, caller: Caller, municipality_id: int, first_day: date, last_day: date,
    names: Names, hours: list[str], now: datetime,
) -> SpecialPeriod:  # fmt: skip
    """Closes these days, or gives them these hours; the same days again replace what was said of them."""
    check_place(session, caller, municipality_id, Permission.MANAGE_WORK_ORDERS)
    Calendar(OFFICE_HOURS.week, special=(SpecialDays(first_day, last_day, names, parse_hours(hours)),))
    place = {"municipality_id": municipality_id, "first_day": first_day, "last_day": last_day}
    values = {"name_en": names.en, "name_ar": names.ar, "hours": hours}
    made = session.scalar(
        insert(SpecialPeriod).values(place | values).on_conflict_do_nothing().returning(SpecialPeriod.id)
    )
    period = session.scalars(select(SpecialPeriod).filter_by(**place).with_for_update()).one()
    if made is not None or (period.name_en, period.name_ar, period.hours) != (names.en, names.ar, hours):
        period.name_en, period.name_ar, period.hours = names.en, names.ar, hours
        told: JsonObject = values | {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
        _record(session, caller, "special_period", period.id, municipality_id, "set", now, told)
    return period


def delete_period(session: Session, caller: Caller, period_id: int, now: datetime) -> None:
    """Safe to send twice; raises NotFound for days that were never the caller's to see."""
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    period = session.scalar(visible_periods(caller).where(SpecialPeriod.id == period_id).with_for_update())
    if period is None:
        if was_deleted(session, caller, "special_period", period_id):
            return
        raise NotFound("calendar.unknown", f"expected special days of your municipalities, got id {period_id}")
    told = {"first_day": period.first_day.isoformat(), "last_day": period.last_day.isoformat()}
    _record(session, caller, "special_period", period.id, period.municipality_id, "delete", now, told)
    session.delete(period)


def check_place(session: Session, caller: Caller, municipality_id: int, permission: Permission) -> None:
    permit(caller, {permission})
    if not caller.sees(municipality_id) or session.get(Municipality, municipality_id) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


def was_deleted(session: Session, caller: Caller, kind: str, subject_id: int) -> bool:
    """Whether the caller's municipalities had such a thing and deleted it."""
    own = (Event.subject_kind == kind, Event.subject_id == subject_id, Event.action == "delete")
    statement = select(Event.id).where(*own)
    if caller.municipality_ids is not None:
        statement = statement.where(Event.municipality_id.in_(caller.municipality_ids))
    return session.scalar(statement.limit(1)) is not None


def _plan(session: Session, municipality_id: int) -> WeekPlan:
    row = session.get(WorkingCalendar, municipality_id, populate_existing=True)
    if row is None:
        assert OFFICE_HOURS.ramadan is not None
        return WeekPlan(told_week(OFFICE_HOURS.week), told_week(OFFICE_HOURS.ramadan), OFFICE_HOURS.public_holidays)
    return WeekPlan(row.week, row.ramadan, row.public_holidays)


def _record(
    session: Session, caller: Caller, kind: str, subject_id: int, municipality_id: int, action: str, now: datetime,
    data: JsonObject,
) -> None:  # fmt: skip
    record(
        session, at=now, actor=caller.actor, subject_kind=kind, subject_id=subject_id, action=action,
        municipality_id=municipality_id, data=data,
    )  # fmt: skip

"""HTTP for service levels: policies, working calendars, and what an order is promised and why."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.calendar import Names, days_of
from service.core.fields import RowId
from service.core.hijri import SAUDI_TIME
from service.defects.schemas import ClassKey
from service.work_orders import service_levels_calendars as calendars
from service.work_orders import service_levels_policies as policies
from service.work_orders.access import get_order
from service.work_orders.models import SlaPolicy
from service.work_orders.service_levels import Promise, due_for, read_clock
from service.work_orders.service_levels_models import SpecialPeriod
from service.work_orders.service_levels_schemas import (
    CalendarIn,
    CalendarOut,
    ConsideredOut,
    DayOut,
    LevelOut,
    OrderClockOut,
    Priority,
    SizeClassKey,
    SlaExplanation,
    SlaPolicyIn,
    SlaPolicyOut,
    SpecialPeriodIn,
    SpecialPeriodOut,
    day_out,
    step_out,
)
from service.work_orders.sla import Asked

MAX_DAYS_TOLD = 60
router = APIRouter()
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]


@router.get("/sla-policies")
def list_sla_policies(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[SlaPolicyOut]:  # fmt: skip
    """Policies of the caller's municipalities and those that all share; of one municipality with `municipality_id`."""
    statement = policies.visible_policies(caller)
    if municipality_id is not None:
        statement = statement.where(policies.shared_or_of(municipality_id))
    rows, following = paginate(session, statement, SlaPolicy.id, after, limit)
    return Page(items=[SlaPolicyOut.model_validate(row) for row in rows], next=following)


@router.put("/sla-policies")
def set_sla_policy(body: SlaPolicyIn, caller: CallerDep, session: SessionDep, now: NowDep) -> SlaPolicyOut:
    """Sets the policy of a scope for new orders; open ones keep what they were promised."""
    return SlaPolicyOut.model_validate(policies.set_policy(session, caller, body.policy(), now))


@router.get("/sla-policies/{policy_id}")
def get_sla_policy(policy_id: RowId, caller: ViewerDep, session: SessionDep) -> SlaPolicyOut:
    return SlaPolicyOut.model_validate(policies.get_policy(session, caller, policy_id))


@router.delete("/sla-policies/{policy_id}", status_code=204)
def delete_sla_policy(policy_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> None:
    """New orders get the next most specific policy; the same request again changes nothing."""
    policies.delete_policy(session, caller, policy_id, now)


@router.get("/sla/explain")
def explain(
    caller: ViewerDep, session: SessionDep, now: NowDep, municipality_id: RowId, class_key: ClassKey,
    size_class: SizeClassKey | None = None, priority: Priority = 0,
    at: Annotated[AwareDatetime | None, Query(description="when it is opened; now if left out")] = None,
) -> SlaExplanation:  # fmt: skip
    """What such an order would be promised, and why; changes nothing."""
    calendars.check_place(session, caller, municipality_id, Permission.VIEW_WORK_ORDERS)
    opened_at = at or now
    return explanation(due_for(session, Asked(municipality_id, class_key, size_class, priority), opened_at), opened_at)


@router.get("/work-orders/{order_id}/clock")
def get_clock(order_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep) -> OrderClockOut:
    """What the order was promised, how much of it is used and what is still to fall due."""
    shown = read_clock(session, get_order(session, caller, order_id), now)
    return OrderClockOut(
        policy_id=shown.policy_id,
        level=LevelOut.model_validate(shown.level),
        running=shown.running,
        used_s=shown.used.total_seconds(),
        left_s=(shown.level.to_close - shown.used).total_seconds(),
        steps=[step_out(step) for step in shown.steps],
    )


@router.get("/calendar", tags=["calendar"])
def get_calendar(municipality_id: RowId, caller: ViewerDep, session: SessionDep) -> CalendarOut:
    """The working hours of a municipality; office hours where it has set none."""
    return CalendarOut.model_validate(calendars.get_plan(session, caller, municipality_id))


@router.put("/calendar", tags=["calendar"])
def set_calendar(body: CalendarIn, caller: CallerDep, session: SessionDep, now: NowDep) -> CalendarOut:
    """Sets the hours for promises made or resumed from now on; the same hours again change nothing."""
    told = body.model_dump(exclude={"municipality_id"})
    plan = calendars.WeekPlan(**told)
    return CalendarOut.model_validate(calendars.set_plan(session, caller, body.municipality_id, plan, now))


@router.get("/calendar/days", tags=["calendar"])
def list_days(
    caller: ViewerDep, session: SessionDep, now: NowDep, municipality_id: RowId,
    first: Annotated[date | None, Query(alias="from", description="today in Saudi Arabia if left out")] = None,
    last: Annotated[date | None, Query(alias="to", description="counted too; 30 days later if left out")] = None,
) -> list[DayOut]:  # fmt: skip
    """Each day, Gregorian and Hijri, with its open hours and why it has them."""
    first = first or now.astimezone(SAUDI_TIME).date()
    last = last or min(first, date.max - timedelta(days=30)) + timedelta(days=30)
    return [day_out(one) for one in calendars.list_days(session, caller, municipality_id, first, last)]


@router.get("/calendar/periods", tags=["calendar"])
def list_periods(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[SpecialPeriodOut]:  # fmt: skip
    """Days that the caller's municipalities closed or gave hours of their own."""
    statement = calendars.visible_periods(caller)
    if municipality_id is not None:
        statement = statement.where(SpecialPeriod.municipality_id == municipality_id)
    rows, following = paginate(session, statement, SpecialPeriod.id, after, limit)
    return Page(items=[SpecialPeriodOut.model_validate(row) for row in rows], next=following)


@router.put("/calendar/periods", tags=["calendar"])
def set_period(body: SpecialPeriodIn, caller: CallerDep, session: SessionDep, now: NowDep) -> SpecialPeriodOut:
    """Closes days or gives them hours, for promises made or resumed from now on; the same days again replace it."""
    period = calendars.set_period(
        session, caller, body.municipality_id, body.first_day, body.last_day, Names(body.name_en, body.name_ar),
        list(body.hours), now,
    )  # fmt: skip
    return SpecialPeriodOut.model_validate(period)


@router.delete("/calendar/periods/{period_id}", status_code=204, tags=["calendar"])
def delete_period(period_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> None:
    """The days are as any others again; the same request again changes nothing."""
    calendars.delete_period(session, caller, period_id, now)


def explanation(promise: Promise, opened_at: datetime) -> SlaExplanation:
    policy = promise.choice.policy
    calendar = policy.level.calendar(promise.calendar)
    first, last = (at.astimezone(SAUDI_TIME).date() for at in (opened_at, promise.due_at))
    last = min(last, first + timedelta(days=MAX_DAYS_TOLD - 1))
    return SlaExplanation(
        policy_id=policy.id,
        level=LevelOut.model_validate(policy.level),
        considered=[ConsideredOut(policy_id=one.policy.id, why=one.why) for one in promise.choice.considered],
        opened_at=opened_at,
        steps=[step_out(step) for step in promise.steps],
        days=[day_out(one) for one in days_of(first, last, calendar)],
        start_due_at=promise.start_due_at,
        due_at=promise.due_at,
    )

"""Makes a unit's plan for a shift and keeps every version of it."""

import hashlib
import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.accounts.permissions import Permission
from service.core.errors import Conflict, NotFound
from service.core.events import record
from service.core.hijri import SAUDI_TIME
from service.core.tables import JsonObject
from service.crews.crews import crew_of, terms_of, unit_of
from service.crews.models import Crew, CrewPlan
from service.crews.network import streets_around, streets_version
from service.crews.planning import Job, Planned, Terms, Window, plan_shift
from service.crews.rates import brought_kg
from service.crews.roads import LonLat
from service.crews.rows import Finished, kept_rows, skipped_rows, stop_rows, summary_of
from service.crews.schemas import PlanIn
from service.defects.access import permit
from service.work_orders.day import capacity_now, done_on_day
from service.work_orders.models import WorkOrder
from service.work_orders.sla import WAITING
from service.work_orders.states import WorkOrderState

PLAN_LOCK = 940_000_011  # advisory lock space; the second number is the unit
REPAIRED = frozenset({WorkOrderState.DONE, WorkOrderState.CLOSED})
FIRST_PLAN, ASKED, URGENT_ORDER, ORDER_GONE = "first", "asked", "urgent_order", "order_gone"


def make_plan(
    session: Session, caller: Caller, unit_id: int, asked: PlanIn, now: datetime, *, reason: str = ASKED
) -> CrewPlan:
    """The current plan of the shift, made anew where anything that decides it has changed.

    Finished stops of the version before stay; the rest is planned from where the crew is. Raises Conflict where the
    unit has no crew set or the shift is over.
    """
    permit(caller, {Permission.MANAGE_WORK_ORDERS, Permission.WORK})
    crew = crew_of(session, caller, unit_id)
    session.execute(select(func.pg_advisory_xact_lock(PLAN_LOCK, unit_id)))
    opens_at, closes_at = shift_of(crew, asked.day or now.astimezone(SAUDI_TIME).date())
    begins_at = max(opens_at, (asked.from_at or now).astimezone(UTC))
    if begins_at >= closes_at:
        raise Conflict("plan.shift_over", f"expected a shift that is not over, its end was {closes_at.isoformat()}")
    before = _current(session, unit_id, opens_at)
    finished = _finished(session, before)
    jobs = open_jobs(session, unit_id)
    whole = terms_of(crew, capacity_now(session, crew.unit, now))
    decided = _decided(session, crew, whole, asked, (opens_at, closes_at), jobs, finished)
    digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
    if before is not None and before.digest == digest:
        return before
    window = Window(begins_at, closes_at, _minutes(begins_at - opens_at), _break_taken(before, begins_at))
    done = max(len(finished), done_on_day(session, unit_id, opens_at))  # also what was in no plan
    terms = _terms_now(whole, asked, jobs, finished, done, started=begins_at > opens_at)
    places = [terms.start, terms.end, *((job.lon, job.lat) for job in jobs)]
    planned = plan_shift(jobs, terms, window, streets_around(session, crew.municipality_id, places))
    plan = CrewPlan(
        unit_id=unit_id, municipality_id=crew.municipality_id, shift_starts_at=opens_at, shift_ends_at=closes_at,
        version=before.version + 1 if before else 1, current=True, reason=reason if before else FIRST_PLAN,
        from_at=begins_at, made_at=now, digest=digest, inputs=decided,
        summary=summary_of(planned, terms, finished), skipped=skipped_rows(planned),
    )  # fmt: skip
    _store(session, plan, before, planned, finished)
    _record(session, caller, plan, before, now)
    return plan


def shift_of(crew: Crew, day: date) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time(), SAUDI_TIME)
    opens_at = (midnight + timedelta(minutes=crew.shift_starts_min)).astimezone(UTC)
    return opens_at, opens_at + timedelta(minutes=crew.shift_min)


def open_jobs(session: Session, unit_id: int) -> list[Job]:
    """Every order that waits for the unit's repair, in order of id."""
    own = select(WorkOrder).where(WorkOrder.unit_id == unit_id, WorkOrder.state.in_(WAITING))
    orders = session.scalars(own.options(selectinload(WorkOrder.defect)).order_by(WorkOrder.id))
    return [
        Job(
            order.id, order.class_key, order.quantity_estimated, order.defect.lat, order.defect.lon, order.due_at,
            order.priority, order.state is WorkOrderState.IN_PROGRESS,
        )
        for order in orders
    ]  # fmt: skip


def visible_plans(session: Session, caller: Caller, unit_id: int) -> Select[CrewPlan]:
    unit_of(session, caller, unit_id)
    return select(CrewPlan).where(CrewPlan.unit_id == unit_id)


def get_plan(session: Session, caller: Caller, unit_id: int, plan_id: int) -> CrewPlan:
    statement = visible_plans(session, caller, unit_id).where(CrewPlan.id == plan_id)
    plan = session.scalar(statement.options(selectinload(CrewPlan.stops), selectinload(CrewPlan.unit)))
    if plan is None:
        raise NotFound("plan.unknown", f"expected a plan of unit {unit_id}, got id {plan_id}")
    return plan


def _current(session: Session, unit_id: int, opens_at: datetime) -> CrewPlan | None:
    own = select(CrewPlan).where(
        CrewPlan.unit_id == unit_id, CrewPlan.shift_starts_at == opens_at, CrewPlan.current.is_(True)
    )
    return session.scalar(own.options(selectinload(CrewPlan.stops)))


def _finished(session: Session, before: CrewPlan | None) -> list[Finished]:
    """Stops of the version before whose repair is reported, in their order."""
    if before is None:
        return []
    ids = [stop.work_order_id for stop in before.stops]
    orders = {order.id: order for order in session.scalars(select(WorkOrder).where(WorkOrder.id.in_(ids)))}
    return [
        Finished(stop, None if stop.finished else orders[stop.work_order_id].done_at)
        for stop in before.stops
        if stop.finished or orders[stop.work_order_id].state in REPAIRED
    ]


def _decided(
    session: Session, crew: Crew, whole: Terms, asked: PlanIn, shift: tuple[datetime, datetime], jobs: list[Job],
    finished: list[Finished],
) -> JsonObject:  # fmt: skip
    """All that the plan follows from, but for the time of the request: that alone makes no new plan."""
    told = asked.model_dump(mode="json", exclude={"day"})
    return {
        "terms": asdict(whole),
        "shift": [at.isoformat() for at in shift],
        "asked": told,
        "jobs": [asdict(job) | {"due_at": job.due_at.astimezone(UTC).isoformat()} for job in jobs],
        "finished": [one.stop.work_order_id for one in finished],
        "streets": streets_version(session, crew.municipality_id),
    }


def _terms_now(
    whole: Terms, asked: PlanIn, jobs: list[Job], finished: list[Finished], done: int, *, started: bool
) -> Terms:
    """The crew's terms less what it has done, from where it is: told, at the work begun, or at its last stop."""
    carried = sum(brought_kg(one.stop.class_key, one.stop.quantity) for one in finished)
    return replace(
        whole,
        start=_where(whole.start, asked, jobs, finished, started=started),
        capacity=None if whole.capacity is None else max(0, whole.capacity - done),
        carries_kg=None if whole.carries_kg is None else max(0, round(whole.carries_kg - carried)),
    )


def _where(depot: LonLat, asked: PlanIn, jobs: list[Job], finished: list[Finished], *, started: bool) -> LonLat:
    if asked.from_lat is not None and asked.from_lon is not None:
        return asked.from_lon, asked.from_lat
    begun = [(job.lon, job.lat) for job in jobs if job.begun]
    at_stops = begun or [(one.stop.lon, one.stop.lat) for one in finished[-1:]]
    return at_stops[0] if started and at_stops else depot


def _break_taken(before: CrewPlan | None, begins_at: datetime) -> bool:
    told = before.summary["break_at"] if before else None
    return told is not None and datetime.fromisoformat(told) < begins_at


def _store(
    session: Session, plan: CrewPlan, before: CrewPlan | None, planned: Planned, finished: list[Finished]
) -> None:
    if before is not None:
        before.current = False
        session.flush()
    plan.stops = [*kept_rows(finished), *stop_rows(planned, len(finished))]
    session.add(plan)
    session.flush()


def _record(session: Session, caller: Caller, plan: CrewPlan, before: CrewPlan | None, now: datetime) -> None:
    ids = [stop.work_order_id for stop in plan.stops]
    was = [stop.work_order_id for stop in before.stops] if before else []
    record(
        session, at=now, actor=caller.actor, subject_kind="crew_plan", subject_id=plan.id,
        action="replan" if before else "plan", municipality_id=plan.municipality_id,
        data={
            "unit_id": plan.unit_id, "version": plan.version, "reason": plan.reason,
            "shift_starts_at": plan.shift_starts_at.isoformat(), "stops": len(ids), "skipped": len(plan.skipped),
            "added": [one for one in ids if one not in was], "removed": [one for one in was if one not in ids],
        },
    )  # fmt: skip


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds() // 60)

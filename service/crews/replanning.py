"""Notices what happened to a crew's day since it was planned, and plans the rest anew."""

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.accounts.service import SYSTEM_CALLER
from service.core.database import Database
from service.core.errors import RasidError
from service.core.hijri import SAUDI_TIME
from service.crews.models import CrewPlan
from service.crews.plans import ORDER_GONE, REPAIRED, URGENT_ORDER, make_plan
from service.crews.schemas import PlanIn
from service.work_orders.models import WorkOrder
from service.work_orders.sla import WAITING

log = structlog.get_logger()


def replan_changed(database: Database, now: datetime) -> int:
    """Plans anew every shift that is not over and whose plan no longer holds; returns how many. Safe to run twice."""
    with database.transaction() as session:
        running = select(CrewPlan.id).where(CrewPlan.current.is_(True), CrewPlan.shift_ends_at > now)
        plan_ids = list(session.scalars(running.order_by(CrewPlan.id)))
    return sum(_replan(database, plan_id, now) for plan_id in plan_ids)


def why_replan(session: Session, plan: CrewPlan) -> str | None:
    """ORDER_GONE: a stop was refused, transferred, held, referred, merged or cancelled. URGENT_ORDER: the unit got one
    that is due before the shift ends. None: the plan holds; what is merely new waits for the next plan."""
    ids = [stop.work_order_id for stop in plan.stops if not stop.finished]
    for order in session.scalars(select(WorkOrder).where(WorkOrder.id.in_(ids))):
        mine = order.unit_id == plan.unit_id and order.state in WAITING
        if not mine and order.state not in REPAIRED:
            return ORDER_GONE
    known = [job["order_id"] for job in plan.inputs["jobs"] if _was_must(job, plan)] + plan.inputs["finished"]
    urgent = select(WorkOrder.id).where(
        WorkOrder.unit_id == plan.unit_id, WorkOrder.state.in_(WAITING), WorkOrder.due_at <= plan.shift_ends_at,
        WorkOrder.id.not_in(known),
    )  # fmt: skip
    return URGENT_ORDER if session.scalar(urgent.limit(1)) is not None else None


def _was_must(job: dict[str, str], plan: CrewPlan) -> bool:
    return datetime.fromisoformat(job["due_at"]) <= plan.shift_ends_at


def _replan(database: Database, plan_id: int, now: datetime) -> bool:
    try:
        with database.transaction() as session:
            plan = session.get_one(CrewPlan, plan_id, options=[selectinload(CrewPlan.stops)])
            reason = why_replan(session, plan) if plan.current else None
            if reason is None:
                return False
            day = plan.shift_starts_at.astimezone(SAUDI_TIME).date()
            return make_plan(session, SYSTEM_CALLER, plan.unit_id, PlanIn(day=day), now, reason=reason).id != plan_id
    except RasidError as error:
        log.warning("plan.not_renewed", plan_id=plan_id, code=error.code, detail=error.detail)
        return False

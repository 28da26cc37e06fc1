"""Stamps what fell due on every order, however long nobody looked, and brings urgent ones forward."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session

from service.core.database import Database
from service.defects.models import Defect
from service.work_orders.models import SlaPolicy, WorkOrder
from service.work_orders.service_levels import Terms, adopt_order, stamp
from service.work_orders.service_levels_changes import after_priority
from service.work_orders.service_levels_models import OrderClock
from service.work_orders.sla import WAITING
from service.work_orders.states import CLOCK_STOPPED

log = structlog.get_logger()
BATCH = 500
Work = Callable[[Session, datetime, int], tuple[int, int]]  # orders looked at, things done
_ON_THE_CLOCK = sorted(WAITING | CLOCK_STOPPED)


@dataclass(frozen=True)
class Swept:
    stamped: int  # events recorded
    adopted: int  # orders of an earlier release that got their clock


def sweep(database: Database, now: datetime, batch: int = BATCH, *, adopt: bool = True) -> Swept:
    """Records all that fell due until now, some orders at a time, each batch in a transaction of its own.

    What falls due is found by an index. Orders without a clock are found by looking at all that are open, which need
    not be done every time: without `adopt` it is not.
    Safe to run twice and by several at once: an order that another holds is left to it, or to the next sweep.
    """
    adopted = stamped = 0
    while adopt and (found := _in_transaction(database, _adopt_batch, now, batch)):
        adopted += found[1]
    while found := _in_transaction(database, _stamp_batch, now, batch):
        stamped += found[1]
    if adopted or stamped:
        log.info("sla.swept", stamped=stamped, adopted=adopted)
    return Swept(stamped, adopted)


def bring_forward(database: Database, now: datetime, batch: int = BATCH) -> int:
    """Asks anew for the orders whose defects have reached the priority of a policy; returns how many are due earlier.

    Safe to run twice.
    """
    changed, after = 0, 0
    while True:
        with database.transaction() as session:
            rows = session.execute(_urgent().where(WorkOrder.id > after).limit(batch)).all()
            for order, defect in rows:
                changed += after_priority(session, order, defect, now)
        if not rows:
            return changed
        after = rows[-1][0].id


def _in_transaction(database: Database, work: Work, now: datetime, batch: int) -> tuple[int, int] | None:
    """Orders looked at and things done; None when there are no more."""
    with database.transaction() as session:
        looked_at, done = work(session, now, batch)
    return (looked_at, done) if looked_at else None


def _adopt_batch(session: Session, now: datetime, batch: int) -> tuple[int, int]:
    without = ~exists().where(OrderClock.work_order_id == WorkOrder.id)
    orders = _locked(session, select(WorkOrder).where(WorkOrder.state.in_(_ON_THE_CLOCK), without).limit(batch))
    ids = [order.id for order in orders]
    known = set(session.scalars(select(OrderClock.work_order_id).where(OrderClock.work_order_id.in_(ids))))
    new = [order for order in orders if order.id not in known]  # another may have been first, before the lock
    kept = session.scalars(select(Defect).where(Defect.id.in_([order.defect_id for order in new]))).all()
    terms = Terms(session)
    with session.no_autoflush:  # one write at the end; `kept` holds the defects, so that none is asked for alone
        for order in new:
            adopt_order(session, order, order.state, now, terms)
    del kept
    return len(new), len(new)


def _stamp_batch(session: Session, now: datetime, batch: int) -> tuple[int, int]:
    due = select(WorkOrder).join(OrderClock, OrderClock.work_order_id == WorkOrder.id).where(OrderClock.next_at <= now)
    orders = _locked(session, due.order_by(OrderClock.next_at).limit(batch))
    ids = [order.id for order in orders]
    mine = select(OrderClock).where(OrderClock.work_order_id.in_(ids))
    clocks = {one.work_order_id: one for one in session.scalars(mine, execution_options={"populate_existing": True})}
    stamped = 0
    for order in orders:
        clock = clocks[order.id]
        if order.state in WAITING:
            stamped += len(stamp(session, order, clock, now))
        else:  # moved by something that does not know of clocks
            clock.next_at = None
    return len(orders), stamped


def _locked(session: Session, statement: Select[WorkOrder]) -> Sequence[WorkOrder]:
    own = statement.with_for_update(of=WorkOrder, skip_locked=True)
    return session.scalars(own, execution_options={"populate_existing": True}).all()


def _urgent() -> Select[WorkOrder, Defect]:
    """Orders for which a policy by priority may hold that is not theirs."""
    reached = exists().where(
        SlaPolicy.min_priority <= func.coalesce(WorkOrder.priority_set, Defect.priority),
        or_(SlaPolicy.municipality_id.is_(None), SlaPolicy.municipality_id == WorkOrder.municipality_id),
        or_(SlaPolicy.class_key.is_(None), SlaPolicy.class_key == WorkOrder.class_key),
        SlaPolicy.id != func.coalesce(OrderClock.policy_id, 0),
    )
    joined = select(WorkOrder, Defect).join(Defect, Defect.id == WorkOrder.defect_id)
    return (
        joined.join(OrderClock, OrderClock.work_order_id == WorkOrder.id)
        .where(WorkOrder.state.in_(sorted(WAITING)), OrderClock.running_since.is_not(None), reached)
        .order_by(WorkOrder.id)
        .with_for_update(of=WorkOrder, skip_locked=True)
    )

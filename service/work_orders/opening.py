"""Opens the work order of a defect, and opens it again when the repair did not last."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.core.errors import Conflict
from service.core.events import Actor
from service.core.tables import JsonObject
from service.defects.models import Defect
from service.defects.sizes import SizeClass, size_class
from service.defects.states import machine_may_confirm
from service.incidents.lookup import active_incidents
from service.work_orders.dispatch import Place, decision_data, facts_at, rules_of
from service.work_orders.hurrying import hurry
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order, record_order
from service.work_orders.placing import district_id_of, source_of
from service.work_orders.repairs import end_repair
from service.work_orders.routing import Decision, route
from service.work_orders.service_levels import start_clock
from service.work_orders.sharing import estimated
from service.work_orders.states import ENDED, WorkOrderAction, WorkOrderState


def open_work_order(session: Session, defect: Defect, actor: Actor, now: datetime) -> WorkOrder:
    """The order that is live for the defect, or a new one; the defect must be locked, so that there is one.

    A cancelled order is not live: its defect stays confirmed, since the damage is still there, and accepting
    it once more opens a new order. Raises Conflict where anything but a person asks for the order of a class that
    needs one.
    """
    if actor.kind != "user" and not machine_may_confirm(defect.class_key):
        raise Conflict(
            "defect.needs_person", f"expected a person's verdict before work on {defect.class_key}, got {actor.kind}"
        )
    live = live_order(session, defect.id)
    if live:
        _wake(session, live, defect, actor, now)
        return live
    estimate = estimated(defect)
    size = size_class(defect.class_key, estimate)
    decision = _route(session, defect, size, now)
    order = WorkOrder(
        defect_id=defect.id,
        municipality_id=defect.municipality_id,
        district_id=district_id_of(session, defect),
        class_key=defect.class_key,
        size_class=size,
        source=source_of(session, defect),
        unit_id=decision.unit_id,
        state=WorkOrderState.OPEN,
        quantity_unit=BY_KEY[defect.class_key].unit.value,
        quantity_estimated=estimate,
        opened_at=now,
    )
    start_clock(session, order, defect, now)
    session.flush()
    told = {"defect_id": defect.id, **decision_data(decision)}
    record_order(session, order, "open", actor, now, from_state=None, data=told)
    hurry(session, order, active_incidents(session, defect.municipality_id, defect.lat, defect.lon, now), now)
    return order


def reopen_order(session: Session, order: WorkOrder, defect: Defect, actor: Actor, now: datetime, reason: str) -> None:
    """Starts the order anew: a new due time and no result yet; what it had before is kept in the event."""
    before: JsonObject = {
        "reason": reason,
        "opened_at": order.opened_at.isoformat(),
        "due_at": order.due_at.isoformat(),
        "closed_at": order.closed_at and order.closed_at.isoformat(),
        "quantity_measured": order.quantity_measured,
        "lasted_days": end_repair(session, order, now),
    }
    move_order(session, order, WorkOrderAction.REOPEN, actor, now, before)
    order.state_reason, order.quantity_measured = reason, None
    order.quantity_estimated = estimated(defect)
    order.size_class = size_class(order.class_key, order.quantity_estimated)
    order.merged_into_id = None
    order.opened_at, order.done_at, order.closed_at = now, None, None
    start_clock(session, order, defect, now)


def live_order(session: Session, defect_id: int) -> WorkOrder | None:
    """The one order of a defect that was neither cancelled nor split off another, locked."""
    live = (
        WorkOrder.defect_id == defect_id,
        WorkOrder.state != WorkOrderState.CANCELLED,
        WorkOrder.part_of_id.is_(None),
    )
    statement = select(WorkOrder).where(*live).with_for_update()
    return session.scalar(statement, execution_options={"populate_existing": True})


def _wake(session: Session, order: WorkOrder, defect: Defect, actor: Actor, now: datetime) -> None:
    """A defect that is work again has an order of its own when the one that its order was merged into has ended."""
    if order.state is WorkOrderState.MERGED and session.get_one(WorkOrder, order.merged_into_id).state in ENDED:
        reopen_order(session, order, defect, actor, now, "seen again after the repair")


def _route(session: Session, defect: Defect, size: SizeClass, now: datetime) -> Decision:
    place = Place(defect.municipality_id, defect.lat, defect.lon)
    facts = facts_at(session, place, defect.class_key, size, now)
    return route(facts, rules_of(session, defect.municipality_id))

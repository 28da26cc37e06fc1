"""Routes an order: gathers what the rules ask about it and asks them."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.districts import district_of
from service.core.errors import Conflict
from service.core.events import Actor
from service.core.tables import JsonObject
from service.defects.grid import h3_cell
from service.defects.priorities import road_classes
from service.defects.sizes import SizeClass, size_class
from service.incidents.lookup import active_incidents
from service.work_orders.access import get_order, lock_order
from service.work_orders.models import RoutingRule, Unit, WorkOrder
from service.work_orders.moves import record_order
from service.work_orders.routing import Decision, OrderFacts, Rule, route
from service.work_orders.states import WorkOrderAction, WorkOrderState

NO_INCIDENTS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Place:
    """Where work is: what a dry run asks about."""

    municipality_id: int
    lat: float
    lon: float


@dataclass(frozen=True)
class Explained:
    facts: OrderFacts
    decision: Decision


def explain_place(
    session: Session, place: Place, class_key: str, size: float | None, at: datetime,
    incident_kinds: AbstractSet[str] = NO_INCIDENTS,
) -> Explained:  # fmt: skip
    """What would become of an order there; changes nothing."""
    facts = facts_at(session, place, class_key, size_class(class_key, size), at, incident_kinds)
    return Explained(facts, route(facts, rules_of(session, place.municipality_id)))


def explain_order(
    session: Session, caller: Caller, order_id: int, at: datetime, incident_kinds: AbstractSet[str] = NO_INCIDENTS
) -> Explained:
    """What routing would make of an order now; changes nothing."""
    order = get_order(session, caller, order_id)
    return _explain(session, order, at, incident_kinds)


def reroute(
    session: Session, caller: Caller, order_id: int, now: datetime, incident_kinds: AbstractSet[str] = NO_INCIDENTS
) -> WorkOrder:
    """Asks the rules anew about an order that no unit has taken yet; the same answer changes nothing."""
    order = lock_order(session, caller, order_id, WorkOrderAction.ASSIGN)
    if order.state is not WorkOrderState.OPEN:
        raise Conflict(
            "work_order.state", f"expected an open order to route, got {order.state.value}; transfer it instead"
        )
    route_again(session, order, caller.actor, now, incident_kinds)
    return order


def route_again(
    session: Session, order: WorkOrder, actor: Actor, now: datetime, incident_kinds: AbstractSet[str] = NO_INCIDENTS
) -> bool:
    """Gives an open order to the unit that the rules name now; True where that is another one. The row must be
    locked."""
    decision = _explain(session, order, now, incident_kinds).decision
    if decision.unit_id == order.unit_id:
        return False
    order.unit_id = decision.unit_id
    record_order(session, order, "route", actor, now, from_state=order.state, data=decision_data(decision))
    return True


def rules_of(session: Session, municipality_id: int) -> list[Rule]:
    rows = session.execute(
        select(RoutingRule, Unit.active)
        .join(Unit, Unit.id == RoutingRule.unit_id)
        .where(RoutingRule.municipality_id == municipality_id)
    )
    return [_rule(row, unit_active) for row, unit_active in rows]


def facts_at(
    session: Session, place: Place, class_key: str, size: SizeClass, at: datetime,
    incident_kinds: AbstractSet[str] = NO_INCIDENTS,
) -> OrderFacts:  # fmt: skip
    """Looks up the district, the road and the incidents that last there; `incident_kinds` are supposed besides."""
    district = district_of(session, place.municipality_id, place.lat, place.lon)
    road = road_classes(session, {0: (place.municipality_id, h3_cell(place.lat, place.lon))}).get(0)
    lasting = {one.kind.value for one in active_incidents(session, place.municipality_id, place.lat, place.lon, at)}
    return OrderFacts(class_key, size, district.id if district else None, road, lasting | incident_kinds, at)


def decision_data(decision: Decision) -> JsonObject:
    """What the event of a routed order keeps."""
    decided = next((one.key for one in decision.considered if one.rule_id == decision.rule_id), None)
    return {"unit_id": decision.unit_id, "rule_id": decision.rule_id, "rule": decided}


def _explain(session: Session, order: WorkOrder, at: datetime, incident_kinds: AbstractSet[str]) -> Explained:
    place = Place(order.municipality_id, order.defect.lat, order.defect.lon)
    facts = facts_at(session, place, order.class_key, order.size_class, at, incident_kinds)
    return Explained(facts, route(facts, rules_of(session, order.municipality_id)))


def _rule(row: RoutingRule, unit_active: bool) -> Rule:
    return Rule(
        row.id, row.key, row.rank, row.unit_id, frozenset(row.class_keys), frozenset(row.size_classes),
        frozenset(row.district_ids), frozenset(row.road_classes), frozenset(row.incident_kinds),
        frozenset(row.weekdays), row.from_hour, row.until_hour, row.active, unit_active,
    )  # fmt: skip

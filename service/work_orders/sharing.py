"""Tells whose part of a common repair was how much: of merged orders each can fail on its own."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from service.core.events import SYSTEM
from service.core.tables import JsonObject
from service.defects.models import Defect
from service.identity.locate import GroundPosition
from service.work_orders.models import WorkOrder
from service.work_orders.moves import record_order
from service.work_orders.quantities import estimate_quantity, shares_of


def estimated(defect: Defect) -> float | None:
    """Its size where sightings gave one, else what its class says of any."""
    if defect.size is not None:
        return defect.size
    return estimate_quantity(defect.class_key, GroundPosition(defect.lat, defect.lon))


def record_shares(session: Session, closed: Collection[WorkOrder], members: Sequence[WorkOrder], now: datetime) -> None:
    """What each of the closed orders, reported done together, measured for itself and for each member that was merged
    into them: by the estimates of their defects, alike where one of them is unknown. Kept as an event of every one."""
    for order in closed:
        if order.quantity_measured is None:
            continue
        whole = Decimal(str(order.quantity_measured))
        defects = [session.get_one(Defect, one.defect_id) for one in (order, *members)]
        own, *others = shares_of(whole, [estimated(defect) for defect in defects])
        common: JsonObject = {"order_id": order.id, "of_quantity": order.quantity_measured, "unit": order.quantity_unit}
        told = common | {"quantity": float(own), "others": [float(one) for one in others]}
        record_order(session, order, "share", SYSTEM, now, from_state=order.state, data=told)
        done: JsonObject = {
            "done_at": order.done_at and order.done_at.isoformat(), "by_unit_id": order.unit_id,
            "size_class": order.size_class.value, "district_id": order.district_id,
        }  # fmt: skip
        for member, quantity in zip(members, others, strict=True):
            told = common | done | {"quantity": float(quantity)}
            record_order(session, member, "share", SYSTEM, now, from_state=member.state, data=told)

"""What a repair that is reported done leaves open, so that a person inspects it and no pass alone closes it."""

from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from service.work_orders.demands import Demand
from service.work_orders.models import Proof, ProofKind, WorkOrder
from service.work_orders.proof_rules import given
from service.work_orders.quantities import FAR_APART, far_apart


class Doubt(StrEnum):
    QUANTITY = "quantity"  # measured far from the estimate, in the class's own unit
    NOT_MEASURED = "not_measured"  # done by word alone, as another agency gives it
    NO_PICTURE_BEFORE = "no_picture_before"  # neither on a frame nor photographed by the unit
    NO_PICTURE_AFTER = "no_picture_after"
    PICTURE_OF_ANOTHER = "picture_of_another"  # the same photo was sent for an order of another defect too


def doubts_of(session: Session, order: WorkOrder) -> list[Doubt]:
    """Of an order whose repair was reported; none before."""
    if order.done_at is None:
        return []
    there = given(session, order)
    found = {
        Doubt.QUANTITY: far_apart(order.quantity_estimated, order.quantity_measured),
        Doubt.NOT_MEASURED: order.quantity_measured is None and order.merged_into_id is None,
        Doubt.NO_PICTURE_BEFORE: Demand.PHOTO_BEFORE not in there,
        Doubt.NO_PICTURE_AFTER: order.merged_into_id is None and Demand.PHOTO_AFTER not in there,
        Doubt.PICTURE_OF_ANOTHER: bool(others_pictured(session, order)),
    }
    return [doubt for doubt, holds in found.items() if holds]


def others_pictured(session: Session, order: WorkOrder) -> list[int]:
    """Orders of other defects, not done with this one, that were sent a photo which this one's repair was sent."""
    own = select(Proof.sha256).where(Proof.work_order_id == order.id, Proof.kind == ProofKind.AFTER)
    others = select(Proof.work_order_id).join(WorkOrder, WorkOrder.id == Proof.work_order_id).where(
        Proof.sha256.in_(own), WorkOrder.defect_id != order.defect_id,
        func.coalesce(WorkOrder.merged_into_id, 0) != (order.part_of_id or order.id),
    )  # fmt: skip
    return sorted(set(session.scalars(others)))


def is_far_apart() -> ColumnElement[bool]:
    """`quantities.far_apart` in SQL; never null."""
    measured, estimated = WorkOrder.quantity_measured, WorkOrder.quantity_estimated
    above = func.coalesce(measured, 0) >= FAR_APART * func.coalesce(estimated, 0)
    below = func.coalesce(estimated, 0) >= FAR_APART * func.coalesce(measured, 0)
    known = and_(func.coalesce(measured, 0) > 0, func.coalesce(estimated, 0) > 0)
    return and_(known, above | below)

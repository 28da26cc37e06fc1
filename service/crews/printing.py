"""Gathers what a plan's sheet shows: photos of its orders and the streets around them."""

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.core.i18n import Language
from service.core.storage import Store
from service.crews.models import CrewPlan
from service.crews.network import streets_around
from service.crews.photos import photo_of
from service.crews.sheet import plan_pdf
from service.work_orders.models import WorkOrder


def sheet_of(session: Session, store: Store, plan: CrewPlan, language: Language) -> bytes:
    """A PDF; the caller has checked who asks."""
    ids = [stop.work_order_id for stop in plan.stops if not stop.finished]
    orders = session.scalars(select(WorkOrder).where(WorkOrder.id.in_(ids)).options(selectinload(WorkOrder.defect)))
    photos = {order.id: photo_of(store, order) for order in orders}
    lon, lat = plan.summary["start"]
    lines = streets_around(session, plan.municipality_id, [(stop.lon, stop.lat) for stop in plan.stops] + [(lon, lat)])
    return plan_pdf(plan, photos, [[(lon, lat) for lon, lat in line.tolist()] for line in lines], language)

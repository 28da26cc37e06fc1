"""Defects and work orders as features: points with flat properties, as GIS programs want them."""

from typing import Any

from sqlalchemy import Row, Select

from datasets.taxonomy import BY_KEY
from service.accounts.permissions import Permission
from service.defects.access import visible_defects, within
from service.defects.geo import point_feature
from service.defects.models import Defect
from service.defects.schemas import ellipse_out, presence_of
from service.defects.sights import ellipse_of
from service.defects.states import DefectState
from service.geodata.extents import defects_extent, orders_extent
from service.geodata.fields import Collection, Feature, Field, Kind, Shape, Value
from service.geodata.sources import RowSource, View
from service.work_orders.access import visible_orders
from service.work_orders.models import WorkOrder
from service.work_orders.sla import overdue
from service.work_orders.states import WorkOrderState

MUNICIPALITY = Field("municipality_id", Kind.INTEGER, "the municipality that it belongs to", filters=True)
CLASS = Field("class_key", Kind.TEXT, "what it is", filters=True, choices=tuple(BY_KEY))
CLASS_NAMES = (Field("class_en", Kind.TEXT, "name of the class"), Field("class_ar", Kind.TEXT, "the same in Arabic"))

DEFECTS = Collection(
    "defects",
    "Defects",
    "Things on the street that need a repair, as survey vehicles saw them. `datetime`: from first to last seen.",
    Shape.POINT,
    (
        MUNICIPALITY, CLASS, *CLASS_NAMES,
        Field("state", Kind.TEXT, "where its treatment stands", filters=True, choices=tuple(DefectState)),
        Field("score", Kind.NUMBER, "highest of its sightings, 0 to 1"),
        Field("priority", Kind.NUMBER, "which repair comes first: the higher the sooner"),
        Field("presence", Kind.NUMBER, "probability that it is there now"),
        Field("size", Kind.NUMBER, "estimate in size_unit"),
        Field("size_sd", Kind.NUMBER, "standard deviation of that estimate"),
        Field("size_unit", Kind.TEXT, "unit of work of the class"),
        Field("sightings_count", Kind.INTEGER, "frames that show it"),
        Field("visits_count", Kind.INTEGER, "vehicles' passes that saw it"),
        Field("first_seen_at", Kind.TIME, "the first pass"),
        Field("last_seen_at", Kind.TIME, "the last pass"),
        Field("resolved_at", Kind.TIME, "when its repair was found good"),
        Field("merged_into_id", Kind.INTEGER, "the defect that it was merged into"),
        Field("semi_major_m", Kind.NUMBER, "of the ellipse that holds its place in 95 of 100 cases"),
        Field("semi_minor_m", Kind.NUMBER, "of the same"),
        Field("azimuth_deg", Kind.NUMBER, "of its long axis, clockwise from north"),
    ),
    Permission.VIEW_DEFECTS,
)  # fmt: skip

WORK_ORDERS = Collection(
    "work_orders",
    "Work orders",
    "Repairs, where their defects lie. `datetime`: from opened to closed; what is not closed goes on.",
    Shape.POINT,
    (
        MUNICIPALITY, CLASS, *CLASS_NAMES,
        Field("state", Kind.TEXT, "how far it is", filters=True, choices=tuple(WorkOrderState)),
        Field("defect_id", Kind.INTEGER, "what it repairs", filters=True),
        Field("unit_id", Kind.INTEGER, "who repairs it", filters=True),
        Field("quantity_unit", Kind.TEXT, "unit of work of the class"),
        Field("quantity_estimated", Kind.NUMBER, "from the image"),
        Field("quantity_measured", Kind.NUMBER, "by the unit, on site"),
        Field("opened_at", Kind.TIME, "when it was opened"),
        Field("due_at", Kind.TIME, "when it is to be done"),
        Field("done_at", Kind.TIME, "when the unit reported it done"),
        Field("closed_at", Kind.TIME, "when its repair was found good"),
        Field("overdue", Kind.BOOLEAN, "not repaired in time"),
    ),
    Permission.VIEW_WORK_ORDERS,
)  # fmt: skip


def class_names(class_key: str) -> dict[str, Value]:
    kind = BY_KEY[class_key]
    return {"class_key": class_key, "class_en": kind.name_en, "class_ar": kind.name_ar}


def point(lat: float, lon: float) -> Any:
    return point_feature(lat, lon, {})["geometry"]


def _orders(view: View) -> Select[Any]:
    """Joined from the left, so that where no place is asked for the defects need not be looked at."""
    own = visible_orders(view.signed_in).select_from(WorkOrder).outerjoin(Defect, Defect.id == WorkOrder.defect_id)
    return own.add_columns(Defect.lat, Defect.lon)


def _defect_feature(row: Row[Any], _: View) -> Feature:
    defect: Defect = row[0]
    ellipse = ellipse_out(ellipse_of(defect))
    plain = ("score", "priority", "size", "size_sd", "sightings_count", "visits_count", "first_seen_at",
             "last_seen_at", "resolved_at", "merged_into_id")  # fmt: skip
    properties = {
        "municipality_id": defect.municipality_id,
        **class_names(defect.class_key),
        "state": defect.state.value,
        "presence": presence_of(defect),
        "size_unit": BY_KEY[defect.class_key].unit.value,
        **{name: getattr(defect, name) for name in plain},
        "semi_major_m": ellipse.semi_major_m if ellipse else None,
        "semi_minor_m": ellipse.semi_minor_m if ellipse else None,
        "azimuth_deg": ellipse.azimuth_deg if ellipse else None,
    }
    return Feature(defect.id, point(defect.lat, defect.lon), properties)


def _order_feature(row: Row[Any], view: View) -> Feature:
    order: WorkOrder = row[0]
    plain = ("defect_id", "unit_id", "quantity_unit", "quantity_estimated", "quantity_measured", "opened_at",
             "due_at", "done_at", "closed_at")  # fmt: skip
    properties = {
        "municipality_id": order.municipality_id,
        **class_names(order.class_key),
        "state": order.state.value,
        **{name: getattr(order, name) for name in plain},
        "overdue": overdue(order.state, order.due_at, order.held_at, view.now),
    }
    return Feature(order.id, point(row.lat, row.lon), properties)


DEFECT_SOURCE = RowSource(
    about=DEFECTS,
    rows=lambda view: visible_defects(view.signed_in),
    key=Defect.id.expression,
    lat=Defect.lat.expression,
    lon=Defect.lon.expression,
    begins=Defect.first_seen_at.expression,
    ends=Defect.last_seen_at.expression,
    inside=within,
    feature=_defect_feature,
    columns={name: getattr(Defect, name) for name in DEFECTS.filters},
    quick_extent=defects_extent,
)
ORDER_SOURCE = RowSource(
    about=WORK_ORDERS,
    rows=_orders,
    key=WorkOrder.id.expression,
    lat=Defect.lat.expression,
    lon=Defect.lon.expression,
    begins=WorkOrder.opened_at.expression,
    ends=WorkOrder.closed_at.expression,
    inside=within,
    feature=_order_feature,
    columns={name: getattr(WorkOrder, name) for name in WORK_ORDERS.filters},
    goes_on=True,
    quick_extent=orders_extent,
)

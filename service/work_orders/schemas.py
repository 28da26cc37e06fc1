"""What callers send and get of work orders and units."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from datasets.taxonomy import Unit as UnitOfWork
from service.core.fields import NO_NUL, Key, Name, Note, RowId
from service.defects.boxes import BoxPx
from service.defects.schemas import ClassKey, DefectOut, DetectionOut, Row
from service.defects.sizes import SizeClass
from service.work_orders.hijri_dates import OrderDates
from service.work_orders.models import OrderSource, ProofKind, WorkOrder
from service.work_orders.quantities import far_apart
from service.work_orders.sla import overdue
from service.work_orders.states import WorkOrderState

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=NO_NUL)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WorkOrderOut(OrderDates):
    """One repair."""

    id: int
    defect_id: int
    municipality_id: int
    unit_id: int | None = Field(description="chosen by routing, confirmed by assign; null: a person chooses")
    district_id: int | None
    class_key: str
    size_class: SizeClass = Field(description="by the estimated quantity; unknown where there is none")
    source: OrderSource = Field(description="who found it first")
    state: WorkOrderState
    state_reason: str | None = Field(description="of the last hold, cancel, reopen or failed inspection")
    held_from: WorkOrderState | None = Field(description="where resume returns")
    quantity_unit: UnitOfWork
    quantity_estimated: float | None = Field(description="from the image; null where one camera cannot see it")
    quantity_measured: float | None = Field(description="by the unit, on site")
    priority: float = Field(description="0 to 100, of the defect unless a person set it")
    priority_set: float | None = Field(description="by a person")
    quantity_far_apart: bool = Field(description="measured and estimated differ so much that one is likely wrong")
    part_of_id: int | None = Field(description="the order that it was split off")
    part_key: str | None
    merged_into_id: int | None = Field(description="the order that it is done with")
    overdue: bool = Field(description="not repaired in time; on hold or referred, late before that began")
    lat: float = Field(description="of the defect, WGS 84 degrees")
    lon: float


class ProofOut(BaseModel):
    """A photo from the place of the repair."""

    id: int
    user_id: int
    kind: ProofKind
    quantity: float | None = Field(description="measured, of the photo that the order was reported done with")
    note: str | None
    created_at: datetime
    image_url: str


class InspectionOut(Row):
    """One look at the repair."""

    id: int
    user_id: int
    passed: bool
    note: str | None
    created_at: datetime


class ReviewResult(BaseModel):
    defect: DefectOut
    work_order: WorkOrderOut | None = Field(
        description="of an accepted defect; null where its class is experimental and not enabled for work orders"
    )


class ObjectIn(Body):
    """What the model missed on a frame."""

    class_key: ClassKey
    box_xyxy_px: BoxPx = Field(description="left, top, right, bottom in upright pixels of the frame")


class ObjectResult(ReviewResult):
    detection: DetectionOut


class AssignIn(Body):
    unit_id: RowId | None = Field(None, description="left out: the unit that routing chose")


class InspectionIn(Body):
    passed: bool
    note: Note | None = Field(None, description="required when it did not pass: what to mend")


class ReasonIn(Body):
    reason: Reason


Capacity = Annotated[int, Field(ge=1, le=10_000, description="orders that it can do in a day; null: not known")]


class UnitIn(Body):
    municipality_id: RowId
    key: Key
    name_en: Name
    name_ar: Name
    capacity_per_day: Capacity | None = None


class UnitChange(Body):
    name_en: Name
    name_ar: Name
    active: bool
    capacity_per_day: Capacity | None = None


class UnitOut(Row):
    """A crew that can be sent."""

    id: int
    municipality_id: int
    key: str
    name_en: str
    name_ar: str
    active: bool = Field(description="takes new orders")
    capacity_per_day: int | None = Field(description="orders that it can do in a day; null: not known")


def work_order_out(order: WorkOrder, now: datetime) -> WorkOrderOut:
    return WorkOrderOut(
        id=order.id,
        defect_id=order.defect_id,
        municipality_id=order.municipality_id,
        unit_id=order.unit_id,
        district_id=order.district_id,
        class_key=order.class_key,
        size_class=order.size_class,
        source=order.source,
        state=order.state,
        state_reason=order.state_reason,
        held_from=order.held_from,
        held_at=order.held_at,
        quantity_unit=UnitOfWork(order.quantity_unit),
        quantity_estimated=order.quantity_estimated,
        quantity_measured=order.quantity_measured,
        opened_at=order.opened_at,
        start_due_at=order.start_due_at,
        due_at=order.due_at,
        done_at=order.done_at,
        closed_at=order.closed_at,
        priority=order.priority,
        priority_set=order.priority_set,
        quantity_far_apart=far_apart(order.quantity_estimated, order.quantity_measured),
        part_of_id=order.part_of_id,
        part_key=order.part_key,
        merged_into_id=order.merged_into_id,
        overdue=overdue(order.state, order.due_at, order.held_at, now),
        lat=order.defect.lat,
        lon=order.defect.lon,
    )

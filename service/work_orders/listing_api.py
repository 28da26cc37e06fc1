"""HTTP for lists of work orders: pages, CSV and Excel with the same filters and orders."""

from dataclasses import fields
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.core.api import NowDep, RuntimeDep, SessionDep
from service.core.fields import RowId
from service.core.i18n import Language
from service.core.sheets import CSV_FILE, MAX_ROWS, XLSX_FILE, FileFormat, download, too_many
from service.defects.schemas import ClassKey
from service.defects.sizes import SizeClass
from service.work_orders.listing import OrderFilter, OrderSort, count_orders, page_of_orders
from service.work_orders.models import OrderSource
from service.work_orders.schemas import WorkOrderOut, work_order_out
from service.work_orders.sheets import order_sheet
from service.work_orders.states import WorkOrderState

router = APIRouter(tags=["work orders"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]


class OrderFilterFields(BaseModel):
    """What is left out asks for nothing."""

    state: WorkOrderState | None = None
    unit_id: RowId | None = None
    municipality_id: RowId | None = None
    district_id: RowId | None = None
    class_key: ClassKey | None = None
    size_class: SizeClass | None = None
    source: OrderSource | None = None
    overdue: bool | None = None
    quantity_far_apart: bool | None = Field(
        None, description="measured and estimated differ so much that one is likely wrong"
    )
    without_unit: bool | None = Field(
        None, description="refused, sent back by an agency, or of no routing rule: a person assigns them"
    )
    due_from: AwareDatetime | None = Field(None, description="with its offset")
    due_until: AwareDatetime | None = Field(None, description="not counted")
    opened_from: AwareDatetime | None = None
    opened_until: AwareDatetime | None = Field(None, description="not counted")
    id_text: str | None = Field(None, pattern=r"^[0-9]{1,19}$", description="orders whose number begins so")

    def told(self) -> OrderFilter:
        return OrderFilter(**{field.name: getattr(self, field.name) for field in fields(OrderFilter)})


class OrderListQuery(OrderFilterFields):
    model_config = ConfigDict(extra="forbid")  # a filter written wrongly would answer with every order

    sort: OrderSort = Field(OrderSort.ID, description="a minus: the highest or latest first")
    after: str | None = Field(None, max_length=200, description="`next` of the page before")
    limit: int = Field(100, ge=1, le=500)


class OrderExportQuery(OrderFilterFields):
    model_config = ConfigDict(extra="forbid")

    sort: OrderSort = OrderSort.ID
    lang: Language = Field(Language.ENGLISH, description="of headings, names and codes")


class WorkOrderPage(BaseModel):
    items: list[WorkOrderOut]
    next: int | str | None = Field(description="pass as `after` to get the following page; null at the end")


@router.get("/work-orders")
def list_work_orders(
    caller: ViewerDep, session: SessionDep, now: NowDep, query: Annotated[OrderListQuery, Query()]
) -> WorkOrderPage:
    """Orders of the caller's municipalities; a unit's user gets those of the unit."""
    page = page_of_orders(
        session, caller, query.told(), now, sort=query.sort, after=query.after, limit=query.limit
    )  # fmt: skip
    following = int(page.next) if page.next and query.sort.by == "id" else page.next
    return WorkOrderPage(items=[work_order_out(row, now) for row in page.items], next=following)


@router.get("/work-orders.csv", response_class=StreamingResponse, responses=CSV_FILE)
def export_csv(
    caller: ViewerDep, runtime: RuntimeDep, now: NowDep, query: Annotated[OrderExportQuery, Query()]
) -> Response:
    """All orders of the filter as CSV (UTF-8 with a byte order mark), sent as it is read."""
    sheet = order_sheet(runtime.database, caller, query.told(), now, query.sort, query.lang)
    return download("work-orders", FileFormat.CSV, sheet)


@router.get("/work-orders.xlsx", response_class=FileResponse, responses=XLSX_FILE)
def export_xlsx(
    caller: ViewerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep,
    query: Annotated[OrderExportQuery, Query()],
) -> Response:  # fmt: skip
    """All orders of the filter as an Excel sheet; in Arabic it runs from right to left."""
    count = count_orders(session, caller, query.told(), now)
    if count > MAX_ROWS:
        raise too_many(f"{count:,}")
    sheet = order_sheet(runtime.database, caller, query.told(), now, query.sort, query.lang)
    return download("work-orders", FileFormat.XLSX, sheet)

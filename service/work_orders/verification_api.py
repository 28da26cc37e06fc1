"""HTTP for what later passes make of repairs: proposals to decide on, how long repairs last, and a unit's day."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, SessionDep
from service.core.fields import Day, Note, RowId
from service.coverage.period import PERIOD_DAYS, Period, period_of
from service.defects.models import Absence, Defect
from service.defects.schemas import DefectOut, Row, defect_out
from service.identity.absence import Visited
from service.work_orders import repairs, verification
from service.work_orders.day import UnitDay, day_of_unit
from service.work_orders.models import WorkOrder
from service.work_orders.repairs import By
from service.work_orders.schemas import WorkOrderOut, work_order_out
from service.work_orders.verification import Decision

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
DefectViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_DEFECTS))]
OrderViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]


class LookOut(Row):
    """One pass by the defect."""

    at: datetime
    sightings: int = Field(description="frames that showed it; 0: it looked and saw nothing")
    looks: int = Field(description="frames that should have shown it")


class AbsenceOut(BaseModel):
    """A defect that later passes propose as repaired or gone; it waits for a person's word."""

    kind: Absence = Field(description="fixed: its unit reported the repair done; gone: nobody worked on it")
    proposed_at: datetime | None
    chance_absent: float = Field(description="0..1, by all passes")
    work_order_id: int | None = Field(description="the live order; confirming fixed closes it, gone cancels it")
    passes: list[LookOut] = Field(description="oldest first")
    defect: DefectOut


class DecisionIn(BaseModel):
    """`confirm`: it is not there any more; `overrule`: it is."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision
    note: Note | None = None


class DurabilityOut(Row):
    """Repairs that were found good, done in the period, of one unit, class or municipality."""

    key: str = Field(description="id of the unit or municipality, key of the class; empty: done by no unit")
    number: int
    failed: int = Field(description="seen again by a pass or reopened by a person")
    good_after_30_days: float | None = Field(description="share still good; null: none was followed so long")
    good_after_90_days: float | None
    good_after_365_days: float | None
    median_days: float | None = Field(description="half have failed by then; null: more than half are still good")


class DayOut(BaseModel):
    """What a unit should do today, the most urgent first."""

    unit_id: int
    capacity: int | None = Field(description="orders a day; null: not known, so nothing waits")
    done_today: int = Field(description="reported done on this local day; they count against the capacity")
    today: list[WorkOrderOut] = Field(description="what still fits into the day")
    overflow: list[WorkOrderOut] = Field(description="the first of those that wait for another day")
    queued: int = Field(description="orders that wait for another day")


@router.get("/absences", tags=["defects"])
def list_absences(
    caller: DefectViewerDep, session: SessionDep, kind: Absence | None = None, municipality_id: RowId | None = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[AbsenceOut]:  # fmt: skip
    """Defects that passes looked for in vain and that wait for a person's word."""
    rows, following = verification.list_absences(
        session, caller, kind=kind, municipality_id=municipality_id, after=after, limit=limit
    )
    ids = [row.id for row in rows]
    visits, orders = verification.visits_of(session, ids), verification.live_orders(session, ids)
    items = [_absence_out(row, visits.get(row.id, []), orders.get(row.id)) for row in rows]
    return Page(items=items, next=following)


@router.post("/defects/{defect_id}/absence", tags=["defects"])
def decide_absence(
    defect_id: RowId, body: DecisionIn, caller: CallerDep, session: SessionDep, now: NowDep
) -> DefectOut:
    """Confirms or overrules a proposal; the same word again changes nothing."""
    return defect_out(verification.decide_absence(session, caller, defect_id, body.decision, body.note, now))


@router.get("/repairs/durability", tags=["work orders"])
def get_durability(
    caller: OrderViewerDep, session: SessionDep, now: NowDep, by: By = By.UNIT,
    first: Annotated[Day | None, Query(alias="from", description=f"UTC day; {PERIOD_DAYS} days if left out")] = None,
    last: Annotated[Day | None, Query(alias="to", description="UTC day, counted too; today if left out")] = None,
) -> list[DurabilityOut]:  # fmt: skip
    """How long repairs lasted that were done in the period; those that have not failed count as far as they were
    followed."""
    period: Period = period_of(first, last, now.date())
    return [DurabilityOut.model_validate(one) for one in repairs.durability(session, caller, by, period)]


@router.get("/units/{unit_id}/day", tags=["work orders"])
def get_day(
    unit_id: RowId, caller: OrderViewerDep, session: SessionDep, now: NowDep,
    capacity: Annotated[int | None, Query(ge=1, le=10_000, description="in place of the unit's own")] = None,
    limit: LimitQuery = 100,
) -> DayOut:  # fmt: skip
    """The orders of a unit for one day: those it has begun, then by priority, of equals the oldest; `limit` is for
    those that overflow."""
    day: UnitDay = day_of_unit(session, caller, unit_id, now, capacity=capacity, shown=limit)
    return DayOut(
        unit_id=unit_id,
        capacity=day.capacity,
        done_today=day.done_today,
        today=[work_order_out(order, now) for order in day.today],
        overflow=[work_order_out(order, now) for order in day.overflow],
        queued=day.queued,
    )


def _absence_out(defect: Defect, visits: list[Visited], order: WorkOrder | None) -> AbsenceOut:
    assert defect.absence is not None  # of the queue
    return AbsenceOut(
        kind=defect.absence,
        proposed_at=defect.absence_at,
        chance_absent=verification.chance_absent(defect),
        work_order_id=order.id if order else None,
        passes=[LookOut.model_validate(one) for one in visits],
        defect=defect_out(defect),
    )

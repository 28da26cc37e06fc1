"""The rows behind a figure: the same cases, by the same conditions, one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select, true, tuple_

from service.accounts.caller import Caller
from service.control.counting import Slice, View, age_band, scoped
from service.control.measures import MEASURES
from service.control.periods import Span
from service.core.errors import NotFound, Unprocessable


@dataclass(frozen=True)
class Place:
    """Where a page ends: rows are ordered by day, then id, then life."""

    day: date
    ref_id: int
    number: int

    def __str__(self) -> str:
        return f"{self.day}.{self.ref_id}.{self.number}"


@dataclass(frozen=True)
class CaseRow:
    """One row. `met`: of a share, whether it counts as met; null for other figures."""

    kind: str
    id: int
    life: int
    url: str
    defect_id: int | None  # null: of a report without one
    municipality_id: int
    district_id: int | None
    unit_id: int | None
    contractor_id: int | None
    class_key: str | None
    source: str | None
    outcome: str
    at: datetime
    due_at: datetime | None
    done_at: datetime | None
    ended_at: datetime | None
    quantity: Decimal | None
    cost: Decimal | None
    rating: int | None
    met: bool | None


def rows_of(
    view: View, caller: Caller, indicator: str, asked: Slice, span: Span, now: datetime, *, met: bool | None = None,
    band: int | None = None, after: Place | None = None, limit: int = 100,
) -> tuple[list[CaseRow], Place | None]:  # fmt: skip
    """One page of the rows that an indicator counts. Raises NotFound for one that is not counted from rows."""
    measure = MEASURES.get(indicator)
    if measure is None:
        known = ", ".join(MEASURES)
        raise NotFound("indicators.rows", f"expected an indicator with rows ({known}), got {indicator!r}")
    columns = view.cases().c
    day = columns[measure.day or "day"]
    counts = measure.row_met(columns) if measure.row_met else true()
    statement = select(*columns, counts.label("met"), day.label("by_day")).where(measure.rows(columns, span, now))
    if measure.day is not None:
        statement = statement.where(day.between(span.first, span.last))
    if met is not None:
        statement = statement.where(counts if met else ~counts)
    if band is not None:
        statement = statement.where(age_band(columns.at, min(now, span.ends_at)) == band)
    order = tuple_(day, columns.ref_id, columns.number)
    if after is not None:
        statement = statement.where(order > tuple_(after.day, after.ref_id, after.number))
    ordered = scoped(statement, columns, caller, asked).order_by(day, columns.ref_id, columns.number).limit(limit + 1)
    found = view.session.execute(ordered).all()
    share = measure.row_met is not None
    page = [_row(row, share) for row in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return page, Place(last.by_day, last.ref_id, last.number) if last else None


def place_of(after: str | None) -> Place | None:
    """Reads `next` of the page before; raises Unprocessable for anything else."""
    if after is None:
        return None
    try:
        day, ref_id, number = after.split(".")
        place = Place(date.fromisoformat(day), int(ref_id), int(number))
    except ValueError as error:
        raise Unprocessable("indicators.after", f"expected `next` of the page before, got {after!r}") from error
    if not (0 <= place.ref_id < 2**63 and 0 <= place.number < 2**63):
        raise Unprocessable("indicators.after", f"expected `next` of the page before, got {after!r}")
    return place


def _row(row: Row[Any], share: bool) -> CaseRow:
    found = row._mapping
    copied: Sequence[str] = (
        "municipality_id", "district_id", "unit_id", "contractor_id", "class_key", "source", "outcome",
        "at", "due_at", "done_at", "ended_at", "quantity", "cost", "rating",
    )  # fmt: skip
    defect_id = row.defect_id if row.defect_id > 0 else None
    subject = f"defects/{defect_id}" if defect_id else f"reports/{-row.defect_id}"
    return CaseRow(
        kind=row.kind,
        id=row.ref_id,
        life=row.number,
        url=f"/api/v1/work-orders/{row.ref_id}" if row.kind == "order" else f"/api/v1/{subject}",
        defect_id=defect_id,
        met=bool(row.met) if share else None,
        **{name: found[name] for name in copied},
    )

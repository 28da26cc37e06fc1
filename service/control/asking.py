"""What a question about figures consists of: the period, the cases and the moment all answers are read at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import select

from service.accounts.caller import Caller, require, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.control.counting import Slice, View, snapshot
from service.control.models import Source
from service.control.periods import PeriodKind, Span, saudi_day, span_of
from service.core.api import NowDep, RuntimeDep
from service.core.errors import NotFound
from service.core.fields import RowId
from service.defects.schemas import ClassKey


class Dimension(StrEnum):
    """What a case may lack."""

    DISTRICT = "district_id"
    UNIT = "unit_id"
    CONTRACTOR = "contractor_id"
    CLASS = "class_key"
    SOURCE = "source"


@dataclass(frozen=True)
class Asked:
    kind: PeriodKind
    span: Span


def get_view(runtime: RuntimeDep) -> Iterator[View]:
    with snapshot(runtime.database) as session:
        yield View(session)


def asked_period(
    now: NowDep,
    period: Annotated[
        PeriodKind, Query(description="weeks begin on Sunday; range needs from and to")
    ] = PeriodKind.WEEK,
    on: Annotated[date | None, Query(description="a day of the period, Saudi time; today if left out")] = None,
    first: Annotated[date | None, Query(alias="from", description="first day of a range")] = None,
    last: Annotated[date | None, Query(alias="to", description="last day of a range, counted too")] = None,
) -> Asked:
    return Asked(period, span_of(period, on or saudi_day(now), first, last))


ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_INDICATORS))]
ViewDep = Annotated[View, Depends(get_view, scope="function")]
AskedDep = Annotated[Asked, Depends(asked_period)]


def asked_slice(
    caller: ViewerDep, view: ViewDep, municipality_id: RowId | None = None, district_id: RowId | None = None,
    unit_id: RowId | None = None, contractor_id: RowId | None = None, class_key: ClassKey | None = None,
    source: Annotated[Source | None, Query(description="who found it first")] = None,
    without: Annotated[list[Dimension] | None, Query(description="cases that have none of these")] = None,
) -> Slice:  # fmt: skip
    if municipality_id is not None:
        require_municipality(view, caller, municipality_id)
    lacking = tuple(sorted({one.value for one in without or ()}))
    return Slice(municipality_id, district_id, unit_id, contractor_id, class_key, source and source.value, lacking)


def require_municipality(view: View, caller: Caller, municipality_id: int) -> None:
    own = visible(select(Municipality.id), Municipality.id, caller).where(Municipality.id == municipality_id)
    if view.session.scalar(own) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


SliceDep = Annotated[Slice, Depends(asked_slice)]

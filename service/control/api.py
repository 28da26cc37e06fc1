"""HTTP for indicators: what they mean, their figures, the rows behind each, and both as files."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from service.accounts.caller import Caller
from service.control.asking import AskedDep, SliceDep, ViewDep, ViewerDep
from service.control.counting import AGE_DAYS, By, Slice, View
from service.control.definitions import BY_KEY, INDICATORS, Indicator
from service.control.figures import Answer, Figure, Group, figures_of
from service.control.periods import Span, hijri
from service.control.rows import CaseRow, Place, place_of, rows_of
from service.core.api import PROBLEMS, LimitQuery, NowDep
from service.core.errors import Unprocessable
from service.core.sheets import FILES, Cell, FileFormat, Sheet, download

router = APIRouter(prefix="/api/v1/indicators", responses=PROBLEMS, tags=["indicators"])
MOST_ROWS = 100_000  # of a file; a page holds 500
HEAD = (
    "group", "name_en", "name_ar", "indicator", "indicator_en", "indicator_ar", "unit", "value", "of", "met", "before",
    "change", "reason", "from", "to", "from_hijri", "to_hijri", "rows",
)  # fmt: skip
AfterRow = Annotated[str | None, Query(max_length=60, description="`next` of the page before")]
IndicatorKeys = Annotated[list[str] | None, Query(description="only these indicators", max_length=len(INDICATORS))]
MetQuery = Annotated[bool | None, Query(description="of a share: only rows that count as met, or that do not")]
BandQuery = Annotated[
    int | None, Query(ge=0, le=len(AGE_DAYS), description=f"of open orders: the band of age, edges {AGE_DAYS} days")
]


class SpanOut(BaseModel):
    """Days in Saudi time, both counted."""

    first: date
    last: date
    first_hijri: str | None = Field(description="Umm al-Qura")
    last_hijri: str | None


class AnswerOut(BaseModel):
    period: SpanOut
    before: SpanOut = Field(description="compared with; of a period that has not ended as many days as it has had")
    by: By
    counted_at: datetime = Field(description="every event until then is in the figures")
    groups: list[Group]


class RowsPage(BaseModel):
    items: list[CaseRow]
    next: str | None = Field(description="pass as `after` to get the following page; null at the end")


def known(indicator: IndicatorKeys = None) -> list[str] | None:
    unknown = [one for one in indicator or () if one not in BY_KEY]
    if unknown:
        raise Unprocessable("indicators.unknown", f"expected of {', '.join(BY_KEY)}, got {', '.join(unknown)[:100]}")
    return indicator


KnownDep = Annotated[list[str] | None, Depends(known)]


@router.get("/definitions")
def list_definitions(caller: ViewerDep) -> list[Indicator]:
    """What each indicator means, in English and Arabic."""
    return list(INDICATORS)


@router.get("")
def get_indicators(
    caller: ViewerDep, view: ViewDep, asked: AskedDep, cases: SliceDep, now: NowDep, only: KnownDep, by: By = By.ALL
) -> AnswerOut:
    """Figures of a period by group, beside the period before. A figure without data is null with the reason."""
    return answer_out(figures_of(view, caller, cases, by, asked.kind, asked.span, now, only))


@router.get("/export", response_class=Response, responses=FILES)
def export_indicators(
    caller: ViewerDep,
    view: ViewDep,
    asked: AskedDep,
    cases: SliceDep,
    now: NowDep,
    only: KnownDep,
    by: By = By.ALL,
    format: FileFormat = FileFormat.XLSX,  # noqa: A002  the name in the address
) -> Response:
    """The same as a file, one line a figure."""
    answer = figures_of(view, caller, cases, by, asked.kind, asked.span, now, only)
    return download(f"indicators-{answer.span.first}-{answer.span.last}", format, Sheet(HEAD, answer_lines(answer)))


@router.get("/{indicator}/rows")
def list_rows(
    indicator: str, caller: ViewerDep, view: ViewDep, asked: AskedDep, cases: SliceDep, now: NowDep,
    met: MetQuery = None, age_band: BandQuery = None, after: AfterRow = None, limit: LimitQuery = 100,
) -> RowsPage:  # fmt: skip
    """The rows that a figure counts: orders, repairs, defects or judged boxes, by day."""
    rows, following = rows_of(
        view, caller, indicator, cases, asked.span, now, met=met, band=age_band, after=place_of(after), limit=limit
    )
    return RowsPage(items=rows, next=str(following) if following else None)


@router.get("/{indicator}/rows/export", response_class=Response, responses=FILES)
def export_rows(
    indicator: str, caller: ViewerDep, view: ViewDep, asked: AskedDep, cases: SliceDep, now: NowDep,
    met: MetQuery = None, age_band: BandQuery = None, format: FileFormat = FileFormat.CSV,  # noqa: A002
) -> Response:  # fmt: skip
    """All of them as a file, up to 100,000."""
    found = list(all_rows(view, caller, indicator, cases, asked.span, now, met, age_band))
    if len(found) > MOST_ROWS:
        raise Unprocessable("indicators.rows", f"expected at most {MOST_ROWS} rows, got more; ask for a shorter period")
    return download(indicator, format, rows_sheet(found))


def answer_out(answer: Answer) -> AnswerOut:
    return AnswerOut(
        period=span_out(answer.span), before=span_out(answer.before), by=answer.by, counted_at=answer.counted_at,
        groups=list(answer.groups),
    )  # fmt: skip


def span_out(span: Span) -> SpanOut:
    return SpanOut(first=span.first, last=span.last, first_hijri=hijri(span.first), last_hijri=hijri(span.last))


def rows_sheet(rows: Iterable[CaseRow]) -> Sheet:
    return Sheet(tuple(CaseRow.__dataclass_fields__), (tuple(vars(row).values()) for row in rows))


def answer_lines(answer: Answer) -> Iterator[tuple[Cell, ...]]:
    span = answer.span
    days = span.first, span.last, hijri(span.first), hijri(span.last)
    for group in answer.groups:
        for one in group.figures:
            yield group.key, group.name_en, group.name_ar, *_line(one), *days, one.rows


def _line(one: Figure) -> tuple[Cell, ...]:
    named = BY_KEY[one.indicator]
    told = one.value, one.of, one.met, one.before, one.change, one.reason
    return one.indicator, named.name_en, named.name_ar, one.unit, *told


def all_rows(
    view: View, caller: Caller, indicator: str, cases: Slice, span: Span, now: datetime, met: bool | None,
    band: int | None, most: int | None = MOST_ROWS,
) -> Iterator[CaseRow]:  # fmt: skip
    """Page by page; ends soon after `most`."""
    after: Place | None = None
    taken = 0
    while most is None or taken <= most:
        rows, after = rows_of(view, caller, indicator, cases, span, now, met=met, band=band, after=after, limit=5_000)
        yield from rows
        taken += len(rows)
        if after is None:
            return

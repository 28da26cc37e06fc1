"""Counts cases: the sums of settled days, and what events beyond the cursor changed, live, on one snapshot.

The tables lag behind the events by a minute or so. A question therefore derives the cases of the few defects that
events beyond the cursor speak of, puts them in place of their stored ones, and is right to the moment.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, Subquery, and_, case, func, literal_column, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from datasets.taxonomy import BY_KEY, Unit
from service.accounts.caller import Caller, visible
from service.control.cases import COLUMNS, MEASURES, derived, summands
from service.control.facts import MEMORY, NAMED, NO_JIT, OF_DEFECTS
from service.control.models import DIMENSIONS, IndicatorCase, IndicatorDay, IndicatorState
from service.control.periods import Span, saudi_day
from service.core.database import Database
from service.coverage.figures import StreetMetres

AGE_DAYS = (1, 3, 7, 30, 90)  # bands of open orders: younger than these, and older
NEWEST = 2**62


class By(StrEnum):
    """What figures are told apart by."""

    ALL = "all"
    MUNICIPALITY = "municipality"
    DISTRICT = "district"
    UNIT = "unit"
    CONTRACTOR = "contractor"
    CLASS = "class"
    SOURCE = "source"
    DAY = "day"


COLUMN = {
    By.MUNICIPALITY: "municipality_id", By.DISTRICT: "district_id", By.UNIT: "unit_id",
    By.CONTRACTOR: "contractor_id", By.CLASS: "class_key", By.SOURCE: "source", By.DAY: "day",
}  # fmt: skip
Key = str | None  # of a group; None: it has none, for instance no unit


@dataclass(frozen=True)
class Slice:
    """Which cases are asked for: equal to these values, None for any; `without` names dimensions that must be empty."""

    municipality_id: int | None = None
    district_id: int | None = None
    unit_id: int | None = None
    contractor_id: int | None = None
    class_key: str | None = None
    source: str | None = None
    without: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """The dimensions that it narrows."""
        given = {name for name, value in vars(self).items() if name != "without" and value is not None}
        return given.union(self.without)

    def where(self, columns: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[bool]]:
        given = {name: value for name, value in vars(self).items() if name != "without" and value is not None}
        equal = [columns[name] == value for name, value in given.items()]
        return [*equal, *(columns[name].is_(None) for name in self.without)]


@dataclass
class Tally:
    """The sums of one group."""

    sums: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(MEASURES, Decimal(0)))
    quantity: dict[Unit, Decimal] = field(default_factory=lambda: dict.fromkeys(Unit, Decimal(0)))
    waiting_in_time: int = 0
    open_by_age: dict[int, int] = field(default_factory=dict)  # band (index in AGE_DAYS, then one more) -> orders

    def __getitem__(self, measure: str) -> int:
        return int(self.sums[measure])


@contextmanager
def snapshot(database: Database) -> Iterator[Session]:
    """A session that reads everything as of one moment: the cursor, the sums and the tables agree."""
    connection = database.engine.connect().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with connection, Session(connection) as session:
        session.execute(NO_JIT)
        session.execute(MEMORY)
        yield session


class View:
    """The cases and their sums as they are now. `dirty`: defects that events beyond the cursor speak of."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.street_metres: dict[tuple[int, Span, Span], StreetMetres] = {}  # read so far, of two periods
        state = session.execute(select(IndicatorState.cursor, IndicatorState.refreshed_at)).first()
        self.refreshed_at: datetime | None = state.refreshed_at if state else None
        after = {"after": state.cursor if state else 0, "until": NEWEST}
        self.dirty: Sequence[int] = session.scalars(text(NAMED), after).all()

    def cases(self) -> Subquery:
        columns = ", ".join(COLUMNS)
        if not self.dirty:
            return self._subquery(f"SELECT {columns} FROM indicator_case", IndicatorCase, COLUMNS)
        stored = f"SELECT {columns} FROM indicator_case WHERE NOT {OF_DEFECTS}"
        return self._subquery(f"{stored} UNION ALL ({self._live()})", IndicatorCase, COLUMNS)

    def days(self, span: Span | None = None) -> Subquery:
        """Sums by day; of a span those of its whole months are by month, with the first day of each."""
        columns = (*DIMENSIONS, *MEASURES)
        summed = _settled(columns, span)
        if self.dirty:
            stored = f"(SELECT * FROM indicator_case WHERE {OF_DEFECTS}) AS stored"
            changes = summands(stored, -1), summands(f"({self._live()}) AS live")
            summed = " UNION ALL ".join((summed, *(f"({change})" for change in changes)))
        return self._subquery(summed, IndicatorDay, columns)

    @cached_property
    def live(self) -> str:
        """The cases of the dirty defects as JSON: derived once for all that is asked of this view."""
        query = derived(everything=False)
        rows = text(f"SELECT coalesce(jsonb_agg(to_jsonb(one)), '[]')::text FROM ({query}) AS one")
        return str(self.session.scalar(rows, {"ids": list(self.dirty)}))

    def _live(self) -> str:
        return f"SELECT {', '.join(COLUMNS)} FROM jsonb_populate_recordset(NULL::indicator_case, CAST(:live AS jsonb))"

    def _subquery(self, query: str, table: type[Any], columns: Sequence[str]) -> Subquery:
        statement = text(query).bindparams(ids=list(self.dirty), live=self.live) if self.dirty else text(query)
        return statement.columns(**{name: table.__table__.c[name].type for name in columns}).subquery("found")


def _settled(columns: Sequence[str], span: Span | None) -> str:
    names = ", ".join(columns)
    months = span.whole_months if span else None
    if span is None or months is None:
        return f"SELECT {names} FROM indicator_day"
    edges = f"(day >= '{span.first}' AND day < '{months.first}' OR day > '{months.last}' AND day <= '{span.last}')"
    return f"""SELECT {names} FROM indicator_month WHERE day BETWEEN '{months.first}' AND '{months.last}'
        UNION ALL SELECT {names} FROM indicator_day WHERE {edges}"""


def tallies(view: View, caller: Caller, asked: Slice, by: By, span: Span, now: datetime) -> dict[Key, Tally]:
    """By group; `now` decides what is late and, in a period that has not ended, what is open."""
    found: dict[Key, Tally] = defaultdict(Tally)
    _sum_days(view, caller, asked, by, span, found)
    _count_waiting(view, caller, asked, by, span, now, found)
    if by is not By.DAY:
        _count_open(view, caller, asked, by, min(now, span.ends_at), now, found)
    return dict(found)


def scoped(statement: Select[Any], columns: Any, caller: Caller, asked: Slice) -> Select[Any]:
    scope = cast("InstrumentedAttribute[int]", columns.municipality_id)
    return visible(statement, scope, caller).where(*asked.where(columns))


def open_at(columns: Any, at: datetime, now: datetime) -> ColumnElement[bool]:
    """Orders open at a moment."""
    return open_still(columns, at) if at >= now else or_(open_still(columns, at), ended_since(columns, at))


def open_still(columns: Any, at: datetime) -> ColumnElement[bool]:
    return and_(columns.kind == "order", columns.outcome.in_(("waiting", "done")), columns.at <= at)


def ended_since(columns: Any, at: datetime) -> ColumnElement[bool]:
    """The range of days is there for its index: of orders of three years it finds the few that were open then."""
    days = func.daterange(func.least(columns.day, columns.ended_day), columns.ended_day, literal_column("'[]'"))
    that_day = days.op("@>", is_comparison=True)(saudi_day(at))
    return and_(
        columns.kind == "order", columns.ended_day.is_not(None), that_day, columns.ended_at > at, columns.at <= at
    )


def waiting_in_time(columns: Any, now: datetime) -> ColumnElement[bool]:
    """Neither done nor late yet, so that nobody knows whether they will be in time."""
    return and_(columns.outcome == "waiting", or_(columns.late_from.is_(None), columns.late_from >= now))


def age_band(at: ColumnElement[datetime], moment: datetime) -> ColumnElement[int]:
    younger = [(at > moment - timedelta(days=days), band) for band, days in enumerate(AGE_DAYS)]
    return case(*younger, else_=len(AGE_DAYS))


def _sum_days(view: View, caller: Caller, asked: Slice, by: By, span: Span, found: dict[Key, Tally]) -> None:
    days = view.days(None if by is By.DAY else span).c
    key = _key(days, by)
    sums = [func.sum(days[name]).label(name) for name in MEASURES]
    statement = select(key, days.class_key, *sums).where(days.day.between(span.first, span.last))
    for row in _rows(view, scoped(statement, days, caller, asked).group_by(key, days.class_key)):
        tally = found[_text(row.key)]
        for name in MEASURES:
            tally.sums[name] += getattr(row, name)
        if row.class_key is not None:
            tally.quantity[BY_KEY[row.class_key].unit] += row.quantity


def _count_waiting(
    view: View, caller: Caller, asked: Slice, by: By, span: Span, now: datetime, found: dict[Key, Tally]
) -> None:
    cases = view.cases().c
    key = _key(cases, by)
    statement = select(key, func.count().label("number")).where(
        cases.kind == "order", cases.day.between(span.first, span.last), waiting_in_time(cases, now)
    )
    for row in _rows(view, scoped(statement, cases, caller, asked).group_by(key)):
        found[_text(row.key)].waiting_in_time = row.number


def _count_open(
    view: View, caller: Caller, asked: Slice, by: By, at: datetime, now: datetime, found: dict[Key, Tally]
) -> None:
    """Those open now and those that ended since, each by an index of its own."""
    cases = view.cases().c
    key, band = _key(cases, by), age_band(cases.at, at).label("band")
    statement = select(key, band, func.count().label("number"))
    for these in (open_still(cases, at), ended_since(cases, at))[: 1 if at >= now else 2]:
        for row in _rows(view, scoped(statement.where(these), cases, caller, asked).group_by(key, band)):
            bands = found[_text(row.key)].open_by_age
            bands[row.band] = bands.get(row.band, 0) + row.number


def _rows(view: View, statement: Select[Any]) -> Sequence[Row[Any]]:
    return view.session.execute(statement).all()


def _key(columns: Any, by: By) -> ColumnElement[Any]:
    column: ColumnElement[Any] = literal_column("'all'::text") if by is By.ALL else columns[COLUMN[by]]
    return column.label("key")


def _text(key: object) -> Key:
    return None if key is None else str(key)

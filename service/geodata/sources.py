"""Where features come from: a question to the database, answered page by page in the order of a key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, DateTime, Row, Select, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import RasidError
from service.core.fields import MAX_ROW_ID
from service.coverage.cells import Box
from service.geodata.asking import Asked, Times
from service.geodata.fields import Collection, Extent, Feature

COUNTED_ROWS = 20_000  # beyond it nobody waits for a number
NEVER: ColumnElement[datetime] = literal_column("'infinity'::timestamp with time zone", DateTime(timezone=True))


@dataclass(frozen=True)
class View:
    """Who looks, and when; without a caller it is the public."""

    now: datetime
    caller: Caller | None = None

    @property
    def signed_in(self) -> Caller:
        assert self.caller is not None, "the public was led to a source of municipal data"
        return self.caller


class Source(Protocol):
    @property
    def about(self) -> Collection: ...

    def extent(self, session: Session, view: View) -> Extent | None:
        """None where nothing is there, or where it would cost too much to know."""
        ...

    def count(self, session: Session, view: View, asked: Asked) -> int | None:
        """Exactly how many match, or None where it would cost too much to know."""
        ...

    def page(self, session: Session, view: View, asked: Asked) -> tuple[list[Feature], str | None]:
        """At most `asked.limit`, and what to give as `after` for those that follow."""
        ...

    def find(self, session: Session, view: View, feature_id: str) -> Feature | None: ...


def number_of(text: str) -> int | None:
    """A row's id; None for what can be none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= MAX_ROW_ID else None


def refuse_after(text: str) -> RasidError:
    detail = f"expected the link `next` of the page before, got after={text!a:.80}"
    return RasidError("geodata.parameter", detail, parameter="after")


@dataclass(frozen=True)
class RowSource:
    """Rows that are points in the database."""

    about: Collection
    rows: Callable[[View], Select[Any]]  # what the caller may see
    key: ColumnElement[Any]
    lat: ColumnElement[float]
    lon: ColumnElement[float]
    begins: ColumnElement[datetime]
    ends: ColumnElement[Any]
    inside: Callable[[Box], ColumnElement[bool]]
    feature: Callable[[Row[Any], View], Feature]
    columns: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)  # of the filters
    goes_on: bool = False  # where `ends` is null
    read_key: Callable[[str], int | str | None] = number_of
    quick_extent: Callable[[View], Select[Any] | None] = lambda _: None  # the row of `_whole`, or None to ask that

    def extent(self, session: Session, view: View) -> Extent | None:
        asked = self.quick_extent(view)
        row = session.execute(self._whole(view) if asked is None else asked).one()
        west, south, east, north, first, last, goes_on = row
        if west is None:
            return None
        return Extent((west, south, east, north), (_utc(first), None if goes_on else _utc(last)))

    def count(self, session: Session, view: View, asked: Asked) -> int | None:
        matching = self._matching(view, asked).with_only_columns(self.key).limit(COUNTED_ROWS + 1).subquery()
        matched = session.scalar(select(func.count()).select_from(matching)) or 0
        return matched if matched <= COUNTED_ROWS else None

    def page(self, session: Session, view: View, asked: Asked) -> tuple[list[Feature], str | None]:
        statement = self._matching(view, asked)
        if asked.after is not None:
            start = self.read_key(asked.after)
            if start is None:
                raise refuse_after(asked.after)
            statement = statement.where(self.key > start)
        statement = statement.order_by(self.key).limit(asked.limit + 1)
        if asked.times is not None and self.read_key is number_of:  # an index holds all that tells which: first they
            keys = session.scalars(statement.with_only_columns(self.key)).all()
            statement = self.rows(view).where(self.key.in_(keys)).order_by(self.key)
        rows = session.execute(statement).all()
        features = [self.feature(row, view) for row in rows[: asked.limit]]
        return features, str(features[-1].id) if len(rows) > asked.limit else None

    def find(self, session: Session, view: View, feature_id: str) -> Feature | None:
        key = self.read_key(feature_id)
        if key is None:
            return None
        row = session.execute(self.rows(view).where(self.key == key)).one_or_none()
        return self.feature(row, view) if row else None

    def _whole(self, view: View) -> Select[Any]:
        """West, south, east, north, the first moment, the last, and whether it goes on, of every row."""
        edges = (func.min(self.lon), func.min(self.lat), func.max(self.lon), func.max(self.lat))
        times = (func.min(self.begins), func.max(self.ends), func.bool_or(self.ends.is_(None)))
        return self.rows(view).with_only_columns(*edges, *times)

    def _matching(self, view: View, asked: Asked) -> Select[Any]:
        statement = self.rows(view)
        if asked.boxes is not None:
            statement = statement.where(or_(*map(self.inside, asked.boxes)))
        if asked.times is not None:
            ends = func.coalesce(self.ends, NEVER) if self.goes_on else self.ends
            statement = statement.where(during(asked.times, self.begins, ends))
        for name, value in (asked.wanted or {}).items():
            statement = statement.where(self.columns[name] == value)
        return statement


def during(times: Times, begins: ColumnElement[Any], ends: ColumnElement[Any]) -> ColumnElement[bool]:
    """Two closed intervals that have a moment in common. `ends` is never null, so that an index can hold it."""
    conditions = []
    if times.end is not None:
        conditions.append(begins <= times.end)
    if times.start is not None:
        conditions.append(ends >= times.start)
    return and_(*conditions)


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None

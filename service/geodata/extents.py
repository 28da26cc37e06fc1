"""How far defects and orders reach in place and time, read from the ends of indexes and not of every row."""

from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute

from service.accounts.caller import visible
from service.accounts.models import Municipality
from service.accounts.permissions import Role
from service.defects.models import Defect
from service.geodata.sources import NEVER, View
from service.work_orders.models import WorkOrder

_SEEN = (Defect.first_seen_at, Defect.last_seen_at)
_ENDS = func.coalesce(WorkOrder.closed_at, NEVER)  # as in the index


def defects_extent(view: View) -> Select[Any]:
    """West, south, east, north, the first moment, the last, and whether it goes on: of what the caller may see."""
    times = (_end(func.min(_SEEN[0]), Defect), _end(func.max(_SEEN[1]), Defect))
    return _together(_by_municipality(view, *times), goes_on=literal_column("false"))


def orders_extent(view: View) -> Select[Any] | None:
    """The same; as place that of all defects where there are orders. None for a unit's user, who sees few orders and
    is to learn of no others."""
    if view.signed_in.role is Role.UNIT:
        return None
    parts = _by_municipality(view, _end(func.min(WorkOrder.opened_at), WorkOrder), _end(func.max(_ENDS), WorkOrder))
    return _together(parts, goes_on=func.max(parts.c.last) == NEVER)


def _by_municipality(view: View, first: ColumnElement[Any], last: ColumnElement[Any]) -> Subquery:
    own: Select[Any] = visible(select(Municipality), Municipality.id, view.signed_in).select_from(Municipality)
    return own.with_only_columns(
        _end(func.min(Defect.lon), Defect).label("west"), _end(func.min(Defect.lat), Defect).label("south"),
        _end(func.max(Defect.lon), Defect).label("east"), _end(func.max(Defect.lat), Defect).label("north"),
        first.label("first"), last.label("last"),
    ).subquery()  # fmt: skip


def _end(edge: ColumnElement[Any], of: type[Defect] | type[WorkOrder]) -> ColumnElement[Any]:
    """A minimum or maximum within a municipality: one probe of an index that begins with it."""
    municipality_id: InstrumentedAttribute[int] = of.municipality_id
    return select(edge).where(municipality_id == Municipality.id).correlate(Municipality).scalar_subquery()


def _together(parts: Subquery, goes_on: ColumnElement[Any]) -> Select[Any]:
    one = parts.c
    return select(
        func.min(one.west), func.min(one.south), func.max(one.east), func.max(one.north),
        func.min(one.first), func.nullif(func.max(one.last), NEVER), goes_on,
    ).where(one.first.is_not(None))  # fmt: skip

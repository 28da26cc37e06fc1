"""What an order and its clock were before an action, kept as JSON so that the action can be taken back."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, inspect
from sqlalchemy.orm import ColumnProperty, Mapper, Session
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import ReadOnlyProperties

from service.core.tables import JsonObject
from service.work_orders.models import WorkOrder
from service.work_orders.service_levels import clock_of, set_steps, steps_of
from service.work_orders.service_levels_models import OrderClock

ORDER, CLOCK = "order", "clock"
Snapshot = dict[str, dict[str, Any]]


def columns_of(session: Session, order: WorkOrder) -> Snapshot:
    """Every column of the order and of its clock, whoever added it, so that the way back forgets none."""
    clock = clock_of(session, order)
    return {ORDER: _values(order), CLOCK: _values(clock) if clock else {}}


def changes(before: Snapshot, after: Snapshot) -> JsonObject:
    """What was otherwise before, by table; a clock that the action made stays."""
    found = {
        table: {name: plain(value) for name, value in values.items() if after[table].get(name) != value}
        for table, values in before.items()
    }
    return {table: values for table, values in found.items() if values}


def restore(session: Session, order: WorkOrder, before: JsonObject) -> None:
    """What fell due meanwhile does so once."""
    clock = clock_of(session, order)
    left = {step.key for step in steps_of(clock)} if clock else set()
    _set(order, before.get(ORDER, {}))
    if clock:
        _set(clock, before.get(CLOCK, {}))
        set_steps(order, clock, [step for step in steps_of(clock) if step.key in left])


def plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.value if isinstance(value, StrEnum) else value


def _values(row: WorkOrder | OrderClock) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in _attributes(row)}


def _attributes(row: WorkOrder | OrderClock) -> ReadOnlyProperties[ColumnProperty[Any]]:
    mapper: Mapper[Any] = inspect(type(row))
    return mapper.column_attrs


def _set(row: WorkOrder | OrderClock, values: JsonObject) -> None:
    for name, value in values.items():
        setattr(row, name, _stored(_attributes(row)[name].columns[0].type, value))


def _stored(column: TypeEngine[Any], value: Any) -> Any:
    if value is None or isinstance(column, JSON):
        return value
    kind = column.python_type
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is timedelta:
        return timedelta(seconds=value)
    return kind(value) if issubclass(kind, StrEnum) else value

"""What a municipality decides once: its units with what they can do in a day."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts import service as accounts
from service.accounts.caller import Caller, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.accounts.schemas import MunicipalityIn
from service.core.errors import Conflict, NotFound
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit


def visible_units(caller: Caller) -> Select[Unit]:
    return visible(select(Unit), Unit.municipality_id, caller)


def create_municipality(session: Session, data: MunicipalityIn) -> Municipality:
    """A municipality that can work at once: with units, routing and service levels. Raises as accounts does."""
    municipality = accounts.create_municipality(session, data)
    create_default_operations(session, municipality)
    return municipality


def find_unit(session: Session, municipality_id: int, key: str) -> Unit:
    own = select(Unit).where(Unit.municipality_id == municipality_id)
    unit = session.scalar(own.where(Unit.key == key))
    if unit is None:
        known = ", ".join(sorted(one.key for one in session.scalars(own))) or "none yet"
        raise NotFound("unit.unknown", f"expected the key of a unit of that municipality ({known}), got {key!r}")
    return unit


def create_unit(
    session: Session,
    caller: Caller,
    municipality_id: int,
    key: str,
    name_en: str,
    name_ar: str,
    now: datetime,
    capacity_per_day: int | None = None,
) -> Unit:
    """The unit of that key; the same request again returns it, other names for a known key are a Conflict."""
    check_municipality(session, caller, municipality_id)
    values = {
        "municipality_id": municipality_id,
        "key": key,
        "name_en": name_en,
        "name_ar": name_ar,
        "active": True,
        "capacity_per_day": capacity_per_day,
    }
    made = session.scalar(insert(Unit).values(values).on_conflict_do_nothing().returning(Unit.id))
    unit = session.scalars(select(Unit).where(Unit.municipality_id == municipality_id, Unit.key == key)).one()
    if made is not None:
        _record(session, caller, municipality_id, "create_unit", now, values | {"unit_id": unit.id})
    elif (unit.name_en, unit.name_ar, unit.capacity_per_day) != (name_en, name_ar, capacity_per_day):
        raise Conflict("unit.exists", f"expected a new key, {key!r} is the unit {unit.id}; change that with PUT")
    return unit


def change_unit(session: Session, caller: Caller, unit_id: int, changes: JsonObject, now: datetime) -> Unit:
    """`changes`: name_en, name_ar, active and capacity_per_day, as far as they change. Orders go no longer to a unit
    that is not active; the ones it has stay with it."""
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    unit = session.scalar(visible_units(caller).where(Unit.id == unit_id).with_for_update())
    if unit is None:
        raise NotFound("unit.unknown", f"expected a unit of your municipalities, got id {unit_id}")
    if any(getattr(unit, name) != value for name, value in changes.items()):
        for name, value in changes.items():
            setattr(unit, name, value)
        _record(session, caller, unit.municipality_id, "change_unit", now, {"unit_id": unit.id, **changes})
    return unit


def check_municipality(session: Session, caller: Caller, municipality_id: int) -> None:
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    if not caller.sees(municipality_id) or session.get(Municipality, municipality_id) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


def _record(
    session: Session, caller: Caller, municipality_id: int, action: str, now: datetime, data: JsonObject
) -> None:
    record(
        session,
        at=now,
        actor=caller.actor,
        subject_kind="municipality",
        subject_id=municipality_id,
        action=action,
        municipality_id=municipality_id,
        data=data,
    )

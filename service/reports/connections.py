"""Which other Open311 endpoints a city stands beside; their keys are settings, never rows."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import Forbidden
from service.core.events import record
from service.core.tables import JsonObject
from service.reports.access import check_municipality
from service.reports.models import Connection


def visible_connections(caller: Caller) -> Select[Connection]:
    """One of all municipalities is seen by who sees all of them."""
    statement = select(Connection)
    if caller.municipality_ids is None:
        return statement
    return statement.where(Connection.municipality_id.in_(caller.municipality_ids))


def set_connection(session: Session, caller: Caller, key: str, values: JsonObject, now: datetime) -> Connection:
    """Makes it or changes it; the same again changes nothing."""
    municipality_id = values["municipality_id"]
    if municipality_id is None and caller.municipality_ids is not None:
        raise Forbidden("connection.municipality", "expected one of your municipalities, got none; name it")
    check_municipality(session, caller, municipality_id)
    found = session.scalar(select(Connection).where(Connection.key == key).with_for_update())
    if found is not None and session.scalar(visible_connections(caller).where(Connection.id == found.id)) is None:
        raise Forbidden("connection.taken", f"expected a key that is free, {key!r} is another's; choose another")
    connection = found or Connection(key=key, **values)
    changed = [name for name, value in values.items() if found is None or getattr(found, name) != value]
    for name in changed:
        setattr(connection, name, values[name])
    session.add(connection)
    session.flush()
    if changed:
        record(
            session, at=now, actor=caller.actor, subject_kind="open311_connection", subject_id=connection.id,
            action="set", municipality_id=municipality_id, data={"key": key, "changed": changed},
        )  # fmt: skip
    return connection

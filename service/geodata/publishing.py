"""Switching the public subset of a municipality on and off."""

from datetime import datetime
from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.models import Municipality
from service.core.errors import NotFound
from service.core.events import record
from service.core.tables import JsonObject
from service.geodata.models import Publication


def publish(
    session: Session, caller: Caller, municipality_id: int, delay_days: int, grid_m: float, now: datetime
) -> Publication:
    """Shows the municipality's confirmed defects from now on; the same again changes nothing, ids stay the same."""
    place = _lock(session, caller, municipality_id)
    found = session.get(Publication, place.id)
    if found is None:
        found = Publication(
            municipality_id=place.id, delay_days=delay_days, grid_m=grid_m, salt=token_hex(32), since=now
        )
        session.add(found)
    elif (found.delay_days, found.grid_m) == (delay_days, grid_m):
        return found
    found.delay_days, found.grid_m = delay_days, grid_m
    _record(session, caller, place.id, "publish_geodata", now, {"delay_days": delay_days, "grid_m": grid_m})
    session.flush()
    return found


def withdraw(session: Session, caller: Caller, municipality_id: int, now: datetime) -> None:
    """Shows nothing from now on; safe to run twice. Published again, its defects have other ids."""
    place = _lock(session, caller, municipality_id)
    found = session.get(Publication, place.id)
    if found is not None:
        session.delete(found)
        _record(session, caller, place.id, "withdraw_geodata", now, {})
        session.flush()


def find_publication(session: Session, caller: Caller, municipality_id: int) -> Publication | None:
    return session.get(Publication, _place(session, caller, municipality_id).id)


def _lock(session: Session, caller: Caller, municipality_id: int) -> Municipality:
    """Of two who publish at once the second finds what the first did."""
    return _place(session, caller, municipality_id, lock=True)


def _place(session: Session, caller: Caller, municipality_id: int, *, lock: bool = False) -> Municipality:
    own = visible(select(Municipality), Municipality.id, caller).where(Municipality.id == municipality_id)
    found = session.scalar(own.with_for_update() if lock else own)
    if found is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")
    return found


def _record(
    session: Session, caller: Caller, municipality_id: int, action: str, now: datetime, data: JsonObject
) -> None:
    record(session, at=now, actor=caller.actor, subject_kind="municipality", subject_id=municipality_id, action=action,
           municipality_id=municipality_id, data=data)  # fmt: skip

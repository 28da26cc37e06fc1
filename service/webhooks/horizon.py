"""Up to which id the event table is complete: ids are drawn in order, but committed in any order.

A reader that only remembers the largest id it saw loses the event whose transaction began earlier and ended later.
Every writer holds PostgreSQL's lock on the table from before it draws an id until its events can be seen: so once the
holders of that moment are gone, nothing below the largest id seen then can appear. Nobody is made to wait, and a long
transaction delays without losing. (Comparing transaction ids would not do: an id is drawn before its transaction has
one, and they begin anew when a dump is restored.)
"""

from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.core.events import Event
from service.webhooks.models import EventHorizon

log = structlog.get_logger()
TELL_AFTER = timedelta(minutes=5)
WRITERS = text(
    """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = CAST('event' AS regclass) AND granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    """
)


def settle(session: Session, now: datetime) -> int:
    """Moves the horizon as far as can be known now and returns it. READ COMMITTED: each statement sees anew."""
    horizon = _locked(session)
    if horizon.pending_id is not None and not _still_writing(session, horizon):
        horizon.settled_id, horizon.pending_id, horizon.pending_writers = horizon.pending_id, None, []
    if horizon.pending_id is None:
        newest = session.scalar(select(func.max(Event.id))) or 0  # first the id, then who may yet add below it
        _advance(horizon, newest, _writers(session), now)
    session.flush()
    return horizon.settled_id


def installation(session: Session) -> str:
    """A URN that no other installation has; it stays with the database."""
    return session.scalar(select(EventHorizon.installation)) or _locked(session).installation


def _advance(horizon: EventHorizon, newest: int, writers: list[str], now: datetime) -> None:
    if newest <= horizon.settled_id:
        return
    if writers:
        horizon.pending_id, horizon.pending_writers, horizon.pending_since = newest, writers, now
    else:
        horizon.settled_id = newest


def _still_writing(session: Session, horizon: EventHorizon) -> bool:
    return not set(horizon.pending_writers).isdisjoint(_writers(session))


def tell_if_stuck(session: Session, now: datetime) -> None:
    """A transaction that stays open holds every webhook back; the log names it after a while."""
    horizon = _locked(session)
    if horizon.pending_id is not None and horizon.pending_since and horizon.pending_since < now - TELL_AFTER:
        log.warning(
            "webhooks.held_back", by=horizon.pending_writers, since=horizon.pending_since.isoformat(),
            do="see pg_stat_activity for a transaction that does not end",
        )  # fmt: skip


def _writers(session: Session) -> list[str]:
    return sorted(session.scalars(WRITERS))


def _locked(session: Session) -> EventHorizon:
    one = select(EventHorizon).with_for_update().execution_options(populate_existing=True)
    found = session.scalar(one)
    if found is None:
        values = {"id": 1, "installation": uuid4().urn, "settled_id": 0, "pending_writers": []}
        session.execute(insert(EventHorizon).values(values).on_conflict_do_nothing())
        found = session.scalars(one).one()
    return found

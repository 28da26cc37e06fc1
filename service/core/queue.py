"""Defers a job inside the caller's own transaction: a row and the work it asks for are kept or lost together."""

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.types import JSONValue
from sqlalchemy.orm import Session

DEFAULT_QUEUE = "default"
_deferrer = App(connector=SyncPsycopgConnector())  # never opened: it writes through the caller's connection


def enqueue(
    session: Session, task: str, *, lock: str | None = None, priority: int = 0, queue: str = DEFAULT_QUEUE,
    **arguments: JSONValue,
) -> None:  # fmt: skip
    """Asks for `task`; with a `lock`, jobs run one at a time and a second waiting one is not added."""
    try:
        with session.begin_nested():  # asks the session for its connection inside: that is what sets the savepoint
            connection = session.connection().connection.driver_connection
            deferrer = _deferrer.configure_task(
                task,
                allow_unknown=True,
                queue=queue,
                lock=lock,
                queueing_lock=lock,
                priority=priority,
                connection=connection,
            )
            deferrer.defer(**arguments)
    except AlreadyEnqueued:
        return

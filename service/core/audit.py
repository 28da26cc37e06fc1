"""Records who read whose personal data, so that a person can be told and misuse can be found."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.core.events import Actor, Event, record

READ = "audit.read"


class Whose(StrEnum):
    """The kinds of subject that are people."""

    USER = "user"
    REPORTER = "reporter"  # with the id of the report


@dataclass(frozen=True)
class ReadFilter:
    """What a list of reads is narrowed to; None: not by this."""

    actor_kind: str | None = None
    actor_id: int | None = None
    subject_kind: Whose | None = None
    subject_id: int | None = None
    municipality_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None  # left out itself


def record_reads(
    session: Session, *, at: datetime, actor: Actor, subject_kind: str, subject_ids: Iterable[int],
    fields: Collection[str], via: str, municipality_id: int | None = None,
) -> None:  # fmt: skip
    """One event for each person whose data was given out, in the transaction that read it.

    `fields` names what was given ("email", "phone"), never the values; `via` the endpoint or command. Reading one's own
    data is nobody's business and leaves no trace.
    """
    for subject_id in subject_ids:
        if actor.kind == subject_kind and actor.id == subject_id:
            continue
        record(
            session, at=at, actor=actor, subject_kind=subject_kind, subject_id=subject_id, action=READ,
            municipality_id=municipality_id, data={"fields": sorted(fields), "via": via},
        )  # fmt: skip


def reads(wanted: ReadFilter) -> Select[Event]:
    """All reads of anybody's personal data that fit. Events of people are few among all: their index is asked."""
    statement = select(Event).where(Event.subject_kind.in_(list(Whose)), Event.action == READ)
    for column, value in (
        (Event.actor_kind, wanted.actor_kind), (Event.actor_id, wanted.actor_id),
        (Event.subject_kind, wanted.subject_kind), (Event.subject_id, wanted.subject_id),
        (Event.municipality_id, wanted.municipality_id),
    ):  # fmt: skip
        if value is not None:
            statement = statement.where(column == value)
    if wanted.since is not None:
        statement = statement.where(Event.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Event.at < wanted.until)
    return statement

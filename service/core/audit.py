"""Records who read whose personal data, so that a person can be told and misuse can be found."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from service.core.events import Actor, record

READ = "audit.read"


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

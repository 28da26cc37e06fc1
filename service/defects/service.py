"""Changes of a defect that verdicts, work orders and the machine path have in common, each recorded."""

from datetime import datetime

from sqlalchemy.orm import Session

from service.core.errors import Conflict
from service.core.events import Actor, record
from service.core.tables import JsonObject
from service.defects.evidence import Evidence
from service.defects.models import Defect
from service.defects.states import DefectAction, DefectState, advance, machine_may_confirm


def resolve_defect(session: Session, defect: Defect, actor: Actor, now: datetime) -> None:
    """Its repair was found good. The row must be locked."""
    move_defect(session, defect, DefectAction.RESOLVE, actor, now)
    defect.resolved_at = now
    defect.absence, defect.absence_at = None, None


def reopen_defect(session: Session, defect: Defect, actor: Actor, now: datetime, data: JsonObject) -> None:
    """Its repair did not last. The row must be locked."""
    move_defect(session, defect, DefectAction.REOPEN, actor, now, data)
    defect.resolved_at = None


def move_defect(
    session: Session, defect: Defect, action: DefectAction, actor: Actor, now: datetime,
    data: JsonObject | None = None,
) -> None:  # fmt: skip
    """Changes the state by the table and records it; raises Conflict where the table has no such move, and where
    anything but a person would confirm a defect of a class that the machine may not confirm."""
    after = advance(defect.state, action)
    if after is DefectState.CONFIRMED and actor.kind != "user" and not machine_may_confirm(defect.class_key):
        raise Conflict(
            "defect.needs_person", f"expected a person to confirm {defect.class_key}, got {actor.kind}; review it"
        )
    before, defect.state = defect.state, after
    record_defect(session, defect, action.value, actor, now, from_state=before, data=data)


def record_defect(
    session: Session, defect: Defect, action: str, actor: Actor, now: datetime, *,
    from_state: DefectState | None, data: JsonObject | None = None,
) -> None:  # fmt: skip
    record(
        session,
        at=now,
        actor=actor,
        subject_kind="defect",
        subject_id=defect.id,
        action=action,
        municipality_id=defect.municipality_id,
        from_state=from_state and from_state.value,
        to_state=defect.state.value,
        data=data,
    )


def evidence_of(defect: Defect) -> Evidence:
    return Evidence(
        sightings=defect.sightings_count,
        score=defect.score,
        best_detection_id=defect.best_detection_id,
        size=defect.size,
        size_sd=defect.size_sd,
        size_distance_m=defect.size_distance_m,
        first_seen_at=defect.first_seen_at,
        last_seen_at=defect.last_seen_at,
    )


def set_evidence(defect: Defect, evidence: Evidence) -> None:
    defect.score, defect.best_detection_id = evidence.score, evidence.best_detection_id
    defect.size, defect.size_sd, defect.size_distance_m = evidence.size, evidence.size_sd, evidence.size_distance_m
    defect.sightings_count = evidence.sightings
    defect.first_seen_at, defect.last_seen_at = (evidence.first_seen_at, evidence.last_seen_at)

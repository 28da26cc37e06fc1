"""One defect takes in another: its sightings, its visits and what it was called."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from service.core.events import Actor
from service.defects.evidence import combine
from service.defects.models import Defect, Sighting
from service.defects.service import evidence_of, record_defect, set_evidence
from service.defects.visiting import hand_over


def absorb(session: Session, source: Defect, target: Defect, actor: Actor, now: datetime) -> None:
    """Moves the sightings; both must be locked, and the source's state is the caller's to change.

    A resolved target stays resolved: a person who means new damage accepts the candidate.
    """
    evidence = evidence_of(source)
    if source.class_key != target.class_key:
        evidence = evidence.without_size()
    set_evidence(target, combine(evidence_of(target), evidence))
    target.class_votes = {
        key: target.class_votes.get(key, 0.0) + source.class_votes.get(key, 0.0)
        for key in sorted(target.class_votes.keys() | source.class_votes.keys())
    }
    session.execute(update(Sighting).where(Sighting.defect_id == source.id).values(defect_id=target.id))
    source.merged_into_id, source.sightings_count = target.id, 0
    hand_over(session, source, target)
    merged = {"merged_id": source.id, "sightings": evidence.sightings}
    record_defect(session, target, "absorb", actor, now, from_state=target.state, data=merged)

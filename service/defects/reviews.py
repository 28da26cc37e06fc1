"""What people decide about defects: every verdict is kept, and every verdict may arrive twice."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.core.errors import Conflict, Unprocessable
from service.defects.access import get_defect, lock_defects, lock_matching, permit
from service.defects.evidence import combine
from service.defects.models import Defect, Review, Sighting, Verdict
from service.defects.service import evidence_of, move_defect, record_defect, set_evidence
from service.defects.states import PERMISSIONS, DefectAction, DefectState

_LEADS_TO = {
    Verdict.ACCEPT: DefectState.CONFIRMED,
    Verdict.REJECT: DefectState.REJECTED,
    Verdict.MERGE: DefectState.MERGED,
    Verdict.RECLASSIFY: DefectState.CANDIDATE,
}


def review(
    session: Session, caller: Caller, defect_id: int, verdict: Verdict, *, class_key: str | None = None,
    merge_into: int | None = None, note: str | None = None, now: datetime,
) -> Defect:  # fmt: skip
    """Applies a verdict; one that the defect already bears changes nothing and is not kept a second time.

    The defect stays locked until the transaction ends. Accepting opens no work order by itself:
    `work_orders.reviews.review_defect` does both, since this room does not know that one. Raises Conflict for
    a move that the state does not allow and for a target that cannot take sightings.
    """
    permit(caller, {PERMISSIONS[DefectAction(verdict.value)]})
    _check_request(verdict, class_key, merge_into)
    seen = get_defect(session, caller, defect_id)
    if verdict is Verdict.MERGE:
        lock_matching(session, seen.municipality_id)
    (defect,) = lock_defects(session, Defect.id == seen.id)
    if _bears(defect, verdict, class_key, merge_into):
        return defect
    class_before = defect.class_key
    data: dict[str, object] = {"note": note} if note else {}
    if verdict is Verdict.MERGE and merge_into is not None:
        data["merged_into_id"] = merge_into
    if verdict is Verdict.RECLASSIFY and class_key is not None:
        data |= {"class_before": class_before, "class_after": class_key}
    move_defect(session, defect, DefectAction(verdict.value), caller.actor, now, data)
    if merge_into is not None:
        _merge(session, caller, defect, _target(session, caller, defect, merge_into), now)
    if class_key is not None:
        defect.class_key, defect.size, defect.size_distance_m = class_key, None, None
    session.add(
        Review(
            defect_id=defect.id,
            user_id=caller.actor.id,
            verdict=verdict,
            class_before=class_before,
            class_after=defect.class_key,
            merged_into_id=merge_into,
            note=note,
        )
    )
    session.flush()
    return defect


def _check_request(verdict: Verdict, class_key: str | None, merge_into: int | None) -> None:
    if (verdict is Verdict.RECLASSIFY) != (class_key is not None):
        raise Unprocessable("review.class_key", f"expected class_key for reclassify alone, got {verdict.value}")
    if (verdict is Verdict.MERGE) != (merge_into is not None):
        raise Unprocessable("review.merged_into_id", f"expected merged_into_id for merge alone, got {verdict.value}")
    if class_key is not None and class_key not in BY_KEY:
        raise Unprocessable("review.class_key", f"expected one of {', '.join(BY_KEY)}, got {class_key!r}")


def _bears(defect: Defect, verdict: Verdict, class_key: str | None, merge_into: int | None) -> bool:
    if defect.state is not _LEADS_TO[verdict]:
        return False
    if verdict is Verdict.MERGE:
        return defect.merged_into_id == merge_into
    return verdict is not Verdict.RECLASSIFY or defect.class_key == class_key


def _target(session: Session, caller: Caller, defect: Defect, target_id: int) -> Defect:
    if target_id == defect.id:
        raise Conflict(
            "defect.merge_target", f"expected another defect, got {target_id} itself; choose the one to keep"
        )
    seen = get_defect(session, caller, target_id)
    if seen.municipality_id != defect.municipality_id:
        raise Conflict(
            "defect.merge_target",
            f"expected a defect of municipality {defect.municipality_id}, got one of {seen.municipality_id}",
        )
    (target,) = lock_defects(session, Defect.id == target_id)
    if target.state in {DefectState.MERGED, DefectState.REJECTED}:
        raise Conflict(
            "defect.merge_target",
            f"expected a candidate, confirmed or resolved defect, {target_id} is {target.state.value}; "
            "choose the one it was merged into or another",
        )
    return target


def _merge(session: Session, caller: Caller, source: Defect, target: Defect, now: datetime) -> None:
    """Moves the sightings. A resolved target stays resolved: a person who means new damage accepts the
    candidate."""
    evidence = evidence_of(source)
    if source.class_key != target.class_key:
        evidence = evidence.without_size()
    set_evidence(target, combine(evidence_of(target), evidence))
    session.execute(update(Sighting).where(Sighting.defect_id == source.id).values(defect_id=target.id))
    source.merged_into_id, source.sightings_count = target.id, 0
    merged = {"merged_id": source.id, "sightings": evidence.sightings}
    record_defect(session, target, "absorb", caller.actor, now, from_state=target.state, data=merged)

"""A person parts what matching took for one: the chosen sightings become a defect of their own."""

from collections.abc import Collection
from datetime import datetime
from functools import reduce

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import Conflict, Unprocessable
from service.defects.access import get_defect, lock_defects, lock_matching, permit
from service.defects.evidence import Evidence, combine
from service.defects.models import Defect, Detection, Sighting
from service.defects.recording import evidence_of_detection, new_defect
from service.defects.service import record_defect, set_evidence
from service.defects.states import PERMISSIONS, DefectAction, DefectState
from service.defects.visiting import place, rebuild_visits
from service.surveys.models import Frame

_PARTABLE = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


def split_defect(
    session: Session, caller: Caller, defect_id: int, detection_ids: Collection[int], now: datetime
) -> Defect:
    """The new candidate that has these sightings from now on; asked a second time, the same one again.

    Both keep the visits that their own sightings made, and matching goes on with both places. Raises Unprocessable for
    sightings that are not the defect's or for all of them, Conflict for a defect that is rejected or merged.
    """
    permit(caller, {PERMISSIONS[DefectAction.MERGE]})
    seen = get_defect(session, caller, defect_id)
    lock_matching(session, seen.municipality_id)
    (defect,) = lock_defects(session, Defect.id == seen.id)
    wanted = set(detection_ids)
    parted = _parted_before(session, wanted)
    if parted is not None and parted.id != defect.id and parted.municipality_id == defect.municipality_id:
        return parted
    if defect.state not in _PARTABLE:
        raise Conflict("defect.state", f"expected a live defect to part, {defect.id} is {defect.state.value}")
    rows = _sightings(session, defect)
    if not wanted or not wanted < {detection.id for detection, _ in rows}:
        raise Unprocessable(
            "split.detection_ids",
            f"expected some but not all of the {len(rows)} sightings of defect {defect.id}, "
            f"got {sorted(wanted)}; reload",
        )
    going = [(detection, frame) for detection, frame in rows if detection.id in wanted]
    staying = [(detection, frame) for detection, frame in rows if detection.id not in wanted]
    other = new_defect(going[0][1], going[0][0], _evidence(going))
    session.add(other)
    session.flush()
    session.execute(update(Sighting).where(Sighting.detection_id.in_(wanted)).values(defect_id=other.id))
    for one, kept in ((defect, staying), (other, going)):
        set_evidence(one, _evidence(kept))
        one.class_votes = _votes(kept)
        place(one, rebuild_visits(session, one))
    told = {"split_from_id": defect.id, "detection_ids": sorted(wanted)}
    record_defect(session, other, "find", caller.actor, now, from_state=None, data=told)
    parted_off = {"split_into_id": other.id, "sightings": len(going)}
    record_defect(session, defect, "split", caller.actor, now, from_state=defect.state, data=parted_off)
    session.flush()
    return other


def _parted_before(session: Session, wanted: set[int]) -> Defect | None:
    """The defect that has exactly these sightings already."""
    owners = set(session.scalars(select(Sighting.defect_id).where(Sighting.detection_id.in_(wanted))))
    if len(owners) != 1:
        return None
    (owner,) = owners
    own = set(session.scalars(select(Sighting.detection_id).where(Sighting.defect_id == owner)))
    return session.get(Defect, owner) if own == wanted else None


def _sightings(session: Session, defect: Defect) -> list[tuple[Detection, Frame]]:
    rows = session.execute(
        select(Detection, Frame)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Frame, Detection.frame_id == Frame.id)
        .where(Sighting.defect_id == defect.id)
        .order_by(Detection.id)
    )
    return [(row[0], row[1]) for row in rows]


def _evidence(rows: list[tuple[Detection, Frame]]) -> Evidence:
    seen = [evidence_of_detection(detection, frame.captured_at or frame.received_at) for detection, frame in rows]
    return reduce(combine, seen)


def _votes(rows: list[tuple[Detection, Frame]]) -> dict[str, float]:
    votes: dict[str, float] = {}
    for detection, _ in rows:
        votes[detection.class_key] = votes.get(detection.class_key, 0.0) + detection.score
    return votes

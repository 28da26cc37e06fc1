"""Turns the boxes of a frame into defects: each box is kept as it came, and each real thing is one defect."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from service.core.errors import Conflict
from service.core.events import SYSTEM, Actor, record
from service.core.tables import JsonObject
from service.defects.access import lock_defects, lock_matching
from service.defects.evidence import Evidence, combine, renew, seen_again
from service.defects.geodesy import cells_within, h3_cell
from service.defects.locate import GroundPosition
from service.defects.matching import Known, Place, match, radius_m
from service.defects.models import Defect, Detection, Review, Sighting, Verdict
from service.defects.states import DefectAction, DefectState, advance, machine_may_confirm
from service.surveys.models import Frame


@dataclass(frozen=True)
class SeenBox:
    """One box of a model on a frame, with its place and its size in the class's unit of work."""

    class_key: str
    score: float
    xyxy_px: tuple[float, float, float, float]  # upright pixels
    position: GroundPosition
    size: float | None = None


@dataclass(frozen=True)
class Recorded:
    """What a frame told us: defects new to us, defects seen once more, and of these the ones whose repair did
    not last; the caller reopens the work orders of those."""

    created: tuple[Defect, ...] = ()
    confirmed: tuple[Defect, ...] = ()
    reopened: tuple[Defect, ...] = ()


def record_sightings(
    session: Session, frame: Frame, boxes: Sequence[SeenBox], *,
    model_name: str, model_version: str, now: datetime,
) -> Recorded:  # fmt: skip
    """Keeps the boxes as detections and files each one under its defect; safe to run twice for the same
    frame.

    A rejected defect absorbs its sightings, a merged one passes them to its target, and a resolved one is
    reopened when the frame was taken long enough after the repair (`evidence.seen_again`); where the machine may
    not confirm its class, such a sighting is a new candidate instead.
    """
    if not boxes:
        return Recorded()
    lock_matching(session, frame.municipality_id)
    if session.scalar(select(exists().where(Detection.frame_id == frame.id))):
        return Recorded()
    seen_at = frame.captured_at or now
    known, defects = find_nearby(session, frame.municipality_id, boxes, seen_at)
    detections = [new_detection(frame, box, model_name, model_version) for box in boxes]
    matched = match([_place(box) for box in boxes], known)
    taken = [None if defect_id is None else defects[defect_id] for defect_id in matched]
    return file_detections(session, frame, detections, taken, SYSTEM, now)


def file_detections(
    session: Session, frame: Frame, detections: Sequence[Detection], taken: Sequence[Defect | None], actor: Actor,
    now: datetime,
) -> Recorded:  # fmt: skip
    """Adds the detections, each as a sighting of the locked defect that takes it, of a new one where none does."""
    session.add_all(detections)
    session.flush()
    seen_at = frame.captured_at or now
    created, confirmed, reopened, shown = [], [], [], []
    for detection, known in zip(detections, taken, strict=True):
        evidence = _evidence_of_detection(detection, seen_at)
        defect = known or _new_defect(frame, detection, evidence)
        if known is None:
            created.append(defect)
        else:
            confirmed.append(defect)
            if _see_again(session, defect, detection, evidence, actor, now):
                reopened.append(defect)
        shown.append(defect)
    session.add_all(created)
    session.flush()
    pairs = zip(detections, shown, strict=True)
    session.add_all(Sighting(detection_id=detection.id, defect_id=defect.id) for detection, defect in pairs)
    for defect in created:
        found_in = {"frame_id": frame.id, "detection_id": defect.best_detection_id}
        record_defect(session, defect, "find", actor, now, from_state=None, data=found_in)
    return Recorded(tuple(created), tuple(confirmed), tuple(reopened))


def resolve_defect(session: Session, defect: Defect, actor: Actor, now: datetime) -> None:
    """Its repair was found good. The row must be locked."""
    move_defect(session, defect, DefectAction.RESOLVE, actor, now)
    defect.resolved_at = now


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
    assert defect.best_detection_id is not None  # set when the defect is created, and only ever replaced
    return Evidence(
        sightings=defect.sightings_count,
        lat=defect.lat,
        lon=defect.lon,
        score=defect.score,
        best_detection_id=defect.best_detection_id,
        size=defect.size,
        size_distance_m=defect.size_distance_m,
        first_seen_at=defect.first_seen_at,
        last_seen_at=defect.last_seen_at,
    )


def set_evidence(defect: Defect, evidence: Evidence) -> None:
    defect.lat, defect.lon = evidence.lat, evidence.lon
    defect.h3_cell = h3_cell(evidence.lat, evidence.lon)
    defect.score, defect.best_detection_id = evidence.score, evidence.best_detection_id
    defect.size, defect.size_distance_m = evidence.size, evidence.size_distance_m
    defect.sightings_count = evidence.sightings
    defect.first_seen_at, defect.last_seen_at = (evidence.first_seen_at, evidence.last_seen_at)


def find_nearby(
    session: Session, municipality_id: int, boxes: Sequence[SeenBox], seen_at: datetime
) -> tuple[list[Known], dict[int, Defect]]:
    """What the boxes may show: every defect around them, and by id the ones that take the sightings, all
    locked."""
    cells = {
        cell for box in boxes for cell in cells_within(box.position.lat, box.position.lon, radius_m(box.class_key))
    }
    found = lock_defects(session, Defect.municipality_id == municipality_id, Defect.h3_cell.in_(cells))
    rows = _with_merge_targets(session, found)
    corrected = _corrected_classes(session, [defect.id for defect in found])
    known = [
        Known(
            _target(defect, rows).id,
            frozenset({defect.class_key} | corrected.get(defect.id, set())),
            defect.lat,
            defect.lon,
        )
        for defect in found
        if _takes_sightings(_target(defect, rows), seen_at)
    ]
    return known, rows


def _takes_sightings(defect: Defect, seen_at: datetime) -> bool:
    """A repair that did not last is a new candidate where only a person may confirm: it must not reopen by itself."""
    recurred = defect.state is DefectState.RESOLVED and seen_again(defect.resolved_at, seen_at)
    return machine_may_confirm(defect.class_key) or not recurred


def _with_merge_targets(session: Session, found: Iterable[Defect]) -> dict[int, Defect]:
    rows = {defect.id: defect for defect in found}
    while missing := {row.merged_into_id for row in rows.values()} - {None} - rows.keys():
        rows |= {row.id: row for row in lock_defects(session, Defect.id.in_(missing))}
    return rows


def _target(defect: Defect, rows: dict[int, Defect]) -> Defect:
    while defect.merged_into_id is not None:
        defect = rows[defect.merged_into_id]
    return defect


def _corrected_classes(session: Session, defect_ids: list[int]) -> dict[int, set[str]]:
    """Classes that a person corrected: the model will go on naming the thing so."""
    corrected: dict[int, set[str]] = {}
    if defect_ids:
        rows = session.execute(
            select(Review.defect_id, Review.class_before).where(
                Review.defect_id.in_(defect_ids), Review.verdict == Verdict.RECLASSIFY
            )
        )
        for defect_id, class_key in rows:
            corrected.setdefault(defect_id, set()).add(class_key)
    return corrected


def _new_defect(frame: Frame, detection: Detection, evidence: Evidence) -> Defect:
    defect = Defect(municipality_id=frame.municipality_id, class_key=detection.class_key, state=DefectState.CANDIDATE)
    set_evidence(defect, evidence)
    return defect


def _see_again(
    session: Session, defect: Defect, detection: Detection, evidence: Evidence, actor: Actor, now: datetime
) -> bool:
    """Adds the sighting to what is known of the defect; True when it showed that a repair did not last."""
    if detection.class_key != defect.class_key:  # corrected by a person: the size is in another class's unit
        evidence = evidence.without_size()
    if defect.state is DefectState.RESOLVED and seen_again(defect.resolved_at, evidence.last_seen_at):
        set_evidence(defect, renew(evidence_of(defect), evidence))
        reopen_defect(session, defect, actor, now, {"detection_id": detection.id})
        return True
    set_evidence(defect, combine(evidence_of(defect), evidence))
    return False


def _place(box: SeenBox) -> Place:
    return Place(box.class_key, box.position.lat, box.position.lon)


def new_detection(
    frame: Frame, box: SeenBox, model_name: str, model_version: str, added_by_id: int | None = None
) -> Detection:
    x0, y0, x1, y1 = box.xyxy_px
    return Detection(
        frame_id=frame.id,
        class_key=box.class_key,
        score=box.score,
        x0_px=x0,
        y0_px=y0,
        x1_px=x1,
        y1_px=y1,
        model_name=model_name,
        model_version=model_version,
        added_by_id=added_by_id,
        lat=box.position.lat,
        lon=box.position.lon,
        distance_m=box.position.distance_m,
        size=box.size,
    )


def _evidence_of_detection(detection: Detection, seen_at: datetime) -> Evidence:
    return Evidence(
        sightings=1,
        lat=detection.lat,
        lon=detection.lon,
        score=detection.score,
        best_detection_id=detection.id,
        size=detection.size,
        size_distance_m=detection.distance_m if detection.size is not None else None,
        first_seen_at=seen_at,
        last_seen_at=seen_at,
    )

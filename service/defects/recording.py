"""Turns the boxes of frames into defects: each box is kept as it came, and each real thing is one defect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.events import SYSTEM, Actor
from service.defects.access import lock_matching
from service.defects.evidence import Evidence, combine, renew, seen_again
from service.defects.grid import h3_cell
from service.defects.models import Absence, Defect, Detection, Sighting, Visit
from service.defects.naming import rename
from service.defects.nearby import Look, Nearby, load_nearby
from service.defects.service import evidence_of, move_defect, record_defect, reopen_defect, set_evidence
from service.defects.sights import ray_json
from service.defects.states import DefectAction, DefectState
from service.defects.visiting import Seen, fix_sd_m, visit_defects
from service.identity.echoes import leaders
from service.identity.gaussian import Spot
from service.identity.linking import Sight, link
from service.identity.locate import GroundPosition
from service.identity.matching import Match, match
from service.surveys.models import Frame


@dataclass(frozen=True)
class SeenBox:
    """One box of a model on a frame, with its place and its size in the class's unit of work."""

    class_key: str
    score: float
    xyxy_px: tuple[float, float, float, float]  # upright pixels
    position: GroundPosition
    size: float | None = None
    size_sd: float | None = None


@dataclass(frozen=True)
class SeenFrame:
    """A frame and all boxes that were found on it, none perhaps."""

    frame: Frame
    boxes: Sequence[SeenBox]


@dataclass(frozen=True)
class Recorded:
    """What frames told us: defects new to us, defects seen once more, and of these the ones whose repair did
    not last; the caller reopens the work orders of those."""

    created: tuple[Defect, ...] = ()
    confirmed: tuple[Defect, ...] = ()
    reopened: tuple[Defect, ...] = ()
    nearby: tuple[Nearby, ...] = ()  # what was known there, a part for each municipality
    shown: tuple[tuple[int, int], ...] = ()  # frame id, defect id of each sighting

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(
            self.created + other.created, self.confirmed + other.confirmed, self.reopened + other.reopened,
            self.nearby + other.nearby, self.shown + other.shown,
        )  # fmt: skip


@dataclass(frozen=True)
class Filing:
    """A detection and what it shows: a locked defect, or the new thing with this number."""

    frame: Frame
    detection: Detection
    defect: Defect | None
    new: int | None = None
    echo: bool = False  # the frame has a surer box of the same thing, which alone tells of its place


def record_sightings(
    session: Session, frame: Frame, boxes: Sequence[SeenBox], *, model_name: str, model_version: str, now: datetime
) -> Recorded:
    """`record_frames` of one."""
    return record_frames(
        session, [SeenFrame(frame, boxes)], model_name=model_name, model_version=model_version, now=now
    )


def record_frames(
    session: Session, seen: Sequence[SeenFrame], *, model_name: str, model_version: str, now: datetime
) -> Recorded:
    """Keeps the boxes of frames of one survey as detections and files each one under its defect; safe to run twice.

    What the frames show within seconds is one thing (`identity.linking`), and the things of the pass together are
    laid over what is known (`identity.matching`). A rejected defect absorbs its sightings, a merged one passes them
    to its target, and a resolved one is reopened when the frame was taken long enough after the repair
    (`evidence.seen_again`); where the machine may not confirm its class, such a sighting is a new candidate instead.
    """
    recorded = Recorded()
    fresh = _not_yet_recorded(session, seen)
    for municipality_id in sorted({one.frame.municipality_id for one in fresh}):
        lock_matching(session, municipality_id)
        part = sorted(
            (one for one in fresh if one.frame.municipality_id == municipality_id),
            key=lambda one: (_at(one.frame, now), one.frame.id),
        )
        recorded += _record(session, municipality_id, part, model_name, model_version, now)
    return recorded


def file_detections(
    session: Session, filings: Sequence[Filing], visits: dict[int, list[Visit]], actor: Actor, now: datetime
) -> Recorded:
    """Adds the detections, each as a sighting of the locked defect that takes it, or of a new one."""
    session.add_all(filing.detection for filing in filings)
    session.flush()
    new: dict[int, Defect] = {}
    created, confirmed, reopened, shown = [], [], [], []
    for filing in filings:
        defect = filing.defect if filing.new is None else new.get(filing.new)
        evidence = evidence_of_detection(filing.detection, _at(filing.frame, now))
        if defect is None:
            defect = new_defect(filing.frame, filing.detection, evidence)
            created.append(defect)
            if filing.new is not None:
                new[filing.new] = defect
        else:
            if filing.new is None:
                confirmed.append(defect)
            if _see_again(session, defect, filing.detection, evidence, actor, now):
                reopened.append(defect)
        shown.append(defect)
    session.add_all(created)
    session.flush()
    pairs = list(zip(filings, shown, strict=True))
    opened = visit_defects(session, [Seen(defect, one.detection, one.frame) for one, defect in pairs], visits)
    session.add_all(
        Sighting(detection_id=one.detection.id, defect_id=defect.id, visit_id=opened[one.detection.id].id)
        for one, defect in pairs
    )
    first = {id(defect): one for one, defect in reversed(pairs)}
    for defect in created:
        one = first[id(defect)]
        found_in = {"frame_id": one.frame.id, "detection_id": one.detection.id}
        record_defect(session, defect, "find", actor, now, from_state=None, data=found_in)
    rename(session, set(confirmed), now)
    sightings = tuple((one.frame.id, defect.id) for one, defect in pairs)
    return Recorded(tuple(created), tuple(dict.fromkeys(confirmed)), tuple(dict.fromkeys(reopened)), shown=sightings)


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
        cov_ee_m2=box.position.ellipse.cov_ee_m2,
        cov_en_m2=box.position.ellipse.cov_en_m2,
        cov_nn_m2=box.position.ellipse.cov_nn_m2,
        size=box.size,
        size_sd=box.size_sd,
        ray=ray_json(box.position),
    )


def sight_in(nearby: Nearby, frame: Frame, box: SeenBox, now: datetime) -> Sight:
    """The box as a place in metres of the pass."""
    position = box.position
    return Sight(
        frame=frame.id,
        at_s=_at(frame, now).timestamp(),
        spot=Spot(*nearby.plane.to_m(position.lat, position.lon), position.ellipse),
        class_key=box.class_key,
        score=box.score,
        gps_sd_m=fix_sd_m(frame),
        eye_m=nearby.plane.to_m(*position.eye) if position.eye else None,
        ray=position.ray,
    )


def look_of(frame: Frame, boxes: Sequence[SeenBox]) -> Look:
    assert frame.lat is not None and frame.lon is not None  # a frame that is processed has a place
    places = [(box.position.lat, box.position.lon, box.position.ellipse.mean_sd_m) for box in boxes]
    return Look(frame.lat, frame.lon, frame.heading_deg, places, fix_sd_m(frame))


def _record(
    session: Session,
    municipality_id: int,
    seen: Sequence[SeenFrame],
    model_name: str,
    model_version: str,
    now: datetime,
) -> Recorded:
    times = [_at(one.frame, now) for one in seen]
    looks = [look_of(one.frame, one.boxes) for one in seen]
    survey_id = seen[0].frame.survey_id
    nearby = load_nearby(session, municipality_id, survey_id, looks, min(times), max(times))
    leads = [leaders([(box.class_key, box.score, box.xyxy_px) for box in one.boxes]) for one in seen]
    by_frame = [
        [sight_in(nearby, one.frame, one.boxes[index], now) for index in sorted(set(lead))]
        for one, lead in zip(seen, leads, strict=True)
    ]
    tracks = sorted(link(by_frame, nearby.going_on), key=lambda track: (track.first_s, track.sights[0].frame))
    matches = match(tracks, nearby.known, nearby.anchors, _usual_fix_sd_m(by_frame)) if tracks else []
    shows = {id(sight): found for track, found in zip(tracks, matches, strict=True) for sight in track.new_sights}
    filings = []
    for one, lead, sights in zip(seen, leads, by_frame, strict=True):
        found_of = dict(zip(sorted(set(lead)), (shows[id(sight)] for sight in sights), strict=True))
        filings += [
            _filing(one.frame, box, found_of[lead[index]], nearby, model_name, model_version, lead[index] != index)
            for index, box in enumerate(one.boxes)
        ]
    filings.sort(key=lambda filing: filing.echo)
    recorded = file_detections(session, filings, nearby.visits, SYSTEM, now) if filings else Recorded()
    return recorded + Recorded(nearby=(nearby,))


def _filing(
    frame: Frame, box: SeenBox, found: Match, nearby: Nearby, model_name: str, model_version: str, echo: bool
) -> Filing:
    defect = None if found.defect is None else nearby.defects[found.defect]
    detection = new_detection(frame, box, model_name, model_version)
    return Filing(frame, detection, defect, found.new, echo)


def _not_yet_recorded(session: Session, seen: Sequence[SeenFrame]) -> list[SeenFrame]:
    ids = [one.frame.id for one in seen if one.boxes]
    done = set(session.scalars(select(Detection.frame_id).where(Detection.frame_id.in_(ids)))) if ids else set()
    return [one for one in seen if one.frame.id not in done]


def _usual_fix_sd_m(by_frame: Sequence[Sequence[Sight]]) -> float:
    stated = sorted(sight.gps_sd_m for sights in by_frame for sight in sights)
    return stated[len(stated) // 2]


def _at(frame: Frame, now: datetime) -> datetime:
    return frame.captured_at or now


def new_defect(frame: Frame, detection: Detection, evidence: Evidence) -> Defect:
    defect = Defect(
        municipality_id=frame.municipality_id, class_key=detection.class_key, state=DefectState.CANDIDATE,
        lat=detection.lat, lon=detection.lon, h3_cell=h3_cell(detection.lat, detection.lon),
        class_votes={detection.class_key: detection.score},
    )  # fmt: skip
    set_evidence(defect, evidence)
    return defect


def _see_again(
    session: Session, defect: Defect, detection: Detection, evidence: Evidence, actor: Actor, now: datetime
) -> bool:
    """Adds the sighting to what is known of the defect; True when it showed that a repair did not last."""
    votes = dict(defect.class_votes)
    votes[detection.class_key] = float(votes.get(detection.class_key, 0.0)) + detection.score
    defect.class_votes = votes
    if detection.class_key != defect.class_key:  # named otherwise this time: the size is in another class's unit
        evidence = evidence.without_size()
    if defect.state is DefectState.RESOLVED and seen_again(defect.resolved_at, evidence.last_seen_at):
        lasted_days = (evidence.last_seen_at - (defect.resolved_at or now)).total_seconds() / 86_400
        set_evidence(defect, renew(evidence_of(defect), evidence))
        if defect.absence is Absence.GONE:  # nobody had confirmed it: it waits for a person again
            move_defect(session, defect, DefectAction.RETURN, actor, now, {"detection_id": detection.id})
            defect.resolved_at, defect.absence, defect.absence_at = None, None, None
            return False
        reopen_defect(session, defect, actor, now, {"detection_id": detection.id, "lasted_days": round(lasted_days, 1)})
        return True
    set_evidence(defect, combine(evidence_of(defect), evidence))
    return False


def evidence_of_detection(detection: Detection, seen_at: datetime) -> Evidence:
    return Evidence(
        sightings=1,
        score=detection.score,
        best_detection_id=detection.id,
        size=detection.size,
        size_sd=detection.size_sd,
        size_distance_m=detection.distance_m if detection.size is not None else None,
        first_seen_at=seen_at,
        last_seen_at=seen_at,
    )

"""What a page shows of a defect: its frame with all boxes, other sightings, what lies near, what happened."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.accounts.models import User
from service.core.events import Event
from service.core.geodesy import distance_m
from service.core.tables import JsonObject
from service.defects.access import list_events, list_sightings, moved_boxes, visible_defects
from service.defects.boxes import BoxPx
from service.defects.grid import cells_within
from service.defects.models import Defect, Detection, Sighting
from service.defects.schemas import box_of
from service.defects.states import DefectState
from service.surveys.models import Frame
from service.web import words

SHOWN_SIGHTINGS, SEPARABLE = 12, 60
NEARBY_M, SHOWN_NEARBY = 30.0, 6
MERGEABLE = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


@dataclass(frozen=True)
class Shot:
    """A frame with the box that matters and the others that were seen on it."""

    frame: Frame
    own: Detection
    others: Sequence[Detection]
    classes: Mapping[int, str]  # by detection: what its defect is
    rejected: Collection[int]  # detections of rejected defects
    moved: Mapping[int, BoxPx]  # where people moved boxes

    def class_of(self, detection: Detection) -> str:
        return self.classes.get(detection.id, detection.class_key)

    def box_of(self, detection: Detection) -> BoxPx:
        return self.moved.get(detection.id) or box_of(detection)


@dataclass(frozen=True)
class Nearby:
    defect: Defect
    distance_m: float


@dataclass(frozen=True)
class Happening:
    at: datetime
    who: str | None  # None: the system or a vehicle
    what: str  # a message to translate, or the code where there is none
    data: JsonObject


def read_shot(session: Session, detection: Detection) -> Shot:
    statement = (
        select(Detection, Defect)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Detection.frame_id == detection.frame_id)
        .order_by(Detection.id)
    )
    rows = session.execute(statement).all()
    return Shot(
        detection.frame,
        detection,
        [seen for seen, _ in rows if seen.id != detection.id],
        {seen.id: defect.class_key for seen, defect in rows},
        {seen.id for seen, defect in rows if defect.state is DefectState.REJECTED},
        moved_boxes(session, [seen.id for seen, _ in rows]),
    )


def choose_sighting(
    session: Session, defect: Defect, detection_id: int | None
) -> tuple[Detection | None, list[Detection]]:
    """The sighting to show large (the asked one, else the best) and the newest ones to switch to."""
    rows, _ = list_sightings(session, defect.id, None, SHOWN_SIGHTINGS)
    sightings = [row.detection for row in rows]
    asked = session.get(Sighting, detection_id) if detection_id else None
    own = asked is not None and asked.defect_id == defect.id
    return (asked.detection if asked and own else defect.best_detection), sightings


def list_separable(session: Session, defect: Defect) -> list[Detection]:
    """The newest sightings, of which some may show another thing."""
    rows, _ = list_sightings(session, defect.id, None, SEPARABLE)
    return [row.detection for row in rows]


def list_nearby(session: Session, caller: Caller, defect: Defect) -> list[Nearby]:
    """What a candidate may be merged into: the nearest defects of its municipality, of any class."""
    around = (
        visible_defects(caller)
        .where(
            Defect.municipality_id == defect.municipality_id,
            Defect.h3_cell.in_(cells_within(defect.lat, defect.lon, NEARBY_M)),
            Defect.state.in_(MERGEABLE),
            Defect.id != defect.id,
        )
        .options(selectinload(Defect.best_detection))
    )
    found = [Nearby(d, distance_m(defect.lat, defect.lon, d.lat, d.lon)) for d in session.scalars(around)]
    near = [one for one in found if one.distance_m <= NEARBY_M]
    return sorted(near, key=lambda one: one.distance_m)[:SHOWN_NEARBY]


def read_history(session: Session, subject_kind: str, subject_id: int) -> list[Happening]:
    """The newest first."""
    events = list_events(session, subject_kind, subject_id)[::-1]
    names = _names(session, events)
    return [Happening(event.at, names.get(event.actor_id), _what(event), event.data) for event in events]


def _what(event: Event) -> str:
    return words.EVENTS.get((event.subject_kind, event.action), event.action)


def _names(session: Session, events: Sequence[Event]) -> dict[int | None, str]:
    ids = {event.actor_id for event in events if event.actor_kind == "user"}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in rows}

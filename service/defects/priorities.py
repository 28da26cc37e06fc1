"""Keeps the priority of defects: worked out when something is seen, and once a day because they grow older."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import h3.api.basic_int as h3
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.database import Database
from service.core.events import Event
from service.core.tables import JsonObject
from service.coverage.models import Street, StreetCell
from service.defects.access import lock_matching
from service.defects.models import Defect
from service.defects.priority import Facts, Part, most_important, parts, score
from service.defects.states import DefectAction, DefectState

LIVE = (DefectState.CANDIDATE, DefectState.CONFIRMED)
BATCH = 1_000
_CAME_BACK = (DefectAction.REOPEN.value, DefectAction.RETURN.value)
_DAY = timedelta(days=1)


def set_priorities(session: Session, defect_ids: Collection[int], now: datetime) -> int:
    """Works out the score of the live ones of these defects and why; returns how many it changed. Safe to run twice."""
    ids = sorted(set(defect_ids))
    if not ids:
        return 0
    session.flush()
    live = select(Defect).where(Defect.id.in_(ids), Defect.state.in_(LIVE)).order_by(Defect.id)
    defects = list(session.scalars(live))
    places = {one.id: (one.municipality_id, one.h3_cell) for one in defects}
    roads, recurrences = road_classes(session, places), _recurrences(session, [one.id for one in defects])
    changed = 0
    for defect in defects:
        facts = Facts(
            defect.class_key, defect.size, roads.get(defect.id), recurrences.get(defect.id, 0), defect.reports_count,
            (now - defect.first_seen_at) / _DAY, defect.presence, defect.incident_points,
        )  # fmt: skip
        shown = parts(facts)
        told = {part.key: _told(part) for part in shown}
        if (defect.priority, defect.priority_parts) != (score(shown), told):
            defect.priority, defect.priority_parts = score(shown), told
            changed += 1
    session.flush()
    return changed


def refresh_all(database: Database, now: datetime) -> int:
    """`set_priorities` of every live defect, some at a time; returns how many it changed.

    Each batch holds the lock under which frames are recorded: both lock rows of many defects, and in other orders they
    would wait for each other in a circle.
    """
    changed = 0
    with database.transaction() as session:
        municipality_ids = list(session.scalars(select(Municipality.id).order_by(Municipality.id)))
    for municipality_id in municipality_ids:
        last: int | None = 0
        while last is not None:
            with database.transaction() as session:
                lock_matching(session, municipality_id)
                ids = _next_live(session, municipality_id, last)
                changed += set_priorities(session, ids, now)
                last = ids[-1] if ids else None
    return changed


def road_classes(session: Session, places: Mapping[int, tuple[int, str]]) -> dict[int, str]:
    """Of places (municipality and cell of the grid) the class of the imported street in the cell, else in the cells
    around it (20 to 40 m, since a pavement may lie in the next one); of several the most important."""
    around = {key: h3.grid_disk(int(cell, 16), 1) for key, (_, cell) in places.items()}
    cells = {cell for ring in around.values() for cell in ring}
    by_cell: dict[tuple[int, int], set[str | None]] = defaultdict(set)
    statement = select(StreetCell.municipality_id, StreetCell.cell, Street.road_class).join(
        Street, Street.id == StreetCell.street_id
    )
    own = {municipality_id for municipality_id, _ in places.values()}
    for municipality_id, cell, road_class in session.execute(
        statement.where(StreetCell.municipality_id.in_(own), StreetCell.cell.in_(cells))
    ):
        by_cell[municipality_id, cell].add(road_class)
    found: dict[int, str] = {}
    for key, (municipality_id, here_cell) in places.items():
        here = most_important(by_cell[municipality_id, int(here_cell, 16)])
        near = {name for cell in around[key] for name in by_cell[municipality_id, cell]}
        if road_class := here or most_important(near):
            found[key] = road_class
    return found


def _next_live(session: Session, municipality_id: int, after: int) -> Sequence[int]:
    own = (Defect.municipality_id == municipality_id, Defect.state.in_(LIVE), Defect.id > after)
    return session.scalars(select(Defect.id).where(*own).order_by(Defect.id).limit(BATCH)).all()


def _told(part: Part) -> JsonObject:
    return {"points": part.points, "of": part.of, "because": part.because}


def _recurrences(session: Session, defect_ids: Sequence[int]) -> dict[int, int]:
    own = (Event.subject_kind == "defect", Event.subject_id.in_(defect_ids), Event.action.in_(_CAME_BACK))
    counted = select(Event.subject_id, func.count(Event.id)).where(*own).group_by(Event.subject_id)
    return {row[0]: row[1] for row in session.execute(counted)}

"""Keeps the priority of defects: worked out when something is seen, and once a day because they grow older."""

from collections import defaultdict
from collections.abc import Collection, Sequence
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
    roads, recurrences = _road_classes(session, defects), _recurrences(session, [one.id for one in defects])
    changed = 0
    for defect in defects:
        facts = Facts(
            defect.class_key, defect.size, roads.get(defect.id), recurrences.get(defect.id, 0),
            defect.reports_count,
            (now - defect.first_seen_at) / _DAY, defect.presence,
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


def _next_live(session: Session, municipality_id: int, after: int) -> Sequence[int]:
    own = (Defect.municipality_id == municipality_id, Defect.state.in_(LIVE), Defect.id > after)
    return session.scalars(select(Defect.id).where(*own).order_by(Defect.id).limit(BATCH)).all()


def _told(part: Part) -> JsonObject:
    return {"points": part.points, "of": part.of, "because": part.because}


def _recurrences(session: Session, defect_ids: Sequence[int]) -> dict[int, int]:
    own = (Event.subject_kind == "defect", Event.subject_id.in_(defect_ids), Event.action.in_(_CAME_BACK))
    counted = select(Event.subject_id, func.count(Event.id)).where(*own).group_by(Event.subject_id)
    return {row[0]: row[1] for row in session.execute(counted)}


def _road_classes(session: Session, defects: Sequence[Defect]) -> dict[int, str]:
    """By defect the class of the imported street in its cell of the grid, else in the cells around it (20 to 40 m,
    since a pavement may lie in the next one); of several the most important."""
    around = {one.id: h3.grid_disk(int(one.h3_cell, 16), 1) for one in defects}
    cells = {cell for ring in around.values() for cell in ring}
    by_cell: dict[tuple[int, int], set[str | None]] = defaultdict(set)
    statement = select(StreetCell.municipality_id, StreetCell.cell, Street.road_class).join(
        Street, Street.id == StreetCell.street_id
    )
    own = {one.municipality_id for one in defects}
    for municipality_id, cell, road_class in session.execute(
        statement.where(StreetCell.municipality_id.in_(own), StreetCell.cell.in_(cells))
    ):
        by_cell[municipality_id, cell].add(road_class)
    found: dict[int, str] = {}
    for one in defects:
        here = most_important(by_cell[one.municipality_id, int(one.h3_cell, 16)])
        near = {name for cell in around[one.id] for name in by_cell[one.municipality_id, cell]}
        if road_class := here or most_important(near):
            found[one.id] = road_class
    return found

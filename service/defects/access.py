"""Who may read which defects, and the locks under which they change."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, String, and_, cast, func, or_, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from service.accounts.caller import Caller, visible
from service.accounts.permissions import Permission, may
from service.core.api import paginate
from service.core.errors import Forbidden, NotFound
from service.core.events import Event
from service.coverage.cells import Box, cell_name, ranges_around
from service.defects.boxes import BoxPx
from service.defects.models import Defect, Detection, Review, Sighting, Verdict
from service.defects.states import DefectState

MATCHING_LOCK = 940_000_002  # advisory lock space; the second number is the municipality


class DefectOrder(StrEnum):
    OLDEST = "oldest"
    SCORE = "score"  # highest first
    PRIORITY = "priority"  # highest first


RANKED: Mapping[DefectOrder, InstrumentedAttribute[float]] = {
    DefectOrder.SCORE: Defect.score,
    DefectOrder.PRIORITY: Defect.priority,
}


def permit(caller: Caller, permissions: Iterable[Permission]) -> None:
    """Raises Forbidden unless the caller's role has one of the permissions."""
    wanted = sorted(permissions)
    if not any(may(caller.role, permission) for permission in wanted):
        role = caller.role.value if caller.role else caller.actor.kind
        raise Forbidden("auth.permission", f"expected a role that may {' or '.join(wanted)}, got {role}")


def visible_defects(caller: Caller) -> Select[Defect]:
    return visible(select(Defect), Defect.municipality_id, caller)


def get_defect(session: Session, caller: Caller, defect_id: int) -> Defect:
    found = session.scalar(visible_defects(caller).where(Defect.id == defect_id))
    if found is None:
        raise NotFound("defect.unknown", f"expected a defect of your municipalities, got id {defect_id}")
    return found


def list_defects(
    session: Session, caller: Caller, *, state: DefectState | None = None, class_key: str | None = None,
    municipality_id: int | None = None, order: DefectOrder = DefectOrder.OLDEST, after: int | None = None,
    limit: int = 100,
) -> tuple[list[Defect], int | None]:  # fmt: skip
    """One page of defects with their best detections, and the id to go on after; candidates are the review
    queue."""
    ids, following = page_of_ids(
        session, caller, state=state, class_key=class_key, municipality_id=municipality_id, order=order, after=after,
        limit=limit,
    )  # fmt: skip
    rows = session.scalars(select(Defect).where(Defect.id.in_(ids)).options(selectinload(Defect.best_detection)))
    by_id = {row.id: row for row in rows}
    return [by_id[one] for one in ids], following


def page_of_ids(
    session: Session, caller: Caller, *, state: DefectState | None = None, class_key: str | None = None,
    municipality_id: int | None = None, box: Box | None = None, order: DefectOrder = DefectOrder.OLDEST,
    after: int | None = None, limit: int = 100,
) -> tuple[list[int], int | None]:  # fmt: skip
    """The ids of a page in its order, which indexes hold, and the one to go on after."""
    statement: Select[Any] = visible_defects(caller)
    for column, wanted in (
        (Defect.state, state),
        (Defect.class_key, class_key),
        (Defect.municipality_id, municipality_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    of: Any = Defect.__table__.c
    if box is not None and ranges_around(box) is None:  # half a world
        statement = statement.where(within(box))
    elif box is not None:
        statement, of = _along_the_grid(statement, box)
    ids = list(session.scalars(_after(statement, of, order, after).with_only_columns(of.id).limit(limit + 1)))
    return ids[:limit], ids[limit - 1] if len(ids) > limit else None


def within(box: Box) -> ColumnElement[bool]:
    """Defects in a box; the grid's index finds them, so that a city of a million defects is as quick as a small one."""
    inside = and_(Defect.lat.between(box.south, box.north), Defect.lon.between(box.west, box.east))
    ranges = ranges_around(box)
    if ranges is None:  # half a world
        return inside
    return and_(or_(*(Defect.h3_cell.between(cell_name(low), cell_name(high)) for low, high in ranges)), inside)


def list_sightings(
    session: Session, defect_id: int, after: int | None, limit: int
) -> tuple[list[Sighting], int | None]:
    """The newest first, with their detections and frames."""
    own = select(Sighting).where(Sighting.defect_id == defect_id)
    statement = own.options(selectinload(Sighting.detection).selectinload(Detection.frame))
    return paginate(session, statement, Sighting.detection_id, after, limit, descending=True)


def list_reviews(session: Session, defect_id: int) -> list[Review]:
    return list(session.scalars(select(Review).where(Review.defect_id == defect_id).order_by(Review.id)))


def moved_boxes(session: Session, detection_ids: Collection[int]) -> dict[int, BoxPx]:
    """Where a person moved the boxes of these detections, last; those that nobody moved are left out."""
    moves = (
        select(Review).where(Review.detection_id.in_(detection_ids), Review.verdict == Verdict.MOVE).order_by(Review.id)
    )
    return {row.detection_id: row.box_px for row in session.scalars(moves) if row.detection_id and row.box_px}


def list_events(session: Session, subject_kind: str, subject_id: int) -> list[Event]:
    own = (Event.subject_kind == subject_kind, Event.subject_id == subject_id)
    return list(session.scalars(select(Event).where(*own).order_by(Event.id)))


def lock_matching(session: Session, municipality_id: int) -> None:
    """Until the transaction ends no one else matches or merges there, so that two vehicles passing the same
    hole at once make one defect."""
    session.execute(select(func.pg_advisory_xact_lock(MATCHING_LOCK, municipality_id)))


def lock_defects(session: Session, *where: ColumnElement[bool]) -> list[Defect]:
    """The rows as they are now, in id order, locked for change. A transaction that also changes the work
    order locks the defect first."""
    statement = select(Defect).where(*where).order_by(Defect.id).with_for_update()
    return list(session.scalars(statement, execution_options={"populate_existing": True}))


def _along_the_grid(statement: Select[Any], box: Box) -> tuple[Select[Any], Any]:
    """Of these defects those in a box, and their columns; ranges of cells are read from the grid's index alone.

    `OFFSET 0` keeps the planner from looking up all that lies north, south, east and west of the box as well.
    """
    lows, highs = (cast([cell_name(one[edge]) for one in ranges_around(box) or ()], ARRAY(String)) for edge in (0, 1))
    near = func.unnest(lows, highs).table_valued("low", "high").render_derived()
    held = (Defect.id, Defect.lat, Defect.lon, Defect.priority, Defect.score)
    own = statement.with_only_columns(*held).where(Defect.h3_cell.between(near.c.low, near.c.high))
    found = own.offset(0).lateral("found")
    inside = found.c.lat.between(box.south, box.north), found.c.lon.between(box.west, box.east)
    return select(found).select_from(near.join(found, true())).where(*inside), found.c


def _after(statement: Select[Any], of: Any, order: DefectOrder, after: int | None) -> Select[Any]:
    """By rank the highest first, of equals the newest; `of` are the columns."""
    if order is DefectOrder.OLDEST:
        return (statement if after is None else statement.where(of.id > after)).order_by(of.id)
    rank = of[order.value]
    if after is not None:
        last_rank = select(RANKED[order]).where(Defect.id == after).scalar_subquery()
        statement = statement.where(tuple_(rank, of.id) < tuple_(last_rank, after))
    return statement.order_by(rank.desc(), of.id.desc())

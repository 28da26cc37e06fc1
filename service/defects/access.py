"""Who may read which defects, and the locks under which they change."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
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
    municipality_id: int | None = None, box: Box | None = None, order: DefectOrder = DefectOrder.OLDEST,
    after: int | None = None, limit: int = 100,
) -> tuple[list[Defect], int | None]:  # fmt: skip
    """One page of defects with their best detections, and the id to go on after; candidates are the review
    queue."""
    statement = visible_defects(caller).options(selectinload(Defect.best_detection))
    if box is not None:
        statement = statement.where(within(box))
    for column, wanted in (
        (Defect.state, state),
        (Defect.class_key, class_key),
        (Defect.municipality_id, municipality_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if order is DefectOrder.OLDEST:
        return paginate(session, statement, Defect.id, after, limit)
    return _page_by(RANKED[order], session, statement, after, limit)


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


def _page_by(
    rank: InstrumentedAttribute[float], session: Session, statement: Select[Defect], after: int | None, limit: int
) -> tuple[list[Defect], int | None]:
    """The highest first, of equals the newest."""
    if after is not None:
        last_rank = select(rank).where(Defect.id == after).scalar_subquery()
        statement = statement.where(tuple_(rank, Defect.id) < tuple_(last_rank, after))
    rows = list(session.scalars(statement.order_by(rank.desc(), Defect.id.desc()).limit(limit + 1)))
    return rows[:limit], (rows[limit - 1].id if len(rows) > limit else None)

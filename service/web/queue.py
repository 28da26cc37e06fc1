"""The review queue around the candidate that is open, so read that a queue of any size is quick."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, Select, UnaryExpression, func, select, tuple_
from sqlalchemy.orm import Session, selectinload

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.defects.access import RANKED, DefectOrder, visible_defects
from service.defects.models import Defect
from service.defects.states import DefectState
from service.web.forms import whole_number

SHOWN_BEFORE, SHOWN_AFTER = 6, 40
COUNTED = 1000  # counting further would cost more than the figure tells


@dataclass(frozen=True)
class QueueFilter:
    """Which candidates a person works through, and in which order."""

    class_key: str | None = None
    municipality_id: int | None = None
    order: DefectOrder = DefectOrder.OLDEST

    def query(self, **more: int | str | list[int] | None) -> str:
        """As the query of an address; what is not chosen is left out, a list is repeated."""
        order = self.order.value if self.order is not DefectOrder.OLDEST else None
        chosen = {"class": self.class_key, "municipality": self.municipality_id, "order": order} | more
        return urlencode({name: value for name, value in chosen.items() if value is not None}, doseq=True)


@dataclass(frozen=True)
class Queue:
    """The candidates near the open one in their order; if `opened` is decided already it is not in `rows`."""

    rows: Sequence[Defect]
    opened: Defect | None
    previous: Defect | None
    next: Defect | None
    waiting: int  # at most COUNTED


def queue_filter(
    class_key: Annotated[str, Query(alias="class")] = "", municipality: str = "", order: str = ""
) -> QueueFilter:
    """From the address; a value that is unknown, as a form's empty choice, filters nothing."""
    return QueueFilter(
        class_key if class_key in BY_KEY else None,
        whole_number(municipality),
        DefectOrder(order) if order in set(DefectOrder) else DefectOrder.OLDEST,
    )


QueueFilterDep = Annotated[QueueFilter, Depends(queue_filter)]


def read_queue(
    session: Session, caller: Caller, wanted: QueueFilter, opened: Defect | None, after: Defect | None
) -> Queue:
    """Around `opened`; without it, around the first candidate behind `after`, else the first of all."""
    if opened is None:
        opened = _first(session, caller, wanted, after) or _first(session, caller, wanted, None)
    waiting = _count(session, caller, wanted)
    if opened is None:
        return Queue([], None, None, None, waiting)
    before = _beside(session, caller, wanted, opened, forward=False, limit=SHOWN_BEFORE)[::-1]
    behind = _beside(session, caller, wanted, opened, forward=True, limit=SHOWN_AFTER)
    own = [opened] if opened.state is DefectState.CANDIDATE else []
    return Queue(
        [*before, *own, *behind],
        opened,
        before[-1] if before else None,
        behind[0] if behind else None,
        waiting,
    )


def _first(session: Session, caller: Caller, wanted: QueueFilter, after: Defect | None) -> Defect | None:
    if after is not None:
        return next(iter(_beside(session, caller, wanted, after, forward=True, limit=1)), None)
    ordered = _candidates(caller, wanted).order_by(*_ordering(wanted, forward=True)).limit(1)
    return session.scalars(ordered).first()


def _beside(
    session: Session, caller: Caller, wanted: QueueFilter, place: Defect, *, forward: bool, limit: int
) -> list[Defect]:
    """Candidates from a place in the queue on, the nearest first; the place need not be in the queue."""
    statement = _candidates(caller, wanted).where(_passed(wanted, place, forward))
    return list(session.scalars(statement.order_by(*_ordering(wanted, forward)).limit(limit)))


def _candidates(caller: Caller, wanted: QueueFilter) -> Select[Defect]:
    statement = visible_defects(caller).where(Defect.state == DefectState.CANDIDATE)
    if wanted.class_key:
        statement = statement.where(Defect.class_key == wanted.class_key)
    if wanted.municipality_id is not None:
        statement = statement.where(Defect.municipality_id == wanted.municipality_id)
    return statement.options(selectinload(Defect.municipality))


def _passed(wanted: QueueFilter, place: Defect, forward: bool) -> ColumnElement[bool]:
    if wanted.order is DefectOrder.OLDEST:
        return Defect.id > place.id if forward else Defect.id < place.id
    rank = RANKED[wanted.order]
    own, there = tuple_(rank, Defect.id), tuple_(getattr(place, rank.key), place.id)
    return own < there if forward else own > there


def _ordering(wanted: QueueFilter, forward: bool) -> tuple[UnaryExpression[Any], ...]:
    if wanted.order is DefectOrder.OLDEST:
        return (Defect.id.asc() if forward else Defect.id.desc(),)
    columns = (RANKED[wanted.order], Defect.id)
    return tuple(column.desc() if forward else column.asc() for column in columns)


def _count(session: Session, caller: Caller, wanted: QueueFilter) -> int:
    some = _candidates(caller, wanted).with_only_columns(Defect.id).limit(COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0

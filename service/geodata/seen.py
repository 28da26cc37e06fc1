"""Coverage as features: each cell that vehicles looked at, with its first and last day and the number of passes."""

from dataclasses import dataclass, replace
from typing import Any

from shapely import Polygon
from shapely import box as rectangle
from sqlalchemy import BigInteger, Row, Select, cast, func, or_, select, tuple_
from sqlalchemy.orm import Session

from service.accounts.caller import visible
from service.accounts.permissions import Permission
from service.coverage.cells import Box, cell_name, cell_number, outline, ranges_around
from service.coverage.models import CoveredCell
from service.geodata.asking import Asked
from service.geodata.fields import Collection, Extent, Feature, Field, Kind, Shape
from service.geodata.sources import View, number_of, refuse_after

# Compared with a box one by one, 10 microseconds each, or counted from all their days; beyond it nobody waits.
COUNTED_CELLS = 20_000

COVERAGE = Collection(
    "coverage",
    "Coverage",
    "Cells of the H3 grid (resolution 12, about 300 m2) that survey vehicles looked at. `datetime`: counts the days in "
    "it alone.",
    Shape.POLYGON,
    (
        Field("municipality_id", Kind.INTEGER, "the municipality that it was counted for", filters=True),
        Field("cell", Kind.TEXT, "H3 index"),
        Field("first_day", Kind.DAY, "first UTC day"),
        Field("last_day", Kind.DAY, "last UTC day"),
        Field("passes", Kind.INTEGER, "days on which a frame looked there"),
        Field("frames", Kind.INTEGER, "frames that looked there"),
    ),
    Permission.VIEW_FRAMES,
)
KEY = (CoveredCell.municipality_id, CoveredCell.cell)


@dataclass(frozen=True)
class CellSource:
    about: Collection = COVERAGE

    def extent(self, session: Session, view: View) -> Extent | None:
        return None  # it would have to be worked out of every cell

    def count(self, session: Session, view: View, asked: Asked) -> int | None:
        cells = self._matching(view, asked).with_only_columns(*KEY).group_by(*KEY)
        first = cells.order_by(*KEY).limit(COUNTED_CELLS + 1)
        if asked.boxes is None:
            matched = session.scalar(select(func.count()).select_from(first.subquery())) or 0
            return matched if matched <= COUNTED_CELLS else None
        near = session.execute(first).all()
        if len(near) > COUNTED_CELLS:
            return None
        return sum(_intersects(row.cell, asked.boxes) for row in near)

    def page(self, session: Session, view: View, asked: Asked) -> tuple[list[Feature], str | None]:
        """Reads on until the page is full: of the cells near a box, some lie outside."""
        features: list[Feature] = []
        while True:
            rows = self._read(session, view, asked)
            found = [_feature(row) for row in rows if asked.boxes is None or _intersects(row.cell, asked.boxes)]
            features += found
            if len(features) > asked.limit:
                return features[: asked.limit], str(features[asked.limit - 1].id)
            if len(rows) <= asked.limit:
                return features, None
            asked = replace(asked, after=_id(rows[-1]))

    def find(self, session: Session, view: View, feature_id: str) -> Feature | None:
        key = _key(feature_id)
        if key is None:
            return None
        own = _grouped(self._matching(view, Asked()).where(tuple_(*KEY) == key))
        row = session.execute(own).one_or_none()
        return _feature(row) if row else None

    def _read(self, session: Session, view: View, asked: Asked) -> list[Row[Any]]:
        statement = self._matching(view, asked)
        if asked.after is not None:
            key = _key(asked.after)
            if key is None:
                raise refuse_after(asked.after)
            statement = statement.where(tuple_(*KEY) > key)
        return list(session.execute(_grouped(statement).limit(asked.limit + 1)))

    def _matching(self, view: View, asked: Asked) -> Select[Any]:
        statement: Select[Any] = visible(select(CoveredCell), CoveredCell.municipality_id, view.signed_in)
        for name, value in (asked.wanted or {}).items():
            statement = statement.where(getattr(CoveredCell, name) == value)
        if asked.times and asked.times.start:
            statement = statement.where(CoveredCell.day >= asked.times.start.date())
        if asked.times and asked.times.end:
            statement = statement.where(CoveredCell.day <= asked.times.end.date())
        ranges = [ranges_around(box) for box in asked.boxes or ()]
        if ranges and all(one is not None for one in ranges):
            near = [CoveredCell.cell.between(*edges) for one in ranges for edges in one or ()]
            statement = statement.where(or_(*near))
        return statement


def _grouped(statement: Select[Any]) -> Select[Any]:
    counted = (
        func.min(CoveredCell.day).label("first_day"),
        func.max(CoveredCell.day).label("last_day"),
        func.count().label("passes"),
        cast(func.sum(CoveredCell.frames), BigInteger).label("frames"),
    )
    chosen: Any = statement.with_only_columns(*KEY, *counted)
    grouped: Select[Any] = chosen.group_by(*KEY).order_by(*KEY)
    return grouped


def _feature(row: Row[Any]) -> Feature:
    properties = {
        "municipality_id": row.municipality_id,
        "cell": cell_name(row.cell),
        "first_day": row.first_day,
        "last_day": row.last_day,
        "passes": row.passes,
        "frames": row.frames,
    }
    return Feature(_id(row), {"type": "Polygon", "coordinates": [outline(row.cell)]}, properties)


def _id(row: Row[Any]) -> str:
    return f"{row.municipality_id}-{cell_name(row.cell)}"


def _key(text: str) -> tuple[int, int] | None:
    municipality, _, cell = text.partition("-")
    municipality_id, number = number_of(municipality), cell_number(cell)
    return None if municipality_id is None or number is None else (municipality_id, number)


def _intersects(cell: int, boxes: tuple[Box, ...]) -> bool:
    shown = Polygon(outline(cell))
    return any(shown.intersects(rectangle(box.west, box.south, box.east, box.north)) for box in boxes)


CELL_SOURCE = CellSource()

"""Municipalities as features; there are few, so that a box is compared with each boundary itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shapely import box as rectangle
from shapely.geometry import shape
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, undefer

from service.accounts.caller import visible
from service.accounts.models import Municipality
from service.coverage.cells import Box
from service.geodata.asking import Asked
from service.geodata.fields import Collection, Extent, Feature, Field, Kind, Shape
from service.geodata.models import Publication
from service.geodata.sources import NEVER, View, during, number_of, refuse_after

MUNICIPALITIES = Collection(
    "municipalities",
    "Municipalities",
    "Boundaries; the geometry is null while none has been imported. `datetime`: since it was registered.",
    Shape.MULTIPOLYGON,
    (
        Field("key", Kind.TEXT, "short name for programs", filters=True),
        Field("name_en", Kind.TEXT, "name"),
        Field("name_ar", Kind.TEXT, "the same in Arabic"),
        Field("registered_at", Kind.TIME, "since when it uses the service"),
    ),
)


@dataclass(frozen=True)
class PlaceSource:
    rows: Callable[[View], Select[Any]]  # of Municipality
    about: Collection = MUNICIPALITIES

    def extent(self, session: Session, view: View) -> Extent | None:
        edges = (Municipality.west, Municipality.south, Municipality.east, Municipality.north)
        known = [row for row in session.execute(self.rows(view).with_only_columns(*edges)) if row.west is not None]
        if not known:
            return None
        west, south, east, north = zip(*known, strict=True)
        return Extent((min(west), min(south), max(east), max(north)))

    def count(self, session: Session, view: View, asked: Asked) -> int | None:
        return len(self._matching(session, view, asked))

    def page(self, session: Session, view: View, asked: Asked) -> tuple[list[Feature], str | None]:
        start = 0 if asked.after is None else number_of(asked.after)
        if start is None:
            raise refuse_after(asked.after or "")
        ids = [one for one in self._matching(session, view, asked) if one > start]
        chosen = self.rows(view).where(Municipality.id.in_(ids[: asked.limit])).order_by(Municipality.id)
        places = session.scalars(chosen.options(undefer(Municipality.boundary)))
        features = [_feature(place) for place in places]
        return features, str(features[-1].id) if len(ids) > asked.limit else None

    def find(self, session: Session, view: View, feature_id: str) -> Feature | None:
        key = number_of(feature_id)
        if key is None:
            return None
        own = self.rows(view).where(Municipality.id == key).options(undefer(Municipality.boundary))
        place = session.scalar(own)
        return _feature(place) if place else None

    def _matching(self, session: Session, view: View, asked: Asked) -> list[int]:
        """Ids in ascending order."""
        statement = self.rows(view).order_by(Municipality.id)
        if asked.times is not None:
            statement = statement.where(during(asked.times, Municipality.created_at.expression, NEVER))
        for name, value in (asked.wanted or {}).items():
            statement = statement.where(getattr(Municipality, name) == value)
        if asked.boxes is None:
            return list(session.scalars(statement.with_only_columns(Municipality.id)))
        near = [one for one in session.scalars(statement) if any(_meets(one, box) for box in asked.boxes)]
        return [one.id for one in near if _intersects(one, asked.boxes)]


def _meets(place: Municipality, box: Box) -> bool:
    if place.west is None or place.south is None or place.east is None or place.north is None:
        return False
    return box.meets(place.west, place.south, place.east, place.north)


def _intersects(place: Municipality, boxes: tuple[Box, ...]) -> bool:
    boundary = shape(place.boundary or {"type": "Polygon", "coordinates": []})
    return any(boundary.intersects(rectangle(box.west, box.south, box.east, box.north)) for box in boxes)


def _feature(place: Municipality) -> Feature:
    properties = {"key": place.key, "name_en": place.name_en, "name_ar": place.name_ar}
    return Feature(place.id, place.boundary, properties | {"registered_at": place.created_at})


PLACE_SOURCE = PlaceSource(lambda view: visible(select(Municipality), Municipality.id, view.signed_in))
PUBLIC_PLACE_SOURCE = PlaceSource(
    lambda _: select(Municipality).join(Publication, Publication.municipality_id == Municipality.id)
)

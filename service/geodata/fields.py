"""What every collection of features says of itself: its name, its properties and their types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from service.accounts.permissions import Permission

Geometry: TypeAlias = dict[str, Any]  # GeoJSON
Value: TypeAlias = str | int | float | bool | datetime | date | None


class Kind(StrEnum):
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "time"
    DAY = "day"


class Shape(StrEnum):
    """As GeoPackage and GeoJSON name them."""

    POINT = "Point"
    POLYGON = "Polygon"
    MULTIPOLYGON = "MultiPolygon"


@dataclass(frozen=True)
class Field:
    """A property of each feature; `filters`: it is also a query parameter, of equal value."""

    name: str
    kind: Kind
    told: str
    filters: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collection:
    id: str
    title: str
    told: str
    shape: Shape
    fields: tuple[Field, ...]
    permission: Permission | None = None  # None: whoever is signed in, or the public

    @property
    def filters(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields if field.filters}


@dataclass(frozen=True)
class Feature:
    """A geometry is GeoJSON in CRS84 (lon, lat), or None where nobody has told one."""

    id: int | str
    geometry: Geometry | None
    properties: Mapping[str, Value]


@dataclass(frozen=True)
class Extent:
    """West, south, east, north in degrees, and the first and last moment (None: open)."""

    box: tuple[float, float, float, float]
    times: tuple[datetime | None, datetime | None] = (None, None)

"""What the public may see of defects: confirmed ones of municipalities that publish, late, roughly placed, and without
photos, sizes, people, units or numbers that lead back."""

import re
from datetime import UTC
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Double,
    Interval,
    Row,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import BYTEA

from datasets.taxonomy import BY_KEY
from service.accounts.models import Municipality
from service.coverage.cells import Box
from service.defects.models import Defect
from service.defects.states import DefectState
from service.geodata.defects import CLASS_NAMES, class_names, point
from service.geodata.fields import Collection, Feature, Field, Kind, Shape
from service.geodata.models import Publication
from service.geodata.sources import RowSource, View

METRES_PER_DEGREE = 111_195.0  # of latitude, on the sphere
ID = re.compile(r"[0-9a-f]{16}")

PUBLIC_DEFECTS = Collection(
    "defects",
    "Confirmed defects",
    "Confirmed defects of the municipalities that publish them: some weeks late, each place moved to the nearest "
    "corner of a grid. `datetime`: the month in which it was first seen.",
    Shape.POINT,
    (
        Field("municipality", Kind.TEXT, "key of the municipality", filters=True),
        Field("class_key", Kind.TEXT, "what it is", filters=True, choices=tuple(BY_KEY)),
        *CLASS_NAMES,
        Field("first_seen_month", Kind.DAY, "first day of the month in which it was first seen"),
        Field("grid_m", Kind.NUMBER, "how wide the grid is that the place was moved to"),
    ),
)


def _id() -> ColumnElement[str]:
    """Sixteen digits of a hash: the same every time, and nothing to count or to look up by."""
    text = Publication.salt + literal(":") + cast(Defect.id, String)
    return func.left(func.encode(func.sha256(cast(text, BYTEA)), "hex"), 16)


def _nearest(value: ColumnElement[float], step: ColumnElement[Any]) -> ColumnElement[float]:
    return func.floor(value / step + 0.5, type_=Double) * step


def _during_month() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    month = func.date_trunc("month", Defect.first_seen_at, "UTC")
    return month, month + cast("1 month", Interval) - cast("1 microsecond", Interval)


# Written out, so that the index of confirmed defects is known to hold them all.
_CONFIRMED: BindParameter[Any] = bindparam("confirmed", [DefectState.CONFIRMED], expanding=True, literal_execute=True)
STEP_DEG = cast(Publication.grid_m, Double) / METRES_PER_DEGREE
LAT = _nearest(Defect.lat.expression, STEP_DEG)
LON = _nearest(Defect.lon.expression, STEP_DEG / func.cos(func.radians(LAT), type_=Double))
BEGINS, ENDS = _during_month()


def _shown(view: View) -> Select[Any]:
    columns = (
        _id().label("id"), Municipality.key.label("municipality"), Defect.class_key, LAT.label("lat"),
        LON.label("lon"), BEGINS.label("month"), Publication.grid_m,
    )  # fmt: skip
    seen_before = literal(view.now) - cast(func.concat(Publication.delay_days, " days"), Interval)
    return (
        select(*columns)
        .select_from(Defect)
        .join(Publication, Publication.municipality_id == Defect.municipality_id)
        .join(Municipality, Municipality.id == Defect.municipality_id)
        .where(Defect.state.in_(_CONFIRMED), Defect.first_seen_at <= seen_before)
    )


def _inside(box: Box) -> ColumnElement[bool]:
    """By the place that is shown, so that no box can be used to feel for the true one."""
    return and_(LAT.between(box.south, box.north), LON.between(box.west, box.east))


def _feature(row: Row[Any], _: View) -> Feature:
    properties = {
        "municipality": row.municipality,
        **class_names(row.class_key),
        "first_seen_month": row.month.astimezone(UTC).date(),
        "grid_m": row.grid_m,
    }
    return Feature(row.id, point(row.lat, row.lon), properties)


def _read_id(text: str) -> str | None:
    return text if ID.fullmatch(text) else None


PUBLIC_DEFECT_SOURCE = RowSource(
    about=PUBLIC_DEFECTS,
    rows=_shown,
    key=_id(),
    lat=LAT,
    lon=LON,
    begins=BEGINS,
    ends=ENDS,
    inside=_inside,
    feature=_feature,
    columns={"municipality": Municipality.key.expression, "class_key": Defect.class_key.expression},
    read_key=_read_id,
)

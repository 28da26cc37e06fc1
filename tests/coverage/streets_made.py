"""Streets for tests: features of a file, and rows whose metres can be added up by hand."""

import json
from datetime import date
from io import BytesIO
from typing import Any

import h3.api.basic_int as h3
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.coverage.footprint import RESOLUTION
from service.coverage.models import CoveredCell, Street, StreetCell
from tests.factories import DAMMAM

LAT, LON = DAMMAM
FIRST_CELL = h3.latlng_to_cell(LAT, LON, RESOLUTION)


def collection(*features: object, **members: object) -> BytesIO:
    return BytesIO(json.dumps({"type": "FeatureCollection", **members, "features": features}).encode())


def feature(
    *places: tuple[float, float], source_id: str | None = "a", kind: str = "LineString", **properties: object
) -> dict[str, Any]:
    """Places are lon, lat; without any, a line of 100 m to the east from DAMMAM."""
    line = [list(place) for place in places] or [[LON, LAT], [LON + 100 / 99_800, LAT]]
    made = {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": line}}
    return made | ({"id": source_id} if source_id else {})


def cells_in_a_row(count: int) -> list[int]:
    """Different cells around DAMMAM."""
    return list(h3.grid_disk(FIRST_CELL, 5))[:count]


def make_street(
    session: Session, municipality: Municipality, metres: dict[int, float], road_class: str | None = "residential",
    **columns: Any,
) -> Street:  # fmt: skip
    """A street with these metres in these cells; its line is a stroke through the middle of each cell."""
    strokes = [
        [[lon - 1e-5, lat], [lon + 1e-5, lat]] for lat, lon in (h3.cell_to_latlng(cell) for cell in metres)
    ]  # fmt: skip
    values = {
        "municipality_id": municipality.id,
        "source_id": f"{road_class}:{min(metres)}:{len(metres)}",
        "name": None,
        "road_class": road_class,
        "length_m": sum(metres.values()),
        "line": {"type": "MultiLineString", "coordinates": strokes},
    }
    street = Street(**(values | columns))
    session.add(street)
    session.flush()
    for cell, length_m in metres.items():
        session.add(StreetCell(street_id=street.id, cell=cell, municipality_id=municipality.id, length_m=length_m))
    session.flush()
    return street


def see(session: Session, municipality: Municipality, cells: list[int], *days: date, frames: int = 1) -> None:
    for day in days:
        session.add_all(
            CoveredCell(municipality_id=municipality.id, cell=cell, day=day, frames=frames) for cell in cells
        )
    session.flush()

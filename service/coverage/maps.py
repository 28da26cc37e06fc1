"""What of coverage is drawn on a map: cells that were seen, and the parts of streets that were not."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from service.coverage.cells import Box, cell_name, meets, outline, ranges_around
from service.coverage.figures import MEMORY
from service.coverage.period import Period
from service.coverage.street_lines import as_geojson, from_geojson, parts_in

# Left joins and filters, no anti-joins: the planner takes those to leave one row, and then plans for one row.
GAPS = """
    WITH gap AS MATERIALIZED (
        SELECT street_id, CAST(round(sum(length_m) FILTER (WHERE seen.cell IS NULL) * 10) AS bigint) AS gap_dm
        FROM street_cell AS part LEFT JOIN (
            SELECT DISTINCT cell FROM covered_cell
            WHERE municipality_id = :municipality_id AND day BETWEEN :first AND :last
        ) AS seen ON seen.cell = part.cell
        WHERE municipality_id = :municipality_id GROUP BY street_id
    )
"""
GAPS_OF = """
    WITH gap AS MATERIALIZED (
        SELECT street_id, CAST(round(sum(length_m) FILTER (WHERE NOT EXISTS (
            SELECT FROM covered_cell AS seen WHERE seen.municipality_id = part.municipality_id
                   AND seen.cell = part.cell AND seen.day BETWEEN :first AND :last)) * 10) AS bigint) AS gap_dm
        FROM street_cell AS part WHERE street_id = ANY(:near) AND municipality_id = :municipality_id GROUP BY street_id
    )
"""
GAP_PAGE = """
    SELECT street_id, gap_dm FROM gap
    WHERE gap_dm > 0 AND gap_dm >= :min_dm AND (gap_dm < :after_dm OR gap_dm = :after_dm AND street_id > :after_id)
    ORDER BY gap_dm DESC, street_id LIMIT :limit
"""
NEAR = "SELECT DISTINCT street_id FROM street_cell WHERE municipality_id = :municipality_id {near}"
UNSEEN = text("""
    SELECT street.id, source_id, name, road_class, street.length_m, line, array_agg(cell) AS cells
    FROM street JOIN street_cell AS part ON part.street_id = street.id
    WHERE street.id = ANY(:ids) AND NOT EXISTS (
        SELECT FROM covered_cell AS seen WHERE seen.municipality_id = part.municipality_id AND seen.cell = part.cell
               AND day BETWEEN :first AND :last)
    GROUP BY street.id
""")
SEEN_CELLS = """
    SELECT cell, max(day) AS last_day, count(*) AS passes, CAST(sum(frames) AS bigint) AS frames
    FROM covered_cell
    WHERE municipality_id = :municipality_id AND day BETWEEN :first AND :last AND cell > :after {near}
    GROUP BY cell ORDER BY cell LIMIT :limit
"""
START_DM = 2**62  # longer than any gap


@dataclass(frozen=True)
class Gap:
    """The parts of one street that nobody saw in the period."""

    street_id: int
    source_id: str
    name: str | None
    road_class: str | None
    street_m: float
    gap_m: float
    geometry: dict[str, object]  # GeoJSON


@dataclass(frozen=True)
class GapPlace:
    """Where a page of gaps ends: longest first, then by street."""

    gap_dm: int
    street_id: int


@dataclass(frozen=True)
class SeenCell:
    cell: int
    last_day: date
    passes: int
    frames: int


def gaps_of(
    session: Session, municipality_id: int, period: Period, *, min_m: float = 0.0, box: Box | None = None,
    after: GapPlace | None = None, limit: int = 100,
) -> tuple[list[Gap], GapPlace | None]:  # fmt: skip
    """One page, longest first, and where to go on. With a box a page may hold fewer than `limit` and not be the last:
    the database narrows to cells near the box, and streets whose gaps lie outside are left out afterwards."""
    after = after or GapPlace(START_DM, 0)
    asked = period.of(municipality_id) | {
        "min_dm": round(min_m * 10), "after_dm": after.gap_dm, "after_id": after.street_id, "limit": limit + 1
    }  # fmt: skip
    session.execute(MEMORY)
    near = _streets_near(session, municipality_id, box)
    sql, whose = (GAPS, {}) if near is None else (GAPS_OF, {"near": near})
    rows = session.execute(text(sql + GAP_PAGE), asked | whose)
    places = [GapPlace(row.gap_dm, row.street_id) for row in rows]
    page = places[:limit]
    lengths = {place.street_id: place.gap_dm / 10 for place in page}
    unseen = session.execute(UNSEEN, {"ids": list(lengths), "first": period.first, "last": period.last})
    gaps = {row.id: _gap(row, lengths[row.id], box) for row in unseen}
    found = [gap for place in page if (gap := gaps.get(place.street_id))]
    return found, page[-1] if len(places) > limit else None


def seen_cells(
    session: Session, municipality_id: int, period: Period, *, box: Box | None = None, after: int = 0,
    limit: int = 1000,
) -> tuple[list[SeenCell], int | None]:  # fmt: skip
    """One page in the order of cells, and the cell to go on after. With a box a page may hold fewer than `limit`."""
    near, condition = _near(box)
    asked = period.of(municipality_id) | near | {"after": after, "limit": limit + 1}
    rows = [SeenCell(*row) for row in session.execute(text(SEEN_CELLS.format(near=condition)), asked)]
    page = rows[:limit]
    found = [row for row in page if box is None or meets(row.cell, box)]
    return found, page[-1].cell if len(rows) > limit else None


def gap_feature(gap: Gap) -> dict[str, object]:
    properties = {key: value for key, value in vars(gap).items() if key != "geometry"}
    return {"type": "Feature", "id": gap.street_id, "geometry": gap.geometry, "properties": properties}


def cell_feature(seen: SeenCell) -> dict[str, object]:
    geometry = {"type": "Polygon", "coordinates": [outline(seen.cell)]}
    properties = {"last_day": seen.last_day.isoformat(), "passes": seen.passes, "frames": seen.frames}
    return {"type": "Feature", "id": cell_name(seen.cell), "geometry": geometry, "properties": properties}


def _streets_near(session: Session, municipality_id: int, box: Box | None) -> list[int] | None:
    """Streets with a cell near the box; None for all of them."""
    near, condition = _near(box)
    if not near:
        return None
    found = session.execute(text(NEAR.format(near=condition)), near | {"municipality_id": municipality_id})
    return list(found.scalars())


def _near(box: Box | None) -> tuple[dict[str, int], str]:
    """The parameters and the condition that narrow a query to cells near the box; none for no box and half a world."""
    ranges = (ranges_around(box) if box else None) or []
    edges = {
        f"{edge}{n}": cell for n, one in enumerate(ranges) for edge, cell in zip(("low", "high"), one, strict=True)
    }
    either = " OR ".join(f"cell BETWEEN :low{n} AND :high{n}" for n in range(len(ranges)))
    return edges, f"AND ({either})" if ranges else ""


def _gap(row: Row[Any], gap_m: float, box: Box | None) -> Gap | None:
    parts = parts_in(from_geojson(row.line), frozenset(row.cells))
    if not parts:
        return None
    (west, south), (east, north) = (edge(np.vstack(parts), axis=0).tolist() for edge in (np.min, np.max))
    if box and not box.meets(west, south, east, north):
        return None
    return Gap(row.id, row.source_id, row.name, row.road_class, row.length_m, gap_m, as_geojson(parts))

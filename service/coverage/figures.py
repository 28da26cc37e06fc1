"""How much of a municipality's streets was seen in a period, how often and when last; counted in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from service.coverage.cells import area_m2
from service.coverage.period import Period

TARGET_PERCENT = 100.0  # digital coverage, as the Amana measures its municipalities
AGE_DAYS = (7, 30, 90, 365)
NO_STREETS = "no streets are imported, so there is nothing to take a share of; import them: rasid coverage streets"

# A row for each road class and each age of the last pass (null: not seen), and one of the cells themselves.
SEEN_METRES = text("""
    WITH seen AS MATERIALIZED (
        SELECT cell, max(day) AS last_day, count(*) AS passes
        FROM covered_cell WHERE municipality_id = :municipality_id AND day BETWEEN :first AND :last GROUP BY cell
    )
    SELECT street.road_class, CAST(:last AS date) - seen.last_day AS age_days, sum(part.length_m) AS street_m,
           sum(part.length_m * coalesce(seen.passes, 0)) AS pass_m,
           CAST(NULL AS bigint) AS cells, CAST(NULL AS bigint) AS a_cell, CAST(NULL AS date) AS last_day
    FROM street_cell AS part JOIN street ON street.id = part.street_id LEFT JOIN seen ON seen.cell = part.cell
    WHERE part.municipality_id = :municipality_id
    GROUP BY street.road_class, age_days
    UNION ALL SELECT NULL, NULL, NULL, NULL, count(*), min(cell), max(last_day) FROM seen
""")
# Of many municipalities and two periods at once, without road classes and ages.
METRES = text("""
    WITH seen AS MATERIALIZED (
        SELECT municipality_id, cell, bool_or(day BETWEEN :first AND :last) AS seen,
               bool_or(day BETWEEN :first_before AND :last_before) AS seen_before
        FROM covered_cell WHERE municipality_id = ANY(:places) AND day BETWEEN :oldest AND :newest GROUP BY 1, 2
    )
    SELECT municipality_id, sum(length_m), coalesce(sum(length_m) FILTER (WHERE seen), 0),
           coalesce(sum(length_m) FILTER (WHERE seen_before), 0)
    FROM street_cell LEFT JOIN seen USING (municipality_id, cell)
    WHERE municipality_id = ANY(:places) GROUP BY municipality_id
""")
# Probes the index once a day, which is quicker than reading every row for its day.
DAYS = text("""
    WITH ends AS (
        SELECT greatest(:first, min(day)) AS first, least(:last, max(day)) AS last
        FROM covered_cell WHERE municipality_id = :municipality_id
    )
    SELECT count(*) FROM ends, generate_series(ends.first, ends.last, INTERVAL '1 day') AS one
    WHERE EXISTS (
        SELECT FROM covered_cell WHERE municipality_id = :municipality_id AND day = CAST(one AS date))
""")
# With the usual 4 MB the cells of a year are sorted and joined on disk.
MEMORY = text("SET LOCAL work_mem = '64MB'")


@dataclass(frozen=True)
class ClassCoverage:
    road_class: str | None
    street_m: float
    seen_m: float
    percent: float


@dataclass(frozen=True)
class AgeBand:
    """Metres of street whose last pass was within the last `up_to_days` of the period (null: longer ago), and in no
    band before."""

    up_to_days: int | None
    street_m: float


@dataclass(frozen=True)
class Coverage:
    """What was seen of a municipality in a period. A pass is a day on which a frame looked there."""

    municipality_id: int
    first_day: date
    last_day: date
    target_percent: float
    percent: float | None  # of the metres of street, seen at least once; null with a reason
    percent_reason: str | None
    street_m: float
    seen_m: float
    mean_passes: float | None  # over all metres of street
    by_road_class: list[ClassCoverage]  # longest first
    by_last_pass: list[AgeBand]
    unseen_m: float
    cells: int  # of the H3 grid, seen at least once
    area_km2: float  # of these cells
    days_driven: int
    last_driven: date | None


def coverage_of(session: Session, municipality_id: int, period: Period) -> Coverage:
    asked = period.of(municipality_id)
    session.execute(MEMORY)
    rows = session.execute(SEEN_METRES, asked).all()
    (cells,) = (row for row in rows if row.cells is not None)
    parts = [_Part(row.road_class, row.age_days, row.street_m, row.pass_m) for row in rows if row is not cells]
    street_m, seen_m = sum(part.street_m for part in parts), sum(part.street_m for part in parts if part.seen)
    return Coverage(
        municipality_id, period.first, period.last, TARGET_PERCENT,
        percent=100 * seen_m / street_m if street_m else None,
        percent_reason=None if street_m else NO_STREETS,
        street_m=street_m,
        seen_m=seen_m,
        mean_passes=sum(part.pass_m for part in parts) / street_m if street_m else None,
        by_road_class=_by_class(parts),
        by_last_pass=_by_age(parts),
        unseen_m=street_m - seen_m,
        cells=cells.cells,
        area_km2=cells.cells * area_m2(cells.a_cell) / 1e6 if cells.cells else 0.0,
        days_driven=session.execute(DAYS, asked).scalar_one(),
        last_driven=cells.last_day,
    )  # fmt: skip


@dataclass(frozen=True)
class StreetMetres:
    """Of one municipality, or of several together: what was seen in a period and in another before it."""

    street_m: float = 0.0
    seen_m: float = 0.0
    seen_before_m: float = 0.0


def street_metres(
    session: Session, municipality_ids: Sequence[int], period: Period, before: Period
) -> dict[int, StreetMetres]:
    """The metres that `coverage_of` counts, by municipality; those without streets have none."""
    asked = {
        "places": list(municipality_ids), "first": period.first, "last": period.last, "first_before": before.first,
        "last_before": before.last, "oldest": min(period.first, before.first), "newest": max(period.last, before.last),
    }  # fmt: skip
    session.execute(MEMORY)
    found = dict.fromkeys(municipality_ids, StreetMetres())
    return found | {row[0]: StreetMetres(*row[1:]) for row in session.execute(METRES, asked)}


@dataclass(frozen=True)
class _Part:
    """The metres of one road class whose last pass is of one age."""

    road_class: str | None
    age_days: int | None  # None: not seen
    street_m: float
    pass_m: float

    @property
    def seen(self) -> bool:
        return self.age_days is not None


def _by_class(parts: list[_Part]) -> list[ClassCoverage]:
    classes = {part.road_class for part in parts}
    rows = []
    for one in classes:
        own = [part for part in parts if part.road_class == one]
        street_m, seen_m = sum(part.street_m for part in own), sum(part.street_m for part in own if part.seen)
        rows.append(ClassCoverage(one, street_m, seen_m, 100 * seen_m / street_m))
    return sorted(rows, key=lambda row: (-row.street_m, row.road_class or ""))


def _by_age(parts: list[_Part]) -> list[AgeBand]:
    """The last day of the period is the first of the seven."""
    bands: dict[int | None, float] = dict.fromkeys((*AGE_DAYS, None), 0.0)
    for part in parts:
        if part.age_days is not None:
            bands[next((days for days in AGE_DAYS if part.age_days < days), None)] += part.street_m
    return [AgeBand(days, street_m) for days, street_m in bands.items()]

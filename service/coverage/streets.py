"""Imports a municipality's streets from GeoJSON: the denominator of every figure of coverage, so nothing is guessed."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.errors import Unprocessable
from service.core.events import Actor, record
from service.coverage.features import BadGeoJson, read_features
from service.coverage.models import Street, StreetCell
from service.coverage.street_lines import (
    NOT_DRIVEN,
    BadStreet,
    Keys,
    StreetLine,
    as_geojson,
    cut,
    length_m,
    line_digest,
    metres_by_cell,
    parse_street,
)

STREETS_LOCK = 940_000_004  # advisory lock space; the second number is the municipality
MAX_STREETS = 500_000
MAX_TOTAL_M = 100_000_000.0  # 100,000 km: nearly half of all Saudi roads
BATCH_STREETS, BATCH_M = 1_000, 1_000_000.0  # written by one statement
EXAMPLES = 5

PUT_STREETS = text("""
    INSERT INTO street (municipality_id, source_id, name, road_class, length_m, line, created_at)
    SELECT :municipality_id, source_id, name, road_class, length_m, CAST(line AS jsonb), :now
    FROM unnest(CAST(:source_ids AS text[]), CAST(:names AS text[]), CAST(:road_classes AS text[]),
                CAST(:lengths_m AS float8[]), CAST(:lines AS text[]))
         AS one(source_id, name, road_class, length_m, line)
    ON CONFLICT (municipality_id, source_id) DO UPDATE SET name = excluded.name, road_class = excluded.road_class,
        length_m = excluded.length_m, line = excluded.line, created_at = excluded.created_at
    RETURNING source_id, id
""")
PUT_CELLS = text("""
    INSERT INTO street_cell (street_id, cell, municipality_id, length_m)
    SELECT street_id, cell, :municipality_id, length_m
    FROM unnest(CAST(:street_ids AS bigint[]), CAST(:cells AS bigint[]), CAST(:lengths_m AS float8[]))
         AS one(street_id, cell, length_m)
""")


@dataclass(frozen=True)
class Skipped:
    """Features of a file that are no streets here, by reason."""

    code: str
    count: int
    examples: list[str]  # of what was expected and came


@dataclass(frozen=True)
class StreetImport:
    """What an import did. `streets` counts those of the municipality afterwards."""

    read: int
    imported: int
    new: int
    replaced: int
    removed: int
    length_m: float
    streets: int
    skipped: list[Skipped]


def import_streets(
    session: Session, municipality: Municipality, stream: BinaryIO, *, actor: Actor, now: datetime,
    keys: Keys | None = None, leave_out: frozenset[str] = NOT_DRIVEN, replace_all: bool = False,
    progress: Callable[[int], None] = lambda read: None,
) -> StreetImport:  # fmt: skip
    """Reads a FeatureCollection and writes its streets, cut at the boundary; a street of the same id is replaced.

    All or nothing: a file that cannot be read to its end, or holds no street, changes nothing once the caller rolls
    back. A feature that is no street is counted and the others are taken. `replace_all` removes the streets that the
    file does not name. Raises Unprocessable. `progress` gets the number of features read.
    """
    session.execute(select(func.pg_advisory_xact_lock(STREETS_LOCK, municipality.id)))
    before = _count(session, municipality.id)
    reading = _Reading(keys or Keys(), leave_out, _boundary_of(municipality), progress)
    written: list[int] = []
    try:
        for batch in _batches(reading.streets(stream)):
            written += _write(session, municipality.id, batch, now)
    except BadGeoJson as error:
        raise Unprocessable("streets.geojson", str(error)) from error
    if not written:
        raise Unprocessable("streets.none", f"expected streets of {municipality.key}, found none{reading.reasons()}")
    removed = _remove_others(session, municipality.id, written) if replace_all else 0
    after = _count(session, municipality.id)
    new = after + removed - before
    done = StreetImport(
        read=reading.read, imported=len(written), new=new, replaced=len(written) - new, removed=removed,
        length_m=round(reading.total_m, 1), streets=after, skipped=reading.skipped(),
    )  # fmt: skip
    record(
        session, at=now, actor=actor, subject_kind="municipality", subject_id=municipality.id,
        action="import_streets", municipality_id=municipality.id,
        data={"imported": done.imported, "new": done.new, "removed": done.removed, "length_m": done.length_m},
    )  # fmt: skip
    return done


@dataclass
class _Reading:
    """One pass over a file: which features are streets here, and what became of the others."""

    keys: Keys
    leave_out: frozenset[str]
    boundary: BaseGeometry | None
    progress: Callable[[int], None]
    read: int = 0
    total_m: float = 0.0
    _ids: Counter[str] = field(default_factory=Counter)
    _seen: set[bytes] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def streets(self, stream: BinaryIO) -> Iterator[StreetLine]:
        for feature in read_features(stream):
            self.read += 1
            self.progress(self.read)
            if self.read > MAX_STREETS:
                raise BadGeoJson(f"expected at most {MAX_STREETS:,} features, got more; split the file")
            try:
                street = self._street(feature)
            except BadStreet as error:
                self._skip(error)
                continue
            self.total_m += length_m(street.lines)
            if self.total_m > MAX_TOTAL_M:
                raise BadGeoJson(f"expected at most {MAX_TOTAL_M / 1000:,.0f} km of streets, got more")
            yield street

    def skipped(self) -> list[Skipped]:
        return [Skipped(code, count, self._examples[code]) for code, count in self._counts.most_common()]

    def reasons(self) -> str:
        told = [f"{one.count} {one.code} ({one.examples[0]})" for one in self.skipped()]
        return f" in {self.read:,} features: {'; '.join(told)}" if told else ": the file has no features"

    def _street(self, feature: object) -> StreetLine:
        street = parse_street(feature, self.keys)
        if street.road_class in self.leave_out:
            raise BadStreet("street.left_out", f"{street.road_class} is not driven")
        lines = cut(street.lines, self.boundary) if self.boundary is not None else street.lines
        if not lines:
            raise BadStreet("street.outside", f"{street.source_id} lies outside the boundary")
        return StreetLine(self._own_id(street), street.name, street.road_class, lines)

    def _own_id(self, street: StreetLine) -> str:
        """The source's id; where one file gives it to several lines, all are kept and numbered in its order."""
        digest = street.source_id.encode() + line_digest(street.lines)
        if digest in self._seen:
            raise BadStreet("street.repeated", f"{street.source_id} comes twice with the same line")
        self._seen.add(digest)
        name = street.source_id
        while name in self._ids:
            self._ids[street.source_id] += 1
            name = f"{street.source_id[:70]}#{self._ids[street.source_id]}"
        self._ids[name] = 1
        return name

    def _skip(self, error: BadStreet) -> None:
        self._counts[error.code] += 1
        examples = self._examples.setdefault(error.code, [])
        if len(examples) < EXAMPLES:
            examples.append(f"feature {self.read}: {error}")


def _batches(streets: Iterator[StreetLine]) -> Iterator[list[StreetLine]]:
    batch: list[StreetLine] = []
    metres = 0.0
    for street in streets:
        batch.append(street)
        metres += length_m(street.lines)
        if len(batch) >= BATCH_STREETS or metres >= BATCH_M:
            yield batch
            batch, metres = [], 0.0
    if batch:
        yield batch


def _boundary_of(municipality: Municipality) -> BaseGeometry | None:
    if municipality.boundary is None:
        return None
    boundary = shape(municipality.boundary)
    shapely.prepare(boundary)
    return boundary


def _count(session: Session, municipality_id: int) -> int:
    return session.scalar(select(func.count(Street.id)).where(Street.municipality_id == municipality_id)) or 0


def _write(session: Session, municipality_id: int, streets: list[StreetLine], now: datetime) -> list[int]:
    """The ids of the streets, whose cells are written anew."""
    rows = session.execute(PUT_STREETS, {
        "municipality_id": municipality_id,
        "now": now,
        "source_ids": [street.source_id for street in streets],
        "names": [street.name for street in streets],
        "road_classes": [street.road_class for street in streets],
        "lengths_m": [length_m(street.lines) for street in streets],
        "lines": [json.dumps(as_geojson(street.lines)) for street in streets],
    })  # fmt: skip
    ids = {row.source_id: row.id for row in rows}
    session.execute(delete(StreetCell).where(StreetCell.street_id.in_(ids.values())))
    cells = [
        (ids[street.source_id], cell, metres)
        for street in streets
        for cell, metres in metres_by_cell(street.lines).items()
    ]
    street_ids, numbers, lengths = map(list, zip(*cells, strict=True))
    values = {"municipality_id": municipality_id, "street_ids": street_ids, "cells": numbers, "lengths_m": lengths}
    session.execute(PUT_CELLS, values)
    return list(ids.values())


def _remove_others(session: Session, municipality_id: int, kept: list[int]) -> int:
    others = text("DELETE FROM street WHERE municipality_id = :municipality_id AND id <> ALL(CAST(:kept AS bigint[]))")
    return session.execute(others, {"municipality_id": municipality_id, "kept": kept}).rowcount  # type: ignore[attr-defined,no-any-return]

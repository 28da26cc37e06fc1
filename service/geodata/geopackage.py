"""Writes OGC GeoPackage 1.3 with nothing but SQLite: one table of features for each layer."""

import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from shapely import MultiPolygon, Polygon, to_wkb
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from service.geodata.fields import Collection, Feature, Kind, Shape, Value

APPLICATION_ID = 0x47504B47  # "GPKG"
VERSION = 10300
SRS_ID = 4326  # coordinates are written longitude first whatever the authority says of its axes
WKT_4326 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]'
)
TABLES = """
CREATE TABLE gpkg_spatial_ref_sys (
    srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
    table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
    last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
    CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
    table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL,
    z TINYINT NOT NULL, m TINYINT NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
    CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
    CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
"""
SYSTEMS = [
    ("Undefined Cartesian", -1, "NONE", -1, "undefined", None),
    ("Undefined geographic", 0, "NONE", 0, "undefined", None),
    ("WGS 84", SRS_ID, "EPSG", SRS_ID, WKT_4326, "degrees"),
]
COLUMNS = {
    Kind.INTEGER: "INTEGER",
    Kind.NUMBER: "REAL",
    Kind.TEXT: "TEXT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TIME: "DATETIME",
    Kind.DAY: "DATE",
}


@dataclass(frozen=True)
class Bounds:
    west: float
    south: float
    east: float
    north: float

    def around(self, other: "Bounds | None") -> "Bounds":
        if other is None:
            return self
        west, south = min(self.west, other.west), min(self.south, other.south)
        return replace(
            self, west=west, south=south, east=max(self.east, other.east), north=max(self.north, other.north)
        )


class GeoPackage:
    """A new file; each layer is written while its features come, so that none of them is held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.executescript(TABLES)
            connection.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", SYSTEMS)
            connection.commit()

    def add(self, about: Collection, features: Iterable[Feature], now: datetime) -> int:
        """Adds a layer and returns the number of its features. A number that is the id of a feature becomes its `fid`,
        other ids stand in the column `feature_id`."""
        with closing(self._open()) as connection:
            _describe(connection, about, now)
            rows = _Rows(about, features)
            marks = ", ".join("?" * (3 + len(about.fields)))
            connection.executemany(f'INSERT INTO "{about.id}" VALUES ({marks})', rows)
            if (bounds := rows.bounds) is not None:
                connection.execute(
                    "UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ? WHERE table_name = ?",
                    (bounds.west, bounds.south, bounds.east, bounds.north, about.id),
                )
            connection.commit()
            return rows.number

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)


class _Rows:
    """Rows for SQLite, counted and measured as they pass."""

    def __init__(self, about: Collection, features: Iterable[Feature]) -> None:
        self._about, self._features = about, features
        self.number, self.bounds = 0, None  # type: int, Bounds | None

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        for feature in self._features:
            self.number += 1
            blob = None
            if feature.geometry is not None:
                geometry = _shaped(self._about.shape, shape(feature.geometry))
                self.bounds, blob = Bounds(*geometry.bounds).around(self.bounds), geometry_blob(geometry)
            fid, name = (feature.id, None) if isinstance(feature.id, int) else (None, feature.id)
            values = [_column(feature.properties[field.name]) for field in self._about.fields]
            yield fid, blob, name, *values


def geometry_blob(geometry: BaseGeometry) -> bytes:
    """The header of GeoPackage (little endian, with an envelope for all but points) and the geometry as WKB."""
    west, south, east, north = geometry.bounds
    envelope = b"" if geometry.geom_type == Shape.POINT else struct.pack("<4d", west, east, south, north)
    flags = 1 | (2 if envelope else 0)
    wkb: bytes = to_wkb(geometry, byte_order=1)
    return b"GP" + struct.pack("<BBi", 0, flags, SRS_ID) + envelope + wkb


def _describe(connection: sqlite3.Connection, about: Collection, now: datetime) -> None:
    fields = "".join(f', "{field.name}" {COLUMNS[field.kind]}' for field in about.fields)
    connection.execute(
        f'CREATE TABLE "{about.id}" (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, '
        f"geom {about.shape.value.upper()}, feature_id TEXT{fields})"
    )
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
        "VALUES (?, 'features', ?, ?, ?, ?)",
        (about.id, about.title, about.told, _column(now), SRS_ID),
    )
    connection.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)",
        (about.id, about.shape.value.upper(), SRS_ID),
    )


def _shaped(wanted: Shape, geometry: BaseGeometry) -> BaseGeometry:
    """A layer holds one type: a polygon among multipolygons becomes one of a single part."""
    if wanted is Shape.MULTIPOLYGON and isinstance(geometry, Polygon):
        return MultiPolygon([geometry])
    return geometry


def _column(value: Value) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value.isoformat() if isinstance(value, date) else value

"""Features as files: what stands in them byte by byte, and their bounds."""

import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from service.core.database import Database
from service.core.errors import TooLarge
from service.geodata import export_api
from service.geodata.asking import Asked
from service.geodata.cli import geodata
from service.geodata.defects import DEFECT_SOURCE
from service.geodata.export import Format, export
from service.geodata.sources import View
from tests.factories import NOW
from tests.geodata.made import CELLS, DEFECTS, ORDERS, Area


@pytest.fixture
def rasid(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))
    return CliRunner()


def run(rasid: CliRunner, *arguments: str) -> Result:
    return rasid.invoke(geodata, arguments)


def test_a_geopackage_has_the_tables_and_headers_of_the_standard(
    rasid: CliRunner, area: Area, neighbour: Area, tmp_path: Path
) -> None:
    file = tmp_path / "all.gpkg"
    done = run(rasid, "export", str(file), "--municipality", "dammam")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-4:] == [
        f"defects: {DEFECTS}", f"work_orders: {ORDERS}", f"coverage: {CELLS}", "municipalities: 1"
    ]  # fmt: skip
    assert file.read_bytes()[68:72] == b"GPKG"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (10300,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        systems = connection.execute("SELECT srs_id FROM gpkg_spatial_ref_sys ORDER BY 1").fetchall()
        contents = connection.execute("SELECT table_name, data_type, srs_id FROM gpkg_contents").fetchall()
        shapes = dict(connection.execute("SELECT table_name, geometry_type_name FROM gpkg_geometry_columns"))
        fid, blob, seen = connection.execute("SELECT fid, geom, first_seen_at FROM defects ORDER BY fid").fetchone()
        boundary, cell = (
            connection.execute(f"SELECT geom FROM {table}").fetchone()[0] for table in ("municipalities", "coverage")
        )
    assert systems == [(-1,), (0,), (4326,)]
    assert {row[0] for row in contents} == {"defects", "work_orders", "coverage", "municipalities"}
    assert shapes == {
        "defects": "POINT",
        "work_orders": "POINT",
        "coverage": "POLYGON",
        "municipalities": "MULTIPOLYGON",
    }
    assert (fid, seen) == (area.defects[0].id, "2026-03-04T06:00:00.000Z")
    assert struct.unpack("<2sBBi", blob[:8]) == (b"GP", 0, 1, 4326)
    assert shapely.from_wkb(blob[8:]).x == pytest.approx(area.defects[0].lon, abs=1e-6)
    for polygon, kind in ((boundary, "MultiPolygon"), (cell, "Polygon")):
        assert struct.unpack("<2sBBi", polygon[:8]) == (b"GP", 0, 3, 4326)
        west, east, south, north = struct.unpack("<4d", polygon[8:40])
        shape = shapely.from_wkb(polygon[40:])
        assert (shape.geom_type, shape.bounds) == (kind, (west, south, east, north))


def test_geojson_holds_the_same_features_as_the_pages(client: TestClient, area: Area, neighbour: Area) -> None:
    query = {"class_key": "pothole", "datetime": "2026-03-06/.."}
    told = client.get("/api/v1/geodata/defects/export", headers=area.headers, params={**query, "format": "geojson"})
    assert told.headers["content-type"] == "application/geo+json"
    assert 'filename="defects.geojson"' in told.headers["content-disposition"]
    page = client.get("/ogc/collections/defects/items", headers=area.headers, params=query).json()
    assert json.loads(told.content)["features"] == page["features"] != []


def test_an_empty_file_is_a_file(client: TestClient, area: Area, tmp_path: Path) -> None:
    told = client.get("/api/v1/geodata/defects/export?format=geojson&state=merged", headers=area.headers)
    assert told.json() == {"type": "FeatureCollection", "features": []}
    packed = client.get("/api/v1/geodata/defects/export?state=merged", headers=area.headers)
    (tmp_path / "a.gpkg").write_bytes(packed.content)
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as connection:
        assert connection.execute("SELECT count(*), (SELECT min_x FROM gpkg_contents) FROM defects").fetchone() == (
            0,
            None,
        )


def test_a_file_over_the_bound_is_refused_and_leaves_nothing(
    client: TestClient, session: Session, area: Area, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_api, "MOST_FEATURES", DEFECTS - 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = set(tmp_path.iterdir())
    for form in Format:
        answer = client.get("/api/v1/geodata/defects/export", headers=area.headers, params={"format": form.value})
        assert (answer.status_code, answer.json()["code"]) == (413, "export.too_many")
    assert client.get("/api/v1/geodata/work_orders/export", headers=area.headers).status_code == 200
    assert set(tmp_path.iterdir()) == left


def test_bad_parameters_and_missing_rights_are_refused_as_at_the_pages(client: TestClient, area: Area) -> None:
    asks = {
        "geodata/nothing/export": 404,
        "geodata/defects/export?bbox=1": 400,
        "geodata/defects/export?format=shp": 422,
    }
    for path, status in asks.items():
        assert client.get(f"/api/v1/{path}", headers=area.headers).status_code == status
    assert client.get("/api/v1/geodata/defects/export").status_code == 401


def test_a_layer_of_exactly_the_most_features_is_whole(session: Session, area: Area, tmp_path: Path) -> None:
    from service.accounts.service import SYSTEM_CALLER

    view, layer = View(NOW, SYSTEM_CALLER), [(DEFECT_SOURCE, Asked())]
    written = export(session, view, layer, tmp_path / "a.gpkg", Format.GEOPACKAGE, DEFECTS)
    assert written == {"defects": DEFECTS}
    with pytest.raises(TooLarge):
        export(session, view, layer, tmp_path / "b.geojson", Format.GEOJSON, DEFECTS - 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("a.shp",), "expected a new file named .gpkg or .geojson"),
        (("a.geojson",), "expected one collection for GeoJSON, got 4"),
        (("a.gpkg", "--municipality", "nowhere"), "expected the key of a municipality"),
        (("a.gpkg", "--collection", "houses"), "expected one of defects"),
        (("a.gpkg", "--collection", "defects", "--where", "state"), "expected --where property=value"),
        (("a.gpkg", "--collection", "defects", "--where", "colour=red"), "got the parameter 'colour'"),
    ],
)
def test_the_command_says_in_a_line_what_it_cannot_do(
    rasid: CliRunner, area: Area, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    name, *rest = arguments
    done = run(rasid, "export", str(tmp_path / name), *rest)
    assert done.exit_code == 2 and told in done.output and "Traceback" not in done.output
    assert not list(tmp_path.glob("*a.g*")) and not list(tmp_path.glob(".a.g*"))


def test_the_command_makes_a_token_and_publishes(
    rasid: CliRunner, client: TestClient, area: Area, session: Session
) -> None:
    email = f"{next(iter(area.headers))}@example.org"
    assert "expected the e-mail address of an account" in run(rasid, "token", email).output
    from service.accounts.models import User

    known = session.query(User).first()
    assert known is not None
    secret = run(rasid, "token", known.email).output.splitlines()[-1]
    assert client.get("/ogc/collections", auth=("gis", secret)).status_code == 200
    assert "published, 30 days late" in run(rasid, "publish", "--municipality", "dammam").output
    places = client.get("/ogc/public/collections/municipalities/items").json()
    assert places["numberMatched"] == 1
    assert "not published" in run(rasid, "withdraw", "--municipality", "dammam").output
    assert "Example:" in run(rasid, "export", "--help").output

"""Programs that other people wrote read every page: GDAL as QGIS uses it, and OWSLib."""

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import shapely
from httpx2 import Client
from owslib.ogcapi.features import Features
from owslib.util import Authentication
from pyogrio.errors import DataSourceError

from datasets.taxonomy import BY_KEY
from tests.geodata import gdal
from tests.geodata.made import CELLS, DEFECTS, ORDERS, Area

WAIT_S = 120
SIZES = {"defects": DEFECTS, "work_orders": ORDERS, "coverage": CELLS, "municipalities": 1}


@pytest.fixture(scope="module")
def client() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        yield executor


@dataclass(frozen=True)
class Gdal:
    """Reads from one server, as QGIS does: it is told of a token by configuration."""

    client: Executor
    source: str
    config: dict[str, str]

    def layers(self) -> set[str]:
        return self.client.submit(gdal.layers, self.source, self.config).result(WAIT_S)

    def read(self, layer: str, **options: Any) -> tuple[Any, gdal.Layer]:
        found = self.client.submit(gdal.read, self.source, layer, self.config, options).result(WAIT_S)
        return shapely.from_wkb(found.wkb), found


@pytest.fixture
def signed_in(client: Executor, base: str, area: Area) -> Gdal:
    return Gdal(client, f"OAPIF:{base}/ogc", {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": area.token})


def test_gdal_lists_the_collections_and_reads_every_page(signed_in: Gdal, neighbour: Area) -> None:
    assert signed_in.layers() == set(SIZES)
    for layer, size in SIZES.items():
        places, found = signed_in.read(layer, PAGE_SIZE=7)
        assert len(places) == size == len(set(map(str, found.fields.get("id", found.ids)))), layer
        assert found.crs in ("EPSG:4326", "OGC:CRS84"), layer


def test_gdal_reads_places_longitude_first_and_properties_as_they_are(signed_in: Gdal, area: Area) -> None:
    places, found = signed_in.read("defects", PAGE_SIZE=10)
    first = area.defects[0]
    assert (places[0].x, places[0].y) == pytest.approx((first.lon, first.lat), abs=1e-6)
    assert list(found.fields["class_ar"][:2]) == [BY_KEY["pothole"].name_ar, BY_KEY["road_crack"].name_ar]
    assert found.fields["score"][0] == 0.8
    assert str(found.fields["first_seen_at"][0]).startswith("2026-03-04T06:00:00")


def test_gdal_asks_for_a_box_and_gets_what_lies_in_it(signed_in: Gdal, area: Area) -> None:
    west, east = area.defects[4].lon - 1e-4, area.defects[9].lon + 1e-4
    south, north = area.defects[4].lat - 1e-3, area.defects[4].lat + 1e-3
    places, _ = signed_in.read("defects", bbox=(west, south, east, north), PAGE_SIZE=2)
    assert len(places) == 6


def test_gdal_signs_in_with_a_token_as_the_password(client: Executor, base: str, area: Area) -> None:
    stranger = Gdal(client, f"OAPIF:{base}/ogc", {})
    places, _ = stranger.read("defects", USERPWD=f"gis:{area.token}")
    assert len(places) == DEFECTS
    with pytest.raises(DataSourceError, match="401"):
        stranger.read("defects", USERPWD="gis:rat_wrong")


def test_owslib_reads_every_page(base: str, area: Area, neighbour: Area) -> None:
    service = Features(f"{base}/ogc/", auth=Authentication("gis", area.token))
    assert set(service.feature_collections()) == set(SIZES)
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in service.conformance()["conformsTo"]
    assert service.api()["openapi"].startswith("3.0")
    for collection_id, size in SIZES.items():
        first = service.collection_items(collection_id, limit=7)
        assert first["numberMatched"] == size
        assert len(pages(first, area.headers)) == size
        one = first["features"][0]
        found = service.collection_item(collection_id, one["id"])
        assert (found["geometry"], found["properties"]) == (one["geometry"], one["properties"])


def test_owslib_asks_by_box_time_and_property(base: str, area: Area) -> None:
    service = Features(f"{base}/ogc/", headers=area.headers)
    lons = [one.lon for one in area.defects]
    boxed = service.collection_items("defects", bbox=[lons[0] - 1e-4, 26, lons[2] + 1e-4, 27])
    timed = service.collection_items("defects", datetime_="2026-03-06T00:00:00Z/2026-03-08T00:00:00Z")
    assert boxed["numberMatched"] == 3 and timed["numberMatched"] == 2
    assert service.collection_items("defects", class_key="road_crack")["numberMatched"] == DEFECTS // 2


def pages(page: dict[str, Any], headers: dict[str, str]) -> set[object]:
    """The ids of a page and of all that follow it by the link `next`."""
    ids: set[object] = set()
    with Client(headers=headers) as client:
        while True:
            own = [feature["id"] for feature in page["features"]]
            assert page["numberReturned"] == len(own) and not ids & set(own)
            ids |= set(own)
            following = [link["href"] for link in page["links"] if link["rel"] == "next"]
            if not following:
                return ids
            page = client.get(following[0]).raise_for_status().json()


@pytest.mark.parametrize("layer", SIZES)
def test_gdal_reads_a_geopackage(base: str, area: Area, neighbour: Area, tmp_path: Path, layer: str) -> None:
    file = tmp_path / f"{layer}.gpkg"
    with Client(base_url=base, headers=area.headers) as client:
        answer = client.get(f"/api/v1/geodata/{layer}/export").raise_for_status()
    assert answer.headers["content-type"] == "application/geopackage+sqlite3"
    file.write_bytes(answer.content)
    assert [str(row[0]) for row in pyogrio.list_layers(file)] == [layer]
    meta, ids, geometry, _ = pyogrio.raw.read(file, layer=layer, return_fids=True)
    assert (len(geometry), meta["crs"], len(set(ids.tolist()))) == (SIZES[layer], "EPSG:4326", SIZES[layer])
    info = pyogrio.read_info(file, layer=layer)
    shapes = shapely.from_wkb(geometry)
    assert info["total_bounds"] == pytest.approx(shapely.total_bounds(shapes))
    if layer == "defects":
        assert (shapes[0].x, shapes[0].y) == pytest.approx((area.defects[0].lon, area.defects[0].lat), abs=1e-6)

"""A street's metres are those on the ground, cell by cell, and what is no street is told apart from what is."""

import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from service.coverage import features
from service.coverage.features import BadGeoJson, read_features
from service.coverage.street_lines import (
    DECIMALS,
    BadStreet,
    Keys,
    Line,
    as_geojson,
    cut,
    from_geojson,
    length_m,
    metres_by_cell,
    parse_street,
    parts_in,
)
from tests.coverage.streets_made import LAT, LON, collection, feature

# corners of a street within a few hundred metres of Dammam, on the grid of what is stored
lines = st.lists(
    st.tuples(st.floats(LON, LON + 0.003), st.floats(LAT, LAT + 0.003)), min_size=2, max_size=6, unique=True
).map(lambda places: np.round(np.array(places), DECIMALS))


@given(lines)
def test_the_metres_in_all_cells_are_the_metres_of_the_street(line: Line) -> None:
    assert sum(metres_by_cell([line]).values()) == pytest.approx(length_m([line]))


@given(lines)
def test_a_street_whose_cells_are_all_missing_is_missing_as_a_whole(line: Line) -> None:
    if length_m([line]) > 0:
        (part,) = parts_in([line], metres_by_cell([line]))
        assert part[[0, -1]].tolist() == line[[0, -1]].tolist()
        assert length_m([part]) == pytest.approx(length_m([line]))


@given(lines, st.integers(0, 1000))
def test_seen_and_unseen_parts_together_are_the_street(line: Line, seed: int) -> None:
    metres = metres_by_cell([line])
    some = {cell for cell in metres if (cell >> 10) % 1001 < seed}
    seen, unseen = parts_in([line], some), parts_in([line], metres.keys() - some)
    assert length_m(seen) == pytest.approx(sum(metres[cell] for cell in some), abs=0.1)
    assert length_m(seen) + length_m(unseen) == pytest.approx(length_m([line]), abs=0.1)


@pytest.mark.parametrize(
    ("lat", "end", "metres"),
    [(30.0, (1 / 60, 30.0), 1608.1), (30.0, (0.0, 30 + 1 / 60), 1847.5)],  # a minute of arc: WGS 84 tables
)
def test_length_is_measured_on_the_ellipsoid(lat: float, end: tuple[float, float], metres: float) -> None:
    assert length_m([np.array([(0.0, lat), end])]) == pytest.approx(metres, abs=0.1)


def test_a_line_survives_being_stored() -> None:
    one, two = np.array([(50.0, 26.0), (50.1, 26.0)]), np.array([(50.2, 26.0), (50.3, 26.0), (50.3, 26.1)])
    for given_lines in ((one,), (one, two)):
        stored = from_geojson(json.loads(json.dumps(as_geojson(given_lines))))
        assert [line.tolist() for line in stored] == [line.tolist() for line in given_lines]


def test_a_street_is_cut_at_the_boundary() -> None:
    (line,) = parse_street(feature((50.0, 26.0), (50.02, 26.0)), Keys()).lines
    inside = cut([line], box(49.9, 25.9, 50.01, 26.1))
    assert length_m(inside) == pytest.approx(length_m([line]) / 2, rel=1e-6)
    assert cut([line], box(49.0, 25.9, 49.5, 26.1)) == ()
    assert cut([line], box(49.0, 25.9, 50.0, 26.1)) == ()  # touches at one point


def test_a_street_that_leaves_and_comes_back_is_two_parts() -> None:
    there_and_back = parse_street(feature((50.0, 26.0), (50.02, 26.0), (50.02, 26.001), (50.0, 26.001)), Keys())
    assert len(cut(there_and_back.lines, box(49.9, 25.9, 50.01, 26.1))) == 2


def test_properties_are_read_under_their_keys() -> None:
    road = feature(source_id=None, REF=17.0, NAME="شارع الملك\0", KIND="main")
    street = parse_street(road, Keys(name="NAME", road_class="KIND", id="REF"))
    assert (street.source_id, street.name, street.road_class) == ("17", "شارع الملك", "main")


def test_osm_ids_are_found_and_a_line_without_any_is_named_by_itself() -> None:
    assert parse_street(feature(source_id=None, **{"@id": "way/7"}), Keys()).source_id == "way/7"
    assert parse_street(feature(source_id=None, osm_id=7), Keys()).source_id == "7"
    unnamed = parse_street(feature(source_id=None), Keys()).source_id
    assert unnamed.startswith("line:")
    assert parse_street(feature(source_id=None, name="now it has a name"), Keys()).source_id == unnamed
    assert parse_street(feature((50.0, 26.0), (50.001, 26.0), source_id=None), Keys()).source_id != unnamed


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (None, "street.feature"),
        ({"type": "Point"}, "street.feature"),
        (feature() | {"geometry": None}, "street.geometry"),
        (feature() | {"geometry": {"type": "Polygon", "coordinates": []}}, "street.geometry"),
        (feature() | {"geometry": {"type": "LineString"}}, "street.coordinates"),
        (feature((50.0, 26.0)), "street.coordinates"),
        (feature((50.0, 26.0), (50.0, 26.0)), "street.length"),
        (feature((50.0, 26.0), (52.0, 26.0)), "street.length"),
        (feature((2_900_000.0, 5_600_000.0), (2_900_100.0, 5_600_000.0)), "street.degrees"),
        (feature() | {"geometry": {"type": "LineString", "coordinates": [[1], [2]]}}, "street.coordinates"),
        (feature() | {"geometry": {"type": "LineString", "coordinates": ["ab", "cd"]}}, "street.coordinates"),
        (feature() | {"geometry": {"type": "LineString", "coordinates": {"a": 1}}}, "street.coordinates"),
        (feature() | {"geometry": {"type": "MultiLineString", "coordinates": []}}, "street.coordinates"),
        (feature() | {"geometry": {"type": "LineString", "coordinates": [[1e999, 1], [1, 1]]}}, "street.coordinates"),
    ],
)
def test_what_is_no_street_is_named(bad: object, code: str) -> None:
    with pytest.raises(BadStreet, match="expected") as refused:
        parse_street(bad, Keys())
    assert refused.value.code == code


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
def test_features_are_read_however_the_file_is_cut_into_chunks(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHUNK_BYTES", chunk)
    roads = [feature(source_id=str(n), name='طريق " ] } \\ 😀') for n in range(5)]
    stream = collection(*roads, name="roads", bbox=[1, 2.5, -3e2, 12345], totalFeatures=12345)
    assert list(read_features(stream)) == roads


def test_a_byte_order_mark_and_members_after_the_features_are_no_matter() -> None:
    text = '\ufeff{"features": [1, 2], "type": "FeatureCollection"}\n'
    assert list(read_features(BytesIO(text.encode()))) == [1, 2]
    assert list(read_features(collection())) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the end of the file"),
        (b"PK\x03\x04", "'{'"),
        (b"[]", "'{'"),
        (b'{"type": "FeatureCollection"}', "features"),
        (b'{"type": "Feature", "features": []}', "expected a FeatureCollection, got 'Feature'"),
        (b'{"features": [{"a": 1}, {"a"', "feature"),
        (b'{"features": [{"a": 1} {"a": 1}]}', "','"),
        (b'{"features": [NaN]}', "NaN is no JSON number"),
        (b'{"features": {}}', "'['"),
        (b'{"features": []} more', "the end of the file"),
        (b'{"features": [\xff\xfe]}', "UTF-8"),
        (b'{"features": [' + b"[" * 100_000, "JSON"),
        (b'{"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::20439"}}, "features": []}', "reproject"),
    ],
)
def test_a_file_that_is_no_collection_is_refused_with_the_place(data: bytes, told: str) -> None:
    with pytest.raises(BadGeoJson, match="expected") as refused:
        list(read_features(BytesIO(data)))
    assert told in str(refused.value)


def test_a_feature_without_end_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MAX_FEATURE_CHARS", 10_000)
    monkeypatch.setattr(features, "CHUNK_BYTES", 1_000)
    endless = BytesIO(b'{"features": ["' + b"x" * 10_000_000)
    with pytest.raises(BadGeoJson, match="10,000 characters"):
        list(read_features(endless))
    assert endless.tell() < 50_000

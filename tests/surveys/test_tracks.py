"""Tracks: read safely from the files there are, and a place between two near points, never beyond them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.geodesy import bearing_deg, between, distance_m
from service.surveys.track_files import parse_track
from service.surveys.track_points import TrackPoint, TrackPoints, TrackRefused, place_at, place_of
from tests.factories import NOW
from tests.surveys.gpx import gpx, mapillary

STEP_LAT = 1e-4  # 11.1 m north
LATS, LONS = st.floats(-80, 80), st.floats(-180, 180)


def northward(*seconds: float) -> TrackPoints:
    """10 m/s northward from 26 N, with points at these seconds."""
    return TrackPoints.of(TrackPoint(NOW + timedelta(seconds=s), 26 + s * STEP_LAT, 50.0) for s in seconds)


def at(second: float) -> datetime:
    return NOW + timedelta(seconds=second)


def refusal(data: bytes) -> str:
    with pytest.raises(TrackRefused) as refused:
        parse_track(data, "track.gpx")
    assert "expected" in refused.value.detail
    return refused.value.code


def test_gpx_of_both_versions_any_prefix_and_any_zone_is_the_same_track() -> None:
    points = [(NOW, 26.4, 50.1), (at(1), 26.4001, 50.1)]
    plain, old = gpx(points), gpx(points, version="1.0")
    prefixed = plain.replace(b"<gpx", b"<g:gpx").replace(b"</gpx", b"</g:gpx").replace(b"xmlns=", b"xmlns:g=")
    prefixed = prefixed.replace(b"<tr", b"<g:tr").replace(b"</tr", b"</g:tr")
    prefixed = prefixed.replace(b"<time", b"<g:time").replace(b"</time", b"</g:time")
    zoned = plain.replace(b"06:00:00Z", b"09:00:00+03:00")
    bare = plain.replace(b"Z</time>", b"</time>")
    tracks = [
        parse_track(data, "a.gpx") for data in (plain, old, prefixed, zoned, bare, plain.decode().encode("utf-16"))
    ]
    assert all(track == tracks[0] for track in tracks)
    assert (tracks[0].starts_at, tracks[0].at_s, tracks[0].lat) == (NOW, (0.0, 1.0), (26.4, 26.4001))


def test_a_bad_point_is_left_out_and_the_rest_stands() -> None:
    data = gpx([(NOW, 26.4, 50.1), (at(1), 99.0, 50.1), (at(2), 0.0, 0.0), (at(3), 26.5, 50.1)])
    data = data.replace(
        b"<trkseg>", b'<trkseg><trkpt lat="26" lon="x"/><trkpt lat="26" lon="50"><time>noon</time></trkpt>'
    )
    assert parse_track(data, "a.gpx").at_s == (0.0, 3.0)


def test_a_time_elsewhere_in_a_point_is_not_its_time() -> None:
    told = b"<extensions><time>1999-01-01T00:00:00Z</time></extensions></trkpt>"
    assert parse_track(gpx([(NOW, 26.4, 50.1)]).replace(b"</trkpt>", told), "a.gpx").starts_at == NOW


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "track.unsupported"),
        (b"\x00\x01\x02", "track.unsupported"),
        (b"<kml></kml>", "track.unsupported"),
        (b"<gpx>", "track.unreadable"),
        (b'<?xml version="1.0" encoding="nonsense"?><gpx/>', "track.unreadable"),
        (b"<gpx/>", "track.empty"),
        (gpx([]), "track.empty"),
        (b'<!DOCTYPE gpx [<!ENTITY a "aaaa">]><gpx>&a;</gpx>', "track.unsafe"),
        (b'<!DOCTYPE gpx SYSTEM "file:///etc/passwd"><gpx/>', "track.unsafe"),
        (b"<gpx>" + b"<a>" * 100_000, "track.unsafe"),
        (b"[" * 100_000, "track.unreadable"),
        (b'[{"MAPLatitude": 1e999}]', "track.empty"),
        (b"[" + b"9" * 10_000 + b"]", "track.unreadable"),
        (b'{"a": 1}', "track.unsupported"),
        (b"[1, null, {}]", "track.empty"),
        (b"\xef\xbb\xbf[\xff]", "track.unreadable"),
    ],
)
def test_what_is_no_track_is_refused_by_name(data: bytes, code: str) -> None:
    assert refusal(data) == code


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    for start in (b"", b"<", b"<gpx>", b"[", b"\xff\xfe"):
        try:
            parse_track(start + data, "x")
        except TrackRefused:
            continue


def test_a_mapillary_file_places_frames_by_name_with_its_time_and_heading() -> None:
    track = parse_track(
        mapillary({"/card/DCIM/1.jpg": (NOW, 26.4, 50.1, 370.0), "2.jpg": (at(3), 26.5, 50.1, None)}), "m"
    )
    fix = place_of(track, "1.jpg")
    assert fix == TrackPoint(NOW, 26.4, 50.1, 10.0, "1.jpg")
    assert place_of(track, "3.jpg") is None


@pytest.mark.parametrize(
    ("told", "dop", "sd_m"),
    [
        ("<hdop>1.4</hdop>", 1.4, None),
        ("<extensions><accuracy>4.53</accuracy></extensions>", None, 3.0),
        ("<hdop>1.4</hdop><extensions><x><accuracy_horizontal> 4.53 </accuracy_horizontal></x></extensions>", 1.4, 3.0),
        ("<extensions><accuracy>9</accuracy><accuracy>4.53</accuracy></extensions>", None, 3.0),
        ("<hdop>99.99</hdop><extensions><accuracy>0</accuracy></extensions>", 99.99, None),
        ("<hdop>0</hdop><extensions><accuracy>nan</accuracy><hdop>2</hdop></extensions>", None, None),
        ("<hdop>100</hdop><accuracy>4.53</accuracy>", None, None),
        ("<hdop>good</hdop><extensions><accuracy>2e3</accuracy></extensions>", None, None),
    ],
)
def test_a_point_of_gpx_states_its_error(told: str, dop: float | None, sd_m: float | None) -> None:
    plain = gpx([(NOW, 26.4, 50.1), (at(2), 26.5, 50.1)])
    point = parse_track(plain.replace(b"</trkpt>", told.encode() + b"</trkpt>", 1), "a.gpx").point(0)
    assert point.gps_dop == dop
    assert point.gps_sd_m == (sd_m and pytest.approx(sd_m, abs=0.01))


@pytest.mark.parametrize("creator", ["OsmAnd~ 5.0.0", "Locus Map, Android"])
def test_applications_that_write_metres_as_hdop_are_read_so(creator: str) -> None:
    data = gpx([(NOW, 26.4, 50.1)]).replace(b"</trkpt>", b"<hdop>4.53</hdop></trkpt>")
    point = parse_track(data.replace(b"<gpx", f'<gpx creator="{creator}"'.encode()), "a.gpx").point(0)
    assert point.gps_dop is None and point.gps_sd_m == pytest.approx(3.0, abs=0.01)


def test_a_mapillary_file_states_an_error_as_number_or_text() -> None:
    rows = json.loads(mapillary({f"{number}.jpg": (at(number), 26.4, 50.1, None) for number in range(3)}))
    rows[0]["MAPGPSAccuracyMeters"], rows[1]["MAPGPSAccuracyMeters"] = 4.53, "9.06"
    track = parse_track(json.dumps(rows).encode(), "m")
    assert [track.point(index).gps_sd_m for index in range(3)] == [
        pytest.approx(3.0, abs=0.01), pytest.approx(6.0, abs=0.01), None
    ]  # fmt: skip


def test_between_two_points_the_error_is_the_nearer_ones() -> None:
    track = TrackPoints.of(
        TrackPoint(at(s), 26 + s * STEP_LAT, 50.0, gps_dop=dop, gps_sd_m=sd_m)
        for s, dop, sd_m in ((0, 1, 2), (4, 3, None))
    )
    fixes = [place_at(track, at(second)) for second in (1.9, 2.1)]
    assert [(fix.gps_dop, fix.gps_sd_m) for fix in fixes if fix] == [(1, 2), (3, None)]
    assert TrackPoints.from_json(NOW, json.loads(json.dumps(track.to_json()))) == track


def test_a_name_that_stands_for_two_places_places_nothing() -> None:
    told = mapillary({"a/1.jpg": (NOW, 26.4, 50.1, None), "b/1.jpg": (at(9), 26.5, 50.1, None)})
    assert place_of(parse_track(told, "m"), "1.jpg") is None


def test_images_of_one_moment_keep_their_own_places() -> None:
    track = parse_track(mapillary({"1.jpg": (NOW, 26.4, 50.1, None), "2.jpg": (NOW, 26.5, 50.1, None)}), "m")
    assert [place_of(track, name).lat for name in ("1.jpg", "2.jpg")] == [26.4, 26.5]  # type: ignore[union-attr]


def test_a_track_comes_back_from_the_database_as_it_was() -> None:
    for track in (northward(0, 1, 2.5), parse_track(mapillary({"1.jpg": (NOW, 26.4, 50.1, 7.0)}), "m")):
        stored = json.loads(json.dumps(track.to_json()))
        assert TrackPoints.from_json(track.starts_at, stored) == track


@settings(deadline=None)
@given(st.floats(0, 40))
def test_a_place_between_two_points_is_on_the_way_and_in_time(second: float) -> None:
    fix = place_at(northward(*range(0, 41, 4)), at(second))
    assert fix is not None
    assert fix.lat == pytest.approx(26 + second * STEP_LAT, abs=1e-8)
    assert fix.lon == pytest.approx(50.0)
    assert fix.heading_deg == pytest.approx(0.0, abs=1e-6) or fix.heading_deg == pytest.approx(360.0, abs=1e-6)


@pytest.mark.parametrize(
    ("second", "placed"),
    [
        (-0.5, True),
        (-0.6, False),
        (10.0, True),
        (10.4, True),
        (10.6, False),
        (16, False),
        (21.6, True),
        (30.4, True),
        (31, False),
    ],
)
def test_a_gap_or_an_end_of_the_track_places_only_what_is_at_its_points(second: float, placed: bool) -> None:
    track = northward(0, 5, 10, 21.5, 30)
    assert (place_at(track, at(second)) is not None) == placed


@settings(deadline=None)
@given(st.lists(st.floats(0, 3600), min_size=1, max_size=30), st.floats(-100, 3700))
def test_a_place_is_never_taken_from_a_point_more_than_five_seconds_away(seconds: list[float], second: float) -> None:
    track = northward(*seconds)
    fix = place_at(track, at(second))
    if fix is not None:
        assert min(abs(one - second) for one in seconds) <= 5.0 + 1e-3
        assert abs(fix.lat - (26 + second * STEP_LAT)) <= 0.51 * STEP_LAT


def test_a_standing_vehicle_has_no_heading_from_its_track() -> None:
    still = TrackPoints.of(TrackPoint(at(s), 26 + s % 2 * 1e-6, 50.0) for s in range(20))
    fix = place_at(still, at(9.5))
    assert fix is not None and fix.heading_deg is None


@settings(deadline=None)
@given(LATS, LONS, LATS, LONS, st.floats(0, 1))
def test_between_lies_on_the_great_circle(lat_a: float, lon_a: float, lat_b: float, lon_b: float, share: float) -> None:
    whole = distance_m(lat_a, lon_a, lat_b, lon_b)
    if whole > 19_000_000:  # nearly opposite: any way is as short
        return
    lat, lon = between(lat_a, lon_a, lat_b, lon_b, share)
    assert distance_m(lat_a, lon_a, lat, lon) == pytest.approx(share * whole, rel=1e-4, abs=0.1)
    assert distance_m(lat, lon, lat_b, lon_b) == pytest.approx((1 - share) * whole, rel=1e-4, abs=0.1)


def test_bearings_are_those_of_the_compass() -> None:
    goals = [(27, 50), (26, 51), (25, 50), (26, 49)]
    assert [round(bearing_deg(26, 50, *goal)) % 360 for goal in goals] == [0, 90, 180, 270]
    assert bearing_deg(0, 179.9, 0, -179.9) == pytest.approx(90)


def test_a_track_over_midnight_and_in_any_order_is_sorted() -> None:
    late = datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC)
    data = gpx([(late + timedelta(seconds=2), 26.5, 50.1), (late, 26.4, 50.1), (late, 26.4, 50.1)])
    assert parse_track(data, "a").at_s == (0.0, 2.0)

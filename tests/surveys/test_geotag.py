"""Place and time of a frame: read where stated, refused by name where not, never guessed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.surveys.geotag import BadGeotag, check_geotag, exif_position, exif_time

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=3)))


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180), heading=st.floats(-1e4, 1e4))
def test_any_real_fix_is_taken_and_its_heading_is_a_compass_angle(lat: float, lon: float, heading: float) -> None:
    if abs(lat) < 1e-4 and abs(lon) < 1e-4:
        return
    tag = check_geotag(lat, lon, NOON, heading, "metadata", NOON)
    assert (tag.lat, tag.lon) == (lat, lon)
    assert tag.heading_deg is not None and 0 <= tag.heading_deg <= 360
    assert tag.captured_at == NOON and tag.captured_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("lat", "lon", "captured_at", "code"),
    [
        (None, 50.1, NOON, "position.missing"),
        (26.4, None, NOON, "position.missing"),
        (0.0, 0.0, NOON, "position.null_island"),
        (91.0, 50.1, NOON, "position.out_of_range"),
        (float("nan"), 50.1, NOON, "position.out_of_range"),
        (26.4, 50.1, None, "time.missing"),
        (26.4, 50.1, NOON.replace(tzinfo=None), "time.no_zone"),
        (26.4, 50.1, NOON.replace(year=1999), "time.out_of_range"),
        (26.4, 50.1, datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))), "time.in_future"),
        (26.4, 50.1, NOON + timedelta(hours=1), "time.in_future"),
    ],
)
def test_an_unusable_place_or_time_is_refused_by_name(
    lat: float | None, lon: float | None, captured_at: datetime | None, code: str
) -> None:
    with pytest.raises(BadGeotag) as refused:
        check_geotag(lat, lon, captured_at, None, "exif", NOON)
    assert refused.value.code == code


def test_exif_degrees_minutes_seconds_become_signed_degrees() -> None:
    lat, lon, heading = exif_position({1: "S", 2: (26, 25, 41.52), 3: "E", 4: ((50, 1), (5, 1), (2760, 100)), 17: 90.5})
    assert lat == pytest.approx(-26.4282)
    assert lon == pytest.approx(50.0910)
    assert heading == 90.5


def test_gps_time_is_utc_and_goes_before_the_camera_clock() -> None:
    camera = {0x9003: "2026:11:22 09:00:00", 0x9011: "+03:00"}
    gps = {7: (5.0, 59.0, 30.5), 29: "2026:11:22"}
    assert exif_time(camera, gps) == datetime(2026, 11, 22, 5, 59, 30, 500_000, tzinfo=UTC)
    assert exif_time(camera, {}) == datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def test_a_camera_clock_without_a_zone_is_no_time() -> None:
    assert exif_time({0x9003: "2026:11:22 09:00:00"}, {}) is None


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw of text() builds its tables
@given(st.dictionaries(st.integers(0, 31), st.one_of(st.text(), st.binary(), st.tuples(st.integers(), st.integers()))))
def test_hostile_gps_tags_never_raise(gps: dict[int, object]) -> None:
    exif_position(gps)
    exif_time(gps, gps)

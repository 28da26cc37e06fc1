"""Place and time of a frame: read where stated, refused by name where not, never guessed."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.surveys.geotag import BadGeotag, check_geotag, exif_position, exif_stated, exif_time

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=3)))


@settings(deadline=None)
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


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the first draw of text() builds its tables
@given(st.dictionaries(st.integers(0, 31), st.one_of(st.text(), st.binary(), st.tuples(st.integers(), st.integers()))))
def test_hostile_gps_tags_never_raise(gps: dict[int, object]) -> None:
    exif_position(gps)
    exif_time(gps, gps)


def test_speed_is_read_in_its_unit() -> None:
    speeds = [exif_stated({}, {12: unit, 13: 36.0}).speed_mps for unit in ("K", "M", "N", "k\0")]
    assert speeds == pytest.approx([10.0, 16.09, 18.52, 10.0], abs=0.01)
    assert exif_stated({}, {13: 36.0}).speed_mps == pytest.approx(10.0)
    assert [exif_stated({}, {12: "X", 13: 36.0}).speed_mps, exif_stated({}, {13: -1.0}).speed_mps] == [None, None]


def test_the_course_stands_in_for_a_heading_and_says_so() -> None:
    both, course, none = (exif_stated({}, gps) for gps in ({15: 80.0, 17: 90.0}, {15: 80.0}, {}))
    assert (both.heading_deg, both.heading_source) == (90.0, "exif")
    assert (course.heading_deg, course.heading_source) == (80.0, "course")
    assert (none.heading_deg, none.heading_source) == (None, None)


def test_dilution_of_precision_is_kept_where_it_is_one() -> None:
    assert [exif_stated({}, {11: dop}).gps_dop for dop in (1.5, 0.0, 99.9, 250.0, "x")] == [1.5, None, 99.9, None, None]


def test_the_positioning_error_is_a_radius_that_holds_68_of_100_fixes() -> None:
    sd_m = exif_stated({}, {0x1F: (65, 10)}).gps_sd_m
    assert sd_m is not None and sd_m == pytest.approx(4.306, abs=0.001)
    east_m, north_m = np.random.default_rng(5).normal(0, sd_m, (2, 200_000))
    assert (np.hypot(east_m, north_m) < 6.5).mean() == pytest.approx(0.68, abs=0.005)


@pytest.mark.parametrize("radius", [0, -1.0, (0, 0), (5, 0), float("nan"), float("inf"), 1_510.0, "x", None, 10**400])
def test_what_is_no_error_of_a_fix_is_left_out(radius: object) -> None:
    assert exif_stated({}, {0x1F: radius}).gps_sd_m is None


def test_a_camera_stamp_keeps_its_part_of_a_second_and_no_zone() -> None:
    said = exif_stated({0x9003: "2026:11:22 09:00:00", 0x9291: "25"}, {})
    assert said.camera_at == datetime(2026, 11, 22, 9, 0, 0, 250_000)  # noqa: DTZ001
    assert (said.captured_at, said.time_source) == (None, None)
    zoned = exif_stated({0x9003: "2026:11:22 09:00:00", 0x9291: "25", 0x9011: "+03:00"}, {})
    assert zoned.captured_at == datetime(2026, 11, 22, 6, 0, 0, 250_000, tzinfo=UTC)
    assert (zoned.time_source, zoned.camera_at) == ("camera", said.camera_at)


@pytest.mark.parametrize("parts", [(24, 0, 0), (0, 60, 0), (0, 0, 61), (-1, 0, 0), (1e9, 0, 0)])
def test_a_gps_time_that_no_clock_shows_is_none(parts: tuple[float, float, float]) -> None:
    assert exif_stated({}, {7: parts, 29: "2026:11:22"}).gps_at is None


@settings(deadline=None)
@given(st.integers(1, 9999), st.integers(-14, 14))
def test_a_stamp_of_any_year_is_kept_only_where_a_row_can_hold_it(year: int, hours: int) -> None:
    said = exif_stated(
        {0x9003: f"{year:04}:01:01 00:00:00", 0x9011: f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"}, {}
    )
    assert (said.camera_at is not None) == (said.captured_at is not None) == (1970 <= year < 2100)


ANYTHING = st.one_of(
    st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.tuples(st.integers(), st.integers()),
    st.tuples(st.floats(), st.floats(), st.floats()), st.lists(st.text(max_size=3), max_size=4),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(st.integers(0, 31), ANYTHING),
    st.dictionaries(st.sampled_from([0x9003, 0x9011, 0x9291]), ANYTHING),
)
def test_nothing_that_tags_may_hold_raises(gps: dict[int, object], exif: dict[int, object]) -> None:
    said = exif_stated(exif, gps)
    assert said.speed_mps is None or said.speed_mps >= 0

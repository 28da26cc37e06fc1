import math

import numpy as np

from service.identity.course import TOLD_SD_DEG, Fix, smooth


def drive(spacing_m: float, noise_m: float, seed: int = 0) -> list[Fix]:
    """North-east at 10 m/s; the told heading is that of the last two noisy fixes."""
    rng = np.random.default_rng(seed)
    places = np.arange(30)[:, None] * spacing_m * np.array([0.6, 0.8]) + rng.normal(0, noise_m, (30, 2))
    told = [math.degrees(math.atan2(east, north)) % 360 for east, north in np.diff(places, axis=0)]
    headings = [None, *told]
    return [Fix(n * spacing_m / 10, float(places[n, 0]), float(places[n, 1]), headings[n]) for n in range(30)]


TRUE_DEG = math.degrees(math.atan2(0.6, 0.8))


def test_a_smoothed_course_errs_less_than_half_as_much_as_a_told_one() -> None:
    told, smoothed = [], []
    for seed in range(20):
        fixes = drive(4.0, 0.4, seed)
        told += [fix.heading_deg - TRUE_DEG for fix in fixes[3:-3] if fix.heading_deg is not None]
        smoothed += [one.heading_deg - TRUE_DEG for one in smooth(fixes)[3:-3] if one.heading_deg is not None]
    assert np.std(smoothed) < np.std(told) / 2


def test_the_stated_error_covers_the_true_one() -> None:
    off = [
        abs(one.heading_deg - TRUE_DEG) / one.heading_sd_deg
        for seed in range(20)
        for one in smooth(drive(5.0, 0.4, seed))[3:-3]
        if one.heading_deg is not None
    ]
    assert 0.9 <= np.mean(np.array(off) < 1.96) <= 1.0


def test_a_fix_that_jumped_is_left_out() -> None:
    fixes = drive(4.0, 0.0)
    fixes[15] = Fix(fixes[15].at_s, fixes[15].east_m + 12, fixes[15].north_m - 9, 200.0)
    for number in (13, 14, 16, 17):
        heading_deg = smooth(fixes)[number].heading_deg
        assert heading_deg is not None and abs(heading_deg - TRUE_DEG) < 4


def test_a_lone_fix_keeps_what_was_told_with_a_wide_error() -> None:
    (alone,) = smooth([Fix(0.0, 1.0, 2.0, 33.0)])
    assert (alone.east_m, alone.north_m, alone.heading_deg, alone.heading_sd_deg) == (1.0, 2.0, 33.0, TOLD_SD_DEG)


def test_a_vehicle_that_stands_has_no_course_but_the_told_one() -> None:
    fixes = [Fix(n * 0.5, 0.1 * (n % 2), 0.0, None) for n in range(10)]
    assert all(one.heading_deg is None for one in smooth(fixes))

"""Which way a vehicle pointed: as told where something measured it, over long straight stretches where not."""

import numpy as np
import pytest

from service.identity.headings import Heading, headings_of


def street(count: int = 60, step_m: float = 5.0, noise_m: float = 0.4, seed: int = 0) -> list[tuple[float, float]]:
    """Places of a drive north."""
    rng = np.random.default_rng(seed)
    return [(float(rng.normal(0, noise_m)), i * step_m + float(rng.normal(0, noise_m))) for i in range(count)]


def course_deg(places_m: list[tuple[float, float]], index: int) -> float:
    """Between the places before and after, as tracks have it."""
    before, after = places_m[max(index - 1, 0)], places_m[min(index + 1, len(places_m) - 1)]
    return float(np.degrees(np.arctan2(after[0] - before[0], after[1] - before[1])) % 360)


def off_deg(heading: Heading) -> float:
    return abs((heading.deg + 180) % 360 - 180)


def test_a_heading_that_something_measured_stays() -> None:
    places = street()
    told = [float(deg) for deg in np.random.default_rng(1).normal(0, 2, len(places)) % 360]
    found = headings_of(places, told, range(len(places)))
    assert found == {i: Heading(deg) for i, deg in enumerate(told)}


def test_a_heading_taken_from_the_track_is_taken_over_a_longer_stretch_of_it() -> None:
    places = street()
    told = [course_deg(places, i) for i in range(len(places))]
    found = headings_of(places, told, range(len(places)))
    middle = [found[i] for i in range(10, 50)]
    assert max(off_deg(one) for one in middle) < 3
    assert max(abs((deg + 180) % 360 - 180) for deg in told[10:50]) > 5
    for i in range(10, 50):
        assert found[i].between is not None
        start, end = found[i].between or (0, 0)
        assert start < i < end


def test_a_bend_and_a_jump_have_no_heading() -> None:
    bend = [(0.0, 5.0 * i) for i in range(30)] + [(5.0 * i, 145.0) for i in range(1, 30)]
    told = [course_deg(bend, i) for i in range(len(bend))]
    found = headings_of(bend, told, range(len(bend)))
    assert found[20].deg == pytest.approx(0, abs=0.1)
    assert found[40].deg == pytest.approx(90, abs=0.1)
    assert not {28, 29, 30} & found.keys()
    jump = [(7.0 if i >= 30 else 0.0, 5.0 * i) for i in range(60)]
    assert 30 not in headings_of(jump, [course_deg(jump, i) for i in range(60)], range(60))


def test_a_frame_without_heading_or_with_a_gap_beside_it_has_none() -> None:
    places = [(0.0, 5.0 * i + (500.0 if i >= 30 else 0.0)) for i in range(60)]
    told: list[float | None] = [course_deg(places, i) for i in range(60)]
    told[15] = None
    found = headings_of(places, told, range(60))
    assert 15 not in found and 30 not in found and 29 not in found
    assert 16 in found


def test_a_drive_of_no_or_one_place_has_only_what_was_told() -> None:
    assert headings_of([], [], []) == {}
    assert headings_of([(0.0, 0.0)], [12.0], [0]) == {0: Heading(12.0)}

"""Passes laid over one another: a drift that all things of a pass share is found, and halves of one thing meet."""

import math

import numpy as np
import pytest

from service.identity.drift import Passage
from service.identity.gaussian import Ellipse, Spot
from service.identity.settling import Settled, settle

SD_M = 2.5
STREET = [(3.0 * (-1) ** number, 25.0 * number) for number in range(12)]  # a thing every 25 m, seen every 2.5 s


def passage(thing: int, drive: int, place: tuple[float, float], off: tuple[float, float], at_s: float) -> Passage:
    spot = Spot(place[0] + off[0], place[1] + off[1], Ellipse.round(0.5))
    return Passage(thing, drive, at_s, spot, SD_M, {"pothole": 2.0}, frozenset({drive * 10_000 + int(at_s * 10)}))


def drives(offs: list[tuple[float, float]]) -> list[Passage]:
    """Every drive sees every thing of STREET, all off by the same."""
    return [
        passage(number, drive, place, off, 2.5 * number)
        for drive, off in enumerate(offs)
        for number, place in enumerate(STREET)
    ]


OFFS = [(2.0, -1.0), (-3.0, 0.5), (0.5, 3.0), (1.0, -2.5)]


def test_what_the_drives_of_a_street_are_off_against_one_another_is_found() -> None:
    settled = settle(drives(OFFS), set(), set())
    middle = np.mean(OFFS, axis=0)
    for number, error in enumerate(settled.errors):
        told = np.array(OFFS[number // len(STREET)]) - middle
        assert math.hypot(error.east_m - told[0], error.north_m - told[1]) < 0.5
        assert 0.7 < error.sd_m < 2.5  # what all drives have in common nobody can know
    assert settled.joined == {}


def halved(later: int) -> list[Passage]:
    """The two last drives filed the sixth thing apart."""
    return [
        Passage(99, one.drive, one.at_s, one.spot, one.gps_sd_m, one.votes, one.frames)
        if one.thing == 5 and one.drive >= later
        else one
        for one in drives([(2.0, -1.0), (-3.0, 0.5), (3.5, 3.0), (4.0, 2.5)])
    ]


def test_a_thing_filed_as_two_is_one_by_what_the_street_around_it_tells() -> None:
    assert settle(halved(2), set(), set()).joined == {99: 5}


def test_what_people_decided_is_kept_and_what_they_parted_stays_apart() -> None:
    assert settle(halved(2), {99}, set()).joined == {5: 99}
    assert settle(halved(2), {5, 99}, set()).joined == {}
    assert settle(halved(2), set(), {frozenset({5, 99})}).joined == {}


def with_a_twin(in_drives: int) -> list[Passage]:
    """The frames of the first drives that show the sixth thing show something a metre aside as well."""
    twins = []
    for one in drives(OFFS):
        twins.append(one)
        if one.thing == 5 and one.drive < in_drives:
            spot = Spot(one.spot.east_m + 1.0, one.spot.north_m + 1.0, one.spot.ellipse)
            twins.append(Passage(99, one.drive, one.at_s, spot, SD_M, one.votes, one.frames))
    return twins


def test_two_things_that_frames_show_side_by_side_stay_two() -> None:
    assert settle(with_a_twin(4), set(), set()).joined == {}


def test_a_second_box_that_one_frame_of_many_has_is_no_second_thing() -> None:
    assert settle(with_a_twin(1), set(), set()).joined == {99: 5}


def test_neighbours_that_every_drive_sees_seconds_apart_stay_two() -> None:
    twins = []
    for one in drives(OFFS):
        twins.append(one)
        if one.thing == 5:
            spot = Spot(one.spot.east_m, one.spot.north_m + 3.0, one.spot.ellipse)
            frames = frozenset(frame + 1 for frame in one.frames)
            twins.append(Passage(99, one.drive, one.at_s + 0.4, spot, SD_M, one.votes, frames))
    assert settle(twins, set(), set()).joined == {}


@pytest.mark.parametrize("claimed_m", [0.8, 2.5])
def test_a_receiver_that_claims_too_much_is_believed_less(claimed_m: float) -> None:
    """Drive 0 lies five metres off the three others."""
    told = [
        Passage(one.thing, one.drive, one.at_s, one.spot, claimed_m if one.drive == 0 else 1.5, one.votes, one.frames)
        for one in drives([(5.0, 0.0), (0.0, 0.3), (0.2, -0.2), (-0.2, 0.0)])
    ]
    settled = settle(told, set(), set())
    assert settled.errors[0].east_m > 2.0


def test_nothing_that_only_one_drive_saw_is_moved() -> None:
    settled = settle([passage(1, 0, (0.0, 0.0), (0.0, 0.0), 0.0)], set(), set())
    assert settled == Settled([settled.errors[0]], {})
    assert settled.errors[0].east_m == 0.0 and settled.errors[0].sd_m > 2.0

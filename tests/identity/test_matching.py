"""A pass whose fix lies metres off the map still knows every thing again, by the constellation of all it sees."""

import numpy as np

from service.identity.alignment import Anchor
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import Sight, Track
from service.identity.matching import Known, Match, match, rank

SIGMA_M = 2.5
TOWN = [(0.0, 0.0), (6.0, 12.0), (-4.0, 31.0), (5.0, 34.0), (-3.0, 58.0), (6.5, 75.0)]


def known(entry: int, east_m: float, north_m: float, class_key: str = "pothole", defect: int | None = None) -> Known:
    spot = Spot(east_m, north_m, Ellipse.round(0.5))
    return Known(entry, entry if defect is None else defect, spot, SIGMA_M**2 / 2, {class_key: 3.0})


def track(frame: int, east_m: float, north_m: float, class_key: str = "pothole") -> Track:
    spot = Spot(east_m, north_m, Ellipse.round(0.5))
    sights = [Sight(frame, float(frame), spot, class_key, 2.4, SIGMA_M)]
    return Track(sights)


def drive(off_m: tuple[float, float], seen: list[int]) -> list[Track]:
    """Tracks of some things of TOWN, all off by the same."""
    return [track(number, TOWN[number][0] + off_m[0], TOWN[number][1] + off_m[1]) for number in seen]


MAP = [known(number + 1, *place) for number, place in enumerate(TOWN)]


def test_a_pass_that_lies_on_the_map_knows_all_again() -> None:
    assert match(drive((0, 0), [0, 1, 2, 3]), MAP, [], SIGMA_M) == [Match(1), Match(2), Match(3), Match(4)]


def test_a_pass_five_metres_off_knows_all_again() -> None:
    assert match(drive((4.0, -3.5), [0, 1, 2, 3, 4, 5]), MAP, [], SIGMA_M) == [Match(n + 1) for n in range(6)]


def test_neighbours_three_metres_apart_are_told_apart_by_what_is_around_them() -> None:
    """The pass sees only the southern one of two; its fix alone says that it is the northern one."""
    twins = [
        known(7, 2.0, 20.0),
        known(8, 2.0, 23.0),
        *(known(n, *place) for n, place in ((1, (0.0, 0.0)), (3, (-4.0, 31.0)))),
    ]
    seen = [track(0, 0.0, 2.6), track(1, 2.0, 22.6), track(2, -4.0, 33.6)]
    assert match(seen, twins, [], SIGMA_M) == [Match(1), Match(7), Match(3)]


def test_an_anchor_of_an_earlier_batch_says_how_far_off_the_pass_is() -> None:
    twins = [known(7, 2.0, 20.0), known(8, 2.0, 23.0)]
    anchors = [Anchor(-3.0, 0.0, 2.8, 0.1), Anchor(-1.0, 0.0, 2.9, 0.1)]
    assert match([track(0, 2.0, 22.8)], twins, anchors, SIGMA_M) == [Match(7)]


def test_a_thing_that_nobody_knows_is_new_and_two_in_one_frame_are_two() -> None:
    seen = [track(0, 40.0, 40.0), track(0, 43.0, 40.0)]
    assert match(seen, MAP, [], SIGMA_M) == [Match(None, 0), Match(None, 1)]


def test_another_class_at_the_same_place_is_new() -> None:
    assert match([track(0, 0.0, 0.0, "bad_billboard")], MAP, [], SIGMA_M) == [Match(None, 0)]


def test_a_class_that_a_person_corrected_is_still_known() -> None:
    corrected = Known(1, 1, Spot(0.0, 0.0, Ellipse.round(0.5)), 3.0, {"standing_water": 3.0}, frozenset({"pothole"}))
    assert match([track(0, 0.3, 0.2)], [corrected], [], SIGMA_M) == [Match(1)]


def test_a_merged_entry_stands_for_its_target() -> None:
    assert match([track(0, 0.1, 0.0)], [known(5, 0.0, 0.0, defect=9)], [], SIGMA_M) == [Match(9)]


def test_two_boxes_of_one_frame_never_show_one_entry() -> None:
    found = match([track(0, 0.0, 0.0), track(0, 0.8, 0.0)], [known(1, 0.2, 0.0)], [], SIGMA_M)
    assert sorted(one.defect is None for one in found) == [False, True]


def test_the_order_of_what_is_known_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    seen = drive((2.0, 1.5), [0, 2, 3, 5])
    expected = match(seen, MAP, [], SIGMA_M)
    for _ in range(5):
        shuffled = [MAP[int(i)] for i in rng.permutation(len(MAP))]
        assert match(seen, shuffled, [], SIGMA_M) == expected


def test_a_report_is_offered_the_likeliest_known_things_first() -> None:
    ranked = rank(Spot(5.0, 13.0, Ellipse.round(6.0)), "pothole", MAP)
    assert ranked[0][0].entry == 2 and [gain for _, gain in ranked] == sorted((g for _, g in ranked), reverse=True)
    assert rank(Spot(5.0, 13.0, Ellipse.round(6.0)), "graffiti", MAP)[0][1] < ranked[0][1] - 5

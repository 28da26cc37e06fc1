from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import CLASSES
from service.defects.geodesy import moved
from service.defects.matching import Known, Place, match, radius_m
from service.surveys.geodesy import distance_m

LAT, LON = 24.7, 46.7
keys = st.sampled_from([c.key for c in CLASSES])
# Whole metres on a small grid, so that neighbours, equal places and ties happen often.
offsets = st.tuples(st.integers(0, 12), st.integers(0, 12))


def place_at(key: str, north_m: float, east_m: float) -> Place:
    return Place(key, *_offset(north_m, east_m))


def known_at(defect_id: int, key: str, north_m: float, east_m: float) -> Known:
    return Known(defect_id, frozenset({key}), *_offset(north_m, east_m))


def _offset(north_m: float, east_m: float) -> tuple[float, float]:
    lat, lon = moved(LAT, LON, 0, north_m)
    return moved(lat, lon, 90, east_m)


places = st.lists(st.builds(lambda key, at: place_at(key, *at), keys, offsets), max_size=6)
knowns = st.lists(st.tuples(keys, offsets), max_size=6).map(
    lambda rows: [known_at(index, key, *at) for index, (key, at) in enumerate(rows, 1)]
)


def test_the_same_pothole_seen_from_two_frames_is_one_defect() -> None:
    assert match([place_at("pothole", 1, 1)], [known_at(7, "pothole", 0, 0)]) == [7]


def test_two_potholes_in_one_frame_are_two_defects() -> None:
    seen = [place_at("pothole", 0, 0), place_at("pothole", 0, 1)]
    assert match(seen, [known_at(7, "pothole", 0, 0)]) == [7, None]


def test_the_nearest_pair_is_matched_first() -> None:
    seen = [place_at("pothole", 0, 2), place_at("pothole", 0, 0)]
    assert match(seen, [known_at(7, "pothole", 0, 0.5), known_at(8, "pothole", 0, 3)]) == [8, 7]


def test_another_class_at_the_same_place_is_a_new_defect() -> None:
    assert match([place_at("pothole", 0, 0)], [known_at(7, "road_crack", 0, 0)]) == [None]


def test_a_defect_beyond_the_radius_of_its_class_is_a_new_one() -> None:
    known = [known_at(7, "pothole", 0, 0)]
    assert match([place_at("pothole", 0, radius_m("pothole") + 0.1)], known) == [None]
    assert match([place_at("pothole", 0, radius_m("pothole") - 0.1)], known) == [7]


def test_a_class_that_a_person_corrected_still_matches() -> None:
    corrected = Known(7, frozenset({"pothole", "standing_water"}), LAT, LON)
    assert match([place_at("standing_water", 0, 1)], [corrected]) == [7]


def test_a_merged_defect_and_its_target_take_one_box_between_them() -> None:
    known = [known_at(7, "pothole", 0, 0), Known(7, frozenset({"pothole"}), *_offset(0, 3))]
    assert match([place_at("pothole", 0, 3.2), place_at("pothole", 0, 0.1)], known) == [None, 7]


@given(places, knowns)
def test_every_match_is_same_class_near_and_one_to_one(seen: list[Place], known: list[Known]) -> None:
    assigned = match(seen, known)
    by_id = {defect.defect_id: defect for defect in known}
    taken = [defect_id for defect_id in assigned if defect_id is not None]
    assert len(assigned) == len(seen) and len(taken) == len(set(taken))
    for place, defect_id in zip(seen, assigned, strict=True):
        if defect_id is not None:
            assert _fits(place, by_id[defect_id])


@given(places, knowns)
def test_a_new_defect_is_made_only_when_none_that_fits_is_free(seen: list[Place], known: list[Known]) -> None:
    assigned = match(seen, known)
    free = [defect for defect in known if defect.defect_id not in assigned]
    unmatched = [place for place, defect_id in zip(seen, assigned, strict=True) if defect_id is None]
    assert not any(_fits(place, defect) for place in unmatched for defect in free)


@given(places, knowns, st.randoms())
def test_the_order_of_known_defects_changes_nothing(seen: list[Place], known: list[Known], random: object) -> None:
    shuffled: Sequence[Known] = sorted(known, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert match(seen, shuffled) == match(seen, known)


def _fits(place: Place, defect: Known) -> bool:
    near = distance_m(place.lat, place.lon, defect.lat, defect.lon) <= radius_m(place.class_key)
    return near and place.class_key in defect.class_keys

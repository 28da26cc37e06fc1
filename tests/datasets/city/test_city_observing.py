"""Observed frames miss, move, mistake and make up as the rates say, and keep their truth apart from what is told."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from math import hypot

import numpy as np
import pytest

from datasets.simulator.city import ObservedFrame, Rates, build_city, observe, plan_passes
from datasets.simulator.city.boxes import Boxes, together
from datasets.taxonomy import BY_KEY
from tests.datasets.city.cities import city, frames, passes

PLAIN = replace(
    Rates.measured(),
    effect_share=0.0,
    hidden_pass=0.0,
    hidden_moment=0.0,
    classes={
        key: replace(one, said={}, echoes={}, edge_bias=(0.0,) * 4, edge_sd=(0.0,) * 4, false_per_frame=0.0)
        for key, one in Rates.measured().classes.items()
    },
)


def recalls(rates: Rates, seeds: range = range(3)) -> tuple[float, float]:
    """Share of the visible defects within 20 m that have a box, and the standard deviation of it between defects."""
    hits: dict[tuple[int, str], list[bool]] = defaultdict(list)
    for seed in seeds:
        place = build_city(seed, streets_km=8, defects_per_km=25)
        at = {d.id: d for d in place.defects}
        for frame in observe(place, plan_passes(place, passes=1)[0], rates, seed):
            found = {box.true_id for box in frame.boxes}
            for one in frame.truth.visible_ids:
                if hypot(at[one].east_m - frame.truth.east_m, at[one].north_m - frame.truth.north_m) < 20:
                    hits[seed, one].append(one in found)
    every = [hit for found in hits.values() for hit in found]
    means = [np.mean(found) for found in hits.values() if len(found) >= 4]
    return float(np.mean(every)), float(np.std(means))


def test_the_same_arguments_give_the_same_frames_and_another_seed_other_boxes_of_the_same_drive() -> None:
    again = list(observe(city(), passes()[0], Rates.measured(), seed=5))
    assert list(frames()) == again
    other = list(observe(city(), passes()[0], Rates.measured(), seed=6))
    assert [f.truth.visible_ids for f in other] == [f.truth.visible_ids for f in again]
    assert [f.boxes for f in other] != [f.boxes for f in again]


def test_frames_are_in_order_with_ids_and_times_of_their_own() -> None:
    every = [frame for number in range(4) for frame in frames(number)]
    assert len({frame.frame_id for frame in every}) == len(every)
    for one, later in pairwise(frames()):
        assert one.captured_at < later.captured_at
    assert all(passes()[0].starts_at.date() == frame.captured_at.date() for frame in frames())


def test_boxes_lie_inside_the_picture_with_known_classes_and_scores_from_high_to_low() -> None:
    for frame in frames():
        assert [box.score for box in frame.boxes] == sorted((box.score for box in frame.boxes), reverse=True)
        for box in frame.boxes:
            x0, y0, x1, y1 = box.xyxy_px
            assert 0 <= x0 < x1 <= frame.width
            assert 0 <= y0 < y1 <= frame.height
            assert box.class_key in BY_KEY
            assert Rates.measured().classes[box.class_key].threshold <= box.score <= 1


def test_truths_are_near_present_and_never_both_visible_and_occluded() -> None:
    at = {d.id: d for d in city().defects}
    seen = 0
    for frame in frames():
        assert not set(frame.truth.visible_ids) & set(frame.truth.occluded_ids)
        for one in (*frame.truth.visible_ids, *frame.truth.occluded_ids):
            assert hypot(at[one].east_m - frame.truth.east_m, at[one].north_m - frame.truth.north_m) <= 40
            assert at[one].present(frame.captured_at) > 0
            seen += 1
    assert seen > 200


def test_nothing_occluded_has_a_box() -> None:
    for number in range(4):
        for frame in frames(number):
            assert not {box.true_id for box in frame.boxes} & set(frame.truth.occluded_ids)


def test_about_one_defect_in_ten_is_hidden_for_a_whole_pass() -> None:
    ever: Counter[bool] = Counter()
    for number in range(4):
        visible = {one for frame in frames(number) for one in frame.truth.visible_ids}
        occluded = {one for frame in frames(number) for one in frame.truth.occluded_ids}
        ever.update(one in visible for one in visible | occluded)
    assert 0.05 < ever[False] / ever.total() < 0.2


def test_told_places_are_off_by_the_receivers_error_and_nothing_else() -> None:
    errors = []
    for frame in frames():
        told_m = city().frame.to_metres(frame.lat, frame.lon)
        errors.append((told_m[0] - frame.truth.east_m, told_m[1] - frame.truth.north_m))
    assert 1.0 < np.std(errors) < 6.0
    assert np.abs(errors).max() < 25


def test_recall_inside_20_m_is_the_one_asked_for() -> None:
    for wanted in (0.5, 0.7, 0.9):
        assert recalls(PLAIN.scaled(recall=wanted))[0] == pytest.approx(wanted, abs=0.06)


def test_a_defect_that_is_hard_to_see_stays_hard() -> None:
    independent = recalls(PLAIN.scaled(recall=0.7))[1]
    lasting = recalls(replace(PLAIN.scaled(recall=0.7), effect_share=0.8))[1]
    assert lasting > 1.4 * independent


def test_recall_falls_with_distance() -> None:
    near, far = Counter[bool](), Counter[bool]()
    at = {d.id: d for d in city().defects}
    for number in range(4):
        for frame in observe(city(), passes()[number], PLAIN, 1):
            found = {box.true_id for box in frame.boxes}
            for one in frame.truth.visible_ids:
                apart_m = hypot(at[one].east_m - frame.truth.east_m, at[one].north_m - frame.truth.north_m)
                (near if apart_m < 15 else far)[one in found] += 1
    assert near[True] / near.total() > far[True] / far.total() + 0.05


def false_boxes(rates: Rates, number: int = 0) -> dict[str, int]:
    frames_of = observe(city(), passes()[number], rates, 1)
    return Counter(box.class_key for frame in frames_of for box in frame.boxes if box.true_id is None)


def with_alarms(key: str, per_frame: float, manhole_share: float = 0.25, shadow_share: float = 0.35) -> Rates:
    classes = {**PLAIN.classes, key: replace(PLAIN.classes[key], false_per_frame=per_frame)}
    return replace(PLAIN, classes=classes, manhole_share=manhole_share, shadow_share=shadow_share)


def test_false_alarms_come_as_often_as_the_rates_say() -> None:
    count = len(frames())
    assert not false_boxes(PLAIN)
    found = false_boxes(with_alarms("pothole", 0.2))
    assert set(found) == {"pothole"}
    assert found["pothole"] == pytest.approx(0.2 * count, rel=0.2)


def places_of_false(rates: Rates, number: int) -> list[tuple[float, float]]:
    """Where flat things on the ground under the false boxes would be, from the true pose."""
    camera = passes()[number].vehicle.camera
    found = []
    for frame in observe(city(), passes()[number], rates, 1):
        for box in frame.boxes:
            x0, y0, x1, y1 = box.xyxy_px
            down = np.arctan(((y0 + y1) / 2 - camera.height / 2) / camera.focal_px) + np.radians(frame.truth.pitch_deg)
            ahead_m = camera.height_m / np.tan(down)
            right_m = ((x0 + x1) / 2 - camera.width / 2) / camera.focal_px * np.hypot(ahead_m, camera.height_m)
            heading = np.radians(frame.truth.heading_deg + camera.yaw_deg)
            s, c = np.sin(heading), np.cos(heading)
            if box.true_id is None and 0 < ahead_m < 18:
                east_m = frame.truth.east_m + ahead_m * s + right_m * c
                found.append((float(east_m), float(frame.truth.north_m + ahead_m * c - right_m * s)))
    return found


def share_near(some: list[tuple[float, float]], others: list[tuple[float, float]], within_m: float = 1.5) -> float:
    away = np.hypot(*(np.array(some)[:, None] - np.array(others)[None]).transpose(2, 0, 1))
    return float((away.min(axis=1) < within_m).mean())


def test_manholes_deceive_again_in_the_next_pass_and_shadows_do_not() -> None:
    manholes = with_alarms("pothole", 0.05, manhole_share=1.0, shadow_share=0.0)
    shadows = with_alarms("pothole", 0.05, manhole_share=0.0, shadow_share=1.0)
    # passes 0 and 3 are driven by the same vehicle, whose lens does not bend
    assert share_near(places_of_false(manholes, 0), places_of_false(manholes, 3)) > 0.4
    assert share_near(places_of_false(shadows, 0), places_of_false(shadows, 3)) < 0.15


def test_a_shadow_deceives_in_several_frames_and_a_lone_alarm_in_one() -> None:
    def repeated(rates: Rates) -> float:
        found = places_of_false(rates, 0)
        away = np.hypot(*(np.array(found)[:, None] - np.array(found)[None]).transpose(2, 0, 1))
        return float(((away < 1.5).sum(axis=1) > 1).mean())

    assert repeated(with_alarms("pothole", 0.05, manhole_share=0.0, shadow_share=1.0)) > 0.25
    assert repeated(with_alarms("pothole", 0.05, manhole_share=0.0, shadow_share=0.0)) < 0.15


def test_edges_move_by_the_share_of_the_side_that_the_rates_say_and_partly_alike() -> None:
    moved = replace(
        PLAIN,
        edge_correlation=0.6,
        classes={key: replace(one, edge_sd=(0.1,) * 4) for key, one in PLAIN.classes.items()},
    )
    exact, shaken = (list(observe(city(), passes()[0], rates, 1)) for rates in (PLAIN, moved))
    errors: dict[str, list[float]] = defaultdict(list)
    for one, other in zip(exact, shaken, strict=True):
        true = {box.true_id: box.xyxy_px for box in one.boxes}
        for box in other.boxes:
            if box.true_id in true and true[box.true_id][0] > 5 and true[box.true_id][2] < one.width - 5:
                x0, _, x1, _ = true[box.true_id]
                errors[str(box.true_id)].append((box.xyxy_px[0] - x0) / (x1 - x0))
    every = np.concatenate([np.array(e) for e in errors.values()])
    assert every.std() == pytest.approx(0.1, rel=0.2)
    pairs = np.array([pair for found in errors.values() for pair in pairwise(found)])
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(0.6, abs=0.2)


def test_mistaken_classes_come_as_often_as_the_rates_say() -> None:
    key = "garbage"
    mistaken = replace(PLAIN, classes={**PLAIN.classes, key: replace(PLAIN.classes[key], said={"sand_rubble": 0.3})})
    classes = {d.id: d.class_key for d in city().defects}
    said: Counter[str] = Counter()
    for number in range(4):
        for frame in observe(city(), passes()[number], mistaken, 1):
            said.update(box.class_key for box in frame.boxes if classes.get(str(box.true_id)) == key)
    assert said["sand_rubble"] / said.total() == pytest.approx(0.3, abs=0.12)


def test_false_scores_are_lower_than_true_ones() -> None:
    every = [box for number in range(4) for frame in frames(number) for box in frame.boxes]
    thresholds = {key: one.threshold for key, one in Rates.measured().classes.items()}
    above = {
        true: np.median([b.score - thresholds[b.class_key] for b in every if (b.true_id is not None) is true])
        for true in (True, False)
    }
    assert above[True] > above[False] + 0.1


def test_an_echo_names_the_defect_of_the_box_it_repeats() -> None:
    echoing = replace(PLAIN, classes={k: replace(c, echoes={"bad_billboard": 0.5}) for k, c in PLAIN.classes.items()})
    doubled = 0
    for frame in observe(city(), passes()[0], echoing, 1):
        count = Counter(box.true_id for box in frame.boxes)
        doubled += sum(many > 1 for many in count.values())
        assert None not in count
    assert doubled > 50


def test_of_two_boxes_of_a_class_that_cover_each_other_the_higher_score_stays() -> None:
    xyxy_px = np.array([[0, 0, 100, 100], [10, 0, 110, 100], [10, 0, 110, 100], [300, 0, 400, 100]], float)
    boxes = Boxes(np.zeros(4, int), np.array([0, 0, 1, 0]), np.arange(4), np.array([0.5, 0.8, 0.4, 0.3]), xyxy_px)
    assert together([boxes]).thing.tolist() == [1, 2, 3]


def test_no_frame_is_told_in_a_gap_and_stated_deviations_are_positive() -> None:
    def told(frame: ObservedFrame) -> tuple[float, float]:
        return frame.lat, frame.lon

    assert all(frame.gps_sd_m > 0 for frame in frames())
    assert all(np.isfinite(told(frame)).all() for frame in frames())
    longest_s = max((b.captured_at - a.captured_at).total_seconds() for n in range(4) for a, b in pairwise(frames(n)))
    assert longest_s > 9


def test_recalls_of_rates_can_be_asked_and_set() -> None:
    measured, field = Rates.measured(), Rates.field()
    assert 0.8 < measured.mean_recall() < 1
    assert 0.3 < field.mean_recall() < 0.65
    assert measured.scaled(recall=0.6).mean_recall() == pytest.approx(0.6, abs=1e-3)
    assert field.class_recall("pothole") == pytest.approx(0.635, abs=1e-3)
    with pytest.raises(ValueError, match="expected between 0 and 1"):
        measured.scaled(recall=1.5)

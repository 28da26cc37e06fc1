"""Counting hits and false alarms where, and only where, something is labelled."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.records import LabelledBox, LabelledImage, Split
from datasets.taxonomy import KEYS
from inference.detections import Detections
from inference.overlap import iou_matrix
from training.scoring import (
    Boxes,
    Cell,
    Outcome,
    best_threshold,
    cells_of,
    judge,
    match_found,
    match_iou,
    rates_at,
)

Corners = tuple[float, float, float, float]
HERE, THERE = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
corner = st.integers(0, 40)
box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, st.integers(1, 20), st.integers(1, 20))


def boxes_of(*boxes: Corners) -> Boxes:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def cell(truth: Boxes, found: Boxes, scores: list[float] | None = None) -> Cell:
    score = np.array(scores or np.linspace(0.9, 0.5, len(found)), dtype=np.float64)
    return Cell("pothole", "s", "g", truth, found, score)


def outcome(score: list[float], hit: list[bool], truths: int, free: list[float] | None = None) -> Outcome:
    return Outcome(np.array(score), np.array(hit, dtype=bool), truths, np.array(free or []))


def test_a_class_the_source_does_not_label_gives_no_cell() -> None:
    image = LabelledImage(
        Path("a.webp"),
        "s",
        "g",
        Split.VAL,
        (LabelledBox("pothole", (0.0, 0.0, 0.5, 1.0)),),
        frozenset({"pothole", "garbage"}),
    )
    index = np.array([KEYS.index("graffiti"), KEYS.index("garbage")])
    found = Detections(boxes_of(HERE, THERE).astype(np.float32), np.array([0.9, 0.8], np.float32), index, KEYS, 80, 40)
    cells = {c.class_key: c for c in cells_of(image, found)}
    assert cells.keys() == {"pothole", "garbage"}
    assert cells["pothole"].truth_xyxy_px.tolist() == [[0, 0, 40, 40]]
    assert len(cells["pothole"].found_xyxy_px) == 0
    assert cells["garbage"].found_xyxy_px.tolist() == [list(THERE)]


def test_a_truth_found_twice_is_one_hit_and_one_false_alarm() -> None:
    assert match_found(cell(boxes_of(HERE), boxes_of(HERE, HERE)), 0.5).tolist() == [True, False]


def test_a_box_that_misses_takes_no_truth_from_one_that_hits() -> None:
    assert match_found(cell(boxes_of(HERE), boxes_of(THERE, HERE)), 0.5).tolist() == [False, True]


def test_two_truths_side_by_side_are_both_hit() -> None:
    truth = boxes_of(HERE, (2.0, 0.0, 12.0, 10.0))
    assert match_found(cell(truth, truth.copy()), 0.5).tolist() == [True, True]


def test_water_counts_from_less_overlap_than_a_hole() -> None:
    assert match_iou("standing_water") < match_iou("pothole")


@given(some=st.lists(box, min_size=1, max_size=5), others=st.lists(box, min_size=1, max_size=5))
def test_overlap_is_symmetric_between_none_and_all(some: list[Corners], others: list[Corners]) -> None:
    one, two = np.array(some, float), np.array(others, float)
    overlap = iou_matrix(one, two)
    assert overlap == pytest.approx(iou_matrix(two, one).T)
    assert overlap.min() >= 0
    assert overlap.max() <= 1
    assert iou_matrix(one, one).diagonal() == pytest.approx(1)


@given(truth=st.lists(box, max_size=5), found=st.lists(box, max_size=8), iou=st.floats(0.1, 0.9))
def test_hits_are_never_more_than_truths_or_detections(truth: list[Corners], found: list[Corners], iou: float) -> None:
    hits = match_found(cell(boxes_of(*truth), boxes_of(*found)), iou).sum()
    assert hits <= min(len(truth), len(found))


def test_rates_count_only_detections_from_the_threshold_on() -> None:
    rates = rates_at(outcome([0.9, 0.6, 0.3], [True, False, True], truths=4), 0.5)
    assert (rates.precision, rates.recall) == (0.5, 0.25)
    assert rates.f1 == pytest.approx(2 / 6)


def test_the_false_alarm_share_counts_pictures_without_the_object() -> None:
    free, loud, busy = (
        cell(boxes_of(), boxes_of()),
        cell(boxes_of(), boxes_of(HERE)),
        cell(boxes_of(HERE), boxes_of(THERE)),
    )
    assert rates_at(judge([free, loud, busy], 0.5), 0.5).false_alarm_frames == 0.5


def test_what_cannot_be_known_is_none_and_not_zero() -> None:
    rates = rates_at(outcome([], [], truths=0), 0.5)
    assert (rates.precision, rates.recall, rates.f1, rates.false_alarm_frames) == (None, None, None, None)


def test_the_best_threshold_is_the_score_with_the_highest_f1() -> None:
    assert best_threshold(outcome([0.9, 0.8, 0.4], [True, True, False], truths=2), 0.1) == pytest.approx(0.8)


def test_the_best_threshold_is_never_below_the_lowest_allowed() -> None:
    assert best_threshold(outcome([0.05], [True], truths=1), 0.1) == 0.1


@given(
    found=st.lists(st.tuples(st.sampled_from([0.2, 0.4, 0.6, 0.8]), st.booleans()), min_size=1, max_size=20),
    missed=st.integers(0, 5),
)
def test_no_other_threshold_has_a_higher_f1(found: list[tuple[float, bool]], missed: int) -> None:
    known = outcome([s for s, _ in found], [h for _, h in found], truths=sum(h for _, h in found) + missed + 1)
    chosen = rates_at(known, best_threshold(known, 0.1)).f1
    assert chosen is not None
    assert all((rates_at(known, score).f1 or 0) <= chosen + 1e-12 for score, _ in found)

"""Choosing from which score a class is reported: useful first, and quiet where there is nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.calibration import Platt
from inference.detector import Detector
from inference.model import ModelCard, ThresholdRule
from tests.models import write_blob_model
from training.errors import EvaluationError
from training.scoring import Cell
from training.thresholds import (
    DEFAULT_THRESHOLD,
    ENOUGH_FREE,
    FalseAlarmLimit,
    choose_operating_points,
    lowest_quiet_threshold,
    moved_thresholds,
    rewrite_card,
)

BOXES, NONE = np.array([[0.0, 0.0, 10.0, 10.0]]), np.zeros((0, 4))
ALL_ALLOWED = FalseAlarmLimit(1.0)


def hits(source: str, count: int, score: float) -> list[Cell]:
    return [Cell("pothole", source, "g", BOXES, BOXES, np.array([score])) for _ in range(count)]


def alarms(source: str, count: int, score: float) -> list[Cell]:
    return [Cell("pothole", source, "g", NONE, BOXES, np.array([score])) for _ in range(count)]


def silences(source: str, count: int) -> list[Cell]:
    return [Cell("pothole", source, "g", NONE, NONE, np.zeros(0)) for _ in range(count)]


def test_thresholds_follow_vehicle_pictures_when_these_are_enough() -> None:
    known = hits("smartathon", 25, 0.6) + hits("chitholian_665", 100, 0.2)
    point = choose_operating_points(known, {}, ALL_ALLOWED)["pothole"]
    assert (point.threshold, point.sources, point.boxes) == (0.6, "vehicle sources", 25)


def test_thresholds_follow_all_sources_when_vehicle_pictures_are_few() -> None:
    known = hits("smartathon", 5, 0.6) + hits("chitholian_665", 100, 0.2)
    point = choose_operating_points(known, {}, ALL_ALLOWED)["pothole"]
    assert (point.threshold, point.sources, point.recall) == (0.2, "all sources", 1.0)


def test_a_class_with_few_boxes_gets_the_default() -> None:
    point = choose_operating_points(hits("smartathon", 5, 0.6), {}, ALL_ALLOWED)["pothole"]
    assert (point.threshold, point.rule) == (DEFAULT_THRESHOLD, ThresholdRule.DEFAULT)


def test_with_some_boxes_but_too_few_for_an_f1_the_false_alarms_decide() -> None:
    known = hits("smartathon", 12, 0.6) + alarms("smartathon", 4, 0.2) + silences("smartathon", 96)
    point = choose_operating_points(known, {}, FalseAlarmLimit(0.02))["pothole"]
    assert (point.threshold, point.rule) == (0.2001, ThresholdRule.FALSE_ALARMS)


def test_false_alarms_raise_the_threshold_above_that_of_the_best_f1() -> None:
    known = hits("smartathon", 80, 0.4) + hits("smartathon", 20, 0.9)
    known += alarms("neg_india_dash", 5, 0.5) + silences("smartathon", 95)
    quiet = choose_operating_points(known, {}, FalseAlarmLimit(0.02))["pothole"]
    assert (quiet.threshold, quiet.rule) == (0.5001, ThresholdRule.FALSE_ALARMS)
    assert (quiet.false_alarm_frames, quiet.recall, quiet.free_pictures) == (0.0, 0.2, 100)
    loud = choose_operating_points(known, {}, FalseAlarmLimit(0.02, {"pothole": 0.05}))["pothole"]
    assert (loud.threshold, loud.rule, loud.false_alarm_frames) == (0.4, ThresholdRule.BEST_F1, 0.05)


def test_too_few_free_pictures_hold_no_limit_and_say_so() -> None:
    known = hits("smartathon", 80, 0.4) + alarms("smartathon", ENOUGH_FREE - 1, 0.9)
    point = choose_operating_points(known, {}, FalseAlarmLimit(0.02))["pothole"]
    assert (point.threshold, point.most_false_alarms, point.false_alarm_frames) == (0.4, None, 1.0)


def test_thresholds_are_on_the_scores_people_see() -> None:
    curve = Platt(slope=1.0, intercept=-1.0)
    point = choose_operating_points(hits("smartathon", 30, 0.6), {"pothole": curve}, ALL_ALLOWED)["pothole"]
    assert point.threshold == pytest.approx(curve.shown(np.array([0.6]))[0], abs=1e-4)
    assert point.recall == 1.0


@settings(deadline=None)
@example([0.286], 0.0)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.floats(0, 1))
def test_the_quiet_threshold_holds_the_limit_and_a_step_lower_breaks_it(loudest: list[float], most: float) -> None:
    known = np.array(loudest)
    threshold = lowest_quiet_threshold(known, most)
    if threshold < 1.0:
        assert (known >= threshold).mean() <= most + 1e-9
    if threshold > 0:
        assert (known >= threshold - 1.0001e-4).mean() > most - 1e-9


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_blob_model(tmp_path / "blobs.onnx")


def card_of(path: Path) -> ModelCard:
    return Detector.open(path).model


def test_a_rewritten_card_travels_in_the_file_and_names_its_hash(model: Path) -> None:
    curve = Platt(slope=2.0, intercept=0.5)
    changed = rewrite_card(model, calibration={"pothole": curve})
    assert card_of(model) == changed
    assert changed.calibration == {"pothole": curve}


def test_fields_that_do_not_agree_leave_the_file_as_it_was(model: Path) -> None:
    before = model.read_bytes()
    with pytest.raises(ValueError, match="thresholds"):
        rewrite_card(model, thresholds={"pothole": 0.5})
    assert model.read_bytes() == before


def test_a_released_file_is_never_rewritten(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.thresholds.released_folder", lambda: model.parent)
    with pytest.raises(EvaluationError, match="released files never change"):
        rewrite_card(model, thresholds=dict.fromkeys(card_of(model).class_keys, 0.9))


def test_a_new_calibration_moves_thresholds_so_that_the_same_detections_are_reported(tmp_path: Path) -> None:
    curves = {"pothole": Platt(slope=1.5, intercept=-1.0)}
    metadata = {"calibration": json.dumps({"garbage": {"slope": 0.5, "intercept": 1.0}})}
    card = card_of(write_blob_model(tmp_path / "m.onnx", metadata=metadata))
    moved = moved_thresholds(card, curves)
    assert moved["pothole"] == pytest.approx(curves["pothole"].shown(np.array([0.5]))[0])
    assert moved["garbage"] == pytest.approx(card.calibration["garbage"].raw(np.array([0.5]))[0])
    assert moved["graffiti"] == 0.5

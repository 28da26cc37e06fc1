"""Scores as people see them: order stays, thresholds mean what is shown, and the way back is exact."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from inference.calibration import Platt, ScoreScale
from inference.detector import Detector
from inference.model import OperatingPoint, ThresholdRule, read_model_card
from tests.models import blob_card, blob_image, write_blob_model

platts = st.builds(Platt, slope=st.floats(0.2, 5), intercept=st.floats(-4, 4))
scores = st.lists(st.floats(0.001, 0.999), min_size=2, max_size=20, unique=True)
DOUBTER = Platt(slope=1.0, intercept=-2.0)  # 0.5 is shown as 0.12
POTHOLE, GARBAGE = (10, 10, 74, 74), (300, 300, 364, 364)


@settings(deadline=None)
@given(platts, scores)
def test_a_higher_network_score_is_never_shown_lower(curve: Platt, raw: list[float]) -> None:
    ordered = np.sort(np.array(raw))
    shown = curve.shown(ordered)
    assert (np.diff(shown) >= 0).all()
    apart = np.diff(ordered) > 1e-6
    assert (np.diff(shown)[apart] > 0).all()


@settings(deadline=None)
@given(platts, st.floats(0.01, 0.99))
def test_the_way_back_gives_the_network_score(curve: Platt, raw: float) -> None:
    assert curve.raw(curve.shown(np.array([raw])))[0] == pytest.approx(raw, abs=1e-6)


@settings(deadline=None)
@given(platts)
def test_never_and_surely_stay_what_they_are(curve: Platt) -> None:
    assert curve.shown(np.array([0.0, 1.0])).tolist() == [0, 1]


@settings(deadline=None)
@given(platts, st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_no_detection_reaching_its_threshold_lies_below_the_raw_one(curve: Platt, threshold: float, raw: float) -> None:
    scale = ScoreScale((None, curve))
    score, own = np.array([raw], np.float32), np.array([1])
    (_, floor) = scale.raw_thresholds(np.array([0.5, threshold], np.float32))
    if scale.shown(score, own)[0] >= np.float32(threshold):
        assert score[0] >= floor


@settings(deadline=None)
@given(st.floats(0, 1, width=32))
def test_a_class_without_a_curve_keeps_its_scores_exactly(raw: float) -> None:
    scale = ScoreScale.of(("pothole", "garbage"), {"garbage": DOUBTER})
    assert scale.shown(np.array([raw], np.float32), np.array([0]))[0] == np.float32(raw)
    assert scale.raw_thresholds(np.array([raw, 0.5], np.float32))[0] == np.float32(raw)


@pytest.fixture(scope="module", params=["end2end", "dense"])
def calibrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is sure of garbage and doubts its potholes."""
    metadata = {"calibration": json.dumps({"pothole": DOUBTER.model_dump()})}
    return write_blob_model(tmp_path_factory.mktemp("calibrated") / "m.onnx", head=request.param, metadata=metadata)


def seen(detector: Detector, strength: float = 0.8) -> list[tuple[str, float]]:
    (found,) = detector.detect([blob_image({"pothole": [POTHOLE], "garbage": [GARBAGE]}, strength=strength)])
    return [(one.class_key, one.score) for one in found]


def test_shown_scores_are_the_calibrated_ones_highest_first(calibrated: Path) -> None:
    raw = dict(seen(Detector.open(calibrated, min_score=0.01, raw_scores=True)))
    shown = seen(Detector.open(calibrated, min_score=0.01))
    assert [key for key, _ in shown] == ["garbage", "pothole"]
    assert dict(shown)["garbage"] == raw["garbage"]
    assert dict(shown)["pothole"] == pytest.approx(DOUBTER.shown(np.array([raw["pothole"]]))[0], abs=1e-6)


def test_thresholds_and_min_score_refer_to_what_is_shown(calibrated: Path) -> None:
    (shown,) = [score for key, score in seen(Detector.open(calibrated, min_score=0.01)) if key == "pothole"]
    assert shown < 0.5
    assert [key for key, _ in seen(Detector.open(calibrated))] == ["garbage"]  # thresholds are 0.5
    assert len(seen(Detector.open(calibrated, min_score=shown))) == 2
    assert len(seen(Detector.open(calibrated, min_score=shown + 1e-4))) == 1


def test_raw_scores_without_a_min_score_are_refused(calibrated: Path) -> None:
    with pytest.raises(ValueError, match="expected a min_score"):
        Detector.open(calibrated, raw_scores=True)


def test_a_model_made_before_calibration_shows_the_networks_scores(tmp_path: Path) -> None:
    metadata = {"calibration": None, "operating_points": None}
    detector = Detector.open(write_blob_model(tmp_path / "old.onnx", metadata=metadata), min_score=0.01)
    assert detector.model.calibration == {}
    assert seen(detector) == seen(Detector.open(tmp_path / "old.onnx", min_score=0.01, raw_scores=True))


def test_calibration_and_operating_points_read_back_from_the_metadata() -> None:
    point = OperatingPoint(
        threshold=0.4, rule=ThresholdRule.BEST_F1, sources="all sources", pictures=3, boxes=2, free_pictures=1,
        most_false_alarms=None, false_alarm_frames=0.0, precision=None, recall=0.5,
    )  # fmt: skip
    card = blob_card("dense", KEYS, (320, 320)).model_copy(
        update={"calibration": {"pothole": DOUBTER}, "operating_points": {"pothole": point}}
    )
    assert read_model_card(card.to_metadata(), "") == card


@pytest.mark.parametrize("slope", [0, -1])
def test_a_curve_that_turns_the_order_round_is_refused(slope: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Platt(slope=slope, intercept=0)

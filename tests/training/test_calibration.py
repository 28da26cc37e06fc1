"""Fitting score curves and judging whether a score means what it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.calibration import Platt
from training.calibration import (
    ENOUGH_HITS,
    calibration_error,
    choose_curve,
    counted,
    fit_isotonic,
    fit_platt,
    held_out_error,
)
from training.scoring import Cell, Outcome

TRUTH = np.array([[0.0, 0.0, 10.0, 10.0]])


def shy_detections(count: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Platt]:
    """Detections that are right more often than their scores say, along a known curve."""
    random = np.random.default_rng(seed)
    curve = Platt(slope=1.6, intercept=0.8)
    score = random.uniform(0.02, 0.95, count)
    return score, random.random(count) < curve.shown(score), curve


def cells_of(score: np.ndarray, hit: np.ndarray, scenes: int = 10) -> list[Cell]:
    none = np.zeros((0, 4))
    return [
        Cell("pothole", "smartathon", str(i % scenes), TRUTH if right else none, TRUTH, np.array([one]))
        for i, (one, right) in enumerate(zip(score, hit, strict=True))
    ]


def test_the_fit_finds_the_curve_the_detections_follow() -> None:
    score, hit, curve = shy_detections()
    fitted = fit_platt(score, hit)
    assert fitted.slope == pytest.approx(curve.slope, abs=0.1)
    assert fitted.intercept == pytest.approx(curve.intercept, abs=0.1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_any_detections_give_a_rising_curve(found: list[tuple[float, bool]]) -> None:
    fitted = fit_platt(np.array([s for s, _ in found]), np.array([h for _, h in found], dtype=bool))
    assert fitted.slope > 0
    assert (np.diff(fitted.shown(np.linspace(0.1, 0.9, 9))) > 0).all()


def test_scores_that_tell_the_opposite_keep_their_order_and_lose_their_weight() -> None:
    score = np.array([0.9] * 50 + [0.1] * 50)
    fitted = fit_platt(score, score < 0.5)
    assert np.ptp(fitted.shown(score)) < 0.1
    assert fitted.shown(score).mean() == pytest.approx(0.5, abs=0.05)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=1, max_size=40))
def test_isotonic_regression_never_falls(found: list[tuple[float, bool]]) -> None:
    curve = fit_isotonic(np.array([s for s, _ in found]), np.array([h for _, h in found], dtype=bool))
    shown = curve(np.linspace(0, 1, 50))
    assert (np.diff(shown) > 0).all()
    assert 0 <= shown.min() <= shown.max() <= 1


def test_the_error_is_the_gap_of_each_bin_by_its_detections() -> None:
    score = np.array([0.15, 0.15, 0.15, 0.85])
    hit = np.array([True, False, False, True])
    assert calibration_error(score, hit) == pytest.approx(3 / 4 * abs(0.15 - 1 / 3) + 1 / 4 * 0.15)


def test_no_detections_have_no_error() -> None:
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) is None


def test_whispers_do_not_enter_the_error() -> None:
    outcome = Outcome(np.array([0.02, 0.05, 0.9]), np.zeros(3, bool), 0, np.zeros(0))
    assert counted(outcome).tolist() == [False, True, True]


def test_calibration_lowers_the_error_on_scenes_it_has_not_seen() -> None:
    score, hit, _ = shy_detections(3000)
    error = held_out_error("pothole", cells_of(score, hit))
    assert error is not None
    assert error.raw > 0.08
    assert max(error.platt, error.isotonic) < error.raw / 2


def test_a_class_with_few_hits_keeps_the_networks_scores() -> None:
    score = np.full(100, 0.5)
    few, enough = np.arange(100) < ENOUGH_HITS - 1, np.arange(100) < ENOUGH_HITS
    assert choose_curve("pothole", cells_of(score, few)) is None
    assert held_out_error("pothole", cells_of(score, few)) is None
    assert choose_curve("pothole", cells_of(score, enough)) is not None


def test_a_class_whose_scores_are_right_already_keeps_them() -> None:
    """Ten scenes of exactly a share of hits equal to the score: any curve could only do worse."""
    score = np.tile(np.repeat([0.2, 0.8], 50), 10)
    right = np.tile(np.r_[np.arange(50) < 10, np.arange(50) < 40], 10)
    cells = [
        Cell("pothole", "smartathon", str(i // 100), TRUTH if hit else np.zeros((0, 4)), TRUTH, np.array([one]))
        for i, (one, hit) in enumerate(zip(score, right, strict=True))
    ]
    assert choose_curve("pothole", cells) is None

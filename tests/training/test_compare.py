"""Two models on the same resampled scenes: better, worse, or not to be told apart."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.trials import drawn_pictures, trial
from training.compare import HEADLINE_ROW, Verdict, as_json, compare_models, compare_trials, difference
from training.errors import EvaluationError
from training.intervals import Interval
from training.trial import TRIAL_FILE, write_trial


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 1), st.integers(0, 100))
def test_a_model_equals_itself_with_an_interval_of_nothing_but_zero(skill: float, seed: int) -> None:
    known = trial(drawn_pictures(skill, seed=seed))
    result = compare_trials(known, known)
    assert {d.interval for d in (result.headline, *result.parts)} == {Interval(0.0, 0.0)}
    assert {d.verdict for d in (result.headline, *result.parts)} == {Verdict.EQUAL}


def test_a_much_better_model_is_better_and_the_other_way_round_worse() -> None:
    weak, strong = trial(drawn_pictures(0.3)), trial(drawn_pictures(0.95))
    assert compare_trials(weak, strong).headline.verdict is Verdict.BETTER
    assert compare_trials(strong, weak).headline.verdict is Verdict.WORSE


def test_a_class_without_labelled_boxes_has_no_verdict() -> None:
    known = trial(drawn_pictures(0.5))
    unknown = {d.class_key for d in compare_trials(known, known).classes if d.verdict is Verdict.UNKNOWN}
    assert unknown == {"standing_water", "damaged_sign", "unkept_facade"}


def test_a_difference_whose_interval_covers_zero_is_none() -> None:
    samples = np.linspace(-0.1, 0.2, 101)
    assert difference("pothole", "", np.zeros(101), samples).verdict is Verdict.EQUAL


def test_trials_of_other_pictures_or_labels_are_not_paired() -> None:
    known = drawn_pictures(0.5)
    with pytest.raises(EvaluationError, match="same pictures with the same labels"):
        compare_trials(trial(known), trial(known[1:]))


def test_kept_trials_are_compared_without_a_second_run(tmp_path: Path) -> None:
    for name, skill in (("a", 0.3), ("b", 0.95)):
        (tmp_path / name / "val").mkdir(parents=True)
        write_trial(trial(drawn_pictures(skill)), tmp_path / name / "val" / TRIAL_FILE)
    text = compare_models(str(tmp_path / "a"), str(tmp_path / "b"), tmp_path, 1, tmp_path / "out.json")
    assert f"|{HEADLINE_ROW}|" in text
    (first, *_) = json.loads((tmp_path / "out.json").read_text())["differences"]
    assert (first["class_key"], first["verdict"]) == (HEADLINE_ROW, "better")


def test_json_names_both_models() -> None:
    known = trial(drawn_pictures(0.5), sha256="aa"), trial(drawn_pictures(0.5), sha256="bb")
    content = json.loads(as_json(compare_trials(*known)))
    assert (content["first"]["sha256"], content["second"]["sha256"]) == ("aa", "bb")

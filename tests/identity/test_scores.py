import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.identity.scores import _FALSE, SCORES, score_log

MEASURED = json.loads(files("datasets.simulator.city").joinpath("rates.json").read_text("utf-8"))["classes"]


def test_the_scores_are_those_that_were_measured() -> None:
    assert tuple(SCORES) == KEYS
    for key, row in MEASURED.items():
        assert (row["threshold"], tuple(row["score_true"])) == SCORES[key]
        assert tuple(row["score_false"]) == _FALSE


@pytest.mark.parametrize("class_key", KEYS)
def test_a_score_in_the_upper_half_of_true_ones_speaks_for_the_thing_and_one_at_the_threshold_against_it(
    class_key: str,
) -> None:
    threshold, true = SCORES[class_key]
    assert score_log(class_key, threshold + (1 - threshold) * true[3]) > 0.5
    assert score_log(class_key, threshold + 0.01) < 0


@given(st.sampled_from(KEYS), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_never_says_noticeably_less(class_key: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert score_log(class_key, high) >= score_log(class_key, low) - 0.2

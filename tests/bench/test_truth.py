from collections.abc import Hashable

import pytest

from service.bench.truth import Filed, Placed, pair_scores, score
from service.identity.gaussian import Ellipse


def test_all_sightings_of_each_thing_under_one_defect_score_one() -> None:
    assert pair_scores([Filed("a", 1), Filed("a", 1), Filed("b", 2)]) == (1.0, 1.0)


def test_a_thing_filed_as_two_loses_recall_and_two_filed_as_one_lose_precision() -> None:
    assert pair_scores([Filed("a", 1), Filed("a", 1), Filed("a", 2)]) == pytest.approx((1.0, 1 / 3))
    assert pair_scores([Filed("a", 1), Filed("a", 1), Filed("b", 1)]) == pytest.approx((1 / 3, 1.0))


def test_false_alarms_take_part_in_no_pair() -> None:
    assert pair_scores([Filed("a", 1), Filed("a", 1), Filed(None, 1), Filed(None, 1)]) == (1.0, 1.0)


def test_places_are_judged_by_where_most_of_a_things_sightings_were_filed() -> None:
    sightings = [Filed("a", 1), Filed("a", 1), Filed("a", 2)]
    placed: dict[Hashable, Placed] = {1: Placed(3.0, 4.0, Ellipse.round(3.0)), 2: Placed(0.0, 0.0, Ellipse.round(3.0))}
    scores = score(sightings, placed, counted=2, true=1, places_m={"a": (0.0, 0.0)})
    assert (scores.error_median_m, scores.inside_95, scores.counted_share) == (5.0, 1.0, 2.0)

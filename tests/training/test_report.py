"""What a report says of a trial of known skill."""

import numpy as np
import pytest

from inference.calibration import Platt
from tests.training.trials import HERE, SCENES, THERE, drawn_pictures, picture, trial
from training.headline import HEADLINE, headline_samples, mean_samples, score_headline
from training.intervals import resample_groups
from training.report import make_report
from training.report_text import as_json, as_markdown
from training.trial import Labels, Trial

pytestmark = pytest.mark.usefixtures("light")


def resampled(known: Trial) -> np.ndarray:
    resampling = resample_groups((p.source, p.group) for p in known.pictures)
    return mean_samples(headline_samples(known.cells(Labels.CORRECTED), resampling))


def test_a_perfect_model_has_a_headline_of_one_whatever_the_scenes() -> None:
    assert set(resampled(trial(drawn_pictures(1.0)))) == {1.0}


def test_the_headline_is_the_mean_of_its_eight_parts() -> None:
    known = trial(drawn_pictures(0.6))
    resampling = resample_groups((p.source, p.group) for p in known.pictures)
    headline = score_headline(known.cells(Labels.CORRECTED), resampling)
    assert [(part.source, part.class_key) for part in headline.parts] == [(p.source, p.class_key) for p in HEADLINE]
    assert {part.boxes for part in headline.parts} == {SCENES}
    assert headline.ap_50 == pytest.approx(np.mean([part.ap_50 for part in headline.parts]))
    assert headline.ap_50 is not None and headline.ap_50_interval is not None
    assert headline.ap_50_interval.low < headline.ap_50 < headline.ap_50_interval.high


def test_a_headline_with_a_missing_part_is_none_and_not_the_mean_of_the_rest() -> None:
    known = trial([p for p in drawn_pictures(1.0) if p.source != "bianka_br_highway"])
    resampling = resample_groups((p.source, p.group) for p in known.pictures)
    assert score_headline(known.cells(Labels.CORRECTED), resampling).ap_50 is None


def test_all_vehicle_and_single_sources_are_scored_apart() -> None:
    close_up = picture("near", "chitholian_665", {"pothole": [HERE]}, {"pothole": [(*HERE, 0.9)]})
    report = make_report(trial([*drawn_pictures(0.5), close_up]))
    rows = {s.source: s for s in report.labels[Labels.CORRECTED].scores if s.class_key == "pothole"}
    assert list(rows) == ["all sources", "vehicle sources", "bianka_br_highway", "chitholian_665", "neg_india_dash"]
    assert (rows["all sources"].boxes, rows["vehicle sources"].boxes) == (SCENES + 1, SCENES)
    assert rows["chitholian_665"].rates.recall == 1.0


def test_negatives_stand_beside_the_recall_the_same_threshold_gives() -> None:
    report = make_report(trial(drawn_pictures(0.5, pothole_alarms=2)))
    rows = {(n.source, n.class_key): n for n in report.labels[Labels.CORRECTED].negatives}
    pothole = rows["neg_india_dash", "pothole"]
    assert (pothole.pictures, pothole.false_alarm_frames, pothole.threshold) == (10, 0.2, 0.5)
    assert pothole.false_alarm_frames_interval is not None
    assert 0 < pothole.false_alarm_frames_interval.high < 1
    (vehicle,) = [
        s for s in report.labels[Labels.CORRECTED].scores if (s.class_key, s.source) == ("pothole", "all sources")
    ]
    assert pothole.vehicle_recall == vehicle.rates.recall
    assert rows["neg_india_dash", "garbage"].false_alarm_frames == 0


def test_calibration_moves_scores_and_leaves_average_precision() -> None:
    known = trial(drawn_pictures(0.5))
    curve = Platt(slope=1.0, intercept=-3.0)
    card = known.model.model_copy(update={"calibration": {"pothole": curve}})
    plain, moved = (make_report(one) for one in (known, known.model_copy(update={"model": card})))
    before, after = (r.labels[Labels.CORRECTED].scores[0] for r in (plain, moved))
    assert after.by_size == before.by_size
    assert after.intervals.ap_50 == before.intervals.ap_50
    assert after.calibration_error_raw == before.calibration_error_raw == before.calibration_error
    assert after.calibration_error != before.calibration_error
    assert after.rates.recall == 0  # 0.9 is shown as 0.31, below the threshold of 0.5


def test_labels_as_published_and_corrected_are_scored_apart() -> None:
    corrected = picture("a", "smartathon", {"garbage": [HERE]}, {"garbage": [(*HERE, 0.9)]})
    both = corrected.model_copy(update={"truth": {**corrected.truth, Labels.PUBLISHED: {"garbage": (THERE,)}}})
    report = make_report(trial([both]))
    recalls = {labels: scores.scores[0].rates.recall for labels, scores in report.labels.items()}
    assert recalls == {Labels.CORRECTED: 1.0, Labels.PUBLISHED: 0.0}


def test_the_text_shows_dashes_for_what_is_undefined_and_json_holds_all() -> None:
    report = make_report(trial(drawn_pictures(0.5)))
    text = as_markdown(report)
    assert "|pothole|neg_india_dash|10|10|0|-|-|-|0.500|-|-|-|0.000 [0.000, 0.000]|-|-|" in text
    assert "**mean over the eight**" in text
    assert '"ap_50_interval"' in as_json(report)

"""Scoring a real small detector on drawn pictures, through the detector the service uses."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.records import Split
from datasets.taxonomy import KEYS
from inference.detector import Detector
from tests.datasets.streets import write_source
from tests.models import COLOURS, write_blob_model
from training.errors import EvaluationError
from training.evaluate import Evaluation, evaluate_model
from training.thresholds import DEFAULT_THRESHOLD, rewrite_card
from training.trial import Labels, read_trial
from training.views import View

pytestmark = pytest.mark.usefixtures("light")


@pytest.fixture
def asked(tmp_path: Path) -> Evaluation:
    """A val split of two walls, one with a tag where its label says, and one clean; and the like in test."""
    rows = {
        "tagged": ("a", "val", "3 0.5 0.5 0.0625 0.0625\n"),
        "clean": ("b", "val", ""),
        "kept": ("c", "test", "3 0.5 0.5 0.0625 0.0625\n"),
    }
    folder = write_source(tmp_path / "data", "graffiti_athens", ["a", "b", "c", "Graffiti"], rows, size=(640, 640))
    wall = np.zeros((640, 640, 3), np.uint8)
    wall[300:340, 300:340] = 255 * np.array(COLOURS["graffiti"][::-1])
    for stem in ("tagged", "kept"):
        cv2.imwrite(str(folder / f"images/{stem}.webp"), wall, [cv2.IMWRITE_WEBP_QUALITY, 101])
    model = write_blob_model(tmp_path / "blobs.onnx")
    return Evaluation(str(model), tmp_path, out=tmp_path / "scores", ledger=tmp_path)


def graffiti_row(asked: Evaluation, labels: Labels = Labels.CORRECTED) -> dict[str, object]:
    assert asked.folder
    rows = json.loads((asked.folder / "report.json").read_text())["labels"][labels.value]["scores"]
    (row,) = [row for row in rows if row["source"] == "graffiti_athens"]
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("labels", list(Labels))
def test_a_tag_where_the_label_says_is_a_hit(asked: Evaluation, labels: Labels, workers: int) -> None:
    evaluate_model(replace(asked, workers=workers))
    row = graffiti_row(asked, labels)
    assert (row["class_key"], row["pictures"], row["groups"], row["boxes"]) == ("graffiti", 2, 2, 1)
    assert row["rates"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "false_alarm_frames": 0.0}
    assert asked.folder
    assert "|graffiti|graffiti_athens|2|2|1|" in (asked.folder / "report.md").read_text()


def test_without_a_folder_the_report_is_printed(asked: Evaluation) -> None:
    assert "|graffiti|graffiti_athens|2|2|1|" in evaluate_model(replace(asked, out=None))
    printed = json.loads(evaluate_model(replace(asked, out=None, json=True)))
    assert printed["model"]["sha256"] == Detector.open(asked.model).model.sha256


def test_kept_detections_are_reused_under_todays_labels(asked: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate_model(asked)
    (asked.shared / "data/graffiti_athens/labels/tagged.txt").write_text("")
    monkeypatch.setattr("training.evaluate.hold_trial", None)
    evaluate_model(replace(asked, reuse=True))
    row = graffiti_row(asked)
    assert (row["boxes"], row["rates"]["false_alarm_frames"]) == (0, 0.5)  # type: ignore[index]


def test_pictures_taken_out_of_the_split_fall_away_and_new_ones_need_detecting(asked: Evaluation) -> None:
    evaluate_model(asked)
    groups = asked.shared / "data/graffiti_athens/groups.csv"
    known = groups.read_text()
    groups.write_text(known.replace("clean,b,val\n", ""))
    evaluate_model(replace(asked, reuse=True))
    assert graffiti_row(asked)["pictures"] == 1
    groups.write_text(known)
    with pytest.raises(EvaluationError, match="clean has none; detect again"):
        evaluate_model(replace(asked, reuse=True))


def test_detections_of_another_network_are_not_reused(asked: Evaluation) -> None:
    evaluate_model(asked)
    write_blob_model(Path(asked.model), input_size=(640, 640))
    with pytest.raises(EvaluationError, match="another network"):
        evaluate_model(replace(asked, reuse=True))


def test_new_thresholds_do_not_make_another_network(asked: Evaluation) -> None:
    evaluate_model(asked)
    rewrite_card(Path(asked.model), thresholds=dict.fromkeys(Detector.open(asked.model).model.class_keys, 0.25))
    evaluate_model(replace(asked, reuse=True))
    assert graffiti_row(asked)["threshold"] == 0.25


def test_chosen_thresholds_are_in_the_model_and_the_report_is_of_the_written_file(asked: Evaluation) -> None:
    evaluate_model(replace(asked, choose_thresholds=True, calibrate=True))
    card = Detector.open(asked.model).model
    assert set(card.thresholds.values()) == {DEFAULT_THRESHOLD}
    assert card.operating_points["graffiti"].most_false_alarms is None
    assert card.calibration == {}  # one hit is too few
    assert asked.folder
    assert read_trial(asked.folder / "trial.json.gz").model == card


@pytest.mark.parametrize(
    "change",
    [
        {"split": Split.TRAIN},
        {"split": Split.TEST, "choose_thresholds": True},
        {"split": Split.TEST, "calibrate": True},
        {"split": Split.TEST, "out": None},
        {"model": "default", "calibrate": True},
        {"out": None, "reuse": True},
        {"view": View.WHOLE_640, "split": Split.TEST},
        {"view": View.WHOLE_640, "calibrate": True},
    ],
)
def test_what_would_mean_nothing_is_refused(asked: Evaluation, change: dict[str, object]) -> None:
    with pytest.raises(EvaluationError):
        evaluate_model(replace(asked, **change))  # type: ignore[arg-type]


def test_a_network_is_scored_on_test_once_and_each_time_leaves_a_line(asked: Evaluation) -> None:
    test = replace(asked, split=Split.TEST)
    evaluate_model(test)
    with pytest.raises(EvaluationError, match="scored on test"):
        evaluate_model(test)
    evaluate_model(replace(test, again=True))
    lines = (asked.shared / "test-scores.jsonl").read_text().splitlines()
    assert [json.loads(line)["sha256"] for line in lines] == [Detector.open(asked.model).model.sha256] * 2
    assert test.folder
    assert json.loads((test.folder / "report.json").read_text())["earlier_test_scorings"] == 1


def test_another_threshold_makes_no_new_network_for_the_test_split(asked: Evaluation) -> None:
    test = replace(asked, split=Split.TEST)
    evaluate_model(test)
    rewrite_card(Path(asked.model), thresholds=dict.fromkeys(KEYS, 0.9))
    with pytest.raises(EvaluationError, match="scored on test"):
        evaluate_model(test)


def test_plots_are_drawn_for_the_classes_that_show(asked: Evaluation) -> None:
    pytest.importorskip("matplotlib", reason="needs the train extra: matplotlib")
    from training.plots import PLOTS

    evaluate_model(asked)
    assert asked.folder
    for name in PLOTS:
        assert cv2.imread(str(asked.folder / name)) is not None

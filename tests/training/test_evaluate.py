"""Scoring a real small detector on drawn pictures, through the detector the service uses."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.records import Split
from inference.detector import Detector
from inference.model import ModelCard
from tests.datasets.streets import write_source
from tests.models import COLOURS, write_blob_model
from training import evaluate as scoring_command
from training.average_precision import AveragePrecision
from training.errors import EvaluationError
from training.evaluate import (
    ALL,
    DEFAULT_THRESHOLD,
    as_markdown,
    chosen_thresholds,
    evaluate_model,
    score_cells,
)
from training.scoring import Cell, Rates
from training.thresholds import write_thresholds

BOXES = np.array([[0.0, 0.0, 10.0, 10.0]])


@pytest.fixture
def blob_model(tmp_path: Path) -> Path:
    path = tmp_path / "blobs.onnx"
    write_blob_model(path)
    return path


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A val split of two walls, one with a tag where its label says, and one clean."""
    rows = {
        "tagged": ("a", "val", "3 0.5 0.5 0.0625 0.0625\n"),
        "clean": ("b", "val", ""),
        "kept": ("c", "test", ""),
    }
    names = ["a", "b", "c", "Graffiti"]
    folder = write_source(tmp_path / "data", "graffiti_athens", names, rows, size=(640, 640))
    wall = np.zeros((640, 640, 3), np.uint8)
    wall[300:340, 300:340] = 255 * np.array(COLOURS["graffiti"][::-1])
    cv2.imwrite(str(folder / "images/tagged.webp"), wall, [cv2.IMWRITE_WEBP_QUALITY, 101])
    monkeypatch.setattr(scoring_command, "average_precision", lambda cells: None)
    return tmp_path


def card_of(path: Path) -> ModelCard:
    return Detector.open(path).model


def cells(source: str, boxes: int, score: float, class_key: str = "pothole") -> list[Cell]:
    return [Cell(class_key, source, "g", BOXES, BOXES, np.array([score])) for _ in range(boxes)]


def test_a_tag_where_the_label_says_is_a_hit(blob_model: Path, shared: Path) -> None:
    evaluate_model(str(blob_model), Split.VAL, shared, shared / "report", choose_thresholds=False, threads=1)
    rows = json.loads((shared / "report.json").read_text())["scores"]
    (row,) = [row for row in rows if row["source"] == "graffiti_athens"]
    assert (row["class_key"], row["pictures"], row["boxes"]) == ("graffiti", 2, 1)
    assert row["rates"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "false_alarm_frames": 0.0}
    assert "|graffiti|graffiti_athens|2|1|" in (shared / "report.md").read_text()


def test_chosen_thresholds_are_written_into_the_model(blob_model: Path, shared: Path) -> None:
    evaluate_model(str(blob_model), Split.VAL, shared, shared / "report", choose_thresholds=True, threads=1)
    assert set(card_of(blob_model).thresholds.values()) == {DEFAULT_THRESHOLD}


@pytest.mark.parametrize(("split", "choose"), [(Split.TEST, True), (Split.TRAIN, False)])
def test_test_is_never_tuned_on_and_train_never_scored(
    blob_model: Path, shared: Path, split: Split, choose: bool
) -> None:
    with pytest.raises(EvaluationError):
        evaluate_model(str(blob_model), split, shared, None, choose_thresholds=choose, threads=1)


def test_thresholds_follow_vehicle_pictures_when_these_are_enough() -> None:
    known = cells("smartathon", 25, 0.6) + cells("chitholian_665", 100, 0.2)
    assert chosen_thresholds(known)["pothole"] == 0.6


def test_thresholds_follow_all_sources_when_vehicle_pictures_are_few() -> None:
    known = cells("smartathon", 5, 0.6) + cells("chitholian_665", 100, 0.2)
    assert chosen_thresholds(known)["pothole"] == 0.2


def test_a_class_with_few_boxes_gets_the_default() -> None:
    assert chosen_thresholds(cells("smartathon", 5, 0.6))["pothole"] == DEFAULT_THRESHOLD


def test_every_class_is_scored_in_all_sources_and_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_command, "average_precision", lambda cells: None)
    known = cells("smartathon", 2, 0.6) + cells("chitholian_665", 3, 0.2)
    scores = score_cells(known, {"pothole": 0.5})
    assert [(s.source, s.boxes, s.rates.recall) for s in scores] == [
        (ALL, 5, 0.4),
        ("chitholian_665", 3, 0.0),
        ("smartathon", 2, 1.0),
    ]


def test_the_table_shows_a_dash_for_what_is_undefined() -> None:
    score = scoring_command.Score(
        "pothole", ALL, 3, 0, AveragePrecision(1, 0.5, 0.25), 0.3, Rates(None, None, None, 0.0)
    )
    assert as_markdown("t", [score]).splitlines()[-1] == (
        "|pothole|all sources|3|0|1.000|0.500|0.250|0.300|-|-|-|0.000|"
    )


def test_thresholds_that_miss_a_class_leave_the_file_as_it_was(blob_model: Path) -> None:
    before = blob_model.read_bytes()
    with pytest.raises(ValueError, match="thresholds"):
        write_thresholds(blob_model, {"pothole": 0.5})
    assert blob_model.read_bytes() == before

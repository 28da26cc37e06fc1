"""A run's pictures, its record and its end."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from datasets.export import ExportedData
from datasets.records import Split
from datasets.taxonomy import BY_KEY
from tests.datasets.streets import write_source
from training.config import TrainConfig
from training.recipe import (
    RECORD_FILE,
    STOP_FILE,
    code_version,
    epoch_recorder,
    start_record,
    starting_weights,
    training_images,
)

needs_framework = pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: torch")
CONFIG = TrainConfig(name="tiny", weights=Path("weights/none.pt"), epochs=3)


def test_a_run_sees_only_train_pictures_and_at_most_the_limit(tmp_path: Path) -> None:
    rows = dict.fromkeys("abcd", ("g", "train", "")) | {"v": ("g", "val", ""), "t": ("g", "test", "")}
    write_source(tmp_path, "graffiti_athens", ["Graffiti"], rows)
    config = CONFIG.model_copy(update={"source_limits": {"graffiti_athens": 3}})
    images = training_images(config, tmp_path, tmp_path / "run")
    assert len(images) == 3
    assert {image.split for image in images} == {Split.TRAIN}


def test_a_source_that_is_left_out_gives_no_picture(tmp_path: Path) -> None:
    write_source(tmp_path, "graffiti_athens", ["Graffiti"], {"a": ("g", "train", "")})
    write_source(tmp_path, "chitholian_665", ["pothole"], {"b": ("g", "train", "")})
    config = CONFIG.model_copy(update={"left_out_sources": frozenset({"chitholian_665"})})
    assert [image.source for image in training_images(config, tmp_path, tmp_path / "run")] == ["graffiti_athens"]


def test_merged_labels_claim_that_what_a_source_does_not_label_is_absent(tmp_path: Path) -> None:
    write_source(tmp_path, "graffiti_athens", ["Graffiti"], {"a": ("g", "train", "")})
    (partial,) = training_images(CONFIG, tmp_path, tmp_path / "run")
    (merged,) = training_images(CONFIG.model_copy(update={"partial_labels": False}), tmp_path, tmp_path / "run")
    assert partial.labelled_classes == {"graffiti"}
    assert merged.labelled_classes == set(BY_KEY)


def test_uncorrected_labels_take_every_pothole_at_its_word_and_crop_no_lane(tmp_path: Path) -> None:
    rows = {"a": ("g", "train", "0 0.1 0.5 0.1 0.1\n")}
    write_source(tmp_path, "smartathon", ["POTHOLES"], rows)
    lanes = write_source(tmp_path, "bianka_br_highway", ["pothole", "crack"], rows)
    (lanes / "lane_bbox.csv").write_text("stem,x0,y0,x1,y1\na,0.5,0,1,1\n")
    config = CONFIG.model_copy(update={"corrected_labels": False})
    images = training_images(config, tmp_path, tmp_path / "run")
    assert [[box.class_key for box in image.boxes] for image in images] == [["pothole"], ["pothole"]]
    assert {image.crop_fraction for image in images} == {None}


@needs_framework
def test_the_record_names_configuration_data_and_versions_before_training_starts(tmp_path: Path) -> None:
    data = ExportedData(tmp_path / "data.yaml", "abc", {"train": 7})
    start_record(CONFIG, data, ["some"], tmp_path, resume=False)
    record = json.loads((tmp_path / RECORD_FILE).read_text())
    assert record["config"]["epochs"] == 3
    assert record["data"] == {"sha256": "abc", "images": {"train": 7}, "sources": ["some"]}
    assert record["versions"].keys() >= {"rasid", "torch", "ultralytics"}


@needs_framework
def test_a_resumed_record_keeps_its_epochs_and_says_after_which_it_went_on(tmp_path: Path) -> None:
    data = ExportedData(tmp_path / "data.yaml", "abc", {"train": 7})
    record = start_record(CONFIG, data, ["some"], tmp_path, resume=False)
    epoch_recorder(record, tmp_path)(1, {"box_loss": 2.0})
    resumed = start_record(CONFIG, data, ["some"], tmp_path, resume=True)
    assert [epoch["box_loss"] for epoch in resumed["epochs"]] == [2.0]
    assert [entry["after_epoch"] for entry in resumed["resumed"]] == [1]


def test_a_run_ends_after_the_epoch_in_which_the_stop_file_appears(tmp_path: Path) -> None:
    ended = epoch_recorder({"epochs": []}, tmp_path)
    assert not ended(1, {})
    (tmp_path / STOP_FILE).touch()
    assert ended(2, {})


def test_the_code_version_is_known_or_said_to_be_unknown() -> None:
    assert code_version()


def test_a_continuing_run_starts_from_the_last_checkpoint_of_the_named_run(tmp_path: Path) -> None:
    shared, runs = tmp_path / "shared", tmp_path / "runs"
    assert starting_weights(CONFIG, shared, runs) == shared / "weights/none.pt"
    continuing = CONFIG.model_copy(update={"continues": "first"})
    assert starting_weights(continuing, shared, runs) == runs / "first/weights/last.pt"

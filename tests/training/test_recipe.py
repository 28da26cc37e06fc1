"""A run's pictures, its record and its end."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from datasets.export import ExportedData
from datasets.records import Split
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

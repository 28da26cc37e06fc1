"""From labelled pictures to a detector the service can open, stopped and resumed on the way."""

import json
from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="needs the train extra: ultralytics")

from inference.detector import Detector
from inference.heads import Head
from tests.datasets.streets import write_source
from training.export import export_checkpoint
from training.recipe import RECORD_FILE, train

CONFIG = """
name: tiny
weights: weights/tiny.pt
epochs: 3
image_size: 64
batch: 2
threads: 1
bf16: false
"""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    from ultralytics import YOLO

    tags = dict.fromkeys("abc", ("g", "train", "0 0.5 0.5 0.4 0.4\n"))
    write_source(tmp_path / "data", "graffiti_athens", ["Graffiti"], tags, size=(64, 64))
    water = dict.fromkeys("de", ("g", "train", "0 0.5 0.5 0.4 0.4\n"))
    write_source(tmp_path / "data", "flood_street_cn", ["standing_water"], water, size=(64, 64))
    (tmp_path / "weights").mkdir()
    YOLO("yolo26n.yaml").save(tmp_path / "weights/tiny.pt")
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # tracing for ONNX warns of every shape it fixes
@pytest.mark.parametrize("head", list(Head))
def test_a_stopped_and_resumed_run_becomes_a_model_the_detector_opens(
    shared: Path, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = shared / "tiny.yaml", shared / "runs" / "tiny"
    config.write_text(CONFIG, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("training.recipe.STOP_FILE", RECORD_FILE)  # the record is there: stop after one epoch
        train(config, shared, shared / "runs", resume=False)
    train(config, shared, shared / "runs", resume=True)
    record = json.loads((run / RECORD_FILE).read_text())
    assert [epoch["epoch"] for epoch in record["epochs"]] == [1, 2, 3]
    assert [entry["after_epoch"] for entry in record["resumed"]] == [1]
    export_checkpoint(run, shared / "tiny.onnx", "tiny", "0.0.1", head)
    assert Detector.open(shared / "tiny.onnx").model.source_data == ("flood_street_cn", "graffiti_athens")

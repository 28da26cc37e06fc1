"""From labelled pictures to a detector the service can open, stopped and resumed on the way."""

import json
import signal
import subprocess
import sys
import time
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


def test_a_run_killed_in_mid_epoch_resumes_to_the_schedule_of_an_undisturbed_one(shared: Path) -> None:
    config = shared / "tiny.yaml"
    config.write_text(CONFIG.replace("epochs: 3", "epochs: 8"), encoding="utf-8")
    train(config, shared, shared / "undisturbed", resume=False)
    killed = start_training(config, shared)
    wait_for_epochs(shared / "runs/tiny", 2, killed)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert 2 <= len(rates(shared / "runs/tiny")) < 8
    train(config, shared, shared / "runs", resume=True)
    assert list(rates(shared / "runs/tiny")) == [*range(1, 9)]
    assert rates(shared / "runs/tiny") == pytest.approx(rates(shared / "undisturbed/tiny"))


def start_training(config: Path, shared: Path) -> "subprocess.Popen[bytes]":
    """`rasid train` in a process of its own."""
    command = [sys.executable, "-c", "from service.cli import main; main()", "train", str(config)]
    folders = ["--shared", str(shared), "--runs", str(shared / "runs")]
    return subprocess.Popen([*command, *folders], stdout=subprocess.DEVNULL)


def wait_for_epochs(run: Path, epochs: int, running: "subprocess.Popen[bytes]") -> None:
    """Return when this many epochs are in the checkpoint, while the process still runs."""
    while not (run / "weights/last.pt").exists() or len(rates(run)) < epochs:
        assert running.poll() is None, "expected a run in mid-training, it has ended"
        time.sleep(0.02)


def rates(run: Path) -> dict[int, float]:
    """Epoch -> learning rate at its end."""
    path = run / RECORD_FILE
    epochs = json.loads(path.read_text())["epochs"] if path.exists() else []
    return {entry["epoch"]: entry["learning_rate"] for entry in epochs}

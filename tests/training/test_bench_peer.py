"""The peer is stock ultralytics with our weights, and does all the work it is asked for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: torch")
pytest.importorskip("ultralytics", reason="needs the train extra: ultralytics")

from inference.bench.pictures import drawn_street  # noqa: E402
from inference.bench.process import Contender, Running  # noqa: E402
from inference.bench.report import Kind  # noqa: E402
from training.bench_peer import Peer, export, write_stock_checkpoint  # noqa: E402
from training.partial_labels import PartialDetectionModel, keep_dense_head  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # tracing for ONNX warns of every shape it fixes
SIDE = 64
_LOAD = """
import sys
from ultralytics import YOLO
model = YOLO(sys.argv[1]).model
assert type(model).__module__ == "ultralytics.nn.tasks", type(model)
assert not [name for name in sys.modules if name.split(".")[0] == "training"]
"""


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as our trainer leaves it, made stock, with its exports."""
    folder = tmp_path_factory.mktemp("peer")
    model = PartialDetectionModel("yolo26n.yaml", nc=11, verbose=False)
    keep_dense_head(model)
    model.args = {"imgsz": SIDE, "task": "detect"}
    trained: dict[str, Any] = {"epoch": 3, "model": None, "ema": model.half(), "optimizer": {"state": [0] * 9}}
    torch.save(trained | {"train_args": {"imgsz": SIDE, "task": "detect"}}, folder / "last.pt")
    write_stock_checkpoint(folder / "last.pt", folder / "stock.pt")
    export(folder / "stock.pt", folder / "stock.onnx", SIDE, dynamic=False)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(5):
        (folder / f"{seed}.jpg").write_bytes(drawn_street(seed))
    return [str(folder / f"{seed}.jpg") for seed in range(5)]


def test_the_stock_checkpoint_opens_without_our_code(stock: Path) -> None:
    subprocess.run([sys.executable, "-c", _LOAD, str(stock / "stock.pt")], check=True, cwd=stock)


def test_the_stock_checkpoint_has_the_weights_it_came_from(stock: Path) -> None:
    ours, theirs = (torch.load(stock / name, weights_only=False) for name in ("last.pt", "stock.pt"))
    before, after = ours["ema"].state_dict(), theirs["model"].state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert theirs["optimizer"] is None


def test_every_picture_is_predicted_and_the_input_follows_the_aspect(stock: Path, pictures: list[str]) -> None:
    peer = Peer(stock / "stock.pt", "1", SIDE)
    facts = peer.warm_up(pictures)
    assert (facts.input, facts.batch) == ("64x64", 1)  # 36 rows of a 16:9 picture, in strides of 32
    assert peer.run([*pictures, *pictures]) == 10


def test_the_best_batch_is_the_quickest_of_those_tried(
    stock: Path, pictures: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(stock / "stock.pt", "best", SIDE)
    many = [*pictures, *pictures, *pictures, *pictures]
    monkeypatch.setattr(peer, "_seconds", lambda few, batch: {1: 3.0, 4: 2.0, 8: 1.0, 16: 1.5}[batch])
    assert peer.warm_up(many).batch == 8
    assert peer.warm_up(pictures).batch == 4  # of five pictures eight are no batch


def test_a_picture_that_is_not_predicted_is_noticed(stock: Path, pictures: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(SystemExit, match="expected 2 pictures to be predicted, got 1"):
        Peer(stock / "stock.pt", "1", SIDE).run([pictures[0], str(tmp_path / "broken.jpg")])


def test_its_process_answers_over_the_pipe(stock: Path, pictures: list[str]) -> None:
    argv = (sys.executable, "-m", "training.bench_peer", "serve", str(stock), "onnx", "1", str(SIDE), pictures[0])
    with Running(Contender("peer", "peer", Kind.PEER, argv)) as running:
        running.warm_up(pictures)
        turn = running.turn(pictures)
    assert turn.images == 5
    assert turn.seconds > 0
    assert running.cold_start_s > 0

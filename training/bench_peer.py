"""The peer of `rasid bench`: stock ultralytics with our weights, through its own doors and with its own defaults."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inference.bench.serving import Facts, Work, serve

BATCHES = (1, 4, 8, 16)
SAME = 1e-3
"""Score or share of the input side by which two networks of the same weights may differ."""
_TRIAL_PICTURES = 16
_FILES = {"pt": "stock.pt", "onnx": "stock.onnx", "onnx-dynamic": "dynamic.onnx"}


def prepare(checkpoint: Path, model: str, folder: Path) -> dict[str, object]:
    """Write the checkpoint as ultralytics would leave it, and its ONNX exports; says whether the weights are ours."""
    from inference.detector import Detector

    card = Detector.open(model, backend="onnxruntime").model
    side = max(card.input_width, card.input_height)
    write_stock_checkpoint(checkpoint, folder / _FILES["pt"])
    export(folder / _FILES["pt"], folder / _FILES["onnx"], side, dynamic=False)
    export(folder / _FILES["pt"], folder / _FILES["onnx-dynamic"], side, dynamic=True)
    difference = difference_from(folder / _FILES["pt"], model, side)
    same = difference is not None and difference <= SAME
    told = "outputs of another shape" if difference is None else f"outputs within {difference:.1g} of the model's"
    if find_spec("onnxslim") is None:  # which its export asks for by default, and does without
        told += "; exported without onnxslim"
    return {"same_weights": same, "note": told}


def write_stock_checkpoint(checkpoint: Path, out: Path) -> None:
    """Without optimizer, in half precision and of the library's own class, as its own trainer ends a run."""
    import torch
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils.torch_utils import strip_optimizer

    strip_optimizer(checkpoint, str(out))
    kept = torch.load(out, map_location="cpu", weights_only=False)
    if isinstance(kept["model"], DetectionModel):  # ours only differs in its loss
        kept["model"].__class__ = DetectionModel
    torch.save(kept, out)


def export(checkpoint: Path, out: Path, side: int, *, dynamic: bool) -> None:
    """The library's own export; `dynamic` lets the input follow the picture's aspect and the batch."""
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(checkpoint, folder))
        shutil.move(YOLO(copy).export(format="onnx", imgsz=side, dynamic=dynamic), out)


def difference_from(checkpoint: Path, model: str, side: int) -> float | None:
    """How far the checkpoint's outputs are from the model file's; None when their shapes already differ."""
    from inference.detector import Detector
    from inference.registry import load_model
    from training.errors import ExportError
    from training.export import largest_difference

    head = Detector.open(model, backend="onnxruntime").model.head
    try:
        return largest_difference(checkpoint, load_model(model).path, head, side)
    except ExportError:
        return None


class Peer:
    """One way of predicting: from .pt, or from one of the exports, with one batch size or the best one."""

    def __init__(self, file: Path, batch: str, side: int) -> None:
        from ultralytics import YOLO

        self._model = YOLO(file, task="detect")
        self._batch = 1 if batch == "best" else int(batch)
        self._tries = BATCHES if batch == "best" else ()
        self._side = side
        self._lists = tempfile.TemporaryDirectory()

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        """Try the batch sizes, each warm, and keep the quickest."""
        few = [*pictures][:_TRIAL_PICTURES]
        if self._tries:
            possible = [batch for batch in self._tries if batch <= len(few)]
            self._batch = min(possible, key=lambda batch: self._seconds(few, batch))
        self.run(pictures)
        return Facts(input=self._input(pictures[0]), batch=self._batch)

    def run(self, pictures: Sequence[str]) -> float:
        return self._predict(pictures, self._batch)

    def _predict(self, pictures: Sequence[str], batch: int) -> float:
        """The library takes files in batches from a folder or a list of names; a Python list would be one batch."""
        names = Path(self._lists.name) / "pictures.txt"
        names.write_text("\n".join(pictures) + "\n", "utf-8")
        found = self._model.predict(str(names), batch=batch, imgsz=self._side, device="cpu", stream=True, verbose=False)
        count = sum(1 for _ in found)
        if count != len(pictures):
            raise SystemExit(f"expected {len(pictures)} pictures to be predicted, got {count}")
        return count

    def _seconds(self, pictures: Sequence[str], batch: int) -> float:
        self._predict(pictures, batch)
        started = time.perf_counter()
        self._predict(pictures, batch)
        return time.perf_counter() - started

    def _input(self, picture: str) -> str:
        """Height x width the library makes of a picture."""
        import cv2

        ready: Any = self._model.predictor.preprocess([cv2.imread(picture)])
        return f"{ready.shape[2]}x{ready.shape[3]}"


def _open(folder: Path, name: str, batch: str, side: int, first: str) -> tuple[Work, Facts]:
    peer = Peer(folder / _FILES[name], batch, side)
    peer._predict([first], 1)
    return peer, Facts()


def main(asked: Sequence[str]) -> None:
    """`prepare CHECKPOINT MODEL FOLDER` prints a line of JSON; `serve FOLDER NAME BATCH SIDE PICTURE` answers."""
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # the library would install packages while it runs
    if asked[0] == "prepare":
        told = prepare(Path(asked[1]), asked[2], Path(asked[3]))
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        folder, name, batch, side, first = asked[1:]
        serve(lambda: _open(Path(folder), name, batch, int(side), first))


if __name__ == "__main__":
    main(sys.argv[1:])

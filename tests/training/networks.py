"""A tiny network built as the real one is: convolutions with SiLU, attention, a detect head and its decoding."""

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from numpy.typing import NDArray

from datasets.taxonomy import KEYS
from tests.models import blob_card

_CHANNELS = 8
_GRAPH = """
<ir_version: 9, opset_import: ["" : 17]>
conv_net (float[N,3,H,W] images) => (float[N,R,A] output0) {
  x0 = Conv<strides: ints = [2, 2], pads: ints = [1, 1, 1, 1]>(images, w0, b0)  g0 = Sigmoid(x0)  s0 = Mul(x0, g0)
  x1 = Conv<strides: ints = [2, 2], pads: ints = [1, 1, 1, 1]>(s0, w1, b1)  g1 = Sigmoid(x1)  s1 = Mul(x1, g1)
  x2 = Conv<pads: ints = [1, 1, 1, 1], group: int = 8>(s1, w2, b2)  g2 = Sigmoid(x2)  s2 = Mul(x2, g2)
  sum = Add(s1, s2)
  qkv = Conv(sum, w3, b3)  tokens = Reshape(qkv, as_tokens)  keys = Transpose<perm: ints = [0, 2, 1]>(tokens)
  likeness = MatMul(keys, tokens)  weights = Softmax<axis: int = 2>(likeness)  mixed = MatMul(tokens, weights)
  shape = Shape(sum)  grid = Reshape(mixed, shape)  features = Concat<axis: int = 1>(sum, grid)
  boxes = Conv(features, w4, b4)  classes = Conv(features, w5, b5)
  box_rows = Reshape(boxes, four_rows)  class_rows = Reshape(classes, class_count)
  sizes = Mul(box_rows, stride)  scores = Sigmoid(class_rows)
  output0 = Concat<axis: int = 1>(sizes, scores)
}
"""


def write_conv_model(path: Path, seed: int = 0) -> Path:
    """Write the network with random weights for inputs of any aspect, 64 on the long side."""
    model = onnx.parser.parse_model(_GRAPH)
    random = np.random.default_rng(seed)
    shapes = [(8, 3, 3, 3), (8, 8, 3, 3), (8, 1, 3, 3), (8, 8, 1, 1), (4, 16, 1, 1), (len(KEYS), 16, 1, 1)]
    for number, shape in enumerate(shapes):
        spread = 1 / np.sqrt(np.prod(shape[1:]))
        add(model, f"w{number}", random.normal(0, spread, shape).astype(np.float32))
        add(model, f"b{number}", random.normal(0, 0.1, shape[0]).astype(np.float32))
    add(model, "stride", np.array(4, np.float32))
    add(model, "as_tokens", np.array([1, _CHANNELS, -1]))
    add(model, "four_rows", np.array([1, 4, -1]))
    add(model, "class_count", np.array([1, len(KEYS), -1]))
    for node in model.graph.node:
        node.name = f"/{node.output[0]}/{node.op_type}"
    card = blob_card("dense", KEYS, (64, 64)).model_copy(update={"fits_aspect": True, "name": "conv-net"})
    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def add(model: onnx.ModelProto, name: str, value: NDArray[np.generic]) -> None:
    model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))

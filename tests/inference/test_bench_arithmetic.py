"""Multiply-adds are counted as by hand, at the shape the model runs at."""

import math
from collections.abc import Mapping

import numpy as np
import onnx.parser
import pytest

from inference.bench.arithmetic import Products, multiply_adds
from inference.registry import load_model

CASES: dict[str, tuple[str, dict[str, tuple[int, ...]], int]] = {
    "a convolution": (
        "output = Conv<strides: ints = [2, 2], pads: ints = [1, 1, 1, 1]>(images, w)",
        {"w": (8, 3, 3, 3)},
        8 * 4 * 6 * 3 * 3 * 3,  # every output value, of 4 x 6 places, sums 3 channels under 3 x 3 weights
    ),
    "a depthwise convolution": (
        "output = Conv<group: int = 3, pads: ints = [1, 1, 1, 1]>(images, w)",
        {"w": (3, 1, 3, 3)},
        3 * 8 * 12 * 3 * 3,
    ),
    "a transposed convolution": (
        "output = ConvTranspose<strides: ints = [2, 2]>(images, w)",
        {"w": (3, 5, 2, 2)},
        3 * 8 * 12 * 5 * 2 * 2,  # every input value is spread over 5 channels of 2 x 2 places
    ),
    "a product for each channel": ("output = MatMul(images, w)", {"w": (12, 7)}, 3 * 8 * 7 * 12),
    "a product of transposed factors": (
        "flat = Reshape(images, shape)  output = Gemm<transB: int = 1>(flat, w)",
        {"w": (10, 288), "shape": (2,)},
        1 * 10 * 288,
    ),
    "nothing to multiply": ("output = Relu(images)", {}, 0),
    "a net of two layers": (
        "hidden = Conv(images, w)  shown = Relu(hidden)  output = Conv(shown, v)",
        {"w": (16, 3, 1, 1), "v": (4, 16, 1, 1)},
        8 * 12 * (16 * 3 + 4 * 16),
    ),
}


def net(nodes: str, weights: Mapping[str, tuple[int, ...]]) -> bytes:
    graph = f'<ir_version: 8, opset_import: ["" : 17]> g (float[1,3,H,W] images) => (float[...] output) {{ {nodes} }}'
    model = onnx.parser.parse_model(graph.replace("float[...]", "float"))
    for name, shape in weights.items():
        value = np.array([1, 288]) if name == "shape" else np.ones(shape, np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    written: bytes = model.SerializeToString()
    return written


@pytest.mark.parametrize("name", CASES)
def test_multiply_adds_are_those_counted_by_hand(name: str) -> None:
    nodes, weights, expected = CASES[name]
    assert multiply_adds(net(nodes, weights), 8, 12) == expected


def test_a_model_whose_input_follows_the_picture_is_counted_at_that_size() -> None:
    model = net("output = Conv(images, w)", {"w": (16, 3, 1, 1)})
    assert multiply_adds(model, 16, 24) == 4 * multiply_adds(model, 8, 12)


def test_the_released_model_costs_what_its_training_library_says() -> None:
    # "12.5 GFLOPs" at 960 x 960 by ultralytics' own summary, two for a multiply-add
    assert 2 * multiply_adds(load_model("rasid-n-0.2").data, 960, 960) / 1e9 == pytest.approx(12.5, abs=0.06)


@pytest.mark.parametrize("library", ["onnxruntime", "numpy"])
def test_work_done_is_whole_products_of_1024_by_1024(library: str) -> None:
    done = Products(threads=1).multiply(library, seconds=0)
    assert done > 0
    assert math.fmod(done, 2 * 1024**3) == 0


def test_the_quicker_library_is_one_of_both() -> None:
    assert Products(threads=1).quicker(seconds=0) in ("onnxruntime", "numpy")

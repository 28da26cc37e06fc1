"""How fast the processor could be if it did nothing but the model's multiplications: the limit beside every figure."""

import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

_SIDE = 1024  # of the multiplied matrices: 12 MB, and 2.1 thousand million operations
_LOG_ERRORS_ONLY = 3
_FLOAT, _OPSET, _IR_VERSION = 1, 17, 8  # of ONNX


def multiply_adds(model: bytes, input_height: int, input_width: int) -> int:
    """Multiply-adds of convolutions and matrix products for one picture of this input size.

    The shapes are those of one real run without any optimisation, as ONNX Runtime's profile tells them, so that
    a model whose shapes follow the picture is counted at the shape it runs at.
    """
    return sum(_OPERATIONS[event["op_name"]](*_shapes(event)) for event in _profile(model, input_height, input_width))


class Products:
    """Large fp32 matrix products on all these threads, by either library at hand: one may not know the processor.

    numpy takes the threads it was started with: all cores unless the environment says otherwise.
    """

    def __init__(self, threads: int) -> None:
        a, b = np.random.default_rng(0).random((2, _SIDE, _SIDE), dtype=np.float32)
        out = np.empty_like(a)
        session = ort.InferenceSession(_matmul_model(_SIDE), _options(threads), providers=["CPUExecutionProvider"])
        self._libraries: dict[str, Callable[[], object]] = {
            "onnxruntime": lambda: session.run(None, {"a": a, "b": b}),
            "numpy": lambda: np.matmul(a, b, out=out),
        }

    def multiply(self, library: str, seconds: float) -> float:
        """Multiply until so many seconds have passed; returns the operations done, a multiply-add being two."""
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end or not count:
            self._libraries[library]()
            count += 1
        return 2.0 * _SIDE**3 * count

    def quicker(self, seconds: float) -> str:
        """The library that does more in so many seconds."""
        for multiply in self._libraries.values():
            multiply()
        return max(self._libraries, key=lambda library: self.multiply(library, seconds))


def _conv(out: list[int], _given: list[int], weight: list[int]) -> int:
    return math.prod(out) * math.prod(weight[1:])


def _conv_transpose(_out: list[int], given: list[int], weight: list[int]) -> int:
    return math.prod(given) * math.prod(weight[1:])


def _product(out: list[int], a: list[int], b: list[int]) -> int:
    """The summed length from the sizes alone, so that transposed factors of a Gemm need no attribute."""
    rows, columns = (math.prod(out), 1) if len(out) < 2 else out[-2:]
    if len(a) < 2 or len(b) < 2:
        return math.prod(out) * (a if len(a) < 2 else b)[-1]
    inner = math.isqrt(a[-2] * a[-1] * b[-2] * b[-1] // max(rows * columns, 1))
    return math.prod(out) * inner


_OPERATIONS: dict[str, Callable[[list[int], list[int], list[int]], int]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _product,
    "MatMul": _product,
}


def _profile(model: bytes, input_height: int, input_width: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        options = _options(1)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_profiling = True
        options.add_session_config_entry("session.disable_prepacking", "1")  # the profile omits packed weights
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        picture = np.zeros((1, 3, input_height, input_width), dtype=np.float32)
        session.run(None, {session.get_inputs()[0].name: picture})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    nodes = [event["args"] for event in events if str(event.get("name", "")).endswith("_kernel_time")]
    return [node for node in nodes if node["op_name"] in _OPERATIONS]


def _shapes(event: dict[str, Any]) -> list[list[int]]:
    """Of the output, then of the two factors; each is told as {element type: shape}."""
    told = [event["output_type_shape"][0], *event["input_type_shape"][:2]]
    return [next(iter(shape.values())) for shape in told]


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _LOG_ERRORS_ONLY
    return options


def _matmul_model(side: int) -> bytes:
    """An ONNX file of one product, c = a b, written field by field: the base install has no onnx package."""
    tensor = _field(1, _number(1, _FLOAT) + _field(2, 2 * _field(1, _number(1, side))))
    values = {name: _field(1, name.encode()) + _field(2, tensor) for name in "abc"}
    node = _field(1, b"a") + _field(1, b"b") + _field(2, b"c") + _field(4, b"MatMul")
    inputs = _field(11, values["a"]) + _field(11, values["b"])
    graph = _field(1, node) + _field(2, b"product") + inputs + _field(12, values["c"])
    return _number(1, _IR_VERSION) + _field(7, graph) + _field(8, _number(2, _OPSET))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])

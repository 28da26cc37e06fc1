"""Chooses the range of every tensor that is to be held in a byte, from what it holds on pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.letterbox import planes_of
from training.quantise_graph import CONVOLUTION, Graph

if TYPE_CHECKING:
    import onnx
    import onnxruntime

Floats = NDArray[np.float32]
Range = tuple[float, float]

_BINS = 2048
_SAMPLES = 4096
"""Values of a tensor looked at in a picture; its least and greatest come from all of them."""
_HIGH_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
_LOW_SHARES = (*_HIGH_SHARES, 0.2, 0.14, 0.1, 0.06, 0.04)
_STEPS = 255


@dataclass
class Seen:
    """What one tensor held so far."""

    low: float = 0.0  # a byte must be able to say 0: padding is 0
    high: float = 0.0
    samples: list[Floats] = field(default_factory=list)

    def add(self, values: Floats, rng: np.random.Generator) -> None:
        flat = values.reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.samples.append(flat[rng.integers(0, len(flat), min(_SAMPLES, len(flat)))])


class Observer:
    """The fp32 network as a backend of the Detector, which notes what its tensors hold: it sees what users' does."""

    name = "observer"
    metadata: Mapping[str, str] = {}

    def __init__(self, graph: Graph, names: Sequence[str], keep_every: int = 1) -> None:
        """Look at the tensors of these names; of every so many inputs one is kept as an example."""
        self.examples: list[tuple[Floats, Floats]] = []
        self.seen = {name: Seen() for name in names}
        self.channel_means: dict[str, list[Floats]] = {}
        self._read_by_convolutions = {n.input[0] for n in graph.nodes if n.op_type == CONVOLUTION}
        self._keep_every, self._runs = keep_every, 0
        self._rng = np.random.default_rng(0)
        self._session = _session_with_outputs(graph.model, names)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def feed(self, canvas: NDArray[np.uint8]) -> Floats:
        return planes_of(canvas)

    def run(self, fed: Floats) -> Floats:
        values = dict(zip(self._outputs, self._session.run(None, {self._input: fed}), strict=True))
        for name, seen in self.seen.items():
            tensor = fed if name == self._input else values[name]
            seen.add(tensor, self._rng)
            if name in self._read_by_convolutions:
                self.channel_means.setdefault(name, []).append(tensor.mean(axis=(0, 2, 3)))
        output = np.asarray(values[self._outputs[0]])
        if self._runs % self._keep_every == 0:
            self.examples.append((fed, output))
        self._runs += 1
        return output

    def ranges(self, graph: Graph) -> dict[str, Range]:
        """The range of every tensor. The network's input and sigmoids keep 0..1.

        A sigmoid cut at 0.9 is a small error of its own, and a tenth of the large value it is multiplied with.
        """
        whole = {self._input, *graph.sigmoid_outputs}
        return {
            name: (0.0, 1.0) if name in whole else choose_range(seen, silu=name in graph.silu_inputs)
            for name, seen in self.seen.items()
        }

    def means(self) -> dict[str, Floats]:
        """The mean of every channel of the tensors that convolutions read."""
        return {name: np.mean(means, axis=0) for name, means in self.channel_means.items()}


def choose_range(seen: Seen, silu: bool) -> Range:
    """The range whose 256 steps change the samples least in square: wide for the high, narrow for the many.

    A tensor that only SiLU reads is judged by what comes out of SiLU, which is all but 0 for values far below 0.
    """
    counts, edges = np.histogram(np.concatenate(seen.samples), _BINS)
    values = (edges[:-1] + edges[1:]) / 2
    values, counts = values[counts > 0], counts[counts > 0]
    wanted = _silu(values) if silu else values
    candidates = [
        (seen.low * low, seen.high * high)
        for low in (_LOW_SHARES if seen.low else (1.0,))
        for high in (_HIGH_SHARES if seen.high else (1.0,))
    ]

    def error(candidate: Range) -> float:
        rounded = round_to_steps(values, *candidate)
        off = (_silu(rounded) if silu else rounded) - wanted
        return float(counts @ off**2)

    return min(candidates, key=error)


def round_to_steps(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The values as a byte of this range gives them back."""
    step = (high - low) / _STEPS or 1.0
    zero = round(-low / step)
    return (np.clip(np.round(values / step) + zero, 0, _STEPS) - zero) * step


def _silu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values / (1 + np.exp(np.minimum(-values, 80.0))), dtype=np.float64)


def _session_with_outputs(model: "onnx.ModelProto", names: Sequence[str]) -> "onnxruntime.InferenceSession":
    import onnx
    import onnxruntime

    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    there = {value.name for value in (*model.graph.output, *model.graph.input)}
    for name in names:
        if name not in there:
            augmented.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(augmented.SerializeToString(), options, providers=["CPUExecutionProvider"])

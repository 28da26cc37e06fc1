"""OpenVINO on the processor: it counts in bfloat16 where the processor can, which is near twice as quick."""

from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.cores import available_cores
from inference.errors import ModelRefused

if TYPE_CHECKING:
    from openvino import CompiledModel, InferRequest, Model

_METADATA = ["framework"]  # where OpenVINO keeps the metadata_props of an ONNX file
_WORTH_FITTING = 100  # runs of a size after which a network compiled for it alone is worth its second of compiling
_MOST_FITTED = 4  # sizes: a survey has one or two, and each takes memory


class OpenVino:
    """A network compiled for every input size, and once more for each size that keeps coming.

    Medians of six interleaved rounds on a free machine, 1080p files to boxes: 48 images a second with float planes and
    one network for every size, 52 with the planes made inside the network, 57 with a network for the size as well.
    """

    name = "openvino"

    def __init__(self, model: bytes, threads: int) -> None:
        """Compile for runs of this many threads each; raises ModelRefused when the bytes are no usable model."""
        try:
            import openvino
        except ModuleNotFoundError as error:
            got = "none; pip install 'rasid[openvino]'"
            raise ModelRefused("backend.missing", "the Python package openvino", got) from error
        self._core = openvino.Core()
        self._options = _options(threads)
        try:
            network = self._core.read_model(BytesIO(model))
            self._metadata = _metadata(network)
            self._network = _fed_with_pixels(network)
            self._any_size = _Engine(self._compile())
        except RuntimeError as error:
            raise ModelRefused("model.unreadable", "an ONNX model OpenVINO can run", str(error).strip()) from error
        self._runs: Counter[tuple[int, ...]] = Counter()
        self._fitted: dict[tuple[int, ...], _Engine] = {}
        self._fitting = Lock()

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def feed(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return canvas[None]

    def run(self, fed: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            return (self._fitted.get(fed.shape) or self._fit(fed.shape) or self._any_size).run(fed)
        except RuntimeError as error:
            raise ModelRefused("model.shape", f"a model that takes pixels {fed.shape}", str(error).strip()) from error

    def _fit(self, shape: tuple[int, ...]) -> "_Engine | None":
        """A network for this size, made on the run that earns it, while others go on; None before and beside it."""
        if not self._network.is_dynamic() or len(self._fitted) == _MOST_FITTED:
            return None
        with self._fitting:
            self._runs[shape] += 1
            if self._runs[shape] != _WORTH_FITTING:
                return None
        self._fitted[shape] = _Engine(self._compile(shape))
        return self._fitted[shape]

    def _compile(self, shape: tuple[int, ...] | None = None) -> "CompiledModel":
        network = self._network
        if shape:
            network = network.clone()
            network.reshape({0: list(shape)})
        return self._core.compile_model(network, "CPU", self._options)


class _Engine:
    """One compiled network and its requests, of which each serves one thread at a time."""

    def __init__(self, compiled: "CompiledModel") -> None:
        self._compiled = compiled
        self._idle: list[InferRequest] = []

    def run(self, fed: NDArray[np.uint8]) -> NDArray[np.float32]:
        request = self._take()
        try:
            outputs = request.infer({0: fed}, share_inputs=True)
        finally:
            self._idle.append(request)
        return np.asarray(outputs[0], dtype=np.float32)

    def _take(self) -> "InferRequest":
        """A request nobody uses; several threads may take from a list and give back without a lock."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._compiled.create_infer_request()


def _fed_with_pixels(network: "Model") -> "Model":
    """The network with BGR bytes (1, H, W, 3) for an input: what turns them into planes becomes a part of it."""
    from openvino import Layout, Type
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(network)
    own = steps.input()
    own.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(ColorFormat.BGR)
    own.preprocess().convert_element_type(Type.f32).convert_color(ColorFormat.RGB).scale([255.0, 255.0, 255.0])
    own.model().set_layout(Layout("NCHW"))
    return steps.build()


def _options(threads: int) -> dict[str, object]:
    streams = max(1, available_cores() // threads)
    return {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams * threads,
        # A stream pinned to a core waits there for whatever else runs on it: decoding, the server, other programs.
        "ENABLE_CPU_PINNING": False,
    }


def _metadata(network: "Model") -> dict[str, str]:
    if not network.has_rt_info(_METADATA):
        return {}
    return {key: str(text) for key, text in network.get_rt_info(_METADATA).value.items()}

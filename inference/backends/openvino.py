"""OpenVINO on the processor: it counts in bfloat16 where the processor can, which is near twice as quick."""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.cores import available_cores
from inference.errors import ModelRefused

if TYPE_CHECKING:
    from openvino import InferRequest, Model

_METADATA = ["framework"]  # where OpenVINO keeps the metadata_props of an ONNX file


class OpenVino:
    """A model compiled once for every input size, with as many streams as runs fit on the cores.

    One compiled for a single size was no quicker (medians of a busy run: 189 ms for it, 150 for every size).
    """

    name = "openvino"

    def __init__(self, model: bytes, threads: int) -> None:
        """Compile for runs of this many threads each; raises ModelRefused when the bytes are no usable model."""
        try:
            import openvino
        except ModuleNotFoundError as error:
            got = "none; pip install 'rasid[openvino]'"
            raise ModelRefused("backend.missing", "the Python package openvino", got) from error
        core = openvino.Core()
        try:
            network = core.read_model(BytesIO(model))
            self._compiled = core.compile_model(network, "CPU", _options(threads))
        except RuntimeError as error:
            raise ModelRefused("model.unreadable", "an ONNX model OpenVINO can run", str(error).strip()) from error
        self._metadata = _metadata(network)
        self._idle: list[InferRequest] = []

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        request = self._take()
        try:
            outputs = request.infer({0: blob}, share_inputs=True)
        except RuntimeError as error:
            raise ModelRefused("model.shape", f"a model that takes input {blob.shape}", str(error).strip()) from error
        finally:
            self._idle.append(request)
        return np.asarray(outputs[0], dtype=np.float32)

    def _take(self) -> "InferRequest":
        """A request nobody uses; several threads may take from a list and give back without a lock."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._compiled.create_infer_request()


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

"""The engines that can run a model, one file each, because which one is quickest depends on the machine."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelRefused

ONNXRUNTIME, OPENVINO, CUDA = "onnxruntime", "openvino", "cuda"
BACKENDS = (ONNXRUNTIME, OPENVINO, CUDA)


class Backend(Protocol):
    """An opened ONNX file with one input; run is safe from several threads at once."""

    @property
    def name(self) -> str: ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """The metadata_props of the file."""
        ...

    def feed(self, canvas: NDArray[np.uint8]) -> NDArray[Any]:
        """What `run` takes for BGR pixels (H, W, 3): RGB planes in 0..1, unless the engine makes them itself."""
        ...

    def run(self, fed: NDArray[Any]) -> NDArray[np.float32]:
        """The first output; raises ModelRefused when the model takes pixels of another size.

        What it returns is the caller's own: the next run leaves it alone.
        """
        ...


def open_backend(name: str, model: bytes, threads: int) -> Backend:
    """Open the bytes of an ONNX file; threads are the processor cores one run may use. Raises ModelRefused."""
    if name == ONNXRUNTIME:
        from inference.backends.onnxruntime_cpu import OnnxRuntimeCpu

        return OnnxRuntimeCpu(model, threads)
    if name == OPENVINO:
        from inference.backends.openvino import OpenVino

        return OpenVino(model, threads)
    if name == CUDA:
        from inference.backends.onnxruntime_cuda import OnnxRuntimeCuda

        return OnnxRuntimeCuda(model, threads)
    raise ModelRefused("backend.unknown", f"a backend of {', '.join(BACKENDS)}", repr(name))


def installed_backends() -> tuple[str, ...]:
    """The backends this machine can open now."""
    from inference.backends.onnxruntime_cuda import cuda_is_there

    there = {ONNXRUNTIME: True, OPENVINO: find_spec("openvino") is not None, CUDA: cuda_is_there()}
    return tuple(name for name in BACKENDS if there[name])

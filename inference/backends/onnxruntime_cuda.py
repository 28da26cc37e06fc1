"""ONNX Runtime on an NVIDIA card, for a machine that has one."""

import onnxruntime as ort

from inference.backends.onnxruntime_cpu import OnnxRuntimeCpu
from inference.errors import ModelRefused

_CUDA = "CUDAExecutionProvider"
_ADVICE = "use another backend, or on a machine with an NVIDIA card: pip install onnxruntime-gpu"


class OnnxRuntimeCuda(OnnxRuntimeCpu):
    """A session on the card; what the card cannot do runs on the processor."""

    name = "cuda"
    providers = (_CUDA, "CPUExecutionProvider")

    def __init__(self, model: bytes, threads: int) -> None:
        if not cuda_is_there():
            raise ModelRefused("backend.missing", "an ONNX Runtime built for CUDA", f"one without it; {_ADVICE}")
        super().__init__(model, threads)
        if self.session.get_providers()[0] != _CUDA:  # it goes on without the card, and says so only in a log
            raise ModelRefused("backend.missing", "a CUDA device and its libraries", f"none that opens; {_ADVICE}")


def cuda_is_there() -> bool:
    """Whether the installed ONNX Runtime can use a card; that one is plugged in shows at opening."""
    return _CUDA in ort.get_available_providers()

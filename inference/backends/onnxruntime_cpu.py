"""ONNX Runtime on the processor: always installed, the same result everywhere, the yardstick of the others."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from inference.errors import ModelRefused
from inference.letterbox import planes_of

_ERRORS = (  # they share no base class but Exception
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
_LOG_ERRORS_ONLY = 3


class OnnxRuntimeCpu:
    """An ONNX Runtime session: a run with one thread stays on the caller's."""

    name = "onnxruntime"
    providers: Sequence[str] = ("CPUExecutionProvider",)

    def __init__(self, model: bytes, threads: int) -> None:
        """Open with this many threads a run; raises ModelRefused when the bytes are no usable model."""
        try:
            self.session = ort.InferenceSession(model, _options(threads), providers=list(self.providers))
        except _ERRORS as error:
            raise ModelRefused("model.unreadable", "an ONNX model ONNX Runtime can run", str(error)) from error
        self._input_name = self.session.get_inputs()[0].name

    @property
    def metadata(self) -> Mapping[str, str]:
        return dict(self.session.get_modelmeta().custom_metadata_map)

    def feed(self, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        return planes_of(canvas)

    def run(self, fed: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            outputs = self.session.run(None, {self._input_name: fed})
        except _ERRORS as error:
            raise ModelRefused("model.shape", f"a model that takes input {fed.shape}", str(error)) from error
        return np.asarray(outputs[0], dtype=np.float32)


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _LOG_ERRORS_ONLY
    # Waiting threads that spin took YOLO26n from 60 to 125 ms an image on a busy 2-core machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options

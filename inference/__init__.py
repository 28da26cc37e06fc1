"""From encoded images to defect boxes with ONNX Runtime alone, so that the product needs no training code."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.detections import Detection, Detections
    from inference.detector import Detector

__all__ = ["Detection", "Detections", "Detector"]


def __getattr__(name: str) -> object:
    """Loads what is asked for and no earlier: the runtime takes half a second that `--help` need not wait."""
    if name == "Detector":
        from inference import detector as module
    elif name in __all__:
        from inference import detections as module  # type: ignore[no-redef]
    else:
        raise AttributeError(f"module 'inference' has no attribute {name!r}")
    return getattr(module, name)

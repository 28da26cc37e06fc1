"""How many processor cores there are to share out, asked in one place."""

import os


def available_cores() -> int:
    """The physical cores this process may use; a core's second hardware thread makes no image more."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def stream_workers(threads: int = 1) -> int:
    """Images to work on at a time: one for each run that fits on the cores, and one more.

    The one more decodes while others wait for the interpreter or for each other: on two cores OpenVINO made 59 images
    a second with three workers and 50 with two; ONNX Runtime, whose runs leave less over, the same with both.
    """
    return max(1, available_cores() // threads) + 1

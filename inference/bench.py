"""Says what this machine does with this model, stage by stage, in one interleaved run: compare ratios, not times."""

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from inference.detector import Detector
from inference.images import decode_image

WARM_UP = 3
STREET = (720, 1280)  # of the drawn images, rows and columns


@dataclass(frozen=True)
class Timing:
    """Milliseconds an image: the median of the run and the middle half of it."""

    median_ms: float
    quarter_ms: float
    three_quarter_ms: float


@dataclass(frozen=True)
class Bench:
    """`end_to_end` goes from file bytes to boxes; `decode` and `detect` are its two halves, timed on their own."""

    model: str
    version: str
    threads: int
    images: int
    decode: Timing
    detect: Timing
    end_to_end: Timing
    images_per_s: float
    decode_share: float  # of the end-to-end median
    peak_memory_mb: float


def run_bench(detector: Detector, files: list[bytes], threads: int, tick: Callable[[], None]) -> Bench:
    """Each image goes through all three stages in turn, so that a busy moment of the machine hits all alike."""
    decoded = [decode_image(data).pixels for data in files]
    for pixels in decoded[:WARM_UP]:
        detector.detect([pixels])
    stages: dict[str, list[float]] = {"decode": [], "detect": [], "end_to_end": []}
    for data, pixels in zip(files, decoded, strict=True):
        stages["decode"].append(_clock(lambda data=data: decode_image(data)))  # type: ignore[misc]
        stages["detect"].append(_clock(lambda pixels=pixels: detector.detect([pixels])))  # type: ignore[misc]
        stages["end_to_end"].append(_clock(lambda data=data: detector.detect([decode_image(data).pixels])))  # type: ignore[misc]
        tick()
    timings = {name: _timing(values) for name, values in stages.items()}
    total = timings["end_to_end"].median_ms
    return Bench(
        model=detector.model.name,
        version=detector.model.version,
        threads=threads,
        images=len(files),
        images_per_s=1000 / total,
        decode_share=timings["decode"].median_ms / total,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **timings,
    )


def drawn_street(seed: int) -> bytes:
    """A JPEG as hard to decode as a street: smooth sky above, rough asphalt below."""
    random = np.random.default_rng(seed)
    rows, columns = STREET
    rough = cv2.GaussianBlur(random.integers(60, 140, (rows, columns, 3), np.uint8), (3, 3), 0)
    rough[: rows // 3] = cv2.GaussianBlur(rough[: rows // 3], (0, 0), 15)
    return cv2.imencode(".jpg", rough, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def _clock(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _timing(values: list[float]) -> Timing:
    quarter, median, three_quarter = statistics.quantiles(values, n=4, method="inclusive")
    return Timing(median, quarter, three_quarter)

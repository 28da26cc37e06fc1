"""Our contenders, each run as a process of its own: `python -m inference.bench.work JOB`, JOB being a Job in JSON."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inference.backends import open_backend
from inference.bench.arithmetic import Products, multiply_adds
from inference.bench.report import Kind
from inference.bench.serving import Facts, Work, serve
from inference.detector import Detector
from inference.errors import ImageRefused
from inference.images import DecodedImage, decode_image
from inference.letterbox import Letterbox
from inference.model import ModelCard, read_model_card
from inference.registry import load_model

_TENSORS = 8  # 6 MB each where they are floats; a session runs through them again and again
_RATE_S = 1.0


@dataclass(frozen=True)
class Job:
    """What one process is to do; `first` is the picture of its first detection."""

    kind: Kind
    model: str
    backend: str
    workers: int
    first: str

    def argv(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "inference.bench.work", json.dumps(asdict(self)))

    @classmethod
    def read(cls, text: str) -> "Job":
        told = json.loads(text)
        return cls(**told | {"kind": Kind(told["kind"])})


class _Stream:
    """File to boxes, through the door the service uses."""

    def __init__(self, job: Job) -> None:
        self._detector = Detector.open(job.model, backend=job.backend)
        self._workers = job.workers

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        self.run(pictures)
        return Facts(input=_sizes(input_shapes(self._detector.model, pictures)))

    def run(self, pictures: Sequence[str]) -> float:
        files = ((picture, Path(picture).read_bytes) for picture in pictures)
        for picture, found in self._detector.stream(files, self._workers):
            if isinstance(found, ImageRefused):
                raise SystemExit(f"{picture}: {found}")
        return len(pictures)


class _Session:
    """The model alone, on ready tensors, as many runs at a time as the stream has workers."""

    def __init__(self, job: Job) -> None:
        file = load_model(job.model)
        self._backend = open_backend(job.backend, file.data, threads=1)
        self._card = read_model_card(self._backend.metadata, file.sha256)
        self._pool = ThreadPoolExecutor(job.workers)
        self._tensors = self._ready([job.first])

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        self._tensors = self._ready(pictures)
        self.run(pictures)
        return Facts(input=_sizes(input_shapes(self._card, pictures)))

    def run(self, pictures: Sequence[str]) -> float:
        turns = (self._tensors[number % len(self._tensors)] for number in range(len(pictures)))
        return sum(1 for _ in self._pool.map(self._backend.run, turns))

    def _ready(self, pictures: Sequence[str]) -> list[NDArray[Any]]:
        few = (_decode(picture, self._card) for picture in islice(dict.fromkeys(pictures), _TENSORS))
        canvases = (letterbox_of(self._card, image.width, image.height).canvas(image.pixels) for image in few)
        return [self._backend.feed(canvas) for canvas in canvases]


class _Decode:
    """File to pixels, as the stream decodes it, on as many threads."""

    def __init__(self, job: Job) -> None:
        self._card = _card(job.model)
        self._pool = ThreadPoolExecutor(job.workers)

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        self.run(pictures)
        image = _decode(pictures[0], self._card)
        return Facts(note=f"at a reduction of {image.reduction}" if image.reduction > 1 else "")

    def run(self, pictures: Sequence[str]) -> float:
        return sum(self._pool.map(lambda picture: len(_decode(picture, self._card).pixels) > 0, pictures))


class _Arithmetic:
    """Matrix products alone: a picture's worth is as many multiply-adds as the model has at the pictures' inputs."""

    def __init__(self, job: Job) -> None:
        self._file = load_model(job.model)
        self._card = _card(job.model)
        self._products = Products(job.workers)
        self._library = ""
        self._multiply_adds = 0.0

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        shapes = input_shapes(self._card, pictures)
        added = sum(count * multiply_adds(self._file.data, *shape) for shape, count in shapes.items())
        self._multiply_adds = added / shapes.total()
        self._library = self._products.quicker(_RATE_S)
        return Facts(input=_sizes(shapes), note=f"fp32 products by {self._library}", multiply_adds=self._multiply_adds)

    def run(self, pictures: Sequence[str]) -> float:
        return self._products.multiply(self._library, _RATE_S) / (2 * self._multiply_adds)


def input_shapes(card: ModelCard, pictures: Sequence[str]) -> Counter[tuple[int, int]]:
    """How many pictures run at which height and width of the network's input."""
    shapes: Counter[tuple[int, int]] = Counter()
    for picture, count in Counter(pictures).items():
        image = _decode(picture, card)
        letterbox = letterbox_of(card, image.width, image.height)
        shapes[letterbox.input_height, letterbox.input_width] += count
    return shapes


def letterbox_of(card: ModelCard, width: int, height: int) -> Letterbox:
    """Where the detector puts an image of this size."""
    if not card.fits_aspect:
        return Letterbox(width, height, card.input_width, card.input_height)
    return Letterbox.around(width, height, max(card.input_width, card.input_height), card.stride)


def _card(model: str) -> ModelCard:
    return Detector.open(model, backend="onnxruntime").model


def _decode(picture: str, card: ModelCard) -> DecodedImage:
    data = Path(picture).read_bytes()
    return decode_image(data, least_long_side=max(card.input_width, card.input_height))


def _sizes(shapes: Counter[tuple[int, int]]) -> str:
    """The commonest height x width, and how many others there are."""
    (height, width), _ = shapes.most_common(1)[0]
    others = len(shapes) - 1
    return f"{height}x{width}" + (f" and {others} more" if others else "")


_WORKS: dict[Kind, type[_Stream] | type[_Session] | type[_Decode] | type[_Arithmetic]] = {
    Kind.STREAM: _Stream,
    Kind.SESSION: _Session,
    Kind.DECODE: _Decode,
    Kind.ARITHMETIC: _Arithmetic,
}


def _open(job: Job) -> tuple[Work, Facts]:
    work = _WORKS[job.kind](job)
    if job.kind is Kind.STREAM:
        work.run([job.first])
    return work, Facts()


if __name__ == "__main__":
    serve(lambda: _open(Job.read(sys.argv[1])))

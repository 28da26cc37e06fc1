"""The detector itself: upright pixels in, defect boxes out, everything model-specific read from the model."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.backends import Backend, open_backend
from inference.calibration import ScoreScale
from inference.choice import choose
from inference.cores import stream_workers
from inference.detections import Detections
from inference.errors import ImageRefused, ModelRefused
from inference.heads import MAX_BOXES, Candidates, Head, read_head
from inference.images import MAX_PIXELS, decode_image
from inference.letterbox import Letterbox
from inference.model import ModelCard, read_model_card
from inference.stream import File, map_in_order

K = TypeVar("K")

_MIN_SIDE_PX = 0.1  # drops what lies outside the image; keeps x0 < x1 also when rounded to 0.01 px


class Detector:
    """One opened model. It holds no state between calls, so threads may share it."""

    def __init__(
        self,
        backend: Backend,
        model: ModelCard,
        min_score: float | None = None,
        threads: int = 1,
        raw_scores: bool = False,
    ) -> None:
        if min_score is not None and not 0 <= min_score <= 1:
            raise ValueError(f"min_score: expected 0..1, got {min_score}")
        if raw_scores and min_score is None:
            raise ValueError("raw_scores: expected a min_score with it, got none; thresholds are of shown scores")
        self.model = model
        self._backend = backend
        self._threads = threads
        scores = [model.thresholds[key] if min_score is None else min_score for key in model.class_keys]
        self._thresholds = np.array(scores, dtype=np.float32)
        calibrated = model.calibration and not raw_scores
        self._scale = ScoreScale.of(model.class_keys, model.calibration) if calibrated else None

    @classmethod
    def open(
        cls,
        model: str | Path = "default",
        min_score: float | None = None,
        threads: int = 1,
        raw_scores: bool = False,
        backend: str | None = None,
    ) -> "Detector":
        """Open a released model by name or an .onnx file by path, and run it once.

        min_score replaces the model's own threshold of every class; with raw_scores, for measurements, scores
        stay as the network gives them, uncalibrated, and what `rasid bench --choose` chose is left aside.
        threads are the processor cores one image may use. Raises ModelRefused.
        """
        cv2.setNumThreads(1)  # images share out the cores: resizing one of them on several waits for the others
        file, engine = choose(model, backend, follow_choice=not raw_scores)
        opened = open_backend(engine, file.data, threads)
        detector = cls(opened, read_model_card(opened.metadata, file.sha256), min_score, threads, raw_scores)
        detector._check_output()
        return detector

    @property
    def backend_name(self) -> str:
        return self._backend.name

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Detect in upright BGR images (H, W, 3) of any sizes; boxes are in pixels of each image.

        Images run one by one: YOLO26n took 38 ms an image so, and 53 ms in a batch of four (one CPU thread).
        """
        return [self._detect_one(image, image.shape[1], image.shape[0]) for image in map(_checked, images)]

    def stream(
        self, files: Iterable[tuple[K, File]], workers: int | None = None, max_pixels: int = MAX_PIXELS
    ) -> Generator[tuple[K, Detections | ImageRefused], None, None]:
        """Detect in the bytes of JPEG, PNG and WebP files on all cores; results come in the order of the files.

        A file is its bytes or a function that reads them on the worker. It passes all stages on one worker; at most
        2 x workers are in memory. One that is refused, by its reader or as an image, stops nothing. Boxes are in
        pixels of the upright image, `to_stored` brings them to the file's. Closing the stream ends the workers.
        """

        def detect(file: File) -> Detections | ImageRefused:
            try:
                return self._detect_file(file() if callable(file) else file, max_pixels)
            except ImageRefused as refused:
                return refused

        return map_in_order(detect, files, workers or stream_workers(self._threads))

    def _detect_file(self, data: bytes, max_pixels: int) -> Detections:
        image = decode_image(data, max_pixels, max(self.model.input_width, self.model.input_height))
        found = self._detect_one(image.pixels, image.width, image.height)
        return replace(found, orientation=image.orientation)

    def _detect_one(self, pixels: NDArray[np.uint8], width: int, height: int) -> Detections:
        """Detect in the pixels of an image of width x height, which may be reduced; boxes are in the image's."""
        letterbox = self._letterbox(width, height)
        output = self._run(letterbox.canvas(pixels))[0]
        found = read_head(self.model.head, output, self._thresholds, self._scale)
        return _place(found, letterbox, self.model.class_keys)

    def _run(self, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._backend.run(self._backend.feed(canvas))

    def _letterbox(self, width: int, height: int) -> Letterbox:
        card = self.model
        if not card.fits_aspect:
            return Letterbox(width, height, card.input_width, card.input_height)
        return Letterbox.around(width, height, max(card.input_width, card.input_height), card.stride)

    def _check_output(self) -> None:
        """Run once on a low, wide image, the quickest; a model that promises any aspect but has one refuses it."""
        card = self.model
        letterbox = self._letterbox(8, 1)
        shape = self._run(letterbox.canvas(np.zeros((1, 8, 3), np.uint8))).shape
        end2end = card.head is Head.END2END
        channels = 4 + len(card.class_keys)
        expected = f"(1, {MAX_BOXES}, 6)" if end2end else f"(1, {channels}, anchors)"
        if len(shape) != 3 or shape[2 if end2end else 1] != (6 if end2end else channels):
            raise ModelRefused("model.shape", f"{card.head} output {expected}", f"{shape}")


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    return image


def _place(found: Candidates, letterbox: Letterbox, class_keys: tuple[str, ...]) -> Detections:
    """Bring boxes to image pixels, clipped to the image; what lies outside of it is dropped."""
    width, height = letterbox.width, letterbox.height
    boxes = letterbox.to_image(found.xyxy_input_px)
    boxes_px: NDArray[np.float32] = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    inside = np.all(boxes_px[:, 2:] - boxes_px[:, :2] >= _MIN_SIDE_PX, axis=1).nonzero()[0]
    kept = found.take(inside)
    return Detections(boxes_px[inside], kept.score, kept.class_index, class_keys, width, height)

"""The detector itself: upright pixels in, defect boxes out, everything model-specific read from the model."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.calibration import ScoreScale
from inference.detections import Detections
from inference.errors import ModelRefused
from inference.heads import MAX_BOXES, Candidates, Head, read_head
from inference.letterbox import Letterbox
from inference.model import ModelCard, read_model_card
from inference.registry import load_model
from inference.session import Session

_MIN_SIDE_PX = 0.1  # drops what lies outside the image; keeps x0 < x1 also when rounded to 0.01 px


class Detector:
    """One opened model. It holds no state between calls, so threads may share it."""

    def __init__(
        self, session: Session, model: ModelCard, min_score: float | None = None, raw_scores: bool = False
    ) -> None:
        if min_score is not None and not 0 <= min_score <= 1:
            raise ValueError(f"min_score: expected 0..1, got {min_score}")
        if raw_scores and min_score is None:
            raise ValueError("raw_scores: expected a min_score with it, got none; thresholds are of shown scores")
        self.model = model
        self._session = session
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
    ) -> "Detector":
        """Open a released model by name or an .onnx file by path, and run it once to warm it up.

        min_score replaces the model's own threshold of every class; with raw_scores, for measurements, scores
        stay as the network gives them, uncalibrated. Raises ModelRefused.
        """
        found = load_model(model)
        session = Session(found.data, threads)
        detector = cls(session, read_model_card(session.metadata, found.sha256), min_score, raw_scores)
        detector._warm_up()
        return detector

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Detect in upright BGR images (H, W, 3) of any sizes; boxes are in pixels of each image.

        Images run one by one: YOLO26n took 38 ms an image so, and 53 ms in a batch of four (one CPU thread).
        """
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: NDArray[np.uint8]) -> Detections:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        letterbox = self._letterbox(width, height)
        found = read_head(self.model.head, self._run(letterbox.fit(image)), self._thresholds, self._scale)
        return _place(found, letterbox, self.model.class_keys)

    def _letterbox(self, width: int, height: int) -> Letterbox:
        card = self.model
        if not card.fits_aspect:
            return Letterbox(width, height, card.input_width, card.input_height)
        return Letterbox.around(width, height, max(card.input_width, card.input_height), card.stride)

    def _run(self, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        blob = cv2.dnn.blobFromImage(canvas, 1 / 255, swapRB=True)
        batch: NDArray[np.float32] = self._session.run(np.asarray(blob, dtype=np.float32))
        return np.asarray(batch[0])

    def _warm_up(self) -> None:
        card = self.model
        if card.fits_aspect:  # a model of one fixed shape refuses this
            self._detect_one(np.zeros((9, 16, 3), np.uint8))
        shape = self._run(np.zeros((card.input_height, card.input_width, 3), np.uint8)).shape
        channels = 4 + len(card.class_keys)
        end2end = card.head is Head.END2END
        expected = f"(1, {MAX_BOXES}, 6)" if end2end else f"(1, {channels}, anchors)"
        fits = len(shape) == 2 and (shape[1] == 6 if end2end else shape[0] == channels)
        if not fits:
            raise ModelRefused("model.shape", f"{card.head} output {expected}", f"{(1, *shape)}")


def _place(found: Candidates, letterbox: Letterbox, class_keys: tuple[str, ...]) -> Detections:
    """Bring boxes to image pixels, clipped to the image; what lies outside of it is dropped."""
    width, height = letterbox.width, letterbox.height
    boxes = letterbox.to_image(found.xyxy_input_px)
    boxes_px: NDArray[np.float32] = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    inside = np.all(boxes_px[:, 2:] - boxes_px[:, :2] >= _MIN_SIDE_PX, axis=1).nonzero()[0]
    kept = found.take(inside)
    return Detections(boxes_px[inside], kept.score, kept.class_index, class_keys, width, height)

"""Runs a model file over labelled pictures, as the service runs it, and keeps what it found as a Trial."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from datasets.reading import read_pixels, read_sources
from datasets.records import LabelledImage, Split
from inference.detections import Detections
from inference.detector import Detector
from inference.model import ModelCard
from inference.progress import image_progress
from inference.registry import load_model
from training.errors import EvaluationError
from training.trial import Labels, Picture, Trial, Truth, XyxyScore
from training.views import View, ViewDetector

LOWEST_SCORE = 0.01
"""Of the network's own score. Detections below it change no average precision by more than 0.001."""
_SCORE_DIGITS = 6
_BOX_DIGITS = 2

LabelledTwice = Mapping[Labels, Sequence[LabelledImage]]
"""The same pictures, in the same order, under both sets of labels."""


def read_labels(shared: Path, split: Split) -> LabelledTwice:
    """The split's pictures with the labels as published and as corrected."""
    twice = {
        labels: [i for i in read_sources(shared / "data", corrected=labels is Labels.CORRECTED) if i.split is split]
        for labels in Labels
    }
    corrected, published = ([(i.name, i.crop_fraction) for i in images] for images in twice.values())
    if corrected != published:
        raise EvaluationError("expected the same pictures with and without corrections, got different ones")
    if not corrected:
        raise EvaluationError(f"expected pictures of the {split} split in {shared / 'data'}, got none")
    return twice


def hold_trial(
    model: str,
    split: Split,
    twice: LabelledTwice,
    workers: int,
    *,
    view: View | None = None,
    backend: str | None = None,
) -> Trial:
    """Run a model on the split's pictures, `workers` pictures at a time and each on one core."""
    detector = Detector.open(path_or_name(model), min_score=LOWEST_SCORE, raw_scores=True, backend=backend)
    looking = detector if view is None else ViewDetector(detector, view)
    images = twice[Labels.CORRECTED]
    with image_progress() as progress:
        task = progress.add_task("", total=len(images))
        found = list(detect_all(looking, images, workers, lambda: progress.advance(task)))
    return Trial(
        model=detector.model,
        network_sha256=network_sha256(model),
        split=split,
        view=view,
        detected_at=datetime.now(UTC).isoformat(timespec="seconds"),
        pictures=tuple(picture_of(image, one) for image, one in zip(images, found, strict=True)),
    )


def detect_all(
    detector: Detector | ViewDetector, images: Sequence[LabelledImage], workers: int, tick: Callable[[], None]
) -> Iterator[Detections]:
    """The detections of each picture, cropped as its source needs, in order."""

    def detect(image: LabelledImage) -> Detections:
        (found,) = detector.detect([read_pixels(image)])
        tick()
        return found

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(detect, images)


def picture_of(image: LabelledImage, found: Detections) -> Picture:
    """The picture with what was found; it has no labels until `relabel`."""
    boxes: dict[str, list[XyxyScore]] = {}
    for one in found:
        x0, y0, x1, y1 = (round(side, _BOX_DIGITS) for side in one.xyxy_px)
        boxes.setdefault(one.class_key, []).append((x0, y0, x1, y1, round(one.score, _SCORE_DIGITS)))
    return Picture(
        name=image.name,
        source=image.source,
        group=image.group,
        width_px=found.width,
        height_px=found.height,
        found={key: tuple(rows) for key, rows in boxes.items()},
        truth={},
    )


def relabel(trial: Trial, twice: LabelledTwice, card: ModelCard) -> Trial:
    """The same detections under today's labels and this card of the same network; pictures taken out fall away."""
    known = {picture.name: picture for picture in trial.pictures}
    missing = [image.name for image in twice[Labels.CORRECTED] if image.name not in known]
    if missing:
        raise EvaluationError(f"expected detections on all of today's pictures, {missing[0]} has none; detect again")
    pictures = []
    for corrected, published in zip(twice[Labels.CORRECTED], twice[Labels.PUBLISHED], strict=True):
        picture = known[corrected.name]
        truth = {
            Labels.CORRECTED: truth_of(corrected, picture),
            Labels.PUBLISHED: truth_of(published, picture),
        }
        pictures.append(picture.model_copy(update={"truth": truth, "group": corrected.group}))
    return trial.model_copy(update={"model": card, "pictures": tuple(pictures)})


def truth_of(image: LabelledImage, picture: Picture) -> Truth:
    """The labelled boxes in pixels, an empty row for a class that is labelled and absent."""
    truth: Truth = dict.fromkeys(sorted(image.labelled_classes), ())
    for box in image.boxes:
        x0, y0, x1, y1 = box.xyxy_fraction
        width, height = picture.width_px, picture.height_px
        truth[box.class_key] += ((x0 * width, y0 * height, x1 * width, y1 * height),)
    return truth


def network_sha256(model: str) -> str:
    """The hash of the network without its metadata: thresholds and calibration change, detections do not."""
    import onnx

    network = onnx.load_model_from_string(load_model(path_or_name(model)).data)
    del network.metadata_props[:]
    return hashlib.sha256(network.SerializeToString(deterministic=True)).hexdigest()


def path_or_name(model: str) -> str | Path:
    return Path(model) if model.endswith(".onnx") else model

"""Measures the judge of footage: on good pictures, on pictures spoiled by stated physics, and over drives."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from zlib import crc32

import cv2
import numpy as np

from datasets.records import LabelledImage, Split
from datasets.simulator import CameraModel, drive
from inference.detections import Detections
from inference.detector import Detector
from inference.images import decode_image
from inference.lens_watch import FEWEST_FRAMES, LensWatch
from inference.quality import FootageQuality, judge
from training.degrading import DAMAGES, HARMLESS, Damage, Pixels, dirt_mask, drop_mask, soil, wet
from training.errors import EvaluationError
from training.scoring import cells_of, match_found, match_iou

CLEAN = Damage("clean", 0, "", lambda pixels, _: pixels)
SCORES = ("brightness", "contrast", "veil", "blur_px", "dark_share", "glare_share", "streak_share")
LENSES = (
    ("clean", 0.0, 1.0),
    ("dirt", 0.03, 0.9),
    ("dirt", 0.1, 0.9),
    ("dirt", 0.25, 0.9),
    ("dirt", 0.1, 0.5),
    ("drops", 0.05, 1.0),
    ("drops", 0.15, 1.0),
    ("drops", 0.3, 1.0),
)
"""What is on the lens, the share of it that is covered, and how opaque it is."""
_DRIVE_FRAMES = 40
_SIMULATED_SEEDS = (2000, 2001, 2002, 2003)


@dataclass(frozen=True)
class Judged:
    """One picture, spoiled or not: the scores, and how many labelled boxes the detector found (None: not run)."""

    part: str
    source: str
    picture: str
    split: str
    kind: str
    severity: float
    scores: dict[str, float]
    truths: int = 0
    hits: int | None = None

    @property
    def key(self) -> tuple[str, str, str, float]:
        return self.part, self.picture, self.kind, self.severity


@dataclass(frozen=True)
class Watched:
    """One drive through a lens with dirt on a share of it."""

    drive: str
    frames: int
    lens: str
    covered: float
    opacity: float
    told: bool
    dirty_share: float
    code: str | None
    found_cells: float | None  # share of the covered cells that were found
    false_cells: float | None  # share of the clean cells that were taken for dirty


class Notebook:
    """What was measured so far, a row a line, so that a stopped run goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self.rows = [Judged(**json.loads(line)) for line in lines]
        self._known = {row.key for row in self.rows}

    def knows(self, key: tuple[str, str, str, float]) -> bool:
        return key in self._known

    def add(self, row: Judged) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        self.rows.append(row)
        self._known.add(row.key)


def judge_clean(images: Iterable[LabelledImage], notebook: Notebook) -> None:
    """Judge pictures as they are."""
    for image in images:
        if not notebook.knows(("as they are", image.name, CLEAN.kind, CLEAN.severity)):
            notebook.add(_judged("as they are", image, CLEAN, whole_picture(image)))


def judge_simulated(notebook: Notebook) -> None:
    """Judge rendered frames, which must pass for good ones."""
    for seed in _SIMULATED_SEEDS:
        names = [f"drive {seed}, frame {index}" for index in range(_DRIVE_FRAMES)]
        if all(notebook.knows(("as they are", name, CLEAN.kind, CLEAN.severity)) for name in names):
            continue
        for name, frame in zip(names, drive(seed, _DRIVE_FRAMES), strict=True):
            scores = _scores(judge(frame.pixels))
            notebook.add(Judged("as they are", "datasets.simulator", name, "", CLEAN.kind, CLEAN.severity, scores))


def judge_spoiled(images: Sequence[LabelledImage], detector: Detector, notebook: Notebook) -> None:
    """Judge each picture under every damage and count the labelled boxes the detector still finds in it."""
    for image in images:
        whole = whole_picture(image)
        for damage in (CLEAN, *DAMAGES, *HARMLESS):
            if notebook.knows(("spoiled", image.name, damage.kind, damage.severity)):
                continue
            rng = np.random.default_rng(crc32(f"{image.name} {damage.kind} {damage.severity}".encode()))
            notebook.add(_judged("spoiled", image, damage, damage.spoil(whole, rng), detector))


def choose_spoiled(
    images: Iterable[LabelledImage], sources: Sequence[str], each: int, seed: int
) -> list[LabelledImage]:
    """The same number of val pictures with boxes from each source, drawn by the seed."""
    chosen = []
    for source in sources:
        own = [i for i in images if i.source == source and i.split is Split.VAL and i.boxes]
        random.Random(seed).shuffle(own)  # so that more pictures include the fewer
        chosen += own[:each]
    if not chosen:
        raise EvaluationError(f"expected labelled val pictures of {', '.join(sources)}, got none; check the path")
    return chosen


def watch_drives(images: Iterable[LabelledImage], seed: int = 0) -> Iterator[Watched]:
    """Real and rendered drives, each seen through lenses of several dirtiness."""
    for name, frames in _drives(images):
        for lens, covered, opacity in LENSES:
            rng = np.random.default_rng(crc32(f"{seed} {name} {lens} {covered} {opacity}".encode()))
            yield _watch(name, frames, lens, covered, opacity, rng)


def whole_picture(image: LabelledImage) -> Pixels:
    """The uncropped picture: a frame is judged as the camera took it."""
    pixels = cv2.imread(str(image.image_path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise EvaluationError(f"expected a readable picture at {image.image_path}, got none; restore the file")
    return np.asarray(pixels, np.uint8)


def cost_ratio(repeats: int = 20) -> tuple[float, float]:
    """Median seconds of judging and of decoding one rendered 1920 x 1080 JPEG, measured turn by turn."""
    camera = CameraModel(focal_px=1320.0, width=1920, height=1080)
    data = next(iter(drive(_SIMULATED_SEEDS[0], 1, camera=camera))).jpeg()
    spent: dict[str, list[float]] = {"decode": [], "judge": []}
    for _ in range(repeats):
        start = perf_counter()
        pixels = decode_image(data).pixels
        decoded = perf_counter()
        judge(pixels)
        spent["decode"].append(decoded - start)
        spent["judge"].append(perf_counter() - decoded)
    return float(np.median(spent["judge"])), float(np.median(spent["decode"]))


def _judged(
    part: str, image: LabelledImage, damage: Damage, pixels: Pixels, detector: Detector | None = None
) -> Judged:
    truths, hits = 0, None
    if detector is not None:
        (found,) = detector.detect([_cropped(pixels, image)])
        truths, hits = _count(image, found)
    scores = _scores(judge(pixels))
    return Judged(part, image.source, image.name, image.split, damage.kind, damage.severity, scores, truths, hits)


def _scores(quality: FootageQuality) -> dict[str, float]:
    return {name: round(float(getattr(quality, name)), 5) for name in SCORES}


def _count(image: LabelledImage, found: Detections) -> tuple[int, int]:
    cells = list(cells_of(image, found))
    hits = sum(int(match_found(cell, match_iou(cell.class_key)).sum()) for cell in cells)
    return sum(len(cell.truth_xyxy_px) for cell in cells), hits


def _cropped(pixels: Pixels, image: LabelledImage) -> Pixels:
    if image.crop_fraction is None:
        return pixels
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = image.crop_fraction
    return pixels[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def _drives(images: Iterable[LabelledImage]) -> Iterator[tuple[str, list[Pixels]]]:
    """Road segments in the order they were driven, and rendered drives."""
    segments: dict[str, list[LabelledImage]] = {}
    for image in images:
        if image.source == "bianka_br_highway" and image.split is not Split.TEST:
            segments.setdefault(image.group, []).append(image)
    long_enough = sorted((group for group, own in segments.items() if len(own) >= FEWEST_FRAMES))
    for group in long_enough:
        own = sorted(segments[group], key=lambda image: int(image.image_path.stem.rpartition("_")[2]))
        yield group, [whole_picture(image) for image in own[:_DRIVE_FRAMES]]
    for seed in _SIMULATED_SEEDS:
        yield f"rendered drive {seed}", [frame.pixels for frame in drive(seed, _DRIVE_FRAMES)]


def _watch(
    name: str, frames: Sequence[Pixels], lens: str, covered: float, opacity: float, rng: np.random.Generator
) -> Watched:
    mask = (drop_mask if lens == "drops" else dirt_mask)(covered, rng) * np.float32(opacity)
    watch = LensWatch(max(FEWEST_FRAMES, len(frames)))
    for pixels in frames:
        watch.add(judge((wet if lens == "drops" else soil)(pixels, mask) if covered else pixels).lens)
    verdict = watch.verdict()
    rows, columns = verdict.dirty.shape
    share = np.asarray(cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA)) / opacity
    under, clear = verdict.dirty[share > 0.6], verdict.dirty[share < 0.1]
    found, false = (round(float(cells.mean()), 4) if cells.size else None for cells in (under, clear))
    dirty = round(verdict.dirty_share, 4)
    return Watched(name, len(frames), lens, covered, opacity, verdict.told, dirty, verdict.code, found, false)

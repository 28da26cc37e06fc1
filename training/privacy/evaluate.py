"""`rasid privacy evaluate`: runs a privacy model over val as the service does, chooses thresholds, measures cost."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.reading import read_pictures
from datasets.records import Split
from datasets.sources import SOURCES
from inference.detector import Detector
from inference.privacy import KINDS, PrivacyModel
from training.errors import EvaluationError
from training.privacy.agreement import Labels, XyxyPx, agree
from training.privacy.export import rewrite_thresholds
from training.privacy.looking import FOLDER, SEEN_FILE, Picture, list_pictures, read_picture, read_seen
from training.privacy.scoring import LOWEST, Scored, as_markdown, choose, score
from training.privacy.sheets import write_sheets

SIGNS = frozenset({"BAD_BILLBOARD", "FADED_SIGNAGE", "BROKEN_SIGNAGE"})
"""Of smartathon: what people labelled as hoardings and signs."""
REPORT_FILE = "report.md"
COST_PICTURES, COST_ROUNDS = 12, 3


def evaluate_privacy(model: Path, shared: Path, runs: Path, out: Path, choose_thresholds: bool) -> str:
    """Score on val, write report and contact sheets to `out`; returns the report in Markdown."""
    pictures = run_on_val(model, shared, runs)
    card = PrivacyModel.open(model).card
    if choose_thresholds:
        scores = [choose(kind, pictures) for kind in KINDS]
        card = rewrite_thresholds(model, {one.kind: one.threshold for one in scores})
    scores = [score(kind, card.thresholds[kind], pictures) for kind in KINDS]
    out.mkdir(parents=True, exist_ok=True)
    files = {one.name: one.path for one in list_pictures(shared / "data")}
    sheets = write_sheets(pictures, files, card.thresholds, out / "sheets")
    sha256 = PrivacyModel.open(model).card.sha256
    head = f"{card.name} {card.version}, {len(pictures)} val pictures, {sheets} contact sheets, sha256 {sha256}"
    cost = measure_cost(model, [files[one.name] for one in pictures])
    report = "\n\n".join([head, as_markdown(scores), cost])
    (out / REPORT_FILE).write_text(report + "\n", "utf-8")
    (out / "scores.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in scores), "utf-8")
    return report


def run_on_val(model: Path, shared: Path, runs: Path) -> list[Scored]:
    """The model's regions on every val picture that the teachers have looked at."""
    seen = read_seen(runs / FOLDER / SEEN_FILE)
    pictures = [one for one in list_pictures(shared / "data") if one.split is Split.VAL and one.name in seen]
    if not pictures:
        raise EvaluationError(
            "expected val pictures that the teachers have looked at, got none; run rasid privacy label"
        )
    signs = read_signs(shared / "data")
    opened = PrivacyModel.open(model, thresholds=dict.fromkeys(KINDS, LOWEST))
    return [_scored(one, opened, signs.get(one.name, ()), agree(seen[one.name])) for one in pictures]


def read_signs(data: Path) -> dict[str, tuple[XyxyPx, ...]]:
    """By picture name people's boxes of hoardings and signs, as fractions of the picture."""
    (source,) = (one for one in SOURCES if one.name == "smartathon")
    if not (data / source.name).is_dir():
        return {}
    return {
        f"{source.name}/{rows.image_path.stem}": tuple(row.xyxy_fraction for row in rows.rows if row.name in SIGNS)
        for rows in read_pictures(data / source.name, source, corrected=False)
    }


def measure_cost(model: Path, pictures: Sequence[Path], against: str = "default") -> str:
    """Pictures a second on one core and the ratio to the detector, both run in turns on the same decoded pictures."""
    pixels = [read_picture(path) for path in pictures[:COST_PICTURES]]
    privacy, detector = PrivacyModel.open(model), Detector.open(against)
    runs: dict[str, Callable[[NDArray[np.uint8]], object]] = {
        "privacy": privacy.find,
        "detector": lambda one: detector.detect([one]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(pixels[0])
    for _ in range(COST_ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            for one in pixels:
                run(one)
            seconds[name].append((time.perf_counter() - began) / len(pixels))
    ours, theirs = (float(np.median(seconds[name])) for name in ("privacy", "detector"))
    return (
        f"{1 / ours:.1f} pictures/s on one core against {1 / theirs:.1f} of {detector.model.name}: "
        f"{ours / theirs:.2f} times its time"
    )


def _scored(picture: Picture, model: PrivacyModel, signs: Sequence[XyxyPx], labels: Labels) -> Scored:
    pixels = read_picture(picture.path)
    height, width = pixels.shape[:2]
    in_px = tuple((x0 * width, y0 * height, x1 * width, y1 * height) for x0, y0, x1, y1 in signs)
    return Scored(picture.name, width, height, labels, model.find(pixels), in_px)

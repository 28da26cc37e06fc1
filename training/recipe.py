"""`rasid train`: from labelled pictures to a checkpoint and a record of how it came about."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets.export import ExportedData, export_yolo, limit_images
from datasets.reading import read_sources
from datasets.records import LabelledImage, Split
from datasets.reviews import read_reviews
from datasets.sources import SOURCES, at_its_word
from datasets.taxonomy import BY_KEY
from training.config import TrainConfig, read_config
from training.sampling import drawing_weights

RECORD_FILE = "record.json"
STOP_FILE = "stop"
"""A file of this name in the run folder ends the run after the current epoch."""


def train(config_path: Path, shared: Path, runs: Path, resume: bool) -> str:
    """Train as configured; returns a line that says where the checkpoint is.

    A resumed run goes on after its last whole epoch, on the schedule fixed at the start.
    """
    config = read_config(config_path)
    run = (runs / config.name).resolve()
    images = training_images(config, shared / "data", run)
    data = export_yolo(images, run / "data")
    (run / STOP_FILE).unlink(missing_ok=True)
    record = start_record(config, data, sorted({str(image.source) for image in images}), run, resume)
    weights = drawing_weights(images, config.source_weights, config.rare_share)
    minutes_before = sum(e["seconds"] for e in record["epochs"]) / 60
    overrides = _overrides(config, data, shared, run, resume)
    _run_trainer(overrides, config, weights, epoch_recorder(record, run), minutes_before)
    record["finished_at"] = _now()
    _write_record(record, run)
    return f"{run / 'weights' / 'last.pt'} after epoch {len(record['epochs'])} of {config.epochs}"


def training_images(config: TrainConfig, data: Path, run: Path) -> list[LabelledImage]:
    """The train split within the configured limits, and the configured number of rendered frames."""
    sources = SOURCES if config.corrected_labels else [at_its_word(source) for source in SOURCES]
    known = read_sources(data, sources, config.corrected_labels)
    known += [image for folder in config.reviews for image in read_reviews(folder)]
    known = [image for image in known if image.source not in config.left_out_sources]
    images = [image for image in known if image.split is Split.TRAIN]
    if config.teacher is not None:
        from training.pseudo_labels import pseudo_label

        val = [image for image in known if image.split is Split.VAL]
        images = pseudo_label(images, val, run.parent / config.teacher, run / "pseudo_labels.json")
    if not config.partial_labels:
        images = [replace(image, labelled_classes=frozenset(BY_KEY)) for image in images]
    images = limit_images(images, config.source_limits)
    if config.rendered_frames == 0:
        return images
    from training.rendered import render_training_frames

    rendered = render_training_frames(run / "rendered", config.rendered_frames, config.rendered_first_seed)
    return images + rendered


def _overrides(config: TrainConfig, data: ExportedData, shared: Path, run: Path, resume: bool) -> dict[str, Any]:
    last = run / "weights" / "last.pt"
    return {
        "model": str(starting_weights(config, shared, run.parent)),
        "resume": str(last) if resume else False,
        "data": str(data.data_yaml),
        "epochs": config.epochs,
        "imgsz": config.image_size,
        "batch": config.batch,
        "nbs": config.update_batch or config.batch,
        "seed": config.seed,
        "optimizer": config.optimizer,
        "lr0": config.learning_rate,
        "lrf": config.final_rate_share,
        "cos_lr": config.rate_fall == "cosine",
        "warmup_epochs": config.warmup_epochs,
        "warmup_bias_lr": 0.0,
        "mosaic": config.mosaic,
        "close_mosaic": 0,
        "scale": config.scale,
        "project": str(run.parent),
        "name": run.name,
        "exist_ok": True,
        "device": "cpu",
        "workers": config.loaders,
        "cache": "ram",
        "amp": False,
        "val": False,
        "plots": False,
        "deterministic": False,
    }


def starting_weights(config: TrainConfig, shared: Path, runs: Path) -> Path:
    """The checkpoint of the run that is continued, or the configured weights."""
    return shared / config.weights if config.continues is None else runs / config.continues / "weights" / "last.pt"


def _run_trainer(
    overrides: dict[str, Any],
    config: TrainConfig,
    weights: dict[str, float],
    epoch_ended: Callable[[int, dict[str, float]], bool],
    minutes_before: float,
) -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait must not take cores from others
    from training.trainer import Pace, PartialTrainer

    pace = Pace(config.minutes, minutes_before)
    PartialTrainer(overrides, config=config, weights=weights, pace=pace, epoch_ended=epoch_ended).train()


def epoch_recorder(record: dict[str, Any], run: Path) -> Callable[[int, dict[str, float]], bool]:
    """Add each finished epoch to the record; the answer is whether the stop file asks for an end.

    An epoch enters before its checkpoint is written, so a run killed in between goes through it again.
    """
    last_end = time.monotonic()

    def epoch_ended(epoch: int, figures: dict[str, float]) -> bool:
        nonlocal last_end
        seconds = time.monotonic() - last_end
        last_end = time.monotonic()
        before = [entry for entry in record["epochs"] if entry["epoch"] < epoch]
        record["epochs"] = [*before, {"epoch": epoch, "seconds": round(seconds, 1), **figures}]
        _write_record(record, run)
        return (run / STOP_FILE).exists()

    return epoch_ended


def start_record(
    config: TrainConfig, data: ExportedData, sources: list[str], run: Path, resume: bool
) -> dict[str, Any]:
    """The record of a new run, or of the one that is resumed, written before training starts."""
    path = run / RECORD_FILE
    record: dict[str, Any] = json.loads(path.read_text("utf-8")) if resume else {"started_at": _now(), "epochs": []}
    if resume:
        record.setdefault("resumed", []).append(
            {"at": _now(), "after_epoch": len(record["epochs"]), "data_before": record["data"]["sha256"]}
        )
    record["config"] = config.model_dump(mode="json")
    images = {str(split): count for split, count in data.images.items()}
    record["data"] = {"sha256": data.sha256, "images": images, "sources": sources}
    record["versions"] = {name: version(name) for name in ("rasid", "torch", "ultralytics", "numpy")}
    record["machine"] = platform.platform()
    record["code_version"] = code_version()
    _write_record(record, run)
    return record


def code_version() -> str:
    """The commit the code is at, with '+changes' when files differ from it; 'unknown' outside a work tree."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def _write_record(record: dict[str, Any], run: Path) -> None:
    run.mkdir(parents=True, exist_ok=True)
    part = run / f"{RECORD_FILE}.part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(run / RECORD_FILE)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

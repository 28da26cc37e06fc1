"""`rasid privacy train`: from what the teachers saw to a checkpoint and a record of how it came about."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.export import ExportedData
from datasets.records import Split
from inference.privacy import KINDS
from training.partial_labels import LabelledClasses
from training.privacy.config import PrivacyConfig, read_privacy_config
from training.privacy.looking import FOLDER, SEEN_FILE, list_pictures, read_seen
from training.privacy.pictures import write_examples
from training.recipe import RECORD_FILE, STOP_FILE, epoch_recorder, start_record, starting_weights


def train_privacy(config_path: Path, shared: Path, runs: Path, resume: bool, epochs: int | None = None) -> str:
    """Train as configured on what was looked at so far; returns a line that says where the checkpoint is."""
    config = read_privacy_config(config_path)
    if epochs is not None:
        config = config.model_copy(update={"epochs": epochs})
    run = (runs / FOLDER / config.name).resolve()
    seen = read_seen(runs / FOLDER / SEEN_FILE)
    pictures = [one for one in list_pictures(shared / "data") if one.split is Split.TRAIN]
    sources = sorted({one.name.partition("/")[0] for one in pictures if one.name in seen})
    data, weights = write_examples(pictures, seen, config, run / "data")
    (run / STOP_FILE).unlink(missing_ok=True)
    record = start_record(config, data, sources, run, resume)
    minutes_before = sum(one["seconds"] for one in record["epochs"]) / 60
    overrides = _overrides(config, data, starting_weights(config, shared, runs / FOLDER), run, resume)
    _run(overrides, config, weights, record, run, minutes_before)
    record["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    (run / RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return f"{run / 'weights' / 'last.pt'} after epoch {len(record['epochs'])} of {config.epochs}"


def _overrides(config: PrivacyConfig, data: ExportedData, weights: Path, run: Path, resume: bool) -> dict[str, Any]:
    return {
        "model": str(weights), "resume": str(run / "weights" / "last.pt") if resume else False,
        "data": str(data.data_yaml), "epochs": config.epochs, "imgsz": config.image_size, "batch": config.batch,
        "nbs": config.update_batch or config.batch, "seed": config.seed, "optimizer": config.optimizer,
        "lr0": config.learning_rate, "lrf": config.final_rate_share, "cos_lr": config.rate_fall == "cosine",
        "warmup_epochs": config.warmup_epochs, "warmup_bias_lr": 0.0, "mosaic": config.mosaic, "close_mosaic": 0,
        "scale": config.scale, "project": str(run.parent), "name": run.name, "exist_ok": True, "device": "cpu",
        "workers": config.loaders, "cache": "disk", "amp": False, "val": False, "plots": False, "deterministic": False,
        "fliplr": 0.5,
    }  # fmt: skip


def _run(
    overrides: dict[str, Any], config: PrivacyConfig, weights: Mapping[str, float], record: dict[str, Any], run: Path,
    minutes_before: float,
) -> None:  # fmt: skip
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait must not take cores from others
    from training.trainer import Pace, PartialTrainer

    class PrivacyTrainer(PartialTrainer):
        """Two classes, both labelled in every picture."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.labelled = LabelledClasses.read(Path(overrides["data"]).parent, len(KINDS))

    pace = Pace(config.minutes, minutes_before)
    recorder = epoch_recorder(record, run)
    PrivacyTrainer(overrides, config=config, weights=weights, pace=pace, epoch_ended=recorder).train()

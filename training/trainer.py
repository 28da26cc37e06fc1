"""The ultralytics trainer with what it refuses on a CPU (all cores, bf16, channels-last) and with partial labels."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from ultralytics.models.yolo.detect import DetectionTrainer

from datasets.taxonomy import KEYS
from training.partial_labels import MASK_KEY, LabelledClasses, PartialDetectionModel, keep_mosaics_in_group

EpochEnded = Callable[[int, dict[str, float]], bool]
"""Told the finished epoch (from 1) and its losses; answers whether to stop after this epoch."""


class PartialTrainer(DetectionTrainer):  # type: ignore[misc]
    """Trains on exported data; scoring is left to `rasid evaluate`, which knows what is unlabelled."""

    def __init__(self, overrides: dict[str, Any], *, bf16: bool, epoch_ended: EpochEnded) -> None:
        self.bf16 = bf16
        self.epoch_ended = epoch_ended
        self.labelled = LabelledClasses.read(Path(overrides["data"]).parent, len(KEYS))
        super().__init__(overrides=overrides)
        self.add_callback("on_train_start", _use_all_cores)
        self.add_callback("on_fit_epoch_end", _report_epoch)

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> PartialDetectionModel:
        """The partial-label model with the given weights."""
        model = PartialDetectionModel(cfg, nc=self.data["nc"], ch=self.data["channels"], verbose=verbose)
        model = self.set_model_names_for_load(model)
        if weights is not None:
            model.load(weights)
        model.bf16 = self.bf16
        return model.to(memory_format=torch.channels_last)

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Training pictures with mosaics kept within a label group."""
        dataset = super().build_dataset(img_path, mode, batch)
        if mode == "train" and self.args.mosaic > 0:
            keep_mosaics_in_group(dataset, self.labelled)
        return dataset

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """The training loader for both: nothing is scored here, so no second copy of pictures is held in memory."""
        return self.train_loader if mode == "val" else super().get_dataloader(dataset_path, batch_size, rank, mode)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Add the (B, 1, classes) mask of labelled classes."""
        ready: dict[str, Any] = super().preprocess_batch(batch)
        ready[MASK_KEY] = self.labelled.mask(ready["im_file"]).to(self.device)
        return ready

    def validate(self) -> tuple[dict[str, float], None]:
        """No score here: the library's validator counts unlabelled objects as false alarms."""
        return {}, None

    def final_eval(self) -> None:
        """Keep last.pt whole, so that the run can be resumed; see validate for why nothing is scored."""


def _use_all_cores(trainer: PartialTrainer) -> None:
    torch.set_num_threads(os.cpu_count() or 1)


def _report_epoch(trainer: PartialTrainer) -> None:
    losses = {name: float(value) for name, value in (trainer.tloss or {}).items()}
    if trainer.epoch_ended(trainer.epoch + 1, losses):
        trainer.stop = True

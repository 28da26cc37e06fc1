"""The ultralytics trainer with partial labels and, refused by it on a CPU, all cores, bf16, channels-last."""

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import WeightedRandomSampler
from ultralytics.data.build import InfiniteDataLoader, seed_worker
from ultralytics.models.yolo.detect import DetectionTrainer

from datasets.taxonomy import KEYS
from training.augment import change_cameras, see_window
from training.config import TrainConfig
from training.partial_labels import (
    MASK_KEY,
    LabelledClasses,
    PartialDetectionModel,
    keep_dense_head,
    keep_mosaics_in_group,
)

EpochEnded = Callable[[int, dict[str, float]], bool]
"""Told the finished epoch (from 1), its losses and last learning rate; answers whether to stop after this epoch."""


class Pace:
    """How far a run is, by its steps or by its minutes, whichever is further."""

    def __init__(self, minutes: float | None, minutes_before: float = 0.0) -> None:
        self.limit_s = math.inf if minutes is None else minutes * 60
        self.before_s = minutes_before * 60
        self.began_s: float | None = None

    def elapsed_s(self) -> float:
        """Seconds of training, those before a resume included; the clock starts with the first call."""
        now = time.monotonic()
        self.began_s = now if self.began_s is None else self.began_s
        return self.before_s + now - self.began_s

    def share_done(self, share_of_steps: float) -> float:
        """0 at the start, 1 at the end."""
        return min(max(share_of_steps, self.elapsed_s() / self.limit_s), 1.0)

    def is_over(self) -> bool:
        """Whether the minutes are used up."""
        return self.elapsed_s() >= self.limit_s


class PartialTrainer(DetectionTrainer):  # type: ignore[misc]
    """Trains on exported data; scoring is left to `rasid evaluate`, which knows what is unlabelled."""

    last: Path

    def __init__(
        self,
        overrides: dict[str, Any],
        *,
        config: TrainConfig,
        weights: Mapping[str, float],
        pace: "Pace",
        epoch_ended: EpochEnded,
    ) -> None:
        self.config = config
        self.weights = weights
        self.pace = pace
        self.epoch_ended = epoch_ended
        self.mosaics_ended = False
        self.labelled = LabelledClasses.read(Path(overrides["data"]).parent, len(KEYS))
        super().__init__(overrides=overrides)
        self.add_callback("on_train_start", _begin)
        self.add_callback("on_train_epoch_start", _end_mosaics)
        self.add_callback("on_train_batch_start", _set_rates)
        self.add_callback("on_train_batch_end", _stop_in_time)
        self.add_callback("on_train_epoch_end", _report_epoch)

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> PartialDetectionModel:
        """The partial-label model with the given weights."""
        model = PartialDetectionModel(cfg, nc=self.data["nc"], ch=self.data["channels"], verbose=verbose)
        self.set_model_names_for_load(model)
        if weights is not None:
            model.load(weights)
        if self.config.head == "dense":
            keep_dense_head(model)
        model.bf16 = self.config.bf16
        model.to(memory_format=torch.channels_last)
        return model

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Training pictures with mosaics kept within a label group."""
        dataset = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            side = self.config.window or self.config.image_size
            see_window(dataset, side, side)
            change_cameras(dataset, self.config.camera_changes)
        if mode == "train" and self.args.mosaic > 0:
            keep_mosaics_in_group(dataset, self.labelled, self.weights)
        return dataset

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """The training loader for both: nothing is scored here, so pictures are held in memory once."""
        if mode == "val":
            return self.train_loader
        dataset = self.build_dataset(dataset_path, mode, batch_size)
        weights = [self.weights[Path(im_file).stem] for im_file in dataset.im_files]
        draws = WeightedRandomSampler(weights, round(sum(weights)), replacement=True, generator=_seeded(self.args.seed))
        return InfiniteDataLoader(
            dataset,
            batch_size,
            sampler=draws,
            num_workers=self.config.loaders,  # the library allows none on a processor; one keeps both cores busy
            prefetch_factor=2 if self.config.loaders else None,
            collate_fn=dataset.collate_fn,
            worker_init_fn=seed_worker,
            generator=_seeded(self.args.seed),
            drop_last=True,
        )

    def _close_dataloader_mosaic(self) -> None:
        """The last epochs see whole pictures in the shape of a survey frame, as when the model is used."""
        super()._close_dataloader_mosaic()
        width = self.config.image_size
        height = width if self.config.window is None else math.ceil(width * 9 / 16 / 32) * 32
        see_window(self.train_loader.dataset, width, height)
        change_cameras(self.train_loader.dataset, self.config.camera_changes)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Add the (B, 1, classes) mask of labelled classes."""
        ready: dict[str, Any] = super().preprocess_batch(batch)
        ready[MASK_KEY] = self.labelled.mask(ready["im_file"]).to(self.device)
        return ready

    def save_model(self) -> bool:
        """Write the checkpoint beside the last one and swap them: a run killed in mid-write keeps a whole one."""
        last = self.last
        self.last = last.with_suffix(".part")
        try:
            saved = bool(super().save_model())
            if saved:
                self.last.replace(last)
        finally:
            self.last = last
        return saved

    def validate(self) -> tuple[dict[str, float], None]:
        """No score here: the library's validator counts unlabelled objects as false alarms."""
        return {}, None

    def final_eval(self) -> None:
        """Keep last.pt whole, so that the run can be resumed; see validate for why nothing is scored."""


def _seeded(seed: int) -> torch.Generator:
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def _begin(trainer: PartialTrainer) -> None:
    torch.set_num_threads(trainer.config.threads or os.cpu_count() or 1)
    trainer.model.epochs_done = trainer.start_epoch
    for generator in (trainer.train_loader.generator, trainer.train_loader.sampler.generator):
        generator.manual_seed(trainer.args.seed + trainer.start_epoch)  # a resumed run does not draw epoch 1 again
    if trainer.config.averaging is not None:
        limit = trainer.config.averaging
        trainer.ema.decay = lambda updates: limit * (1 - math.exp(-updates / 100))


def _end_mosaics(trainer: PartialTrainer) -> None:
    """The last mosaic_free_epochs of `epochs` go without, or as large a share of the minutes."""
    share = trainer.pace.share_done(trainer.epoch / trainer.epochs)
    if not trainer.mosaics_ended and share >= 1 - trainer.config.mosaic_free_epochs / trainer.epochs:
        trainer.mosaics_ended = True
        trainer._close_dataloader_mosaic()
        trainer.train_loader.reset()


def _set_rates(trainer: PartialTrainer) -> None:
    """One fall over the whole run; the library's own warm-up overrules it in the first steps."""
    steps = len(trainer.train_loader)
    trainer.steps_done = getattr(trainer, "steps_done", trainer.start_epoch * steps)
    share = trainer.pace.share_done(trainer.steps_done / (trainer.epochs * steps))
    left = 1 - share if trainer.config.rate_fall == "linear" else (1 + math.cos(math.pi * share)) / 2
    fall = trainer.args.lrf + (1 - trainer.args.lrf) * left
    for group in trainer.optimizer.param_groups:
        group["lr"] = group["initial_lr"] * fall
    trainer.steps_done += 1


def _stop_in_time(trainer: PartialTrainer) -> None:
    if trainer.pace.is_over():
        trainer.stop = True


def _report_epoch(trainer: PartialTrainer) -> None:
    figures = {name: float(value) for name, value in (trainer.tloss or {}).items()}
    figures["learning_rate"] = float(trainer.optimizer.param_groups[0]["lr"])
    if trainer.epoch_ended(trainer.epoch + 1, figures):
        trainer.stop = True

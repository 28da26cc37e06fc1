"""Learning from sources that label only their own classes: what nobody labelled stays out of the loss."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ultralytics.data.augment import Mosaic
from ultralytics.data.dataset import YOLODataset
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss

from datasets.export import LABELLED_FILE

MASK_KEY = "class_mask"


class LabelledClasses:
    """Which classes each picture labels, by file name."""

    def __init__(self, labelled: Mapping[str, Sequence[int]], class_count: int) -> None:
        self.labelled = labelled
        self.class_count = class_count

    @classmethod
    def read(cls, folder: Path, class_count: int) -> "LabelledClasses":
        """Read labelled.json of an exported data folder."""
        return cls(json.loads((folder / LABELLED_FILE).read_text("utf-8")), class_count)

    def group(self, im_file: str) -> tuple[int, ...]:
        """The label group of a picture; only pictures of one group may share a mosaic."""
        return tuple(self.labelled[Path(im_file).name])

    def mask(self, im_files: Sequence[str]) -> torch.Tensor:
        """Float (B, 1, classes): 1 where the picture labels the class, 0 where it is unknown."""
        mask = torch.zeros(len(im_files), 1, self.class_count)
        for row, im_file in enumerate(im_files):
            mask[row, 0, list(self.group(im_file))] = 1.0
        return mask


class PartialLoss(v8DetectionLoss):  # type: ignore[misc]
    """The detection loss without the (picture, class) cells nobody labelled: they get zero gradient."""

    def get_assigned_targets_and_loss(self, preds: Any, batch: Any, **assign: Any) -> Any:
        """Use the batch's class mask as class weights; a batch without one counts every class."""
        self.class_weights = batch.get(MASK_KEY)
        return super().get_assigned_targets_and_loss(preds, batch, **assign)


class PartialDetectionModel(DetectionModel):  # type: ignore[misc]
    """The detector with PartialLoss, its forward pass in bf16 on processors that have it."""

    bf16: bool = False
    epochs_done: int = 0

    def init_criterion(self) -> Any:
        """Both heads of an NMS-free model use the same mask; a resumed run goes on with their balance."""
        if getattr(self.model[-1], "one2one_cv2", None) is None:
            return PartialLoss(self)
        criterion = E2ELoss(self, PartialLoss)
        if self.epochs_done:
            criterion.updates = self.epochs_done - 1
            criterion.update()
        return criterion

    def loss(self, batch: Any, preds: Any = None) -> Any:
        """Forward in bf16 and channels-last, loss in float32: box decoding loses too much in bf16."""
        if preds is None:
            image = batch["img"].contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
                preds = self.forward(image)
        return super().loss(batch, _to_float32(preds))


class GroupMosaic(Mosaic):  # type: ignore[misc]
    """A mosaic whose partners label the same classes as the first picture, whose name the batch carries."""

    def __init__(self, mosaic: Mosaic, labelled: LabelledClasses, weights: Mapping[str, float]) -> None:
        super().__init__(mosaic.dataset, imgsz=mosaic.imgsz, p=mosaic.p, n=mosaic.n)
        self.labelled = labelled
        self.weights = [weights[Path(im_file).stem] for im_file in self.dataset.im_files]
        self.members: dict[tuple[int, ...], list[int]] = {}
        for index, im_file in enumerate(self.dataset.im_files):
            self.members.setdefault(labelled.group(im_file), []).append(index)
        self.current: list[int] = []

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Remember the first picture's group before partners are drawn."""
        self.current = self.members[self.labelled.group(labels["im_file"])]
        params: dict[str, Any] = super().get_params(labels)
        return params

    def get_indexes(self) -> list[int]:
        """Three partners of the current group by their weights, with replacement."""
        return random.choices(self.current, [self.weights[index] for index in self.current], k=self.n - 1)


def keep_dense_head(model: PartialDetectionModel) -> None:
    """Drop the NMS-free head of a model that has one."""
    for part in ("one2one_cv2", "one2one_cv3"):
        if hasattr(model.model[-1], part):
            delattr(model.model[-1], part)


def keep_mosaics_in_group(dataset: YOLODataset, labelled: LabelledClasses, weights: Mapping[str, float]) -> None:
    """Replace the data set's mosaic; transforms of another shape are refused rather than left unmasked."""
    transforms = dataset.transforms.transforms
    inner = transforms[0].transforms
    if not isinstance(inner[0], Mosaic):
        raise TypeError(f"expected Mosaic as the first training transform, got {type(inner[0]).__name__}")
    inner[0] = GroupMosaic(inner[0], labelled, weights)


def _to_float32(preds: Any) -> Any:
    if isinstance(preds, torch.Tensor):
        return preds.float()
    if isinstance(preds, dict):
        return {key: _to_float32(value) for key, value in preds.items()}
    if isinstance(preds, list | tuple):
        return type(preds)(_to_float32(value) for value in preds)
    return preds

"""What a network found on one split beside what is labelled there, kept so that every question is asked of one run."""

import gzip
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from datasets.records import Split
from inference.model import ModelCard
from training.errors import EvaluationError
from training.scoring import Cell
from training.views import View

TRIAL_FILE = "trial.json.gz"

Xyxy = tuple[float, float, float, float]
XyxyScore = tuple[float, float, float, float, float]
Truth = dict[str, tuple[Xyxy, ...]]
"""Class key -> labelled boxes; a class that is missing is unknown in the picture, not absent."""


class Labels(StrEnum):
    """Whose word is taken for what a picture shows."""

    CORRECTED = "corrected"  # with datasets/corrections
    PUBLISHED = "published"  # as the source published them


class Picture(BaseModel):
    """One (cropped) picture: boxes in its pixels; found ones carry the network's own score, highest first."""

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    group: str
    width_px: int
    height_px: int
    found: dict[str, tuple[XyxyScore, ...]]
    truth: dict[Labels, Truth]


class Trial(BaseModel):
    """One network on one split; `model` is the card of the file it was read from, thresholds included."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    model: ModelCard
    network_sha256: str
    split: Split
    view: View | None = None  # None: each picture whole, at the network's own size
    detected_at: str
    pictures: tuple[Picture, ...]

    def cells(self, labels: Labels) -> list[Cell]:
        """One cell for each class a picture's source labels; other detections are neither right nor wrong."""
        return [_cell(picture, key, labels) for picture in self.pictures for key in sorted(picture.truth[labels])]


def write_trial(trial: Trial, path: Path) -> None:
    path.write_bytes(gzip.compress(trial.model_dump_json().encode("utf-8"), mtime=0))


def read_trial(path: Path) -> Trial:
    """Read what write_trial wrote; raises EvaluationError for a missing or foreign file."""
    try:
        return Trial.model_validate_json(gzip.decompress(path.read_bytes()))
    except FileNotFoundError as error:
        raise EvaluationError(f"expected {path}, got no such file; write it with rasid evaluate --out") from error
    except (gzip.BadGzipFile, EOFError, ValidationError) as error:
        raise EvaluationError(f"expected a {TRIAL_FILE} of rasid evaluate at {path}, got {error}") from error


def _cell(picture: Picture, class_key: str, labels: Labels) -> Cell:
    found = np.array(picture.found.get(class_key, ()), dtype=np.float64).reshape(-1, 5)
    truth = np.array(picture.truth[labels][class_key], dtype=np.float64).reshape(-1, 4)
    return Cell(class_key, picture.source, picture.group, truth, found[:, :4], found[:, 4])

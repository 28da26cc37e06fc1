"""What a training run may be told, read from one YAML file in which an unknown key is refused."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import ConfigError


class TrainConfig(BaseModel):
    """One run, complete before it starts.

    The learning rate falls with the share of `epochs` done or, where a run has `minutes`, with the share of
    these if that is larger: on a busy machine a run then still ends in time and with its lowest rate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    weights: Path
    """Starting weights, relative to the shared folder."""
    continues: str | None = None
    """Name of a finished run whose last checkpoint replaces the starting weights, on a new schedule."""
    epochs: Annotated[int, Field(gt=0)]
    minutes: Annotated[float, Field(gt=0)] | None = None
    image_size: Annotated[int, Field(gt=0, multiple_of=32)] = 640
    """Long side in pixels to which pictures are scaled, in training as when the model is used."""
    window: Annotated[int, Field(gt=0, multiple_of=32)] | None = None
    """Side of the square that a training step sees of a mosaic; image_size unless given."""
    head: Literal["dense", "both"] = "both"
    """dense: only the head that needs non-maximum suppression is kept and trained."""
    batch: Annotated[int, Field(gt=0)] = 16
    seed: int = 0
    update_batch: Annotated[int, Field(gt=0)] | None = None
    """Pictures between two updates of the weights; batch unless given."""
    optimizer: Literal["AdamW", "auto"] = "AdamW"
    """auto: the library's own choice of optimizer and rate, which then ignores learning_rate."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    final_rate_share: Annotated[float, Field(gt=0, le=1)] = 0.05
    rate_fall: Literal["cosine", "linear"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.5
    averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the averaged weights kept at each update. The library's own rises to 0.9999 so slowly that a run of
    a thousand updates ends with hardly any averaging; it is used when none is given."""
    mosaic: Annotated[float, Field(ge=0, le=1)] = 1.0
    mosaic_free_epochs: Annotated[int, Field(ge=0)] = 1
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.5
    camera_changes: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of pictures made to look as from another camera: blurred, compressed, coarser, brighter or darker."""
    partial_labels: bool = True
    """False: what a source does not label counts as absent, as when label files are simply merged."""
    corrected_labels: bool = True
    """False: whole pictures and labels at their word, without this project's corrections and lane crops."""
    teacher: Path | None = None
    """An .onnx file, relative to the runs folder, that fills in what sources leave unlabelled where it is sure."""
    reviews: tuple[Path, ...] = ()
    """Folders of `rasid data from-reviews`, relative to the working folder: what inspectors said of survey frames."""
    left_out_sources: frozenset[str] = frozenset()
    source_limits: dict[str, Annotated[int, Field(ge=0)]] = {}
    source_weights: dict[str, Annotated[float, Field(gt=0)]] = {}
    """How often a source's pictures are drawn in an epoch; 1 unless given."""
    rare_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Classes in a smaller share of the pictures than this are drawn more often (repeat-factor sampling)."""
    rendered_frames: Annotated[int, Field(ge=0)] = 0
    rendered_first_seed: int = 10_000
    bf16: bool = True
    loaders: Annotated[int, Field(ge=0)] = 1
    """Processes that prepare pictures while the model learns."""
    threads: Annotated[int, Field(ge=0)] = 0
    """0 means every core. On a machine that others keep busy one thread is faster: a step of 16 pictures took
    2.3 to 3.4 s on one thread of two busy cores and 3.9 to 10 s on two, which wait for each other."""


def read_config(path: Path) -> TrainConfig:
    """Read and check one configuration; the message names the file and every wrong key."""
    try:
        return TrainConfig.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors())
        raise ConfigError(f"{path}: expected a training configuration, got {wrong}; correct these keys") from error

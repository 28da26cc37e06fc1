"""What a training run of a privacy model may be told: what `rasid train` knows, and what is pasted into pictures."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from training.config import TrainConfig
from training.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]


class PrivacyConfig(TrainConfig):
    """One run, complete before it starts. Sources are drawn by source_weights, pictures with a box more often."""

    pasted_plates: Share = 0.5
    """Share of vehicles seen from ahead or behind, without a plate of their own, that get a drawn one."""
    boards: Share = 0.5
    """Share of pictures that get drawn boards with writing: what must never be blurred."""
    with_boxes_weight: Annotated[float, Field(gt=0)] = 3.0
    """How often a picture with a box is drawn against one without."""


def read_privacy_config(path: Path) -> PrivacyConfig:
    """Read and check one configuration; the message names the file and every wrong key."""
    try:
        return PrivacyConfig.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors())
        raise ConfigError(f"{path}: expected a privacy configuration, got {wrong}; correct these keys") from error

"""How often each picture is drawn in an epoch: by its source, and more often for what is rare."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from datasets.records import LabelledImage


def drawing_weights(
    images: Sequence[LabelledImage], source_weights: Mapping[str, float], rare_share: float
) -> dict[str, float]:
    """Picture name -> expected draws an epoch, before rounding.

    A picture is drawn as often as its source's weight times the repeat factor of its rarest class,
    max(1, sqrt(rare_share / share of pictures with that class)) (Gupta et al. 2019, LVIS, section 5.2).
    """
    shares = _class_shares(images)
    repeats = {key: max(1.0, math.sqrt(rare_share / share)) for key, share in shares.items()}
    return {
        image.name: source_weights.get(image.source, 1.0) * max((repeats[k] for k in _classes(image)), default=1.0)
        for image in images
    }


def _class_shares(images: Sequence[LabelledImage]) -> dict[str, float]:
    counts = Counter(key for image in images for key in _classes(image))
    return {key: count / len(images) for key, count in counts.items()}


def _classes(image: LabelledImage) -> set[str]:
    return {box.class_key for box in image.boxes}

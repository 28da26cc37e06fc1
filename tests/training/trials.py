"""Made-up trials of a known skill: what a detector found in pictures whose boxes are known."""

from collections.abc import Mapping, Sequence

import numpy as np

from datasets.records import Split
from datasets.taxonomy import KEYS
from tests.models import blob_card
from training.headline import HEADLINE
from training.trial import Labels, Picture, Trial, Xyxy, XyxyScore

HERE: Xyxy = (0.0, 0.0, 40.0, 40.0)
THERE: Xyxy = (100.0, 100.0, 140.0, 140.0)
SCENES = 12


def picture(
    name: str,
    source: str,
    truth: Mapping[str, Sequence[Xyxy]],
    found: Mapping[str, Sequence[XyxyScore]] | None = None,
    group: str = "g",
) -> Picture:
    labelled = {key: tuple(boxes) for key, boxes in truth.items()}
    return Picture(
        name=name,
        source=source,
        group=group,
        width_px=200,
        height_px=200,
        found={key: tuple(boxes) for key, boxes in (found or {}).items()},
        truth=dict.fromkeys(Labels, labelled),
    )


def trial(pictures: Sequence[Picture], sha256: str = "a", split: Split = Split.VAL) -> Trial:
    card = blob_card("dense", KEYS, (320, 320)).model_copy(update={"sha256": sha256})
    return Trial(model=card, network_sha256="n", split=split, detected_at="", pictures=tuple(pictures))


def drawn_pictures(skill: float, pothole_alarms: int = 0, seed: int = 0) -> list[Picture]:
    """One picture a scene with a box of each headline class, found with probability `skill`, and empty roads.

    Each picture also has a false alarm of a lower score; `pothole_alarms` of ten empty roads show a pothole.
    """
    random = np.random.default_rng(seed)
    pictures = []
    for source in sorted({part.source for part in HEADLINE}):
        keys = [part.class_key for part in HEADLINE if part.source == source]
        for scene in range(SCENES):
            truth = {key: [HERE] for key in keys}
            found = {key: [(*HERE, 0.9)] * bool(random.random() < skill) + [(*THERE, 0.3)] for key in keys}
            pictures.append(picture(f"{source}{scene}", source, truth, found, group=str(scene)))
    for number in range(10):
        alarms = {"pothole": [(*HERE, 0.9)]} if number < pothole_alarms else {}
        empty: dict[str, list[Xyxy]] = {"pothole": [], "garbage": []}
        pictures.append(picture(f"road{number}", "neg_india_dash", empty, alarms, group=str(number)))
    return pictures

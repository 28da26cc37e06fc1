"""Pictures of weighty sources and of rare classes are drawn more often."""

import math
from pathlib import Path

import pytest

from datasets.records import LabelledBox, LabelledImage, Split
from training.sampling import drawing_weights


def picture(stem: str, source: str, *keys: str) -> LabelledImage:
    boxes = tuple(LabelledBox(key, (0.1, 0.1, 0.2, 0.2)) for key in keys)
    return LabelledImage(Path(f"{stem}.webp"), source, "group", Split.TRAIN, boxes, frozenset(keys))


def test_a_source_without_a_weight_is_drawn_once_an_epoch() -> None:
    weights = drawing_weights([picture("a", "road", "pothole"), picture("b", "wall", "graffiti")], {"wall": 0.5}, 0.0)
    assert weights == {"road__a": 1.0, "wall__b": 0.5}


def test_a_picture_is_repeated_for_its_rarest_class() -> None:
    common = [picture(f"c{i}", "road", "pothole") for i in range(99)]
    rare = picture("r", "road", "pothole", "sand_rubble")
    weights = drawing_weights([*common, rare], {}, 0.04)
    assert weights["road__c0"] == 1.0
    assert weights["road__r"] == pytest.approx(math.sqrt(0.04 / 0.01))


def test_a_picture_without_boxes_is_not_repeated() -> None:
    assert drawing_weights([picture("a", "road"), picture("b", "road", "pothole")], {}, 0.9)["road__a"] == 1.0

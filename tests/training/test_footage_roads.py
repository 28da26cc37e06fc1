"""Roads are watched in the order they were driven, without the test split and without short ones."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from datasets.records import LabelledImage, Split
from inference.lens_watch import FEWEST_FRAMES
from training.footage_roads import WATCHED, roads_of, watch_road


def picture(road: str, place: int, split: Split = Split.TRAIN, folder: Path = Path()) -> LabelledImage:
    path = folder / f"{road}_{place:05d}.png"
    return LabelledImage(path, "bianka_br_highway", road, split, (), frozenset())


def drawn(images: Sequence[LabelledImage], *, dirty: bool) -> None:
    """Grain that differs from picture to picture, with or without a smooth spot that stays."""
    for number, image in enumerate(images):
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, int(rng.integers(155, 255)), (240, 400, 3), np.uint8)
        if dirty:
            pixels[140:190, 180:260] = 120
        cv2.imwrite(str(image.image_path), pixels)


def test_long_roads_are_kept_in_the_order_driven() -> None:
    long = [picture("long", 100 - place) for place in range(WATCHED + 1)]
    short = [picture("short", place) for place in range(WATCHED)]
    unseen = [picture("unseen", place, Split.TEST) for place in range(2 * WATCHED)]
    ((name, own),) = roads_of([*long, *short, *unseen])
    assert (name, own) == ("long", long[::-1])


def test_each_picture_from_the_twentieth_on_is_a_verdict(tmp_path: Path) -> None:
    images = [picture("road", place, folder=tmp_path) for place in range(FEWEST_FRAMES + 3)]
    for dirty in (True, False):
        drawn(images, dirty=dirty)
        road = watch_road("road", images)
        assert (road.pictures, road.verdicts) == (FEWEST_FRAMES + 3, 4)
        assert road.named == (4 if dirty else 0)
        assert (road.highest_share > 0.018) is dirty

"""Opens every picture once and keeps what the audit needs of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from datasets.audit_hashing import hash_picture
from datasets.audit_keypoints import Keypoints, find_keypoints
from datasets.reading import read_pixels
from datasets.records import LabelledImage

Item = TypeVar("Item")


class Watch(Protocol):
    """Passes items on and shows how far they are."""

    def __call__(self, items: Sequence[Item], what: str) -> Iterable[Item]:
        """The same items, one by one."""


@dataclass(frozen=True, eq=False)
class SeenPicture:
    """A picture as the detector gets it (cropped to the lane where one is given), and its likeness."""

    image: LabelledImage
    width_px: int
    height_px: int
    look_hash: np.uint64
    keypoints: Keypoints

    @property
    def stored_px(self) -> tuple[float, float]:
        """Width and height of the whole stored picture."""
        x0, y0, x1, y1 = self.image.crop_fraction or (0.0, 0.0, 1.0, 1.0)
        return self.width_px / (x1 - x0), self.height_px / (y1 - y0)


def scan(images: Sequence[LabelledImage], watch: Watch) -> list[SeenPicture]:
    """Every picture opened; one that cannot be read raises DataError with its path."""
    return [_see(image) for image in watch(images, "pictures")]


def _see(image: LabelledImage) -> SeenPicture:
    pixels = read_pixels(image)
    height_px, width_px = pixels.shape[:2]
    return SeenPicture(image, width_px, height_px, hash_picture(pixels), find_keypoints(pixels))

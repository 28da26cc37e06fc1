"""The values every source is read into, so that nothing else ever looks at a source's own files."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

XyxyFraction = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions 0..1 of the picture."""


class Split(StrEnum):
    """What an image may be used for; test is scored and never tuned on."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Viewpoint(StrEnum):
    """How the camera sees the street: only vehicle frames look like a survey's."""

    VEHICLE = "vehicle"
    STREET = "street"
    HANDHELD = "handheld"
    DOWNWARD = "downward"
    RENDERED = "rendered"


@dataclass(frozen=True)
class LabelledBox:
    """One labelled defect in the (cropped) picture."""

    class_key: str
    xyxy_fraction: XyxyFraction


@dataclass(frozen=True)
class LabelledImage:
    """One picture and everything known about it; classes outside labelled_classes are unknown, not absent."""

    image_path: Path
    source: str
    group: str
    split: Split
    boxes: tuple[LabelledBox, ...]
    labelled_classes: frozenset[str]
    crop_fraction: XyxyFraction | None = None

    @property
    def name(self) -> str:
        """A name no other image has: source and stem."""
        return f"{self.source}__{self.image_path.stem}"


def crop_box(box: LabelledBox, crop: XyxyFraction, least_visible: float = 0.5) -> LabelledBox | None:
    """The box in the cropped picture's fractions; None when less than `least_visible` of its area remains."""
    x0, y0, x1, y1 = box.xyxy_fraction
    left, top, right, bottom = crop
    inside = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
    width, height = inside[2] - inside[0], inside[3] - inside[1]
    if width <= 0 or height <= 0 or width * height < least_visible * (x1 - x0) * (y1 - y0):
        return None
    across, down = right - left, bottom - top
    fraction = tuple((v - o) / s for v, o, s in zip(inside, (left, top) * 2, (across, down) * 2, strict=True))
    return LabelledBox(box.class_key, (fraction[0], fraction[1], fraction[2], fraction[3]))

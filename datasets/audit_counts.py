"""Counts what the sources hold: pictures, boxes and their sizes, corrections, licences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from datasets.audit_scan import SeenPicture
from datasets.label_corrections import read_box_corrections, read_leaks, read_verdicts
from datasets.records import LabelledImage
from datasets.sources import BY_NAME
from datasets.taxonomy import KEYS

SMALL_PX2, LARGE_PX2 = 32.0**2, 96.0**2
"""COCO's areas: below the first a box is small, from the second on large."""


@dataclass(frozen=True)
class ClassCount:
    """One class in one split of one source; pictures_labelled are those where its absence is known too."""

    source: str
    split: str
    class_key: str
    pictures_labelled: int
    pictures_with_box: int
    boxes: int


@dataclass(frozen=True)
class PictureCount:
    """The pictures of one split of one source, their scene groups and their most frequent size."""

    source: str
    split: str
    pictures: int
    groups: int
    usual_size_px: str
    sizes: int


@dataclass(frozen=True)
class BoxSizes:
    """How large the boxes of a class are: side is the root of the area, share that of the picture's area."""

    class_key: str
    boxes: int
    median_side_px: float
    median_share: float
    small: int
    medium: int
    large: int


@dataclass(frozen=True)
class CorrectionCount:
    """How often one action was taken on a split of a source, and why (reason -> times)."""

    source: str
    split: str
    action: str
    count: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class LicenceCount:
    """Under which terms a source's pictures came."""

    source: str
    licence: str
    pictures: int


def count_classes(images: Iterable[LabelledImage]) -> list[ClassCount]:
    """Every class a source labels in a split, with or without boxes."""
    labelled: Counter[tuple[str, str, str]] = Counter()
    carrying: Counter[tuple[str, str, str]] = Counter()
    boxes: Counter[tuple[str, str, str]] = Counter()
    for image in images:
        home = image.source, image.split.value
        labelled.update((*home, key) for key in image.labelled_classes)
        carrying.update((*home, key) for key in {box.class_key for box in image.boxes})
        boxes.update((*home, box.class_key) for box in image.boxes)
    order = sorted(labelled, key=lambda cell: (cell[0], cell[1], KEYS.index(cell[2])))
    return [ClassCount(*cell, labelled[cell], carrying[cell], boxes[cell]) for cell in order]


def count_pictures(seen: Iterable[SeenPicture]) -> list[PictureCount]:
    """Pictures by source and split; sizes are those the detector gets, after a crop to the lane."""
    homes = defaultdict(list)
    for picture in seen:
        homes[picture.image.source, picture.image.split.value].append(picture)
    return [_describe_home(source, split, pictures) for (source, split), pictures in homes.items()]


def measure_boxes(seen: Iterable[SeenPicture]) -> list[BoxSizes]:
    """Box sizes by class, in the class order; classes without boxes are left out."""
    sizes = defaultdict(list)
    for picture in seen:
        for box in picture.image.boxes:
            x0, y0, x1, y1 = box.xyxy_fraction
            share = (x1 - x0) * (y1 - y0)
            sizes[box.class_key].append((share * picture.width_px * picture.height_px, share))
    return [_describe_sizes(key, sizes[key]) for key in KEYS if key in sizes]


def count_corrections(homes: dict[tuple[str, str], str]) -> list[CorrectionCount]:
    """Corrections on record for the pictures in `homes` ((source, stem) -> split), verdicts and leaks included."""
    reasons: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for source in dict.fromkeys(source for source, _ in homes):
        for stem, action, reason in _all_corrections(source):
            if (source, stem) in homes:
                reasons[source, homes[source, stem], action][reason] += 1
    return [
        CorrectionCount(source, split, action, why.total(), dict(why.most_common()))
        for (source, split, action), why in sorted(reasons.items())
    ]


def list_licences(images: Iterable[LabelledImage]) -> list[LicenceCount]:
    """Source, licence and number of pictures."""
    pictures = Counter(image.source for image in images)
    return [LicenceCount(source, BY_NAME[source].licence, count) for source, count in pictures.items()]


def _all_corrections(source: str) -> Iterable[tuple[str, str, str]]:
    for stem, corrections in read_box_corrections(source).items():
        yield from ((stem, correction.action.value, correction.reason) for correction in corrections)
    if BY_NAME[source].corrected:
        yield from ((stem, "verdict", verdict) for (stem, _), (_, verdict) in read_verdicts(source).items())
    yield from ((stem, "leave out", reason) for stem, reason in read_leaks(source).items())


def _describe_home(source: str, split: str, pictures: Sequence[SeenPicture]) -> PictureCount:
    sizes = Counter(f"{picture.width_px} x {picture.height_px}" for picture in pictures)
    groups = {picture.image.group for picture in pictures}
    return PictureCount(source, split, len(pictures), len(groups), sizes.most_common(1)[0][0], len(sizes))


def _describe_sizes(class_key: str, sizes: Sequence[tuple[float, float]]) -> BoxSizes:
    areas_px2 = [area for area, _ in sizes]
    small = sum(area < SMALL_PX2 for area in areas_px2)
    large = sum(area >= LARGE_PX2 for area in areas_px2)
    return BoxSizes(
        class_key=class_key,
        boxes=len(sizes),
        median_side_px=round(median(sqrt(area) for area in areas_px2), 1),
        median_share=round(median(share for _, share in sizes), 5),
        small=small,
        medium=len(sizes) - small - large,
        large=large,
    )

"""Frames of the drive simulator to train on, so that a model also finds what a demonstration draws."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from datasets.records import LabelledBox, LabelledImage, Split, Viewpoint
from datasets.simulator import ROUTES, RenderedFrame, drive
from datasets.taxonomy import BY_KEY

FRAMES_A_TOWN = 20
FRAMES_BETWEEN = 2
"""One frame in two, 10 to 16 m apart: neighbours look alike, yet a town takes as long as thirty frames."""


def render_training_frames(folder: Path, count: int, first_seed: int) -> list[LabelledImage]:
    """`count` frames of drives seeded first_seed, first_seed + 1, ...; drives in `folder` are read back."""
    images: list[LabelledImage] = []
    towns = sorted(ROUTES)
    for drive_number in range(-(-count // FRAMES_A_TOWN)):
        town, seed = towns[drive_number % len(towns)], first_seed + drive_number
        images.extend(_read_or_render(folder / f"{town}_{seed}", town, seed))
    return images[:count]


def _read_or_render(folder: Path, town: str, seed: int) -> Iterator[LabelledImage]:
    listing = folder / "frames.json"
    if not listing.exists():
        _render(folder, town, seed)
    for name, boxes in json.loads(listing.read_text("utf-8")).items():
        labelled = tuple(LabelledBox(key, tuple(fraction)) for key, fraction in boxes)
        yield LabelledImage(
            folder / name, Viewpoint.RENDERED, f"{town}_{seed}", Split.TRAIN, labelled, frozenset(BY_KEY)
        )


def _render(folder: Path, town: str, seed: int) -> None:
    """Write the pictures and, last of all, their listing: a folder without one is rendered again."""
    folder.mkdir(parents=True, exist_ok=True)
    listing = {}
    frames = drive(seed, FRAMES_A_TOWN * FRAMES_BETWEEN, town=town)
    for frame in islice(frames, 0, None, FRAMES_BETWEEN):
        (folder / frame.name).write_bytes(frame.jpeg())
        listing[frame.name] = _truth_boxes(frame)
    (folder / "frames.json").write_text(json.dumps(listing), encoding="utf-8")


def _truth_boxes(frame: RenderedFrame) -> list[tuple[str, list[float]]]:
    height, width = frame.pixels.shape[:2]
    sides = (width, height, width, height)
    return [
        (truth.class_key, [float(v) / side for v, side in zip(truth.xyxy_px, sides, strict=True)])
        for truth in frame.truths
    ]

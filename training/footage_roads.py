"""Shows how often the watch names a clean lens on whole roads: python -m training.footage_roads SHARED.

The service asks after every batch of a drive, so one false alarm in a hundred verdicts is one on most drives. The test
split is not read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from datasets.reading import read_sources
from datasets.records import LabelledImage, Split
from inference.lens_watch import FEWEST_FRAMES, LensWatch
from inference.quality import judge
from training.footage_trials import whole_picture

WATCHED = 40  # frames, as service.surveys.lens


@dataclass(frozen=True)
class Road:
    """One road as it was driven: after each picture from the 20th on one verdict on the last WATCHED."""

    name: str
    pictures: int
    verdicts: int
    named: int
    highest_share: float


def main(shared: Annotated[Path, typer.Argument(help="The shared data folder.")]) -> None:
    """Print a line for each road and the sum."""
    roads = [watch_road(name, own) for name, own in roads_of(read_sources(shared / "data"))]
    for road in roads:
        typer.echo(
            f"{road.name}: {road.pictures} pictures, {road.verdicts} verdicts, {road.named} named, "
            f"share at most {road.highest_share:.4f}"
        )
    verdicts, named = sum(road.verdicts for road in roads), sum(road.named for road in roads)
    typer.echo(f"together: {len(roads)} roads, {verdicts} verdicts, {named} named ({named / verdicts:.1%})")


def roads_of(images: Iterable[LabelledImage]) -> list[tuple[str, list[LabelledImage]]]:
    """The roads with more pictures than are watched at once, each in the order it was driven."""
    roads: dict[str, list[LabelledImage]] = {}
    for image in images:
        if image.source == "bianka_br_highway" and image.split is not Split.TEST:
            roads.setdefault(image.group, []).append(image)
    long_enough = {name: own for name, own in roads.items() if len(own) > WATCHED}
    return [(name, sorted(own, key=_place_on_road)) for name, own in sorted(long_enough.items())]


def watch_road(name: str, images: Sequence[LabelledImage]) -> Road:
    watch, shares, named = LensWatch(WATCHED), [], 0
    for number, image in enumerate(images, 1):
        watch.add(judge(whole_picture(image)).lens)
        if number >= FEWEST_FRAMES:
            verdict = watch.verdict()
            shares.append(verdict.dirty_share)
            named += verdict.code is not None
    return Road(name, len(images), len(shares), named, max(shares))


def _place_on_road(image: LabelledImage) -> int:
    return int(image.image_path.stem.rpartition("_")[2])


if __name__ == "__main__":
    typer.run(main)

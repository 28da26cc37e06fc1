"""`rasid data`: look at the labelled pictures and write them out for a trainer."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datasets.records import LabelledImage

Shared = Annotated[Path, typer.Option(envvar="RASID_SHARED", help="Folder with data/.")]

data = typer.Typer(help="The labelled pictures a detector learns from.", no_args_is_help=True)


@data.command()
def summary(shared: Shared = Path("../shared")) -> None:
    """Count pictures per source and split, and labelled boxes per class and split."""
    from datasets.reading import read_sources

    images = read_sources(shared / "data")
    typer.echo(as_table("source", Counter((image.source, image.split.value) for image in images)))
    boxes = Counter((box.class_key, image.split.value) for image in images for box in image.boxes)
    typer.echo(as_table("class", boxes))


@data.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder to write; keep it out of version control.")],
    shared: Shared = Path("../shared"),
) -> None:
    """Write all pictures as a YOLO data set, with the classes each picture labels in labelled.json."""
    from datasets.export import export_yolo

    written = export_yolo(_all_images(shared), out)
    typer.echo(f"{written.data_yaml}: {dict(written.images)} pictures, sha256 {written.sha256}")


def as_table(first_column: str, counts: Counter[tuple[str, str]]) -> str:
    """Counts by (row, split) as an aligned table."""
    splits = ("train", "val", "test")
    rows = list(dict.fromkeys(row for row, _ in counts))
    lines = [f"{first_column:26}" + "".join(f"{split:>8}" for split in splits)]
    lines += [f"{row:26}" + "".join(f"{counts[row, split]:>8}" for split in splits) for row in rows]
    return "\n".join(lines) + "\n"


def _all_images(shared: Path) -> "Sequence[LabelledImage]":
    from datasets.reading import read_sources

    return read_sources(shared / "data")

"""`rasid data`: look at the labelled pictures and write them out for a trainer."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datasets.reviews_cli import from_reviews

if TYPE_CHECKING:
    from datasets.audit import Audit
    from datasets.audit_scan import Item, SeenPicture
    from datasets.records import LabelledImage

Shared = Annotated[Path, typer.Option(envvar="RASID_SHARED", help="Folder with data/.")]

data = typer.Typer(help="The labelled pictures a detector learns from.", no_args_is_help=True)
data.command("from-reviews")(from_reviews)


@data.command()
def summary(shared: Shared = Path("../shared")) -> None:
    """Count pictures per source and split, and labelled boxes per class and split.

    Example: rasid data summary --shared ../shared
    """
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
    """Write all pictures as a YOLO data set, with the classes each picture labels in labelled.json.

    Example: rasid data export ../yolo
    """
    from datasets.export import export_yolo

    written = export_yolo(_all_images(shared), out)
    typer.echo(f"{written.data_yaml}: {dict(written.images)} pictures, sha256 {written.sha256}")


@data.command()
def audit(
    shared: Shared = Path("../shared"),
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write audit.md, audit.json and plots here.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all findings as JSON here.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail when a scene sits in two splits.")] = False,
) -> None:
    """Check the labelled pictures: counts, scenes in two splits, labels that cannot be right, corrections, licences.

    Opens every picture once and looks for pictures that show the same scene, by
    a hash of the whole picture and by corners that agree. Labels are judged
    after the corrections, as training reads them.

    With --strict the exit code is 1 when one scene sits in two splits. Plots
    need matplotlib, which comes with the extra `train`.

    Examples:

    rasid data audit --shared ../shared

    rasid data audit --out runs/audit --strict
    """
    from datasets.audit import audit as audit_data
    from datasets.audit_report import summarise, write_json, write_markdown
    from datasets.errors import DataError

    try:
        found, seen = audit_data(shared / "data", _watch)
    except DataError as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(2) from refused
    if json_file is not None:
        write_json(found, json_file)
    if out is not None:
        write_json(found, out / "audit.json")
        write_markdown(found, out / "audit.md", _plots(found, seen, out))
    typer.echo(summarise(found))
    if strict and (found.leaks or found.split_groups):
        raise typer.Exit(1)


def as_table(first_column: str, counts: Counter[tuple[str, str]]) -> str:
    """Counts by (row, split) as an aligned table."""
    splits = ("train", "val", "test")
    rows = list(dict.fromkeys(row for row, _ in counts))
    lines = [f"{first_column:26}" + "".join(f"{split:>8}" for split in splits)]
    lines += [f"{row:26}" + "".join(f"{counts[row, split]:>8}" for split in splits) for row in rows]
    return "\n".join(lines) + "\n"


def _plots(found: "Audit", seen: "Sequence[SeenPicture]", folder: Path) -> list[Path]:
    from datasets.audit_plots import write_plots

    try:
        return write_plots(found.classes, seen, folder)
    except ModuleNotFoundError as missing:
        typer.echo(f"no plots: expected matplotlib, got {missing}; pip install 'rasid[train]'", err=True)
        return []


def _watch(items: "Sequence[Item]", what: str) -> "Iterable[Item]":
    from rich.console import Console
    from rich.progress import track

    return track(items, what, console=Console(stderr=True))


def _all_images(shared: Path) -> "Sequence[LabelledImage]":
    from datasets.reading import read_sources

    return read_sources(shared / "data")

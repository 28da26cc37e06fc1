"""`rasid detect`: the detector for a person with a folder of photographs and a shell."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from inference.detector import Detector
    from inference.drawings import Drawings
    from inference.results import Result
    from inference.sources import Source


def detect(
    paths: Annotated[list[str], typer.Argument(help="Images, or folders to search for jpg, jpeg, png, webp.")],
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write one JSON line an image; - is standard output."),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least score for every class, in place of the model's thresholds."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(envvar="RASID_MODEL", metavar="NAME_OR_PATH", help="Released model or path of an .onnx file."),
    ] = "default",
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a copy of each image with its boxes here.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores the model may use.")] = 1,
) -> None:
    """Find street defects in photographs.

    Every image gets a row in a table or, with --json, a line. Boxes are
    x0, y0, x1, y1 in pixels of the file as stored, also when the camera was
    turned (EXIF). A file that cannot be read gets a line that says why, is
    counted at the end, and stops nothing.

    A box is shown when its score reaches the threshold of its class;
    --min-score 0.001 shows everything, up to 300 boxes an image.

    Examples:

    rasid detect photos/

    rasid detect photos/ --json found.jsonl --draw drawn/

    rasid detect street.jpg --min-score 0.001 --json -
    """
    from inference.detector import Detector
    from inference.errors import ModelRefused
    from inference.sources import NoImagesError, find_images

    try:
        images = find_images(paths)
        _protect(images, json_file, draw)
        detector = Detector.open(model, min_score, threads)
    except (NoImagesError, ModelRefused) as refused:
        _refuse(str(refused))
    _run(detector, images, json_file, draw)


def _protect(images: list[str], json_file: str | None, draw: Path | None) -> None:
    """Refuse outputs that would overwrite a photograph."""
    sources = {Path(image).resolve() for image in images}
    if draw is not None and draw.resolve() in {source.parent for source in sources}:
        _refuse(f"--draw {draw}: expected a folder without input images, that one holds some; choose another")
    if json_file is not None and Path(json_file).resolve() in sources:
        _refuse(f"--json {json_file}: expected a new file, that is an input image; choose another name")


def _run(detector: "Detector", images: list[str], json_file: str | None, draw: Path | None) -> None:
    from inference.drawings import Drawings
    from inference.errors import ImageRefused
    from inference.progress import image_progress
    from inference.results import open_report
    from inference.sources import read_sources

    try:
        drawings = Drawings(draw) if draw else None
        report = open_report(json_file)
    except OSError as error:
        _refuse(f"expected a place to write to, got {error.filename}: {error.strerror}")
    broken = 0
    with closing(report), image_progress() as progress:
        for source in progress.track(read_sources(images), total=len(images)):
            result = _detect_source(detector, source, drawings)
            report.add(result)
            broken += isinstance(result.outcome, ImageRefused)
    if broken:
        typer.echo(f"{broken} of {len(images)} images could not be read; their lines say why", err=True)


def _detect_source(detector: "Detector", source: "Source", drawings: "Drawings | None") -> "Result":
    from inference.errors import ImageRefused
    from inference.results import Result

    image = source.content
    if isinstance(image, ImageRefused):
        return Result(source.name, image)
    (found,) = detector.detect([image.pixels])
    if drawings is not None:
        drawings.write(source.name, image.pixels, found)
    return Result(source.name, found.to_stored(image.orientation))


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)

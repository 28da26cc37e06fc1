"""`rasid detect`: the detector for a person with a folder of photographs and a shell."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from inference.detections import Detections
    from inference.detector import Detector
    from inference.drawings import Drawings
    from inference.errors import ImageRefused

T = TypeVar("T")


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
    workers: Annotated[
        int | None, typer.Option(min=1, help="Images in work at once; as many as there are cores if left out.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores one image may use; one, or more where images are fewer.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            envvar="RASID_BACKEND",
            help="onnxruntime, openvino or cuda; what `rasid bench --choose` chose, else onnxruntime, if left out.",
        ),
    ] = None,
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
    from inference.cores import available_cores
    from inference.detector import Detector
    from inference.errors import ModelRefused
    from inference.sources import NoImagesError, find_images

    try:
        images = find_images(paths)
        _protect(images, json_file, draw)
        threads = threads or max(1, available_cores() // len(images))
        detector = Detector.open(model, min_score, threads, backend=backend)
    except (NoImagesError, ModelRefused) as refused:
        _refuse(str(refused))
    _run(detector, images, workers, json_file, draw)


def _protect(images: list[str], json_file: str | None, draw: Path | None) -> None:
    """Refuse outputs that would overwrite a photograph."""
    sources = {Path(image).resolve() for image in images}
    if draw is not None and draw.resolve() in {source.parent for source in sources}:
        _refuse(f"--draw {draw}: expected a folder without input images, that one holds some; choose another")
    if json_file is not None and Path(json_file).resolve() in sources:
        _refuse(f"--json {json_file}: expected a new file, that is an input image; choose another name")


def _run(
    detector: "Detector", images: list[str], workers: int | None, json_file: str | None, draw: Path | None
) -> None:
    from inference.drawings import Drawings
    from inference.errors import ImageRefused
    from inference.results import Result, open_report
    from inference.sources import read_image

    try:
        drawings = Drawings(draw) if draw else None
        report = open_report(json_file)
    except OSError as error:
        _refuse(f"expected a place to write to, got {error.filename}: {error.strerror}")
    broken = 0
    files = ((name, partial(read_image, name)) for name in images)
    with closing(report), closing(detector.stream(files, workers)) as stream, _progress(stream, len(images)) as shown:
        for name, found in shown:
            outcome = _draw(drawings, name, found) if drawings else found
            report.add(Result(name, outcome if isinstance(outcome, ImageRefused) else outcome.to_stored()))
            broken += isinstance(outcome, ImageRefused)
    if broken:
        typer.echo(f"{broken} of {len(images)} images could not be read; their lines say why", err=True)


def _draw(drawings: "Drawings", name: str, found: "Detections | ImageRefused") -> "Detections | ImageRefused":
    """Draw on the whole image, which the detector may have seen reduced; it may be gone since."""
    from inference.errors import ImageRefused
    from inference.images import decode_image
    from inference.sources import read_image

    if isinstance(found, ImageRefused):
        return found
    try:
        drawings.write(name, decode_image(read_image(name)).pixels, found)
    except ImageRefused as refused:
        return refused
    return found


@contextmanager
def _progress(items: Iterable[T], total: int) -> Iterator[Iterable[T]]:
    """A bar for more than one: loading it takes longer than an image does."""
    if total == 1:
        yield items
        return
    from inference.progress import image_progress

    with image_progress() as progress:
        yield progress.track(items, total=total)


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)

"""`rasid bench`: what this machine makes of this model, beside what it could make and what stock ultralytics makes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from inference.bench.run import Request


def bench(
    paths: Annotated[list[str] | None, typer.Argument(help="Images or folders; drawn streets if left out.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw them (PNG); needs matplotlib.")] = None,
    choose: Annotated[
        bool, typer.Option("--choose", help="Use the fastest backend on this machine from now on.")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender takes its turn.")] = 7,
    images: Annotated[int, typer.Option(min=2, help="Images of one turn; fewer given ones are repeated.")] = 40,
    starts: Annotated[int, typer.Option(min=1, help="How often each process is started to time that.")] = 3,
    as_1080p: Annotated[
        bool, typer.Option("--as-1080p", help="Re-encode the images as 1920 x 1080 JPEGs first.")
    ] = False,
    peer: Annotated[
        Path | None, typer.Option(metavar="PT", help="Checkpoint of the same weights for stock ultralytics.")
    ] = None,
    shared: Annotated[
        Path, typer.Option(envvar="RASID_SHARED", help="Folder with weights/, for stock ultralytics without --peer.")
    ] = Path("../shared"),
    endurance: Annotated[
        int, typer.Option(min=0, metavar="N", help="Instead: stream N images, watching memory and time.")
    ] = 0,
    backend: Annotated[
        str | None, typer.Option(help="Of --endurance; what `rasid detect` would use if left out.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Images worked on at a time; one a core and one more if left out.")
    ] = None,
    model: Annotated[
        str, typer.Option(envvar="RASID_MODEL", metavar="NAME_OR_PATH", help="Released model or .onnx file.")
    ] = "default",
) -> None:
    """Measure every backend from file to boxes, what bounds it, and stock ultralytics, in one interleaved run.

    Every contender is a process of its own, and they take turns in a shuffled order, round after round. Compare
    the ratios: the figures themselves change with whatever else the machine does. Stock ultralytics takes part
    where it is installed (make setup-train).

    Examples:

    rasid bench photos/ --json bench.json

    rasid bench --choose

    rasid bench photos/ --endurance 5000
    """
    from inference.bench.process import ContenderDied
    from inference.bench.run import Request
    from inference.errors import InferenceRefused
    from inference.sources import NoImagesError

    _check_plot(plot)
    asked = Request(model, paths or [], as_1080p, images, rounds, starts, workers, peer, shared, backend)
    try:
        if endurance:
            _endure(asked, endurance, json_file)
        else:
            _bench(asked, json_file, plot, choose)
    except (ContenderDied, InferenceRefused, NoImagesError) as refused:
        _refuse(str(refused))


def _bench(asked: "Request", json_file: Path | None, plot: Path | None, choose: bool) -> None:
    from inference.bench.report import write_report
    from inference.bench.run import choice_of, run_bench
    from inference.bench.table import print_bench
    from inference.choice import store_choice

    report = run_bench(asked)
    print_bench(report)
    if json_file:
        write_report(report, json_file)
    if plot:
        from inference.bench.plot import write_plot

        write_plot(report, plot)
    if choose and (choice := choice_of(report)):
        typer.echo(f"{choice.backend} {choice.variant or 'fp32'} from now on on this machine: {store_choice(choice)}")


def _endure(asked: "Request", images: int, json_file: Path | None) -> None:
    from inference.bench.report import write_report
    from inference.bench.run import run_endurance
    from inference.bench.table import print_endurance

    report = run_endurance(asked, images)
    print_endurance(report)
    if json_file:
        write_report(report, json_file)


def _check_plot(plot: Path | None) -> None:
    """Before minutes of measuring, not after."""
    from importlib.util import find_spec

    if plot and find_spec("matplotlib") is None:
        _refuse("--plot: expected matplotlib, it is not installed; pip install matplotlib")


def _refuse(message: str) -> NoReturn:
    typer.echo(f"rasid bench: {message}", err=True)
    raise typer.Exit(2)

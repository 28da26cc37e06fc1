"""The commands that make a model, kept apart from their work so that `rasid --help` loads none of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from datasets.records import Split
from training.errors import TrainingError

Shared = Annotated[Path, typer.Option(envvar="RASID_SHARED", help="Folder with data/ and, for training, weights/.")]
_SHARED = Path("../shared")


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, e.g. training/configs/nano.yaml.")],
    shared: Shared = _SHARED,
    runs: Annotated[Path, typer.Option(help="Where run folders go; outside version control.")] = Path("runs"),
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
) -> None:
    """Train a detector and write runs/NAME/weights/last.pt and runs/NAME/record.json.

    Interrupt it at any time and start again with --resume: it goes on after the last whole epoch, on the
    schedule fixed at the start. To end it after the current epoch, create the file runs/NAME/stop.

    Example: rasid train training/configs/nano.yaml
    """
    from training import recipe

    with _refusals():
        typer.echo(recipe.train(config, shared, runs, resume))


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of `rasid train`.")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "rasid-n",
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
    head: Annotated[str, typer.Option(help="dense needs non-maximum suppression, end2end does not.")] = "dense",
) -> None:
    """Export a trained checkpoint to ONNX with its metadata, and check it against the checkpoint.

    Example: rasid export runs/nano runs/nano/rasid-n-0.1.onnx
    """
    from inference.heads import Head
    from training.export import export_checkpoint

    if head not in list(Head):
        raise typer.BadParameter(f"--head: expected one of {', '.join(Head)}, got {head}")
    with _refusals():
        typer.echo(export_checkpoint(run, out, name, version, Head(head)))


def evaluate(
    model: Annotated[str, typer.Argument(help="Released model name or path of an .onnx file.")],
    split: Annotated[Split, typer.Option(help="Tune on val; test is scored once for a release.")] = Split.VAL,
    shared: Shared = _SHARED,
    out: Annotated[Path | None, typer.Option(help="Write OUT.json and OUT.md instead of printing.")] = None,
    choose_thresholds: Annotated[
        bool, typer.Option(help="Choose every class's threshold on val and write them into the model file.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores the model may use.")] = 1,
) -> None:
    """Score a model per class and source: AP, precision, recall, F1 and false-alarm frames.

    A class is scored only in pictures whose source labels it. Pictures of the train split are refused, and
    so are thresholds chosen on test.

    Example: rasid evaluate default --split test
    """
    from training.evaluate import evaluate_model

    with _refusals():
        typer.echo(evaluate_model(model, split, shared, out, choose_thresholds, threads))


def release(
    model: Annotated[Path, typer.Argument(help="The exported, scored .onnx file.")],
    card: Annotated[Path, typer.Argument(help="Its model card in Markdown.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder of released models; the package's own unless given.")
    ] = None,
    make_default: Annotated[bool, typer.Option(help="Use this model unless another is asked for.")] = False,
) -> None:
    """Copy a model and its card to the released models and register them under the file's stem.

    A released name never changes its content: another file under a taken name is refused.

    Example: rasid release runs/nano/rasid-n-0.1.onnx runs/nano/card.md --make-default
    """
    from training.release import release_model

    with _refusals():
        typer.echo(release_model(model, card, folder, make_default))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what a person can put right into one line; anything else keeps its traceback."""
    from datasets.reading import DataError
    from inference.errors import ModelRefused

    try:
        yield
    except (DataError, ModelRefused, TrainingError) as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(2) from refused

"""The commands that make a model, kept apart from their work so that `rasid --help` loads none of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datasets.records import Split
from training.cli_options import SHARED, Shared, Workers, refusals

if TYPE_CHECKING:
    from training.thresholds import FalseAlarmLimit


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, e.g. training/configs/nano.yaml.")],
    shared: Shared = SHARED,
    runs: Annotated[Path, typer.Option(help="Where run folders go; outside version control.")] = Path("runs"),
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
) -> None:
    """Train a detector and write runs/NAME/weights/last.pt and runs/NAME/record.json.

    Interrupt it at any time and start again with --resume: it goes on after the last whole epoch, on the
    schedule fixed at the start. To end it after the current epoch, create the file runs/NAME/stop.

    Example: rasid train training/configs/nano.yaml
    """
    from training import recipe

    with refusals():
        typer.echo(recipe.train(config, shared, runs, resume))


def average(
    runs: Annotated[list[str], typer.Argument(metavar="RUN=SHARE...", help="Names of finished runs and their weight.")],
    out: Annotated[str, typer.Option(help="Name of the run folder to write.")],
    folder: Annotated[Path, typer.Option("--runs", help="Where run folders are.")] = Path("runs"),
) -> None:
    """Average the weights of runs that continue one another or start from the same weights.

    The mean may score better than each; rasid evaluate on val tells.

    Example: rasid average survey-b=3 survey-c=7 --out survey-bc
    """
    from training.averaging import average_runs

    shares: dict[str, float] = {}
    for text in runs:
        name, _, share = text.rpartition("=")
        try:
            shares[name] = float(share)
        except ValueError as error:
            raise typer.BadParameter(f"expected RUN=SHARE, got {text}") from error
    with refusals():
        typer.echo(average_runs(shares, out, folder))


def export(
    model: Annotated[str, typer.Argument(help="Run folder of `rasid train`; with --variant a released name or .onnx.")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "rasid-n",
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
    head: Annotated[str, typer.Option(help="dense needs non-maximum suppression, end2end does not.")] = "dense",
    variant: Annotated[
        str | None, typer.Option(help="int8: whole numbers, quicker on processors with VNNI or AMX.")
    ] = None,
    most_change: Annotated[
        float,
        typer.Option(min=0, help="Most a variant may move the logits of scores; parts that move them stay float."),
    ] = 0.1,
    shared: Shared = SHARED,
    gate: Annotated[
        bool, typer.Option(help="Measure on val what the variant costs and write it into the file.")
    ] = True,
    against: Annotated[
        str | None, typer.Option(metavar="OUT", help="OUT of rasid evaluate for MODEL; without it, MODEL is run now.")
    ] = None,
    workers: Workers = 1,
) -> None:
    """Export a trained checkpoint to ONNX with its metadata, and check it against the checkpoint.

    With --variant, make a faster file of an exported network. Its ranges are learnt from pictures of train; on val
    it may lose 0.005 of the mean AP50 of the eight and gain 0.005 of false-alarm frames, or it cannot be promoted.

    Example: rasid export runs/nano runs/nano/rasid-n-0.1.onnx

    Example: rasid export --variant int8 rasid-n-0.2 runs/nano/rasid-n-0.2.int8.onnx
    """
    from inference.heads import Head
    from training.export import export_checkpoint
    from training.gate import gate_variant
    from training.quantise import export_variant

    if head not in list(Head):
        raise typer.BadParameter(f"--head: expected one of {', '.join(Head)}, got {head}")
    with refusals():
        if variant is None:
            typer.echo(export_checkpoint(Path(model), out, name, version, Head(head)))
        else:
            typer.echo(export_variant(model, variant, out, shared, most_change))
            if gate:
                typer.echo(gate_variant(out, against or model, shared, workers))


def evaluate(
    model: Annotated[str, typer.Argument(help="Released model name or path of an .onnx file.")],
    split: Annotated[Split, typer.Option(help="Tune on val; test is scored once for a release.")] = Split.VAL,
    shared: Shared = SHARED,
    out: Annotated[Path | None, typer.Option(help="Write report, plots and detections to OUT/SPLIT/.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    calibrate: Annotated[
        bool, typer.Option(help="Fit every class's score curve on val and write it into the model file.")
    ] = False,
    choose_thresholds: Annotated[
        bool, typer.Option(help="Choose every class's threshold on val and write them into the model file.")
    ] = False,
    most_false_alarms: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARE or CLASS=SHARE",
            help="Most pictures free of a class that may report it, when choosing; 0.02 unless given. Repeatable.",
        ),
    ] = None,
    workers: Workers = 1,
    reuse: Annotated[bool, typer.Option(help="Take the detections kept in OUT instead of detecting again.")] = False,
    again: Annotated[bool, typer.Option(help="Score a network on test that was scored there before.")] = False,
    view: Annotated[
        str | None, typer.Option(help="Show pictures otherwise, e.g. whole-640 or tiles-1280 (training/views.py).")
    ] = None,
) -> None:
    """Score a model per class, source and size, with 95 % intervals, under labels as corrected and as published.

    A class is scored only in pictures whose source labels it. A threshold is that of the best F1, or the lowest
    one that keeps false alarms within the limit, if that is higher. Pictures of the train split are refused, and
    so are thresholds and calibration from test. Each scoring of test enters models/test-scores.jsonl; a second
    one of the same network is refused without --again.

    Example: rasid evaluate runs/nano/rasid-n-0.2.onnx --calibrate --choose-thresholds --out runs/nano/scores
    """
    from training.evaluate import Evaluation, evaluate_model
    from training.views import View

    if view is not None and view not in list(View):
        raise typer.BadParameter(f"--view: expected one of {', '.join(View)}, got {view}")
    with refusals():
        limit = _false_alarm_limit(most_false_alarms or [])
        asked = Evaluation(
            model,
            shared,
            split,
            out,
            as_json,
            calibrate,
            choose_thresholds,
            limit,
            workers,
            reuse,
            again,
            None if view is None else View(view),
        )
        typer.echo(evaluate_model(asked))


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Released name, .onnx file, or OUT of rasid evaluate.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same, of the other model.")],
    shared: Shared = SHARED,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the differences here.")
    ] = None,
    workers: Workers = 1,
) -> None:
    """Compare two models on val: differences of AP50 with 95 % intervals over the same resampled scenes.

    Two models are equal where the interval covers 0. Models are run; folders of rasid evaluate are read.

    Example: rasid compare default runs/nano/scores
    """
    from training.compare import compare_models

    with refusals():
        typer.echo(compare_models(first, second, shared, workers, json_file))


def _false_alarm_limit(given: list[str]) -> "FalseAlarmLimit":
    """0.02 and road_crack=0.1 as the limit of all classes and of one."""
    from datasets.taxonomy import KEYS
    from training.thresholds import FalseAlarmLimit

    shares: dict[str, float] = {}
    for text in given:
        key, _, share = text.rpartition("=")
        try:
            shares[key] = float(share)
        except ValueError:
            shares[key] = -1.0
        if not 0 <= shares[key] <= 1 or key not in ("", *KEYS):
            raise typer.BadParameter(f"--most-false-alarms: expected 0..1 or CLASS=0..1, got {text}")
    overall = shares.pop("", FalseAlarmLimit.share)
    return FalseAlarmLimit(overall, shares)

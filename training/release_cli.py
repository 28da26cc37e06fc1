"""The commands that release a model: what it must have shown, and where it then stands."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli_options import SHARED, Shared, Workers, refusals


def promote(
    model: Annotated[Path, typer.Argument(help="The exported, scored .onnx file.")],
    card: Annotated[Path | None, typer.Option(help="Its model card in Markdown.")] = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="OUT of rasid evaluate, with val and test of exactly this file.")
    ] = None,
    variant: Annotated[
        bool, typer.Option("--variant", help="MODEL is a variant: its gate decides, and it joins the model it is of.")
    ] = False,
    shared: Shared = SHARED,
    against: Annotated[
        Path | None, typer.Option(help="OUT of rasid evaluate for the default model; without it, it is run now.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of released models; the package's own unless given.")
    ] = None,
    make_default: Annotated[bool, typer.Option(help="Use this model unless another is asked for.")] = False,
    despite: Annotated[str, typer.Option(metavar="REASON", help="Release it although it is not better.")] = "",
    workers: Workers = 1,
) -> None:
    """Release a model if it was scored on val and test and is better than the default.

    Better means: a higher mean AP50 over the eight on val, none of the eight significantly worse, and potholes
    reported in at most 3 % of val's pictures without any defect. Test is told and decides nothing.

    Example: rasid promote runs/nano/rasid-n-0.2.onnx --card card.md --evaluation runs/nano/scores --make-default

    Example: rasid promote --variant runs/nano/rasid-n-0.2.int8.onnx
    """
    from training.promote import Promotion, promote_model
    from training.promote_variant import promote_variant

    with refusals():
        if variant:
            typer.echo(promote_variant(model, folder))
            return
        if card is None or evaluation is None:
            raise typer.BadParameter("expected --card and --evaluation, or --variant for a variant of a released model")
        asked = Promotion(model, card, evaluation, shared, against, folder, make_default, despite, workers)
        typer.echo(promote_model(asked))


def gate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Released model.")],
    backend: Annotated[str, typer.Option(help="Backend that counts more coarsely, e.g. openvino in bfloat16.")],
    against: Annotated[
        str | None, typer.Option(metavar="OUT", help="OUT of rasid evaluate for NAME; without it, NAME is run now.")
    ] = None,
    shared: Shared = SHARED,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of released models; the package's own unless given.")
    ] = None,
    workers: Workers = 1,
) -> None:
    """Measure on val what a released model loses when another backend runs it, and keep that in the registry.

    At most 0.005 of the mean AP50 of the eight and 0.005 more false-alarm frames pass; `rasid bench --choose` takes no
    other backend.

    Example: rasid gate rasid-n-0.3 --backend openvino --against runs/survey-d/evaluation
    """
    from training.gate import gate_backend

    with refusals():
        typer.echo(gate_backend(name, backend, against or name, shared, workers, folder))


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

    with refusals():
        typer.echo(release_model(model, card, folder, make_default))

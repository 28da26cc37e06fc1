"""What the commands of training share: their common options, and one line for what a person can put right."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from training.errors import TrainingError

Shared = Annotated[Path, typer.Option(envvar="RASID_SHARED", help="Folder with data/ and, for training, weights/.")]
Workers = Annotated[int, typer.Option(min=1, help="Pictures worked on at the same time, each on one core.")]
SHARED = Path("../shared")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a person can put right into one line; anything else keeps its traceback."""
    from datasets.reading import DataError
    from inference.errors import ModelRefused

    try:
        yield
    except (DataError, ModelRefused, TrainingError) as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(2) from refused

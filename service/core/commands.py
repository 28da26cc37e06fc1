"""What the commands share: the service's parts opened for one run, and refusals told in a line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from service.core.runtime import Runtime

    Model = TypeVar("Model", bound=BaseModel)

DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded database and files (RASID_DATA_DIR).")]
Place = Annotated[str, typer.Option("--municipality", help="Key of the municipality.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@contextmanager
def opened(data_dir: Path | None, **changes: object) -> "Iterator[Runtime]":
    """Database, store and settings, without a server. A refusal of ours is told in a line and ends the command."""
    from service.core.errors import RasidError
    from service.core.runtime import open_runtime
    from service.core.settings import Settings
    from service.core.telemetry import configure_logging

    given = {key: value for key, value in {"data_dir": data_dir, **changes}.items() if value is not None}
    configure_logging()
    try:
        with open_runtime(Settings(**given)) as runtime:  # type: ignore[arg-type]  # pydantic checks them
            yield runtime
    except RasidError as error:
        refuse(error.detail)


@contextmanager
def in_transaction(data_dir: Path | None) -> "Iterator[tuple[Session, Runtime]]":
    """`opened`, with one transaction."""
    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        yield session, runtime


def parsed(model: "type[Model]", **values: object) -> "Model":
    """What was given, as the API would read it; what does not fit ends the command."""
    return _validated(model, values)


def parsed_file(model: "type[Model]", file: Path) -> "Model":
    """A file of JSON, as the body of the API's request."""
    return _validated(model, read_json(file))


def read_json(file: Path) -> object:
    try:
        return json.loads(file.read_text("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        refuse(f"expected JSON in UTF-8 in {file}, got {error}")


def refuse(message: str) -> NoReturn:
    """Says on stderr what was expected and what came; exit code 2."""
    typer.echo(f"rasid: {message}", err=True)
    raise typer.Exit(2)


def print_json(value: object) -> None:
    """One line, for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    return sorted(value, key=str) if isinstance(value, frozenset) else str(value)


def _validated(model: "type[Model]", told: object) -> "Model":
    from pydantic import ValidationError

    try:
        return model.model_validate(told)
    except ValidationError as error:
        refuse("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))

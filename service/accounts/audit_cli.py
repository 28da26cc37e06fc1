"""`rasid audit`: who read whose personal data, where there is no browser."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from service.core.audit import ReadFilter, Whose

audit = typer.Typer(help="The audit trail of personal data.", no_args_is_help=True)


@audit.callback()
def _group() -> None:
    """Keeps `reads` a command of its own while it is the only one."""


@audit.command()
def reads(
    reader: Annotated[int | None, typer.Option(min=1, help="Id of the user who read.")] = None,
    subject: Annotated[Whose | None, typer.Option(help="Whose data: user or reporter.")] = None,
    subject_id: Annotated[int | None, typer.Option("--id", min=1, help="Of the user, or of the report.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Key of the municipality; else all.")] = None,
    since: Annotated[datetime | None, typer.Option(help="UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="UTC, left out itself.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded database (RASID_DATA_DIR).")] = None,
) -> None:
    """List who read whose personal data: time, reader, whose, which fields and by which way.

    Example: rasid audit reads --subject reporter --id 4711 --json
    """
    from datetime import UTC

    from service.accounts.audit_api import read_out
    from service.accounts.service import find_municipality
    from service.core.audit import reads as chosen
    from service.core.errors import RasidError
    from service.core.events import Event
    from service.core.runtime import open_runtime
    from service.core.settings import Settings
    from service.core.telemetry import configure_logging

    configure_logging()
    begin, end = (None if one is None else one.replace(tzinfo=UTC) for one in (since, until))
    settings = Settings(**({"data_dir": data_dir} if data_dir else {}))  # type: ignore[arg-type]  # pydantic checks it
    try:
        with open_runtime(settings) as runtime, runtime.database.transaction() as session:
            place = find_municipality(session, municipality).id if municipality else None
            wanted = ReadFilter("user" if reader else None, reader, subject, subject_id, place, begin, end)
            rows = session.scalars(chosen(wanted).order_by(Event.id.desc()).limit(limit)).all()
            found = [read_out(row).model_dump(mode="json") for row in rows]
    except RasidError as error:
        typer.echo(f"rasid audit: {error.detail}", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(found) if as_json else "\n".join(map(_line, found)) or "nobody read anything")


def _line(one: dict[str, Any]) -> str:
    reader = f"{one['actor_kind']} {one['actor_id'] or ''}".strip()
    fields, person = ", ".join(one["fields"]), f"{one['subject_kind']} {one['subject_id']}"
    return f"{one['at']}  {reader} read {fields} of {person} by {one['via']}"

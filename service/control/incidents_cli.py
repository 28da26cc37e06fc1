"""`rasid incidents`: declare, follow and end incidents, print their reports, and the map of what comes back."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from service.core.commands import DataDir, opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.accounts.caller import Caller
    from service.control.incident_schemas import IncidentFiguresOut

Number = Annotated[int, typer.Argument(help="Id of the incident.")]
By = Annotated[str, typer.Option(help="E-mail of the user who does it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Out = Annotated[Path | None, typer.Option(dir_okay=False, help="File to write.")]


class ReportForm(StrEnum):
    JSON = "json"
    PDF = "pdf"


class MapForm(StrEnum):
    GEOJSON = "geojson"
    CSV = "csv"


incidents = typer.Typer(help="Rain, sandstorms and other incidents.", no_args_is_help=True)


@incidents.command()
def declare(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, body of POST /api/v1/incidents.")],
    by: By,
    data_dir: DataDir = None,
) -> None:
    """Declare an incident; its rules hold at once. The same file again changes nothing.

    Example: rasid incidents declare rain.json --by control@dammam.example
    """
    from service.control.incident_schemas import IncidentIn
    from service.core.clock import utc_now
    from service.core.commands import parsed_file
    from service.incidents import service
    from service.work_orders.emergencies import apply_incidents

    body = parsed_file(IncidentIn, file)
    with _session(data_dir) as session:
        now = utc_now()
        made = service.declare(session, _user(session, by), **body.model_dump(), now=now)
        changed = apply_incidents(session, made.municipality_id, now)
        typer.echo(f"{made.name}: id {made.id}, {changed:,} defects and orders changed")


@incidents.command()
def change(
    incident_id: Number,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON, body of PUT /api/v1/incidents/{id}.")
    ],
    by: By,
    data_dir: DataDir = None,
) -> None:
    """Give an incident that lasts another name, area, rules or note, at once.

    Example: rasid incidents change 3 rain.json --by control@dammam.example
    """
    from service.control.incident_schemas import IncidentChange
    from service.core.clock import utc_now
    from service.core.commands import parsed_file
    from service.incidents import service
    from service.work_orders.emergencies import apply_incidents

    body = parsed_file(IncidentChange, file)
    with _session(data_dir) as session:
        now = utc_now()
        made = service.change(session, _user(session, by), incident_id, **body.model_dump(), now=now)
        changed = apply_incidents(session, made.municipality_id, now)
        typer.echo(f"{made.name}: {changed:,} defects and orders changed")


@incidents.command("list")
def list_incidents(
    lasting: Annotated[bool, typer.Option("--lasting", help="Only those that have not ended.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List the incidents, the newest first.

    Example: rasid incidents list --lasting
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.hijri import SAUDI_TIME
    from service.incidents.models import Incident
    from service.incidents.service import visible_incidents

    with _session(data_dir) as session:
        found = visible_incidents(SYSTEM_CALLER).order_by(Incident.id.desc())
        for one in session.scalars(found.where(Incident.ended_at.is_(None)) if lasting else found):
            ended = f"{one.ended_at.astimezone(SAUDI_TIME):%Y-%m-%d %H:%M}" if one.ended_at else "lasts"
            begun = f"{one.starts_at.astimezone(SAUDI_TIME):%Y-%m-%d %H:%M}"
            typer.echo(f"{one.id:>5} {one.municipality.key:<16} {one.kind.value:<10} {begun} to {ended:<16} {one.name}")


@incidents.command()
def figures(incident_id: Number, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show how an incident stands now; after its end, how it stood then.

    Example: rasid incidents figures 3 --json
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.control.incident_report import report_of
    from service.core.clock import utc_now
    from service.incidents.service import get_incident

    with _session(data_dir) as session:
        found = report_of(session, get_incident(session, SYSTEM_CALLER, incident_id), utc_now()).figures
    typer.echo(found.model_dump_json(indent=2, by_alias=True) if as_json else _text(found))


@incidents.command()
def close(incident_id: Number, by: By, data_dir: DataDir = None) -> None:
    """End an incident: the usual rules hold again, and its report is kept.

    Example: rasid incidents close 3 --by sara@example.org
    """
    from service.control.incident_report import end_incident
    from service.core.clock import utc_now
    from service.core.hijri import SAUDI_TIME

    with _session(data_dir) as session:
        ended = end_incident(session, _user(session, by), incident_id, utc_now())
        assert ended.ended_at is not None
        typer.echo(f"{ended.name}: ended {ended.ended_at.astimezone(SAUDI_TIME):%Y-%m-%d %H:%M}")


@incidents.command()
def report(
    incident_id: Number,
    form: Annotated[ReportForm, typer.Option("--format", help="A PDF needs --out.")] = ReportForm.JSON,
    out: Out = None,
    language: Annotated[str, typer.Option(help="ar or en, of the PDF.")] = "ar",
    data_dir: DataDir = None,
) -> None:
    """Write the closing report; while the incident lasts, how it stands.

    Example: rasid incidents report 3 --format pdf --language en --out rain.pdf
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.control.incident_paper import report_pdf
    from service.control.incident_report import report_of
    from service.core.clock import utc_now
    from service.core.i18n import Language
    from service.incidents.service import get_incident

    if language not in set(Language):
        _fail(f"expected ar or en, got {language!r}")
    if form is ReportForm.PDF and out is None:
        _fail("expected --out FILE for pdf, got none")
    with _session(data_dir) as session:
        found = report_of(session, get_incident(session, SYSTEM_CALLER, incident_id), utc_now())
    if form is ReportForm.PDF:
        _write(report_pdf(found, Language(language)), out)
    else:
        _write(found.model_dump_json(indent=2, by_alias=True).encode() + b"\n", out)


@incidents.command()
def recurrences(
    municipality: Annotated[str, typer.Option(help="Key of the municipality.")],
    class_key: Annotated[str, typer.Option("--class", help="Key of a class.")] = "standing_water",
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Five years ago.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Counted too; today.")] = None,
    least: Annotated[int, typer.Option(min=1, help="Times in the period, at least.")] = 2,
    form: Annotated[MapForm, typer.Option("--format", help="Of the file.")] = MapForm.GEOJSON,
    out: Out = None,
    data_dir: DataDir = None,
) -> None:
    """Write where a class came back over the years, with its orders and their cost: evidence for drainage works.

    Example: rasid incidents recurrences --municipality dammam --format csv --out water.csv
    """
    from datasets.taxonomy import BY_KEY
    from service.accounts.service import find_municipality
    from service.control import recurrence
    from service.core.clock import utc_now
    from service.core.sheets import Sheet, csv_lines

    if class_key not in BY_KEY:
        _fail(f"--class: expected one of {', '.join(BY_KEY)}, got {class_key!r}")
    with _session(data_dir) as session:
        place = find_municipality(session, municipality)
        begins, ends = recurrence.period(first and first.date(), last and last.date(), utc_now())
        found = recurrence.recurrences(session, place.id, class_key, begins, ends, least)
    if form is MapForm.CSV:
        _write("".join(csv_lines(Sheet(recurrence.HEAD, recurrence.as_rows(found)))).encode(), out)
    else:
        _write(json.dumps(recurrence.as_geojson(found), ensure_ascii=False).encode() + b"\n", out)


def _text(found: "IncidentFiguresOut") -> str:
    lines = [f"{found.hours:g} hours: {found.orders:,} orders, {found.closed:,} treated, {found.waiting:,} open, "
             f"{found.late:,} late; {found.reports.received:,} reports"]  # fmt: skip
    for one in found.classes:
        hours = "-" if one.hours_to_close is None else f"{one.hours_to_close:g}"
        lines.append(f"  {one.class_key:<22} {one.orders:>6} orders {one.closed:>6} treated {one.waiting:>6} open "
                     f"{one.late:>6} late  {hours} h to close")  # fmt: skip
    for unit in found.units:
        lines.append(f"  {unit.name_en or 'no unit':<22} {unit.waiting:>6} waiting {unit.closed:>6} treated")
    for agency in found.agencies:
        lines.append(f"  {agency.name_en:<22} {agency.referred:>6} referred {agency.answered:>6} answered "
                     f"{agency.waiting:>6} waiting")  # fmt: skip
    return "\n".join(lines)


def _user(session: "Session", email: str) -> "Caller":
    from service.accounts.caller import caller_of_user
    from service.accounts.service import find_user

    return caller_of_user(find_user(session, email))


def _write(content: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(content.decode())
        return
    out.write_bytes(content)
    typer.echo(f"{out}: {len(content):,} bytes", err=True)


@contextmanager
def _session(data_dir: Path | None) -> "Iterator[Session]":
    """One transaction."""
    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        yield session


def _fail(message: str) -> NoReturn:
    typer.echo(f"rasid incidents: {message}", err=True)
    raise typer.Exit(2)

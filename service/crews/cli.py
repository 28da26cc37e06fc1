"""`rasid crew`: set what a crew works with, plan its shift, print it and take it along."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import DataDir, Place, in_transaction, parsed_file
from service.core.i18n import Language

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.core.runtime import Runtime
    from service.crews.schemas import PlanDetail
    from service.work_orders.models import Unit

UnitKey = Annotated[str, typer.Argument(help="Key of the unit, such as pothole_machine.")]


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"
    PDF = "pdf"
    GPX = "gpx"
    GEOJSON = "geojson"


crew = typer.Typer(help="Crews and their plans for a shift.", no_args_is_help=True)


@crew.command("set")
def set_crew(
    unit: UnitKey,
    municipality: Place,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, the body of the API's PUT crew.")],
    data_dir: DataDir = None,
) -> None:
    """Set a unit's depot, shift, break, speed, load and times.

    Example: rasid crew set pothole_machine crew.json --municipality dammam
    """

    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.crews import crews
    from service.crews.schemas import CrewIn

    data = parsed_file(CrewIn, file)
    with _unit(municipality, unit, data_dir) as (session, _, found):
        crews.set_crew(session, SYSTEM_CALLER, found.id, data, utc_now())
        typer.echo(f"{found.key}: set")


@crew.command()
def plan(
    unit: UnitKey,
    municipality: Place,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the shift; else today.")] = None,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = Form.TEXT,
    language: Annotated[Language, typer.Option(help="Of the sheet.")] = Language.ARABIC,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there; else to standard output.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Plan a unit's shift over its open orders, or what is left of it; with nothing changed the plan stays.

    Examples:

    rasid crew plan pothole_machine --municipality dammam

    rasid crew plan pothole_machine --municipality dammam --format pdf --language en --out sheet.pdf
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.crews import plans
    from service.crews.schemas import PlanIn

    with _unit(municipality, unit, data_dir) as (session, runtime, found):
        asked = PlanIn(day=day.date() if day else None)
        made = plans.make_plan(session, SYSTEM_CALLER, found.id, asked, utc_now())
        content = _written(session, runtime, found.id, made.id, form, language)
    if out:
        out.write_bytes(content)
        typer.echo(f"wrote {out}")
    else:
        sys.stdout.buffer.write(content)


def _written(
    session: "Session", runtime: "Runtime", unit_id: int, plan_id: int, form: Form, language: Language
) -> bytes:
    from service.accounts.service import SYSTEM_CALLER
    from service.crews.navigation import plan_geojson, plan_gpx
    from service.crews.plans import get_plan
    from service.crews.printing import sheet_of
    from service.crews.showing import plan_detail

    found = get_plan(session, SYSTEM_CALLER, unit_id, plan_id)
    if form is Form.PDF:
        return sheet_of(session, runtime.store, found, language)
    if form is Form.GPX:
        return plan_gpx(found)
    if form is Form.GEOJSON:
        return (json.dumps(plan_geojson(found)) + "\n").encode()
    detail = plan_detail(found)
    return (detail.model_dump_json(indent=2) + "\n").encode() if form is Form.JSON else _text(detail).encode()


def _text(plan: "PlanDetail") -> str:
    from service.core.hijri import SAUDI_TIME

    def clock(at: datetime) -> str:
        return f"{at.astimezone(SAUDI_TIME):%H:%M}"

    lines = [
        f"plan {plan.id}, version {plan.version} ({plan.reason}): {plan.stops_count} stops, "
        f"{plan.finished_count} finished, {plan.skipped_count} left out; {plan.drive_m / 1000:.1f} km, "
        f"{plan.drive_s / 60:.0f} min driving, {plan.work_s / 60:.0f} min work, back at {clock(plan.back_at)}"
    ]
    for stop in plan.stops:
        marks = " done" if stop.finished else " must" if stop.must else ""
        amount = "?" if stop.quantity is None else f"{stop.quantity:g}"
        lines.append(
            f"{stop.position:4} {clock(stop.arrives_at)} order {stop.work_order_id} {stop.class_key} {amount} "
            f"{stop.quantity_unit}, {stop.drive_m / 1000:.1f} km{marks}"
        )
    lines += [f"     left out: order {one.work_order_id} {one.class_key}: {one.because}" for one in plan.skipped]
    lines += [f"     {one.name_en}: {one.amount:g} {one.unit} ({one.assumes})" for one in plan.materials]
    return "\n".join([*lines, *plan.assumes]) + "\n"


@contextmanager
def _unit(municipality: str, key: str, data_dir: Path | None) -> "Iterator[tuple[Session, Runtime, Unit]]":
    """One transaction."""
    from service.accounts.service import find_municipality
    from service.work_orders.operations import find_unit

    with in_transaction(data_dir) as (session, runtime):
        place = find_municipality(session, municipality)
        yield session, runtime, find_unit(session, place.id, key)

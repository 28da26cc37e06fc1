"""`rasid sla`: asks which service level holds and why, and stamps what fell due."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import DataDir, Json, opened, print_json, refuse

if TYPE_CHECKING:
    from service.work_orders.service_levels_schemas import SlaExplanation


sla = typer.Typer(help="Service levels: when a repair is due, and why.", no_args_is_help=True)


@sla.command()
def explain(
    municipality: Annotated[str, typer.Option(help="Key of the municipality.")],
    class_key: Annotated[str, typer.Option("--class", help="Key of the class, such as pothole.")],
    size: Annotated[str | None, typer.Option(help="small, medium or large; unknown if left out.")] = None,
    priority: Annotated[float, typer.Option(min=0, max=100, help="Of the defect.")] = 0.0,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="When it is opened, in Saudi time; now if left out."),
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Say when an order would be due, which policy decides and why the others do not; nothing is changed.

    Example: rasid sla explain --municipality dammam --class pothole --size large --at 2026-03-18T14:00
    """
    from datasets.taxonomy import BY_KEY
    from service.accounts.service import find_municipality
    from service.core.clock import utc_now
    from service.core.hijri import SAUDI_TIME
    from service.work_orders.service_levels import due_for
    from service.work_orders.service_levels_api import explanation
    from service.work_orders.sla import SIZE_CLASSES, Asked

    if class_key not in BY_KEY:
        refuse(f"expected one of {', '.join(BY_KEY)}, got {class_key!r}")
    if size is not None and size not in SIZE_CLASSES:
        refuse(f"expected one of {', '.join(SIZE_CLASSES)}, got {size!r}")
    opened_at = at.replace(tzinfo=SAUDI_TIME) if at else utc_now()
    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        place = find_municipality(session, municipality)
        told = explanation(due_for(session, Asked(place.id, class_key, size, priority), opened_at), opened_at)
    typer.echo(told.model_dump_json(indent=2)) if as_json else _tell(told)


@sla.command("sweep")
def sweep_now(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Stamp what fell due until now, as the worker does every minute; safe at any time.

    Example: rasid sla sweep
    """
    from service.core.clock import utc_now
    from service.work_orders.service_levels_sweep import sweep

    with opened(data_dir) as runtime:
        swept = sweep(runtime.database, utc_now())
    if as_json:
        print_json(asdict(swept))
        return
    typer.echo(f"{swept.stamped} stamped, {swept.adopted} orders of an earlier release given a clock")


def _tell(told: "SlaExplanation") -> None:
    from service.core.hijri import SAUDI_TIME, hijri_of
    from service.core.i18n import Language

    for one in told.considered:
        typer.echo(f"{'built in' if one.policy_id is None else f'policy {one.policy_id}'}: {one.why}")
    typer.echo(f"clock: {told.level.clock.value}, {told.level.hours_to_close} hours to close")
    for step in told.steps:
        hijri = hijri_of(step.at)
        beside = f" ({hijri.text(Language.ENGLISH)})" if hijri else ""
        whom = f" level {step.level} to {step.to_user_id or step.to_role}" if step.level else ""
        typer.echo(f"{step.at.astimezone(SAUDI_TIME):%a %Y-%m-%d %H:%M}{beside}: {step.kind.value}{whom}")
    for day in told.days:
        why = day.kind.value if day.name_en is None else f"{day.kind.value}, {day.name_en}"
        typer.echo(f"  {day.day} {day.weekday}: {' '.join(day.hours) or 'closed'} ({why})")

"""`rasid districts`, `rasid routing` and `rasid orders`: what a municipality's operator does without the pages."""

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.core.commands import DataDir, Json, Place, in_transaction, print_json, refuse

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


Choice = TypeVar("Choice", bound=StrEnum)
LOCAL_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]

districts = typer.Typer(help="Districts, by which work is routed and counted.", no_args_is_help=True)
routing = typer.Typer(help="Which unit takes which work, and why.", no_args_is_help=True)
orders = typer.Typer(help="Work orders.", no_args_is_help=True)


@districts.callback()
@routing.callback()
@orders.callback()
def _group() -> None:
    """Keeps a group with one command a group."""


@districts.command("import")
def import_districts(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="GeoJSON of polygons, WGS 84.")],
    municipality: Place,
    key: Annotated[str, typer.Option(help="Property that tells districts apart; else the feature's id.")] = "key",
    name_en: Annotated[str, typer.Option(help="Property of the English name.")] = "name_en",
    name_ar: Annotated[str, typer.Option(help="Property of the Arabic name.")] = "name_ar",
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Add or change the districts of a GeoJSON FeatureCollection; work orders within follow.

    Example: rasid districts import districts.geojson --municipality dammam --key id --name-ar name
    """
    from service.accounts import districts as rules
    from service.accounts.service import find_municipality
    from service.core.clock import utc_now
    from service.core.events import SYSTEM
    from service.work_orders.placing import place_orders

    geojson = _read(file)
    with in_transaction(data_dir) as (session, _):
        place = find_municipality(session, municipality)
        done = rules.import_districts(
            session, place.id, geojson, rules.Properties(key, name_en, name_ar), SYSTEM, utc_now()
        )
        moved = place_orders(session, place.id)
    if as_json:
        print_json({**asdict(done), "orders_moved": moved})
        return
    typer.echo(f"{done.new:,} new, {done.changed:,} changed, {done.same:,} as they were; {moved:,} orders moved")
    for skipped in done.skipped:
        typer.echo(f"  skipped feature {skipped.number}: {skipped.detail}")


@districts.command("list")
def list_districts(
    municipality: Place,
    ended: Annotated[bool, typer.Option("--ended", help="Those that are no longer in use.")] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List the districts of a municipality that are in use.

    Example: rasid districts list --municipality dammam --json
    """
    from sqlalchemy import select

    from service.accounts.models import District
    from service.accounts.service import find_municipality

    with in_transaction(data_dir) as (session, _):
        own = select(District).where(District.municipality_id == find_municipality(session, municipality).id)
        own = own.where(District.ended_at.is_not(None) if ended else District.ended_at.is_(None))
        rows = session.scalars(own.order_by(District.key)).all()
        shown = ("id", "key", "name_en", "name_ar", "west", "south", "east", "north", "ended_at")
        told = [{name: getattr(one, name) for name in shown} for one in rows]
    if as_json:
        print_json(told)
        return
    for one in told:
        typer.echo(f"{one['key']:<40} {one['name_en']:<30} {one['name_ar']}")


@routing.command()
def explain(
    municipality: Place,
    class_key: Annotated[str, typer.Option("--class", help="Key of the defect's class.")],
    lat: Annotated[float, typer.Option(min=-90, max=90, help="Degrees of WGS 84.")],
    lon: Annotated[float, typer.Option(min=-180, max=180, help="Degrees of WGS 84.")],
    size: Annotated[float | None, typer.Option(min=0, help="In the class's unit of work.")] = None,
    at: Annotated[datetime | None, typer.Option(formats=LOCAL_FORMATS, help="Local time; else now.")] = None,
    incident: Annotated[list[str] | None, typer.Option(help="Kind of an incident that is on; repeat.")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Say which rule would route work at a place and time, and why each other one would not; nothing is changed.

    Example: rasid routing explain --municipality dammam --class pothole --size 0.6 --lat 26.42 --lon 50.09
    """
    from service.accounts.service import find_municipality
    from service.core.clock import utc_now
    from service.core.hijri import SAUDI_TIME
    from service.work_orders import dispatch

    _check_class(class_key)
    moment = at.replace(tzinfo=SAUDI_TIME) if at else utc_now()
    with in_transaction(data_dir) as (session, _):
        place = dispatch.Place(find_municipality(session, municipality).id, lat, lon)
        told = dispatch.explain_place(session, place, class_key, size, moment, frozenset(incident or ()))
        names = _unit_names(session, place.municipality_id)
    if as_json:
        print_json(asdict(told))
        return
    facts = told.facts
    typer.echo(f"{facts.class_key}, {facts.size_class.value}, district {facts.district_id or '-'}, "
               f"road {facts.road_class or '-'}, {facts.at.astimezone(SAUDI_TIME):%a %Y-%m-%d %H:%M}")  # fmt: skip
    typer.echo(f"goes to: {names.get(told.decision.unit_id, 'nobody, a person assigns')}")
    for one in told.decision.considered:
        unit = names.get(one.unit_id, "")
        typer.echo(f"  {one.rank:>7} {one.key:<32} {unit:<20} {one.outcome.value:<9} {one.because}")


@routing.command("rules")
def list_rules(municipality: Place, as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the rules in the order in which they are asked.

    Example: rasid routing rules --municipality dammam --json
    """
    from service.accounts.service import find_municipality
    from service.work_orders.dispatch import rules_of

    with in_transaction(data_dir) as (session, _):
        place = find_municipality(session, municipality)
        rules = sorted(rules_of(session, place.id), key=lambda one: (one.rank, one.id))
        names = _unit_names(session, place.id)
    if as_json:
        print_json([asdict(one) for one in rules])
        return
    for one in rules:
        typer.echo(f"{one.rank:>7} {one.key:<32} {names.get(one.unit_id, ''):<20} {'' if one.active else 'off'}")


@orders.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Ends in .csv or .xlsx.")],
    municipality: Place,
    state: Annotated[str | None, typer.Option(help="Only orders in this state.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only late ones.")] = False,
    far_apart: Annotated[
        bool, typer.Option("--far-apart", help="Only where measured and estimated quantity differ widely.")
    ] = False,
    without_unit: Annotated[
        bool, typer.Option("--without-unit", help="Only those that wait for a person to assign them.")
    ] = False,
    sort: Annotated[str, typer.Option(help="id, due, opened, priority or quantity; a minus: the last first.")] = "id",
    lang: Annotated[str, typer.Option(help="ar or en")] = "ar",
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write the work orders of a municipality to a CSV or Excel file.

    Example: rasid orders export late.xlsx --municipality dammam --overdue --sort=-priority
    """
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.clock import utc_now
    from service.core.i18n import Language
    from service.core.sheets import write_file
    from service.work_orders.listing import OrderFilter, OrderSort
    from service.work_orders.sheets import order_sheet
    from service.work_orders.states import WorkOrderState

    chosen = (_chosen(WorkOrderState, state) if state else None, _chosen(OrderSort, sort), _chosen(Language, lang))
    if file.suffix not in (".csv", ".xlsx"):
        refuse(f"expected a file that ends in .csv or .xlsx, got {file.name}")
    with in_transaction(data_dir) as (session, runtime):
        place = find_municipality(session, municipality)
        wanted = OrderFilter(state=chosen[0], municipality_id=place.id, overdue=overdue or None,
                             quantity_far_apart=far_apart or None, without_unit=without_unit or None)  # fmt: skip
        sheet = order_sheet(runtime.database, SYSTEM_CALLER, wanted, utc_now(), chosen[1], chosen[2])
        count = write_file(file, sheet)
    if as_json:
        print_json({"orders": count, "file": str(file)})
        return
    typer.echo(f"{count:,} orders in {file}")


def _chosen(kind: type[Choice], told: str) -> Choice:
    if told not in set(kind):
        refuse(f"expected one of {', '.join(kind)}, got {told!r}")
    return kind(told)


def _unit_names(session: "Session", municipality_id: int) -> dict[int | None, str]:
    from sqlalchemy import select

    from service.work_orders.models import Unit

    rows = session.execute(select(Unit.id, Unit.key).where(Unit.municipality_id == municipality_id))
    return {row.id: row.key for row in rows}


def _check_class(class_key: str) -> None:
    from datasets.taxonomy import KEYS

    if class_key not in KEYS:
        refuse(f"expected one of {', '.join(KEYS)}, got {class_key!r}")


def _read(file: Path) -> dict[str, object]:
    try:
        told = json.loads(file.read_text("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        refuse(f"expected GeoJSON in UTF-8, got {file.name}: {error}")
    if not isinstance(told, dict):
        refuse(f"expected a GeoJSON object, got {file.name} with {type(told).__name__}")
    return told

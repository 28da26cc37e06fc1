"""`rasid geodata`: features into a file, tokens for GIS programs, and what a municipality publishes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import DataDir, Place, in_transaction, refuse

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.geodata.asking import Asked
    from service.geodata.fields import Collection
    from service.geodata.sources import View


geodata = typer.Typer(help="Open geodata: files for GIS programs, and what the public may see.", no_args_is_help=True)


@geodata.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="New file, .gpkg or .geojson.")],
    collection: Annotated[
        list[str] | None, typer.Option(help="defects, work_orders, coverage or municipalities; repeat for several.")
    ] = None,
    municipality: Annotated[str | None, typer.Option(help="Key of the only municipality to take.")] = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    datetime: Annotated[
        str | None, typer.Option(help="RFC 3339 moment or interval, 2026-01-01/.. for instance.")
    ] = None,
    where: Annotated[list[str] | None, typer.Option(help="property=value; repeat for several.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write features to a GeoPackage (a layer for each collection, all of them if none is named) or a GeoJSON file.

    Example: rasid geodata export potholes.gpkg --collection defects --municipality dammam --where class_key=pothole
    """
    from service.geodata.doors import PRIVATE, find_source
    from service.geodata.export import Format, export

    if file.exists() or file.suffix not in (".gpkg", ".geojson"):
        refuse(f"expected a new file named .gpkg or .geojson, got {file}")
    form = Format.GEOPACKAGE if file.suffix == ".gpkg" else Format.GEOJSON
    told = [*({"bbox": bbox, "datetime": datetime}.items()), *_filters(where or [])]
    query = [(name, text) for name, text in told if text is not None]
    draft = file.with_name(f".{file.name}.part")
    try:
        with in_transaction(data_dir) as (session, _):
            view = _view(session, municipality)
            sources = [find_source(PRIVATE, view.caller, one) for one in collection or PRIVATE.sources]
            layers = [(source, _asked(query, source.about)) for source in sources]
            written = export(session, view, layers, draft, form)
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    for name, number in written.items():
        typer.echo(f"{name}: {number:,}")


@geodata.command()
def token(
    email: Annotated[str, typer.Argument(help="Of whoever reads with it.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is good.")] = 90,
    data_dir: DataDir = None,
) -> None:
    """Print an access token that acts as the user, this once: QGIS and GDAL send it as a password or a bearer token.

    Whoever has it may do all that the user may; make a user of its own for a program.

    Example: rasid geodata token gis@example.org --days 180
    """
    from service.accounts.service import find_user, issue_token
    from service.core.clock import utc_now

    with in_transaction(data_dir) as (session, _):
        secret = issue_token(session, find_user(session, email), utc_now() + timedelta(days=days))
    typer.echo(secret)


@geodata.command()
def publish(
    municipality: Place,
    delay_days: Annotated[int, typer.Option(min=1, max=3650, help="Days from first seen to shown.")] = 30,
    grid_m: Annotated[float, typer.Option(min=50, max=5000, help="Places are moved to a grid so wide.")] = 100,
    data_dir: DataDir = None,
) -> None:
    """Show the municipality's confirmed defects to everyone at /ogc/public, anonymised.

    Example: rasid geodata publish --municipality dammam --delay-days 30 --grid-m 100
    """
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.clock import utc_now
    from service.geodata.publishing import publish as show

    with in_transaction(data_dir) as (session, _):
        place = find_municipality(session, municipality)
        show(session, SYSTEM_CALLER, place.id, delay_days, grid_m, utc_now())
    typer.echo(f"{municipality}: published, {delay_days} days late, on a grid of {grid_m:g} m")


@geodata.command()
def withdraw(municipality: Place, data_dir: DataDir = None) -> None:
    """Show nothing of the municipality to the public any more.

    Example: rasid geodata withdraw --municipality dammam
    """
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.clock import utc_now
    from service.geodata.publishing import withdraw as hide

    with in_transaction(data_dir) as (session, _):
        hide(session, SYSTEM_CALLER, find_municipality(session, municipality).id, utc_now())
    typer.echo(f"{municipality}: not published")


def _view(session: "Session", municipality: str | None) -> "View":
    """The operator sees all, or one municipality if it is named."""
    from dataclasses import replace

    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.clock import utc_now
    from service.geodata.sources import View

    if municipality is None:
        return View(utc_now(), SYSTEM_CALLER)
    only = frozenset({find_municipality(session, municipality).id})
    return View(utc_now(), replace(SYSTEM_CALLER, municipality_ids=only))


def _filters(where: list[str]) -> Iterator[tuple[str, str]]:
    for one in where:
        name, equals, text = one.partition("=")
        if not equals:
            refuse(f"expected --where property=value, got {one!r}")
        yield name, text


def _asked(query: list[tuple[str, str]], about: "Collection") -> "Asked":
    from service.geodata.asking import read_asked

    return read_asked(query, about.filters)

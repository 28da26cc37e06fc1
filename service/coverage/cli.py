"""`rasid coverage`: import streets, see how much of them was seen, list the gaps, count days anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from service.core.commands import DataDir, Json, Place, opened, print_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.accounts.models import Municipality
    from service.coverage.figures import Coverage
    from service.coverage.period import Period
    from service.coverage.streets import StreetImport

First = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day; else a year.")]
Last = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day; else today.")]

coverage = typer.Typer(help="Which street was seen when; the target is 100 %.", no_args_is_help=True)


@coverage.command()
def streets(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="GeoJSON of lines, WGS 84.")],
    municipality: Place,
    name_key: Annotated[str, typer.Option(help="Property that holds the street's name.")] = "name",
    class_key: Annotated[str, typer.Option(help="Property that holds its road class.")] = "highway",
    id_key: Annotated[
        str | None, typer.Option(help="Property that tells streets apart; else the feature's id, @id or osm_id.")
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            help="Road class that no vehicle drives; repeat for several. Else footway, steps, path and so on."
        ),
    ] = None,
    replace_all: Annotated[
        bool, typer.Option("--replace-all", help="Remove streets that the file does not name.")
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Import the centre lines of a municipality's streets, on which coverage is measured.

    The file is a FeatureCollection of LineStrings or MultiLineStrings, for instance OpenStreetMap's ways with
    "highway". Parts outside the municipality's boundary are cut off. Imported again, a street is replaced.

    Example: rasid coverage streets dammam-roads.geojson --municipality dammam
    """
    from service.core.clock import utc_now
    from service.core.events import SYSTEM
    from service.coverage.street_lines import NOT_DRIVEN, Keys
    from service.coverage.streets import import_streets

    keys = Keys(name_key, class_key, id_key)
    left_out = NOT_DRIVEN if leave_out is None else frozenset(leave_out)
    with (
        _at(municipality, data_dir) as (session, place),
        file.open("rb") as stream,
        _progress(file, stream) as progress,
    ):
        done = import_streets(
            session, place, stream, actor=SYSTEM, now=utc_now(), keys=keys, leave_out=left_out,
            replace_all=replace_all, progress=progress,
        )  # fmt: skip
    print_json(asdict(done)) if as_json else _tell_import(done)


@coverage.command()
def report(
    municipality: Place, first: First = None, last: Last = None, as_json: Json = False, data_dir: DataDir = None
) -> None:
    """Show how much of the streets was seen in a period, by road class and by how long ago.

    Example: rasid coverage report --municipality dammam --from 2026-11-01
    """
    from service.coverage.figures import coverage_of

    with _at(municipality, data_dir) as (session, place):
        figures = coverage_of(session, place.id, _period(first, last))
    print_json(asdict(figures)) if as_json else _tell(municipality, figures)


@coverage.command()
def gaps(
    municipality: Place,
    first: First = None,
    last: Last = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the longest first.")] = 20,
    min_m: Annotated[float, typer.Option(min=0, help="Leave out what is shorter, metres.")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print GeoJSON with the lines, for a map.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List the streets, or parts of them, that nobody saw in a period: where to drive next.

    Example: rasid coverage gaps --municipality dammam --limit 500 --json > gaps.geojson
    """
    from service.coverage.maps import gap_feature, gaps_of

    with _at(municipality, data_dir) as (session, place):
        found, more = gaps_of(session, place.id, _period(first, last), min_m=min_m, limit=limit)
    if as_json:
        print_json({"type": "FeatureCollection", "features": [gap_feature(gap) for gap in found]})
        return
    for gap in found:
        name = gap.name or gap.source_id
        typer.echo(f"{gap.gap_m:>9,.0f} m of {gap.street_m:>9,.0f}  {gap.road_class or '-':<14} {name}")
    if more or not found:
        typer.echo("there are more; raise --limit" if more else f"no gap of {min_m:.0f} m or more", err=True)


@coverage.command()
def recount(
    municipality: Place,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")],
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day; else only the first.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Count days anew from their frames, after a camera's mounting was corrected or frames were removed by hand.

    Example: rasid coverage recount --municipality dammam --from 2026-11-01 --to 2026-11-22
    """
    from service.accounts.service import find_municipality
    from service.coverage.counting import rebuild

    with opened(data_dir) as runtime:
        period = _period(first, last or first)
        for number in range((period.last - period.first).days + 1):
            day = period.first + timedelta(days=number)
            with runtime.database.transaction() as session:  # one a day: the workers wait no longer than that
                seen = rebuild(session, find_municipality(session, municipality).id, day)
            typer.echo(f"{day}: {seen:,} cells seen")


@contextmanager
def _at(municipality: str, data_dir: Path | None) -> "Iterator[tuple[Session, Municipality]]":
    """One transaction."""
    from service.accounts.service import find_municipality

    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        yield session, find_municipality(session, municipality)


def _period(first: datetime | None, last: datetime | None) -> "Period":
    from service.core.clock import utc_now
    from service.coverage.period import period_of

    return period_of(_day(first), _day(last), utc_now().date())


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


@contextmanager
def _progress(file: Path, stream: BinaryIO) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes read, on the error stream, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.fields[read]:,} streets"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("streets", total=file.stat().st_size, read=0)

        def advance(read: int) -> None:
            if read % 200 == 0:
                bar.update(task, completed=stream.tell(), read=read)

        yield advance


def _tell_import(done: "StreetImport") -> None:
    typer.echo(f"{done.imported:,} streets, {done.length_m / 1000:,.1f} km: {done.new:,} new, "
               f"{done.replaced:,} replaced, {done.removed:,} removed; {done.streets:,} now")  # fmt: skip
    for skipped in done.skipped:
        typer.echo(f"  skipped {skipped.count:,}: {skipped.code}, e.g. {skipped.examples[0]}")


def _tell(municipality: str, figures: "Coverage") -> None:
    typer.echo(f"{municipality}, {figures.first_day} to {figures.last_day}; target {figures.target_percent:.0f} %")
    typer.echo(f"driven on {figures.days_driven} days, last {figures.last_driven or 'never'}: "
               f"{figures.cells:,} cells, {figures.area_km2:,.2f} km2 looked at")  # fmt: skip
    if figures.percent is None:
        typer.echo(f"no percentage: {figures.percent_reason}")
        return
    typer.echo(f"seen {_floored(figures.percent)} % of {figures.street_m / 1000:,.1f} km of streets, "
               f"{figures.mean_passes:.1f} passes each on average")  # fmt: skip
    for row in figures.by_road_class:
        typer.echo(f"  {row.road_class or '-':<16} {_floored(row.percent):>6} % of {row.street_m / 1000:>9,.1f} km")
    for band in figures.by_last_pass:
        when = f"last seen within {band.up_to_days} days" if band.up_to_days else "last seen longer ago"
        typer.echo(f"  {when:<28} {band.street_m / 1000:>9,.1f} km")
    typer.echo(f"  {'not seen':<28} {figures.unseen_m / 1000:>9,.1f} km")


def _floored(percent: float) -> str:
    """Never rounded up: 100 stands for all of it."""
    return f"{floor(percent * 10) / 10:.1f}"

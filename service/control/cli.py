"""`rasid indicators`: figures of a period at the command line, and the sums counted anew."""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.core.commands import DataDir, opened, print_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.control.counting import Slice
    from service.control.figures import Answer, Figure
    from service.control.periods import PeriodKind, Span

Kind = TypeVar("Kind", bound=StrEnum)

PlaceOption = Annotated[str | None, typer.Option("--municipality", help="Key of a municipality; all if left out.")]
PeriodOption = Annotated[str, typer.Option(help="day, week, month, hijri_month or range.")]
OnOption = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of the period; today if left out.")
]
FirstOption = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of a range.")]
LastOption = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of a range, counted too.")
]
ClassOption = Annotated[str | None, typer.Option("--class", help="Key of a class; all if left out.")]

indicators = typer.Typer(help="Figures of a period, and the sums they are read from.", no_args_is_help=True)


@indicators.command()
def show(
    municipality: PlaceOption = None,
    period: PeriodOption = "week",
    on: OnOption = None,
    first: FirstOption = None,
    last: LastOption = None,
    by: Annotated[
        str, typer.Option(help="all, municipality, district, unit, contractor, class, source or day.")
    ] = "all",
    class_key: ClassOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a table.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show the indicators of a period beside those of the period before.

    Example: rasid indicators show --municipality dammam --period hijri_month --by class
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.control.counting import By, View, snapshot
    from service.control.figures import figures_of
    from service.control.periods import PeriodKind
    from service.core.clock import utc_now

    kind, group, now = _one_of(PeriodKind, period), _one_of(By, by), utc_now()
    with opened(data_dir) as runtime, snapshot(runtime.database) as session:
        span, asked = _span(kind, now, on, first, last), _slice(session, municipality, class_key)
        answer = figures_of(View(session), SYSTEM_CALLER, asked, group, kind, span, now)
    if csv_file:
        from service.control.api import HEAD, answer_lines
        from service.core.sheets import Sheet, write_file

        write_file(csv_file, Sheet(HEAD, answer_lines(answer)))
    if as_json:
        print_json(asdict(answer))
    elif not csv_file:
        _tell(answer)


@indicators.command()
def rows(
    indicator: Annotated[str, typer.Argument(help="Key of an indicator; `rasid indicators define` lists them.")],
    csv_file: Annotated[Path, typer.Option("--csv", metavar="FILE", help="Write the table here.")],
    municipality: PlaceOption = None,
    period: PeriodOption = "week",
    on: OnOption = None,
    first: FirstOption = None,
    last: LastOption = None,
    class_key: ClassOption = None,
    data_dir: DataDir = None,
) -> None:
    """Write the rows that a figure counts: orders, repairs, ratings, defects or judged boxes.

    Example: rasid indicators rows percent_in_time --municipality dammam --period month --csv late.csv
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.control.api import all_rows, rows_sheet
    from service.control.counting import View, snapshot
    from service.control.periods import PeriodKind
    from service.core.clock import utc_now
    from service.core.sheets import write_file

    kind, now = _one_of(PeriodKind, period), utc_now()
    with opened(data_dir) as runtime, snapshot(runtime.database) as session:
        span, asked = _span(kind, now, on, first, last), _slice(session, municipality, class_key)
        found = list(all_rows(View(session), SYSTEM_CALLER, indicator, asked, span, now, None, None, most=None))
    write_file(csv_file, rows_sheet(found))
    typer.echo(f"{len(found):,} rows")


@indicators.command()
def ranking(
    period: PeriodOption = "week",
    on: OnOption = None,
    first: FirstOption = None,
    last: LastOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a table.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Rank the municipalities by the rule in force at the end of the period, with what made each score.

    Example: rasid indicators ranking --period month
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.control.counting import View, snapshot
    from service.control.periods import PeriodKind
    from service.control.ranking_api import ranking_sheet, standings_out
    from service.control.rankings import ranking_of
    from service.core.clock import utc_now
    from service.core.sheets import write_file

    kind, now = _one_of(PeriodKind, period), utc_now()
    with opened(data_dir) as runtime, snapshot(runtime.database) as session:
        found = standings_out(ranking_of(View(session), SYSTEM_CALLER, kind, _span(kind, now, on, first, last), now))
    if csv_file:
        write_file(csv_file, ranking_sheet(found))
    if as_json:
        print_json([one.model_dump() for one in found])
    elif not csv_file:
        for one in found:
            typer.echo(f"{one.rank or '-':>3}  {one.name_en or one.municipality_id:<24} {one.reason or one.score}")


@indicators.command()
def define() -> None:
    """Print what each indicator means, in English and Arabic.

    Example: rasid indicators define
    """
    from service.control.definitions import INDICATORS

    for one in INDICATORS:
        typer.echo(f"{one.key} ({one.unit}): {one.means_en}\n  {one.name_ar}: {one.means_ar}")


@indicators.command("rebuild")
def rebuild_sums(data_dir: DataDir = None) -> None:
    """Count all cases and sums anew from the tables.

    Events keep them equal, so this changes nothing, but for rows that were mended by hand; on an old and large database
    it is the quickest beginning. Example: rasid indicators rebuild
    """
    from service.control.facts import rebuild
    from service.core.clock import utc_now

    with opened(data_dir) as runtime:
        cases = rebuild(runtime.database, utc_now())
    typer.echo(f"{cases:,} cases")


def _span(
    kind: "PeriodKind", now: datetime, on: datetime | None, first: datetime | None, last: datetime | None
) -> "Span":
    from service.control.periods import saudi_day, span_of

    return span_of(kind, on.date() if on else saudi_day(now), first and first.date(), last and last.date())


def _slice(session: "Session", municipality: str | None, class_key: str | None) -> "Slice":
    from datasets.taxonomy import BY_KEY
    from service.accounts.service import find_municipality
    from service.control.counting import Slice

    if class_key is not None and class_key not in BY_KEY:
        raise typer.BadParameter(f"expected one of {', '.join(BY_KEY)}, got {class_key!r}")
    place = find_municipality(session, municipality).id if municipality else None
    return Slice(municipality_id=place, class_key=class_key)


def _one_of(kind: type[Kind], value: str) -> Kind:
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(one.value for one in kind)
        raise typer.BadParameter(f"expected one of {known}, got {value!r}") from error


def _tell(answer: "Answer") -> None:
    from service.control.periods import hijri

    span, earlier = answer.span, answer.before
    typer.echo(f"{span.first} to {span.last} ({hijri(span.first)} to {hijri(span.last)} AH), "
               f"beside {earlier.first} to {earlier.last}")  # fmt: skip
    for group in answer.groups:
        if answer.by.value != "all":
            typer.echo(f"{group.name_en or group.key or 'none'}")
        for one in group.figures:
            typer.echo(f"  {one.indicator:<24} {_value(one)}")


def _value(one: "Figure") -> str:
    if one.value is None:
        return f"{'-':>12}  {one.reason}"
    beside = f"  {one.change:+,.1f}" if one.change is not None else ""
    share = f"  ({one.met:,.0f} of {one.of:,.0f})" if one.of is not None and one.met is not None else ""
    return f"{one.value:>12,.1f} {one.unit}{beside}{share}"

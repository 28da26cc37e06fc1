"""`rasid bench`: the detector's speed, and with a word after it what else is measured."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from inference.bench_cli import bench as measure_detector

if TYPE_CHECKING:
    from service.bench.suite import Asked
    from service.core.runtime import Runtime

DEFAULT = "detector"


class _Suites(TyperGroup):
    """Without the name of a suite it is the detector's, as it was before there were others."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else [DEFAULT, *args])


bench = typer.Typer(cls=_Suites, help="Measure the detector (default) or, by name, another part.")
bench.command(DEFAULT)(measure_detector)


@bench.command("identity")
def identity(
    seeds: Annotated[
        str | None, typer.Option(help="Cities to drive through, with commas between; 1,2,3, and with --rendered 1.")
    ] = None,
    km: Annotated[float, typer.Option(min=1, help="Streets of each city.")] = 8.0,
    table: Annotated[bool, typer.Option(help="Also other GPS errors, spacings, recalls and calibrations.")] = True,
    stored: Annotated[
        str, typer.Option(help="Sizes of the database that matching is timed with, with commas between.")
    ] = "1000,1000000",
    batch: Annotated[int, typer.Option(min=1, help="Frames of one transaction.")] = 32,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="Instead: draw the frames and ask the real detector.")
    ] = False,
    frames: Annotated[int, typer.Option(min=12, help="With --rendered: about so many in each city.")] = 400,
    keep: Annotated[Path | None, typer.Option(metavar="FOLDER", help="With --rendered: keep the frames here.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables here.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw them (PNG); needs matplotlib.")] = None,
) -> None:
    """Measure whether a defect is recognised, where it is put and whether its repair is noticed.

    Simulated cities are surveyed in several passes and recorded in a real database of its own; what comes out is
    compared with the truth, beside the method of placing defects at the vehicle and joining what lies within ten
    metres, on the same sightings.

    Examples:

    rasid bench identity --json identity.json

    rasid bench identity --seeds 7 --no-table --stored ""

    rasid bench identity --rendered --frames 400
    """
    from service.bench.report import as_json, as_markdown, draw
    from service.bench.suite import Asked, run_suite
    from service.core.runtime import open_runtime
    from service.core.settings import Settings

    cities = seeds or ("1" if rendered else "1,2,3")
    asked = Asked(
        seeds=tuple(int(seed) for seed in cities.split(",") if seed),
        km=km, table=table, stored=tuple(int(size) for size in stored.split(",") if size), batch_frames=batch,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rasid-bench-") as folder:
        Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
        with open_runtime(Settings(data_dir=Path(folder), privacy="off")) as runtime:
            if rendered:
                told, figures = _rendered(runtime, asked, frames, keep)
            else:
                suite = run_suite(runtime.database, asked)
                told, figures = as_markdown(suite), as_json(suite)
    _tell(told, figures, json_file, markdown)
    if plot and not rendered:
        draw(suite, plot)


@bench.command("operations")
def operations(
    sizes: Annotated[str, typer.Option(help="Defects of each database, with commas between.")] = "1e4,1e5",
    events: Annotated[str, typer.Option(help="Events at most; ten a defect.")] = "1e7",
    repeats: Annotated[int, typer.Option(min=5, help="How often each question is asked.")] = 20,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table here.")] = None,
) -> None:
    """Measure how long lists and indicators take as a city's database grows.

    Each size gets an embedded database of its own, filled with defects, orders, verdicts and events of three years and
    twenty municipalities; questions go through the whole API and the slowest twentieth is told.

    Example: rasid bench operations --sizes 1e4,1e5,1e6 --events 1e7 --json operations.json
    """
    from rich.console import Console

    from service.bench.operations import as_json, as_markdown, measure_operations

    console = Console(stderr=True)
    asked = [int(float(size)) for size in sizes.split(",") if size]
    with console.status("starting") as status:
        found = measure_operations(asked, int(float(events)), repeats, status.update)
    _tell(as_markdown(found), as_json(found), json_file, markdown)


@bench.command("sweeps")
def sweeps(
    orders: Annotated[str, typer.Option(help="Open orders of each database, with commas between.")] = "1e4,1e5",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table here.")] = None,
) -> None:
    """Measure the sweep of service levels: with nothing due, and when all fell due while the server was down.

    Example: rasid bench sweeps --orders 1e5 --json sweeps.json
    """
    from rich.console import Console

    from service.bench.sweeps import as_json, as_markdown, measure_sweeps

    with Console(stderr=True).status("starting") as status:
        found = measure_sweeps([int(float(size)) for size in orders.split(",") if size], status.update)
    _tell(as_markdown(found), as_json(found), json_file, markdown)


@bench.command("plans")
def plans(
    sizes: Annotated[str, typer.Option(help="Open orders of a unit, with commas between.")] = "20,100,500",
    seeds: Annotated[str, typer.Option(help="Towns, with commas between.")] = "1,2,3,4,5",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table here.")] = None,
) -> None:
    """Measure crew plans beside the tour that drives to the nearest place each time: way, work done, seconds.

    Example: rasid bench plans --json plans.json
    """
    from service.bench.plans import as_json, as_markdown, measure
    from service.bench.suite import one_bar

    with one_bar("towns") as advance:
        runs = measure(_numbers(sizes), _numbers(seeds), lambda: advance(1))
    _tell(as_markdown(runs), as_json(runs), json_file, markdown)


def _numbers(listed: str) -> list[int]:
    return [int(one) for one in listed.split(",") if one]


def _rendered(runtime: "Runtime", asked: "Asked", frames: int, keep: Path | None) -> tuple[str, dict[str, Any]]:
    from service.bench.rendered import as_json, as_markdown, measure_towns
    from service.bench.suite import one_bar

    with one_bar("drawn frames") as advance:
        towns = measure_towns(
            runtime.database, runtime.detector, asked.seeds, frames, asked.batch_frames, advance, keep
        )
    return as_markdown(*towns), as_json(*towns)


def _tell(told: str, figures: dict[str, Any], json_file: Path | None, markdown: Path | None) -> None:
    typer.echo(told)
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if markdown:
        markdown.write_text(told + "\n", "utf-8")

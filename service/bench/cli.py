"""`rasid bench`: the detector's speed, and with a word after it what else is measured."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from inference.bench_cli import bench as measure_detector

if TYPE_CHECKING:
    from service.bench.suite import Suite

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
    seeds: Annotated[str, typer.Option(help="Cities to drive through, with commas between.")] = "1,2,3",
    km: Annotated[float, typer.Option(min=1, help="Streets of each city.")] = 8.0,
    table: Annotated[bool, typer.Option(help="Also other GPS errors, spacings, recalls and calibrations.")] = True,
    stored: Annotated[
        str, typer.Option(help="Sizes of the database that matching is timed with, with commas between.")
    ] = "1000,1000000",
    batch: Annotated[int, typer.Option(min=1, help="Frames of one transaction.")] = 32,
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
    """
    from service.bench.suite import Asked, run_suite
    from service.core.runtime import open_runtime
    from service.core.settings import Settings

    asked = Asked(
        seeds=tuple(int(seed) for seed in seeds.split(",") if seed),
        km=km, table=table, stored=tuple(int(size) for size in stored.split(",") if size), batch_frames=batch,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rasid-bench-") as folder:
        Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as a user of its own
        with open_runtime(Settings(data_dir=Path(folder), privacy="off")) as runtime:
            suite = run_suite(runtime.database, asked)
    _tell(suite, json_file, markdown, plot)


def _tell(suite: "Suite", json_file: Path | None, markdown: Path | None, plot: Path | None) -> None:
    from service.bench.report import as_json, as_markdown, draw

    typer.echo(as_markdown(suite))
    if json_file:
        json_file.write_text(json.dumps(as_json(suite), indent=2) + "\n", "utf-8")
    if markdown:
        markdown.write_text(as_markdown(suite) + "\n", "utf-8")
    if plot:
        draw(suite, plot)

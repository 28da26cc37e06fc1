"""Draws the measurement for docs/performance.md: images a second of every contender, with the ends of its rounds."""

from pathlib import Path
from typing import Any

from inference.bench.report import BenchReport, Kind, Row

_COLOURS = {
    Kind.STREAM: "#0b6e4f",
    Kind.PEER: "#b3541e",
    Kind.SESSION: "#8a8f98",
    Kind.DECODE: "#c9ccd1",
    Kind.ARITHMETIC: "#c9ccd1",
}


def write_plot(report: BenchReport, path: Path) -> None:
    """Write a PNG; decoding alone is left out when it is beyond the scale of the rest."""
    from matplotlib.figure import Figure

    rows = drawn_rows(report)
    figure = Figure(figsize=(9, 1.2 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.set(xlabel="images/s: median of the rounds, line from the slowest to the quickest")
    axes.margins(x=0.1)
    axes.grid(axis="x", alpha=0.3)
    taken = report.circumstances
    figure.suptitle(f"{taken.model} {taken.version}, {taken.machine.processor}, {taken.machine.cores} cores")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def drawn_rows(report: BenchReport) -> list[Row]:
    """The rows with figures, slowest first (matplotlib draws upwards)."""
    rows = [row for row in report.rows if row.images_per_s and row.kind is not Kind.DECODE]
    return sorted(rows, key=lambda row: row.images_per_s.median if row.images_per_s else 0.0)


def _draw_row(axes: Any, place: int, row: Row) -> None:
    assert row.images_per_s is not None
    rate = row.images_per_s
    axes.barh(place, rate.median, color=_COLOURS[row.kind], alpha=1 if row.gate_passed else 0.4)
    axes.plot([rate.least, rate.most], [place, place], color="black", linewidth=1)
    axes.text(rate.most, place, f" {rate.median:.1f}", va="center", fontsize=8)

"""Writes the figures of measurements into a page: `python -m inference.bench.page docs/performance.md FILE.json...`.

The page holds pairs of lines `<!-- figures: NAME -->` and `<!-- end of figures -->`; what stands between them is
replaced, the rest is left as it is. NAME is one of machine, throughput, ratios, start (of `rasid bench --json`) or
endurance (of `rasid bench --endurance N --json`).
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from inference.bench.report import BenchReport, EnduranceReport, Kind, Row
from inference.bench.table import engine, peer_remark, remark, spread

_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def fill(page: str, reports: Sequence[BenchReport | EnduranceReport]) -> str:
    """The page with the figures of these reports; blocks they say nothing of stay as they are."""
    figures: dict[str, str] = {}
    for report in reports:
        figures |= _of_endurance(report) if isinstance(report, EnduranceReport) else _of_bench(report)
    return _BLOCK.sub(lambda m: f"{m[1]}{figures[m[2]]}\n{m[3]}" if m[2] in figures else m[0], page)


def read_report(path: Path) -> BenchReport | EnduranceReport:
    """Read what `rasid bench --json` wrote; raises ValidationError for anything else."""
    text = path.read_text("utf-8")
    model = EnduranceReport if json.loads(text).get("format") == "endurance-1" else BenchReport
    return model.model_validate_json(text)


def _of_bench(report: BenchReport) -> dict[str, str]:
    blocks: dict[str, Callable[[BenchReport], str]] = {
        "machine": _machine,
        "throughput": _throughput,
        "ratios": _ratios,
        "start": _start,
    }
    return {name: block(report) for name, block in blocks.items()}


def _machine(report: BenchReport) -> str:
    taken, machine = report.circumstances, report.circumstances.machine
    versions = ", ".join(f"{name} {number}" for name, number in taken.versions.items())
    rows = [
        ("model", f"{taken.model} {taken.version}, sha256 `{taken.model_sha256[:12]}…`"),
        ("pictures", f"{taken.pictures}; {report.images} a turn, {report.rounds} rounds, {taken.workers} workers"),
        ("processor", f"{machine.processor}, {machine.cores} cores, {', '.join(machine.flags)}"),
        ("memory, system", f"{machine.memory_gb} GB, {machine.system}"),
        ("load before the run", f"{machine.busy_share:.0%} of the cores"),
        ("versions", versions),
        ("stock ultralytics", peer_remark(report)),
        ("measured", f"{taken.measured_at} by `{taken.command}`"),
    ]
    return _table(("", ""), rows)


def _throughput(report: BenchReport) -> str:
    cells = [
        (
            f"**{row.title}**" if row.key == report.chosen else row.title,
            row.input,
            spread(row.images_per_s),
            _megabytes(row),
            remark(row),
        )
        for row in report.rows
    ]
    return _table(("", "input", "images/s", "peak memory, MB", ""), cells)


def _ratios(report: BenchReport) -> str:
    ours = [row for row in report.rows if row.kind is Kind.STREAM and row.images_per_s]
    others = [row for row in report.rows if row.kind is not Kind.DECODE and row.images_per_s and row not in ours]
    cells = [
        (other.title, *(spread(report.ratios.get(row.key, {}).get(other.key)) for row in ours)) for other in others
    ]
    return _table(("images/s of … over", *(row.title for row in ours)), cells)


def _start(report: BenchReport) -> str:
    processes = [(row.title, spread(row.cold_start_s)) for row in report.rows if row.cold_start_s]
    commands = [(f"`{one.command}`", spread(one.seconds) or one.failed or "") for one in report.commands]
    return _table(("", "seconds"), [*processes, *commands])


def _of_endurance(report: EnduranceReport) -> dict[str, str]:
    cells = [
        (
            f"{mark.images:,}",
            f"{mark.seconds_per_image * 1000:.1f}",
            f"{mark.memory_mb:.0f}",
            f"{mark.peak_memory_mb:.0f}",
        )
        for mark in report.marks
    ]
    taken = report.circumstances
    told = f"{engine(report)}, {taken.workers} workers, {taken.pictures}; {taken.measured_at} by `{taken.command}`"
    headings = ("images", "ms an image since the last line", "memory, MB", "peak, MB")
    return {"endurance": f"{_table(headings, cells)}\n\n{told}"}


def _megabytes(row: Row) -> str:
    return f"{row.peak_memory_mb:.0f}" if row.peak_memory_mb else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"|{'|'.join(cell.replace('|', '/') for cell in line)}|" for line in lines)


def main(page: Path, files: Sequence[Path]) -> None:
    """Fill the page in place."""
    try:
        filled = fill(page.read_text("utf-8"), [read_report(file) for file in files])
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        raise SystemExit(f"expected a page and reports of `rasid bench --json`, got {error}") from error
    page.write_text(filled, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])

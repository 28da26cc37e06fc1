"""The measurement as a person reads it, in the terminal."""

from rich.console import Console
from rich.table import Table

from inference.bench.report import BenchReport, EnduranceReport, Kind, Row, Spread

_HEADINGS = ("", "input", "images/s", "times", "peak MB", "first s", "")

_WIDE = 180


def print_bench(report: BenchReport) -> None:
    console = _console()
    table = Table(*_HEADINGS, title=_title(report), caption=_caption(report))
    for row in sorted(report.rows, key=_order):
        table.add_row(*_cells(report, row))
    console.print(table)
    for line in [*statements(report), *_remarks(report)]:
        console.print(line)


def print_endurance(report: EnduranceReport) -> None:
    taken = report.circumstances
    title = f"{taken.model} {taken.version}, {engine(report)}, {taken.workers} workers, {taken.pictures}"
    table = Table("images", "ms an image since the last line", "memory MB", "peak MB", title=title)
    for mark in report.marks:
        cells = f"{mark.seconds_per_image * 1000:.1f}", f"{mark.memory_mb:.0f}", f"{mark.peak_memory_mb:.0f}"
        table.add_row(f"{mark.images:,}", *cells)
    _console().print(table)


def statements(report: BenchReport) -> list[str]:
    """What is claimed of the fastest of our backends whose gate passed, each over the same rounds."""
    ours = report.chosen and report.row(report.chosen)
    if not ours:
        return ["none of our backends could be measured"]
    bare = f"{Kind.SESSION}{ours.key.removeprefix(Kind.STREAM)}"
    others = [row for row in report.rows if row.kind is Kind.PEER or row.key in (bare, Kind.ARITHMETIC)]
    found = [(other, report.ratios.get(ours.key, {}).get(other.key)) for other in others]
    lines = [f"{ours.title}: {_times(ratio)} of {other.title}" for other, ratio in found if ratio]
    return lines + _cold_start_lines(report, ours)


def engine(report: EnduranceReport) -> str:
    """Backend and variant."""
    return f"{report.backend} {report.variant or 'fp32'}"


def spread(found: Spread | None, digits: int = 2) -> str:
    """Median and middle half, e.g. 5.12 [5.05, 5.20]."""
    if found is None:
        return ""
    return f"{found.median:.{digits}f} [{found.quarter:.{digits}f}, {found.three_quarter:.{digits}f}]"


def remark(row: Row) -> str:
    """What there is to say of a row beside its figures."""
    batch = f"batch {row.batch}" if row.batch and row.batch > 1 else ""
    gate = "" if row.gate_passed else "accuracy gate not passed"
    adds = f"{row.multiply_adds / 1e9:.2f} thousand million multiply-adds an image" if row.multiply_adds else ""
    parts = (f"failed: {row.failed}" if row.failed else "", gate, batch, adds, row.note)
    return "; ".join(part for part in parts if part)


def _console() -> Console:
    """A file has no width of its own; 80 columns would break every name."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_WIDE, highlight=False)


def _cold_start_lines(report: BenchReport, ours: Row) -> list[str]:
    theirs = [row for row in report.rows if row.kind is Kind.PEER and row.cold_start_s]
    if not ours.cold_start_s:
        return []
    own = ours.cold_start_s.median
    return [
        f"{ours.title}: first detection after {own / row.cold_start_s.median:.2f} of the time of {row.title}"
        for row in theirs
        if row.cold_start_s
    ]


def _cells(report: BenchReport, row: Row) -> list[str]:
    against = report.ratios.get(row.key, {}).get(report.reference or "")
    times = "1" if row.key == report.reference else spread(against)
    return [
        f"[bold]{row.title}[/bold]" if row.key == report.chosen else row.title,
        row.input,
        spread(row.images_per_s),
        times,
        f"{row.peak_memory_mb:.0f}" if row.peak_memory_mb else "",
        f"{row.cold_start_s.median:.2f}" if row.cold_start_s else "",
        remark(row),
    ]


def _remarks(report: BenchReport) -> list[str]:
    commands = [
        f"{one.command}: {spread(one.seconds)} s" if one.seconds else f"{one.command}: {one.failed}"
        for one in report.commands
    ]
    return [*commands, f"stock ultralytics: {peer_remark(report)}"]


def peer_remark(report: BenchReport) -> str:
    """Which weights it ran, or why it did not."""
    peer = report.peer
    if not peer.available:
        return peer.note
    return f"{peer.weights}, {'the same weights' if peer.same_weights else 'OTHER WEIGHTS'} ({peer.note})"


def _title(report: BenchReport) -> str:
    taken = report.circumstances
    machine = f"{taken.machine.processor}, {taken.machine.cores} cores"
    return f"{taken.model} {taken.version} on {machine}: {report.images} images a turn, {report.rounds} rounds"


def _caption(report: BenchReport) -> str:
    reference = report.row(report.reference) if report.reference else None
    times = f"times: images/s over {reference.title}, median of the rounds' ratios. " if reference else ""
    taken = report.circumstances
    first = "first s: from the start of the process to the first detection. "
    return f"{times}{first}{taken.pictures}. Load before: {taken.machine.busy_share:.0%} of the cores"


def _times(ratio: Spread) -> str:
    return f"{spread(ratio)} times the images/s"


def _order(row: Row) -> tuple[int, float]:
    return [*Kind].index(row.kind), -(row.images_per_s.median if row.images_per_s else 0.0)

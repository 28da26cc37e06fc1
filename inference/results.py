"""What `rasid detect` tells of an image: a JSON line for programs, a table row for people."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from inference.detections import Detections
from inference.errors import ImageRefused

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Result:
    """One image's detections in stored pixels, or the reason there are none."""

    image: str
    outcome: Detections | ImageRefused


class Report(Protocol):
    """Takes results in order; close ends it."""

    def add(self, result: Result) -> None: ...
    def close(self) -> None: ...


def open_report(json_file: str | None) -> Report:
    """JSON lines to a file ("-" is standard output), or a table when there is none; raises OSError."""
    if json_file is None:
        return TableReport()
    return JsonReport(sys.stdout.buffer if json_file == "-" else Path(json_file).open("wb"))


class JsonReport:
    """Writes each result at once, so that an interrupted run keeps what it found."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, result: Result) -> None:
        self._file.write(json_line(result))
        self._file.flush()

    def close(self) -> None:
        if self._file is not sys.stdout.buffer:
            self._file.close()


class TableReport:
    """Keeps results and prints them at the end, below the progress bar."""

    def __init__(self) -> None:
        self._results: list[Result] = []

    def add(self, result: Result) -> None:
        self._results.append(result)

    def close(self) -> None:
        from rich.console import Console

        print_table(self._results, Console())


def json_line(result: Result) -> bytes:
    """One line of UTF-8 JSON; file names that are no valid text keep their bytes as \\udcxx escapes."""
    text = json.dumps({"image": result.image} | _fields(result.outcome), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def print_table(results: Sequence[Result], console: "Console") -> None:
    """Print a row an image and, below, how often each class was found."""
    from rich.table import Table
    from rich.text import Text

    table = Table("image", "detections", box=None, header_style="bold")
    for result in results:
        table.add_row(Text(result.image, overflow="fold"), Text(_in_words(result.outcome)))
    console.print(table)
    found = [detection for r in results if isinstance(r.outcome, Detections) for detection in r.outcome]
    counts = Counter(detection.class_key for detection in found)
    by_class = ", ".join(f"{count} {key}" for key, count in counts.most_common()) or "none"
    console.print(Text(f"\n{len(found)} detections in {len(results)} images: {by_class}"))


def _fields(outcome: Detections | ImageRefused) -> dict[str, object]:
    if isinstance(outcome, ImageRefused):
        return {"error": {"code": outcome.code, "detail": outcome.detail}}
    boxes = [
        {"class": d.class_key, "score": round(d.score, 6), "xyxy_px": [round(side, 2) for side in d.xyxy_px]}
        for d in outcome
    ]
    return {"width": outcome.width, "height": outcome.height, "detections": boxes}


def _in_words(outcome: Detections | ImageRefused) -> str:
    if isinstance(outcome, ImageRefused):
        return f"{outcome.code}: {outcome.detail}"
    return ", ".join(f"{d.class_key} {d.score:.2f}" for d in outcome) or "-"

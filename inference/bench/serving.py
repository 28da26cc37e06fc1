"""The contender's side of the pipe: asked for pictures in lines of JSON, it answers with the seconds they took.

{"warm_up": [files]} -> {"input": "544x960", "batch": null, "note": "", "multiply_adds": null}
{"pictures": [files]} -> {"seconds": 1.5, "images": 40, "peak_memory_mb": 310}
The first line, without being asked, comes after the first detection and is like that of a warm-up.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, TextIO

from inference.bench.machine import memory_mb


@dataclass(frozen=True)
class Facts:
    """What a contender says of itself: height x width of its input, pictures a batch, a remark."""

    input: str = ""
    batch: int | None = None
    note: str = ""
    multiply_adds: float | None = None  # of the model for one picture


class Work(Protocol):
    """One contender; opened means that it has detected once."""

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        """Run until nothing is done for the first time any more, and choose what is to be chosen by trying."""
        ...

    def run(self, pictures: Sequence[str]) -> float:
        """Work through these files; returns how many pictures' worth of work that was."""
        ...


def serve(open_work: Callable[[], tuple[Work, Facts]]) -> None:
    """Open, then answer requests on standard input until it is closed."""
    answers = _keep_standard_output()
    work, facts = open_work()
    _answer(answers, asdict(facts))
    for line in sys.stdin:
        request = json.loads(line)
        if "warm_up" in request:
            _answer(answers, asdict(work.warm_up(request["warm_up"])))
        else:
            _answer(answers, _timed(work, request["pictures"]))


def _timed(work: Work, pictures: Sequence[str]) -> dict[str, float]:
    started = time.perf_counter()
    images = work.run(pictures)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "images": images, "peak_memory_mb": memory_mb()[1]}


def _keep_standard_output() -> TextIO:
    """Libraries print what they like; it goes to standard error, and the pipe carries answers alone."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _answer(answers: TextIO, content: dict[str, object] | dict[str, float]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()

"""The measuring side of the pipe: starts a contender as a process of its own, asks it, and says how it died."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from inference.bench.report import Kind
from inference.bench.serving import Facts

_PATIENCE_S = 10  # for a process that was told to end


@dataclass(frozen=True)
class Contender:
    """One row to be: how to start its process, and what is known of it before."""

    key: str
    title: str
    kind: Kind
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    backend: str | None = None
    variant: str | None = None
    model_sha256: str = ""
    gate_passed: bool = True


@dataclass(frozen=True)
class Turn:
    """What one turn of a contender cost."""

    seconds: float
    images: float
    peak_memory_mb: float


class ContenderDied(Exception):
    """A contender's process ended before it had answered; the message is the last thing it said."""


class Running:
    """A contender that has made its first detection, cold_start_s after its process was started."""

    def __init__(self, contender: Contender) -> None:
        """Start it and wait for its first detection; raises ContenderDied."""
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        started = time.perf_counter()
        self._process = subprocess.Popen(
            contender.argv,
            env=os.environ | dict(contender.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            encoding="utf-8",
        )
        try:
            self.facts = Facts(**self._answer())
        except ContenderDied:
            self.close()
            raise
        self.cold_start_s = time.perf_counter() - started

    def warm_up(self, pictures: Sequence[str]) -> Facts:
        """Raises ContenderDied, as the turns do."""
        self.facts = Facts(**self._ask({"warm_up": list(pictures)}))
        return self.facts

    def turn(self, pictures: Sequence[str]) -> Turn:
        return Turn(**self._ask({"pictures": list(pictures)}))

    def close(self) -> None:
        """End the process: kindly, then not."""
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ContenderDied(self._last_words()) from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ContenderDied(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        return last_words(self._said, code)


def last_words(said: Iterable[str], status: int) -> str:
    """The last line a process wrote to standard error: of a traceback, the error itself."""
    lines = [line.strip() for line in said if line.strip()]
    if status < 0:  # what it said before has nothing to do with it; the usual reason is memory
        return f"killed by {signal.Signals(-status).name}"
    return lines[-1] if lines else f"ended with status {status} and without a word"


def _close(pipe: Any) -> None:
    with suppress(OSError):  # what was still to be written to a process that died
        pipe.close()

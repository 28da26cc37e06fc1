"""What a person sees while files go out: a bar with rate and remaining time on a terminal, lines in a log."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


@dataclass(frozen=True)
class Standings:
    files_done: int
    files_all: int
    bytes_done: int
    bytes_all: int


class Display(Protocol):
    def show(self, standings: Standings) -> None: ...

    def say(self, message: str) -> None:
        """Something that happened once."""

    def pause(self, message: str | None) -> None:
        """Why nothing moves at present; None: it moves again."""


class Quiet:
    """For tests and for --json on standard output."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def show(self, standings: Standings) -> None:
        pass

    def say(self, message: str) -> None:
        self.said.append(message)

    def pause(self, message: str | None) -> None:
        if message:
            self.said.append(message)


class Lines:
    """For a log: what happens, and each reason to wait once until something moves again."""

    def __init__(self, console: "Console") -> None:
        self._console, self._waits = console, False

    def show(self, standings: Standings) -> None:
        pass

    def say(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def pause(self, message: str | None) -> None:
        if message and not self._waits:
            self.say(message)
        elif self._waits and message is None:
            self.say("sending again")
        self._waits = message is not None


class Bar:
    def __init__(self, progress: "Progress") -> None:
        self._progress, self._pause = progress, ""
        self._task = progress.add_task("looking", total=None, pause="")

    def show(self, standings: Standings) -> None:
        told = f"{standings.files_done} of {standings.files_all} files"
        done, total = standings.bytes_done, standings.bytes_all
        self._progress.update(self._task, description=told, completed=done, total=total, pause=self._pause)

    def say(self, message: str) -> None:
        self._progress.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def pause(self, message: str | None) -> None:
        self._pause = message or ""
        self._progress.update(self._task, pause=self._pause)


@contextmanager
def open_display() -> Iterator[Display]:
    """On standard error, so that standard output is free for the report."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[pause]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        yield Bar(progress)

"""Whole commands on one picture, from start to end: what a person at a shell waits for."""

import os
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.bench.process import last_words
from inference.bench.report import Command, Spread


@dataclass(frozen=True)
class Spoken:
    """A command to time; `told` is how a reader would type it."""

    told: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def detect_command(model: str, picture: str) -> Spoken:
    """`rasid detect` for one line of JSON."""
    argv = (_script("rasid"), "detect", picture, "--json", "-", "--model", model)
    return Spoken("rasid detect one.jpg --json -", argv)


def predict_command(checkpoint: Path, picture: str, environment: Mapping[str, str]) -> Spoken:
    """`yolo predict`, which would draw the picture unless told not to."""
    argv = (_script("yolo"), "predict", f"model={checkpoint}", f"source={picture}", "save=False")
    return Spoken("yolo predict model=stock.pt source=one.jpg save=False", argv, environment)


def time_commands(commands: Sequence[Spoken], times: int) -> list[Command]:
    """Each so many times, in a shuffled order; one that fails says why."""
    seconds: dict[str, list[float]] = {command.told: [] for command in commands}
    failed: dict[str, str] = {}
    order = random.Random(0)
    for command in (one for _ in range(times) for one in order.sample(commands, len(commands))):
        try:
            seconds[command.told].append(_seconds(command))
        except (OSError, subprocess.CalledProcessError) as error:
            failed[command.told] = _reason(error)
    return [_command(told, seconds[told], failed.get(told)) for told in seconds]


def _seconds(command: Spoken) -> float:
    started = time.perf_counter()
    environment = os.environ | dict(command.environment)
    subprocess.run(command.argv, env=environment, capture_output=True, check=True, encoding="utf-8")
    return time.perf_counter() - started


def _command(told: str, seconds: list[float], failed: str | None) -> Command:
    return Command(command=told, seconds=None if failed else Spread.of(seconds), failed=failed)


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return f"{shlex.join(error.cmd)}: {last_words(error.stderr.splitlines(), error.returncode)}"


def _script(name: str) -> str:
    """The command installed beside the running Python."""
    return str(Path(sys.executable).with_name(name))

"""Whether memory and cost an image stay what they were: a process of its own, so that its memory is the stream's alone.

`python -m inference.bench.endurance JOB` reads a list of files from standard input and writes a line for each mark.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count, cycle, islice, takewhile
from pathlib import Path

from inference.bench.machine import memory_mb
from inference.bench.process import ContenderDied, last_words
from inference.bench.report import Mark
from inference.detector import Detector


@dataclass(frozen=True)
class Endurance:
    """Stream so many images, the given files again and again."""

    model: str
    backend: str | None  # None is what `rasid detect` would use
    images: int
    workers: int


def endure(asked: Endurance, pictures: Sequence[str], reached: Callable[[int], None]) -> tuple[Mark, ...]:
    """Run it in a process of its own; `reached` is told the images done at every mark. Raises ContenderDied."""
    argv = (sys.executable, "-m", "inference.bench.endurance", json.dumps(asdict(asked)))
    marks: list[Mark] = []
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(json.dumps([*pictures]) + "\n")
        process.stdin.close()
        for line in process.stdout:
            marks.append(Mark.model_validate_json(line))
            reached(marks[-1].images)
        said = process.stderr.readlines()
    if process.returncode:
        raise ContenderDied(last_words(said, process.returncode))
    return tuple(marks)


def marks_of(images: int) -> set[int]:
    """10, 20, 50, 100, 200 ... and the last."""
    steps = (times * 10**power for power in count(1) for times in (1, 2, 5))
    return {*takewhile(lambda mark: mark < images, steps), images}


def stream_marks(asked: Endurance, pictures: Sequence[str]) -> Iterator[Mark]:
    """Stream in this process; a mark gives its memory."""
    detector = Detector.open(asked.model, backend=asked.backend)
    told = marks_of(asked.images)
    files = enumerate((Path(picture).read_bytes for picture in islice(cycle(pictures), asked.images)), 1)
    done, since = 0, time.perf_counter()
    for number, _found in detector.stream(files, asked.workers):
        if number in told:
            now = time.perf_counter()
            resident, peak = memory_mb()
            yield Mark(
                images=number,
                seconds_per_image=(now - since) / (number - done),
                memory_mb=resident,
                peak_memory_mb=peak,
            )
            done, since = number, now


if __name__ == "__main__":
    for mark in stream_marks(Endurance(**json.loads(sys.argv[1])), json.loads(sys.stdin.readline())):
        sys.stdout.write(mark.model_dump_json() + "\n")
        sys.stdout.flush()

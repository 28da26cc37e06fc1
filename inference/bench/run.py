"""One measurement from its request to its report: pictures made ready, contenders gathered and timed."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inference.bench.commands import Spoken, detect_command, predict_command, time_commands
from inference.bench.contenders import (
    find_weights,
    our_contenders,
    peer_contenders,
    peer_environment,
    prepare_peer,
    stock_checkpoint,
)
from inference.bench.endurance import Endurance, endure
from inference.bench.machine import command_line, describe_machine, versions
from inference.bench.pictures import as_camera_frames, drawn_streets, repeated, usable
from inference.bench.report import BenchReport, Circumstances, EnduranceReport, Row, fastest, ratios
from inference.bench.rounds import Plan, measure, steps
from inference.choice import Choice, this_machine
from inference.cores import stream_workers
from inference.detector import Detector
from inference.model import ModelCard
from inference.progress import image_progress
from inference.sources import NoImagesError, find_images

_REFERENCES = ("ultralytics:pt:1", "stream:onnxruntime")


@dataclass(frozen=True)
class Request:
    """What `rasid bench` was asked for; workers None is one a core and one more."""

    model: str
    paths: Sequence[str]
    as_1080p: bool
    images: int
    rounds: int
    starts: int
    workers: int | None
    peer: Path | None
    shared: Path
    backend: str | None

    @property
    def threads(self) -> int:
        return self.workers or stream_workers()


@dataclass(frozen=True)
class _Pictures:
    files: list[str]
    told: str


def run_bench(asked: Request) -> BenchReport:
    """Time all contenders; raises ModelRefused, NoImagesError."""
    card = Detector.open(asked.model, backend="onnxruntime").model
    with _folder() as folder:
        pictures = _pictures(asked, folder, asked.images)
        return _timed(asked, card, pictures, folder)


def run_endurance(asked: Request, images: int) -> EnduranceReport:
    """Stream that many images; raises ModelRefused, NoImagesError, ContenderDied."""
    detector = Detector.open(asked.model, backend=asked.backend)
    job = Endurance(asked.model, asked.backend, images, asked.threads)
    with _folder() as folder, image_progress() as progress:
        pictures = _pictures(asked, folder, asked.images)
        circumstances = _circumstances(asked, detector.model, pictures.told)
        task = progress.add_task("", total=images)
        marks = endure(job, pictures.files, lambda done: progress.update(task, completed=done))
    return EnduranceReport(
        circumstances=circumstances, backend=detector.backend_name, variant=detector.model.variant, marks=marks
    )


def choice_of(report: BenchReport) -> Choice | None:
    """What to store so that this machine uses the fastest; None when nothing could be measured."""
    row = report.row(report.chosen) if report.chosen else None
    if row is None or row.backend is None:
        return None
    return Choice(
        backend=row.backend,
        variant=row.variant or "",
        model_sha256=row.model_sha256,
        machine=this_machine(),
        chosen_at=report.circumstances.measured_at,
    )


def _timed(asked: Request, card: ModelCard, pictures: _Pictures, folder: Path) -> BenchReport:
    circumstances = _circumstances(asked, card, pictures.told)
    first = pictures.files[0]
    peer = prepare_peer(find_weights(asked.peer, asked.shared), asked.model, folder)
    contenders = our_contenders(asked.model, first, asked.threads)
    if peer.available:
        contenders += peer_contenders(folder, first, max(card.input_width, card.input_height))
    plan = Plan(repeated(pictures.files, asked.images), asked.rounds, asked.starts)
    with image_progress() as progress:
        task = progress.add_task("", total=steps(contenders, plan))
        rows = measure(contenders, plan, lambda _title: progress.advance(task))
    chosen = fastest(rows)
    return BenchReport(
        circumstances=circumstances,
        images=asked.images,
        rounds=asked.rounds,
        peer=peer,
        rows=tuple(rows),
        ratios=ratios({row.key: row.rates for row in rows if row.rates}),
        reference=_reference(rows),
        commands=tuple(time_commands(_commands(asked.model, first, folder, peer.available), asked.starts)),
        chosen=chosen.key if chosen else None,
    )


def _commands(model: str, first: str, folder: Path, with_peer: bool) -> list[Spoken]:
    ours = [detect_command(model, first)]
    return [*ours, predict_command(stock_checkpoint(folder), first, peer_environment(folder))] if with_peer else ours


def _reference(rows: Sequence[Row]) -> str | None:
    """Stock ultralytics as most people run it; our plainest backend where it is missing."""
    measured = {row.key for row in rows if row.rates}
    return next((key for key in _REFERENCES if key in measured), None)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rasid-bench-") as folder:
        yield Path(folder)


def _pictures(asked: Request, folder: Path, most: int) -> _Pictures:
    """At most so many files that decode, ready for every contender alike."""
    if not asked.paths:
        return _Pictures(drawn_streets(folder), "drawn streets, JPEG 1920 x 1080")
    given = [str(Path(path).resolve()) for path in find_images(asked.paths)[:most]]
    files = usable(given)
    if not files:
        raise NoImagesError(f"expected images that can be read, none of the first {len(given)} can; name others")
    if asked.as_1080p:
        return _Pictures(as_camera_frames(files, folder), f"{len(files)} given pictures as JPEG 1920 x 1080")
    return _Pictures(files, f"{len(files)} given pictures as they are")


def _circumstances(asked: Request, card: ModelCard, pictures: str) -> Circumstances:
    return Circumstances(
        command=command_line(),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        versions=versions(),
        model=card.name,
        version=card.version,
        model_sha256=card.sha256,
        pictures=pictures,
        workers=asked.threads,
    )

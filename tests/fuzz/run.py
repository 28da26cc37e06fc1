"""Fuzzed files go to a real server and worker by every way in; what became of each, and of the machine, is counted."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event, Thread, local

from rich.progress import track
from sqlalchemy import func, select

from service.core.clock import utc_now
from service.core.database import Database
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.storage import open_store
from service.intake import archives, uploads
from service.intake.models import Archive
from service.surveys.models import Frame, FrameState
from tests.fuzz.cases import UNTOUCHED, Case, draw_case
from tests.fuzz.doors import ACCEPTED, AGAIN, Answer, Doors
from tests.models import write_blob_model
from tests.privacy_models import write_privacy_model
from tests.soak.machine import Machine, register_vehicles

SENDERS = 4
DONE_WITHIN_S = 1_800
LOOK_EVERY_S = 0.25
SOUND = {ACCEPTED, AGAIN, "picture.again", "picture.elsewhere"}
LATER = timedelta(days=60)  # when everything that is kept for a while has had its time
UNWANTED = ("received", "failed")
FAULT_MARKS = ("Traceback (most recent call last)", "request.failed", "Segmentation fault", "MemoryError")


@dataclass(frozen=True)
class Fuzz:
    files: int
    seed: int = 0


@dataclass
class Outcome:
    """`faults` is the verdict: everything that is the service's fault, with the case that shows it."""

    files: int
    seed: int
    seconds: float = 0
    table: dict[str, dict[str, int]] = field(default_factory=dict)
    ways: dict[str, int] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    server_errors: int = 0
    faults: list[str] = field(default_factory=list)
    kept_for_retry: int = 0
    left_in_spool: int = 0
    peak_mb: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not (self.faults or self.server_errors or self.left_in_spool)

    def as_json(self) -> str:
        return json.dumps(asdict(self) | {"clean": self.clean}, indent=2)


def run_fuzz(asked: Fuzz, folder: Path) -> Outcome:
    """Everything in `folder`, which must be readable for other users when root runs this."""
    data_dir, model = folder / "data", write_blob_model(folder / "blobs.onnx")
    privacy = write_privacy_model(folder / "privacy.onnx")
    url, keys = register_vehicles(data_dir, SENDERS)
    machine = Machine(data_dir, model, folder / "machine.log", RASID_PRIVACY=str(privacy))
    outcome, started_s, database = Outcome(asked.files, asked.seed), time.monotonic(), Database(url)
    runtime = Runtime(settings := Settings(data_dir=data_dir), database, open_store(settings))
    try:
        machine.start()
        with _Watched(machine, outcome):
            base = f"http://127.0.0.1:{machine.port}"
            _send_all(outcome, [Doors(base, key) for key in keys])
            _wait_until_processed(database, outcome)
            if not Doors(base, keys[0]).ready():
                outcome.faults.append("not ready after all was sent")
        _count_spool(runtime, outcome)
        outcome.faults += _logged_faults(folder / "machine.log")
        outcome.peak_mb = {name: size // 1_000_000 for name, size in machine.peak_bytes.items()}
        outcome.seconds = round(time.monotonic() - started_s, 1)
        return outcome
    finally:
        database.close()
        machine.stop()


class _Watched:
    """Notes the machine's memory all the while, and the death of a part as a fault."""

    def __init__(self, machine: Machine, outcome: Outcome) -> None:
        self._machine, self._outcome, self._ended = machine, outcome, Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                self._machine.look()
            except RuntimeError as error:
                self._outcome.faults.append(str(error))
                return


def _send_all(outcome: Outcome, senders: list[Doors]) -> None:
    """Senders take the cases in turns; the archives among them are waited for at the end."""
    own, numbers = local(), count()

    def send(number: int) -> tuple[Case, Answer, Doors]:
        if not hasattr(own, "doors"):
            own.doors = senders[next(numbers)]
        case = draw_case(outcome.seed, number)
        return case, own.doors.send(case), own.doors

    waiting: list[tuple[int, Case, int, Doors]] = []
    with ThreadPoolExecutor(len(senders)) as pool:
        sent = pool.map(send, range(outcome.files))
        for number, (case, answer, doors) in enumerate(track(sent, "sent", outcome.files)):
            if answer.archive_id is None:
                _note(outcome, number, case, answer)
            else:
                waiting.append((number, case, answer.archive_id, doors))
    for number, case, answer in _unpacked(waiting):
        _note(outcome, number, case, answer)


def _unpacked(waiting: list[tuple[int, Case, int, Doors]]) -> Iterator[tuple[int, Case, Answer]]:
    deadline = time.monotonic() + DONE_WITHIN_S
    for number, case, archive_id, doors in track(waiting, "unpacked"):
        while (answer := doors.archive(archive_id)) is None and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        yield number, case, answer or Answer("not unpacked", fault=f"not unpacked within {DONE_WITHIN_S} s")


def _note(outcome: Outcome, number: int, case: Case, answer: Answer) -> None:
    row = outcome.table.setdefault(case.kind, {})
    row[answer.code] = row.get(answer.code, 0) + 1
    outcome.ways[case.way] = outcome.ways.get(case.way, 0) + 1
    fault = answer.fault
    if case.kind == UNTOUCHED and answer.code not in SOUND:
        fault = fault or "a sound file was refused"
    if fault:
        outcome.server_errors += fault[:1] == "5"
        outcome.faults.append(f"case {number}, {case.kind} by {case.way}, {answer.code}: {fault}")


def _wait_until_processed(database: Database, outcome: Outcome) -> None:
    """Accepted frames are detected; one that then fails should not have been accepted."""
    deadline = time.monotonic() + DONE_WITHIN_S
    while True:
        with database.transaction() as session:
            counted = select(Frame.state, Frame.reason_code, func.count()).group_by(Frame.state, Frame.reason_code)
            rows = list(session.execute(counted))
        states = Counter[str]()
        for state, code, number in rows:
            states[f"{state.value} {code}" if state is FrameState.FAILED else state.value] += number
        if not states["received"] or time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY_S)
    outcome.frames = {name: number for name, number in states.items() if number}
    outcome.faults += [
        f"{number} frames: {name}" for name, number in outcome.frames.items() if name.startswith(UNWANTED)
    ]


def _count_spool(runtime: Runtime, outcome: Outcome) -> None:
    """At once only refused archives may be there, for those may be retried for a week; later nothing."""
    with runtime.database.transaction() as session:
        kept = set(session.scalars(select(Archive.spool_name).where(Archive.spool_name.is_not(None))))
    outcome.kept_for_retry = len(kept)
    outcome.left_in_spool = len(_spooled(runtime.settings) - {name for name in kept if name})
    archives.delete_stale_archives(runtime, utc_now() + LATER)
    uploads.delete_expired(runtime, utc_now() + LATER)
    outcome.left_in_spool += len(_spooled(runtime.settings))


def _spooled(settings: Settings) -> set[str]:
    return {path.name for path in (settings.data_dir / "spool").rglob("*") if path.is_file()}


def _logged_faults(log: Path) -> list[str]:
    lines = log.read_text("utf-8", "replace").splitlines()
    found = Counter(mark for line in lines for mark in FAULT_MARKS if mark in line)
    return [f"{number} times in the log: {mark}" for mark, number in found.items()]

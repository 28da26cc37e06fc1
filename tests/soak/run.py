"""Vehicles send at once over links that break while server, worker and database are killed; then all is counted."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from service.core.database import Database
from service.surveys.models import Frame, FrameState
from tests.agent.links import dropping_link
from tests.models import write_blob_model
from tests.soak.footage import Card, write_card
from tests.soak.machine import Machine, register_vehicles

VICTIMS = ("server", "worker", "database")
CUT_BYTES = (50_000, 2_000_000)  # a connection breaks after some number of bytes between these
PROCESSED_WITHIN_S = 900
LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Soak:
    """What to put on the machine; the kills are spread over the frames as they arrive."""

    frames: int
    vehicles: int
    kills: int
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of what was sent; `lost` and `doubled` are the verdict."""

    sent: int
    distinct: int
    stored: int
    refused: dict[str, int]
    refused_wrongly: dict[str, int]
    lost: int
    doubled: int
    waiting: int
    killed: dict[str, int]
    agent_runs: int
    seconds: float
    peak_mb: dict[str, int]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.waiting or self.refused_wrongly)

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def run_soak(asked: Soak, folder: Path) -> Outcome:
    """Everything in `folder`, which must be readable for other users when root runs this."""
    chance = random.Random(asked.seed)
    data_dir, model = folder / "data", write_blob_model(folder / "blobs.onnx")
    each = [
        asked.frames // asked.vehicles + (number < asked.frames % asked.vehicles) for number in range(asked.vehicles)
    ]
    cards = [write_card(folder / f"vehicle-{number}", frames, number) for number, frames in enumerate(each)]
    url, keys = register_vehicles(data_dir, asked.vehicles)
    machine, started_s = Machine(data_dir, model, folder / "machine.log"), time.monotonic()
    database = Database(url)  # looks on; it is no user of the embedded server, so it keeps nothing running
    try:
        machine.start()
        with ExitStack() as stack:
            ports = [
                stack.enter_context(dropping_link(machine.port, number, *CUT_BYTES)) for number in range(len(cards))
            ]
            vehicles = [_Vehicle(card, port, key, folder) for card, port, key in zip(cards, ports, keys, strict=True)]
            _watch(machine, vehicles, database, asked, chance)
        _wait_until_processed(machine, database)
        return _count(database, cards, machine, vehicles, time.monotonic() - started_s)
    finally:
        database.close()
        machine.stop()


class _Vehicle(threading.Thread):
    """The agent on one card, run again until everything has arrived; the first run is killed in the middle."""

    def __init__(self, card: Card, port: int, key: str, folder: Path) -> None:
        super().__init__(daemon=True)
        self.runs, self.exit_code = 0, -1
        self._card, self._log = card, folder / f"{card.folder.name}.log"
        address = ("--url", f"http://127.0.0.1:{port}", "--settle-s", "0.1", "--patience-min", "10")
        self._command = [sys.executable, "-m", "service", "survey", "upload", str(card.folder), *address]
        self._environment = os.environ | {"RASID_KEY": key}
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def run(self) -> None:
        while self.exit_code not in {0, 1, 2, 4}:
            self.runs += 1
            with self._log.open("ab") as sink:
                self.process = subprocess.Popen(self._command, env=self._environment, stdout=sink, stderr=sink)
            self.exit_code = self.process.wait()


def _watch(
    machine: Machine, vehicles: Sequence[_Vehicle], database: Database, asked: Soak, chance: random.Random
) -> None:
    """Until every vehicle is done: look, show how many frames are there, kill one part after the other."""
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    kills = iter(sorted(chance.randint(1, asked.frames * 8 // 10) for _ in range(asked.kills)))
    next_kill, agent_killed = next(kills, None), False
    with Progress(*columns) as progress:
        shown = progress.add_task("frames with a row", total=asked.frames)
        while any(vehicle.is_alive() for vehicle in vehicles):
            time.sleep(LOOK_EVERY_S)
            machine.look()
            rows = _rows(database)
            progress.update(shown, completed=rows)
            if rows is None or next_kill is None or rows < next_kill:
                continue
            machine.kill(VICTIMS[len(machine.killed) % len(VICTIMS)])
            if not agent_killed and (process := vehicles[0].process):
                process.kill()
                agent_killed = True
            next_kill = next(kills, None)


def _wait_until_processed(machine: Machine, database: Database) -> None:
    deadline = time.monotonic() + PROCESSED_WITHIN_S
    while _waiting(database) and time.monotonic() < deadline:
        machine.look()
        time.sleep(LOOK_EVERY_S)


def _rows(database: Database) -> int | None:
    """None while the database is down."""
    try:
        with database.transaction() as session:
            return session.scalar(select(func.count(Frame.id)))
    except OperationalError:
        return None


def _waiting(database: Database) -> int:
    try:
        with database.transaction() as session:
            return session.scalar(select(func.count(Frame.id)).where(Frame.state == FrameState.RECEIVED)) or 0
    except OperationalError:
        return 1


def _count(
    database: Database, cards: Sequence[Card], machine: Machine, vehicles: Sequence[_Vehicle], seconds: float
) -> Outcome:
    with database.transaction() as session:
        rows = session.execute(select(Frame.sha256, Frame.state, Frame.reason_code)).all()
    processed = Counter(row.sha256 for row in rows if row.state is FrameState.PROCESSED)
    good = set[str]().union(*(card.good_sha256s() for card in cards))
    refused = Counter(row.reason_code or row.state.value for row in rows if row.state in {"refused", "failed"})
    expected: Counter[str] = sum((card.refusals() for card in cards), Counter())
    return Outcome(
        sent=sum(card.files for card in cards),
        distinct=len(good) + expected.total(),
        stored=processed.total(),
        refused=dict(refused),
        refused_wrongly=dict(refused - expected),
        lost=len(good - processed.keys()) + (expected - refused).total(),
        doubled=processed.total() - len(good & processed.keys()),
        waiting=sum(row.state is FrameState.RECEIVED for row in rows),
        killed=dict(Counter(machine.killed)),
        agent_runs=sum(vehicle.runs for vehicle in vehicles),
        seconds=round(seconds, 1),
        peak_mb={name: size // 1_000_000 for name, size in machine.peak_bytes.items()},
    )

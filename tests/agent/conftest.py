"""A folder of footage, a small Rasid, and the agent between them on a clock of its own."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from service.agent.clock import Clock
from service.agent.display import Quiet
from service.agent.link import Link
from service.agent.plan import Plan
from service.agent.report import Report
from service.agent.running import Run
from service.agent.sending import Sender
from service.agent.spool import Spool
from tests.agent.clocks import FakeClock
from tests.agent.servers import KEY, SmallRasid, running

MTIME_S = 1_795_334_400  # 2026-11-22T08:00:00Z


@dataclass
class Vehicle:
    """The agent as it runs in a vehicle; `run` is one run, after which everything but the disk is forgotten."""

    folder: Path
    url: str
    key: str = KEY
    clock: FakeClock = field(default_factory=FakeClock)
    display: Quiet = field(default_factory=Quiet)
    stop: Event = field(default_factory=Event)
    chunk_bytes: int | None = None

    def add(self, path: str, data: bytes, mtime_s: float = MTIME_S) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, (mtime_s, mtime_s))
        return file

    def run(self, sender_clock: Clock | None = None, **wanted: object) -> Report:
        self.stop.clear()
        spool = Spool(self.folder / ".rasid", self.url)
        spool.claim()
        try:
            with Link(self.url, self.key, self.clock, self.stop) as link:
                if self.chunk_bytes:
                    link.chunk.size_bytes = self.chunk_bytes
                plan = Plan(self.folder, **wanted)  # type: ignore[arg-type]
                sender = Sender(self.folder, spool, link, sender_clock or self.clock)
                return Run(plan, spool, sender, self.clock, self.stop, self.display, lambda: 1.0).run()
        finally:
            spool.close()


@pytest.fixture
def rasid() -> Iterator[SmallRasid]:
    server = SmallRasid()
    with running(server):
        yield server


@pytest.fixture
def van(tmp_path: Path, rasid: SmallRasid) -> Vehicle:
    folder = tmp_path / "card"
    folder.mkdir()
    return Vehicle(folder, rasid.url)

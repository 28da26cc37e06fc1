"""A worker that dies while it unpacks: the next one goes on, every frame is there once."""

import os
import signal
import time
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core.runtime import Runtime
from service.intake.archive_progress import Progress
from service.intake.models import Archive, ArchiveState
from service.surveys.models import Frame, FrameState
from tests.factories import make_vehicle
from tests.flows.test_crash import TIMEOUT_S, worker_process
from tests.intake.sent_archives import photos, send, spooled
from tests.intake.zip_files import zip_of

FRAMES = 60


def wait_for(session: Session, done: int, state: ArchiveState | None, log: Path) -> Archive:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        session.rollback()
        archive = session.scalars(select(Archive).execution_options(populate_existing=True)).one()
        if Progress.of(archive).done >= done and state in {None, archive.state}:
            return archive
        assert time.monotonic() < deadline, f"{archive.entries}\n{log.read_text()[-3000:]}"


def test_a_worker_killed_while_unpacking_loses_no_frame_and_doubles_none(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    _, key = make_vehicle(session)
    assert send(client, key, zip_of(photos(FRAMES))).status_code == 202
    log = tmp_path / "worker.log"
    with worker_process(runtime, log) as first:
        wait_for(session, 3, None, log)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    session.rollback()
    assert session.scalars(select(Archive)).one().state is ArchiveState.RECEIVED  # it died at work
    with worker_process(runtime, log):
        archive = wait_for(session, FRAMES, ArchiveState.UNPACKED, log)
        deadline = time.monotonic() + TIMEOUT_S
        while spooled(runtime):  # the file goes after its state is kept
            assert time.monotonic() < deadline
    progress = Progress.of(archive)
    assert (progress.frames, progress.again, progress.refused) == (FRAMES, 0, {})
    taken = select(func.count(Frame.id)).where(Frame.state != FrameState.REFUSED)
    assert session.scalar(taken) == FRAMES

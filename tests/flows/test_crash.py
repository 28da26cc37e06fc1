"""Workers die: nothing that was received is lost, nothing is counted twice, and one bad frame stops no other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.core.runtime import Runtime
from service.defects.models import Defect, Detection, Sighting
from service.surveys.models import Frame, FrameState
from service.surveys.service import ALONE_AFTER, MAX_ATTEMPTS, enqueue_waiting_surveys, take_batch
from tests.factories import NOW, jpeg, make_frame, make_survey, make_vehicle, send_frame
from tests.models import blob_image

FRAMES = 40
TIMEOUT_S = 120


@contextmanager
def worker_process(runtime: Runtime, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`rasid worker` as an operator runs it, on the test's database and files."""
    settings = {
        "RASID_DATABASE_URL": runtime.database.url.render_as_string(hide_password=False),
        "RASID_DATA_DIR": str(runtime.settings.data_dir),
        "RASID_MODEL": runtime.settings.model,
        "RASID_BATCH_FRAMES": "4",
        "RASID_HEARTBEAT_S": "0.5",
        "RASID_STALLED_AFTER_S": "2",
    }
    with log.open("ab") as sink:
        command = [sys.executable, "-m", "service", "worker"]
        process = subprocess.Popen(command, env=os.environ | settings, stdout=sink, stderr=sink)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def count(session: Session, state: FrameState) -> int:
    session.rollback()
    return session.scalar(select(func.count(Frame.id)).where(Frame.state == state)) or 0


def wait_for_processed(session: Session, at_least: int, log: Path) -> int:
    deadline = time.monotonic() + TIMEOUT_S
    while (done := count(session, FrameState.PROCESSED)) < at_least:
        assert time.monotonic() < deadline, f"{done} of {at_least} after {TIMEOUT_S} s\n{log.read_text()[-3000:]}"
    return done


def test_a_worker_killed_in_mid_batch_loses_no_frame_and_doubles_none(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    _, key = make_vehicle(session)
    for number in range(FRAMES):
        left = 100 + 8 * number
        image = blob_image({"pothole": [(left, 330, left + 64, 394)]})
        lat = 26.4 + number / 1000  # 111 m apart: one defect a frame
        assert send_frame(client, key, jpeg(image), survey="drive", lat=lat, lon=50.1).status_code == 201
    log = tmp_path / "worker.log"
    with worker_process(runtime, log) as first:
        done = wait_for_processed(session, 4, log)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    assert done < FRAMES
    doing = session.execute(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")).scalar_one()
    assert doing >= 1  # the job died with its worker
    with worker_process(runtime, log):
        wait_for_processed(session, FRAMES, log)
    assert count(session, FrameState.PROCESSED) == FRAMES
    per_frame = (
        session.execute(select(func.count()).select_from(Detection).group_by(Detection.frame_id)).scalars().all()
    )
    assert list(per_frame) == [1] * FRAMES
    assert session.scalar(select(func.count(Sighting.detection_id))) == FRAMES
    assert session.scalar(select(func.count(Defect.id))) == FRAMES


def test_a_worker_goes_on_after_the_database_cut_all_its_connections(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    _, key = make_vehicle(session)
    log = tmp_path / "worker.log"
    with worker_process(runtime, log) as process:
        send_frame(client, key, survey="before")
        wait_for_processed(session, 1, log)
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        session.commit()
        runtime.database.engine.dispose()
        send_frame(client, key, survey="after")
        wait_for_processed(session, 2, log)
        assert process.poll() is None


def test_a_frame_that_kills_its_worker_is_tried_alone_and_then_given_up_by_name(session: Session) -> None:
    survey = make_survey(session)
    poison, *good = [make_frame(session, survey) for _ in range(4)]
    for _ in range(ALONE_AFTER):
        assert len(take_batch(session, survey.id, 10, NOW)) == 4  # taken, and never finished
    for _ in range(MAX_ATTEMPTS - ALONE_AFTER):
        assert take_batch(session, survey.id, 10, NOW) == [poison]
    assert take_batch(session, survey.id, 10, NOW) == [good[0]]
    assert (poison.state, poison.reason_code) == (FrameState.FAILED, "processing.gave_up")


def test_frames_without_a_job_are_found_and_asked_for_again(session: Session) -> None:
    frame = make_frame(session)
    assert enqueue_waiting_surveys(session, received_before=NOW) == 0
    frame.received_at = NOW.replace(year=NOW.year - 1)
    assert enqueue_waiting_surveys(session, received_before=NOW) == 1
    jobs = session.execute(text("SELECT task_name, args FROM procrastinate_jobs")).all()
    assert jobs == [("process_survey", {"survey_id": frame.survey_id})]

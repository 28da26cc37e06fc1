"""The agent against Rasid itself, uvicorn and PostgreSQL, over a link that drops: each frame is there exactly once."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.app import create_app
from service.core.runtime import Runtime
from service.surveys.models import Frame, FrameState
from tests.agent.links import dropping_link
from tests.factories import jpeg, make_vehicle

FRAMES = 30
TIMEOUT_S = 300
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")


@contextmanager
def serving(runtime: Runtime) -> Iterator[int]:
    """The whole application behind uvicorn, in a thread; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(runtime), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Frames of 20 to 200 kB, 22 m and two seconds apart, with their place in the EXIF."""
    folder = tmp_path / "card" / "DCIM"
    folder.mkdir(parents=True)
    for number in range(FRAMES):
        side = 100 + 12 * number
        pixels = np.random.default_rng(number).integers(0, 255, (side, side, 3), np.uint8)
        (folder / f"{number:02}.jpg").write_bytes(jpeg(pixels, exif_at(number)))
    return folder.parent


def exif_at(number: int) -> Image.Exif:
    exif = Image.Exif()
    time = (6.0, float(number // 30), float(number * 2 % 60))
    place = {1: "N", 2: (26.0, 25.0, 40.0 + number * 0.72), 3: "E", 4: (50.0, 5.0, 27.0)}
    exif[0x8825] = place | {7: time, 29: "2026:03:04"}
    return exif


def agent(card: Path, port: int, key: str) -> subprocess.Popen[bytes]:
    options = ("--url", f"http://127.0.0.1:{port}", "--settle-s", "0.1", "--patience-min", "3", "--parallel", "2")
    command = [sys.executable, "-c", "from service.agent.cli import survey; survey()", "upload", str(card), *options]
    log = (card.parent / "agent.log").open("ab")
    return subprocess.Popen(command, env=os.environ | {"RASID_KEY": key}, stdout=log, stderr=log)


def count(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count(Frame.id))) or 0


def check_each_frame_is_there_once(session: Session, card: Path) -> None:
    session.rollback()
    names = list(session.scalars(select(Frame.filename).order_by(Frame.filename)))
    assert names == [f"{number:02}.jpg" for number in range(FRAMES)]
    assert set(session.scalars(select(Frame.state))) == {FrameState.RECEIVED}
    assert session.scalar(select(func.count(func.distinct(Frame.survey_id)))) == 1


def test_a_folder_arrives_exactly_once_over_a_link_that_drops(session: Session, runtime: Runtime, card: Path) -> None:
    _, headers = make_vehicle(session)
    key = headers["Authorization"].removeprefix("Bearer ")
    with serving(runtime) as port, dropping_link(port, 7, 50_000, 600_000) as bad_port:
        process = agent(card, bad_port, key)
        assert process.wait(TIMEOUT_S) == 0, (card.parent / "agent.log").read_text()
    check_each_frame_is_there_once(session, card)
    assert set(session.scalars(select(Frame.came_by))) == {"multipart", "tus"}  # whole, and in parts where that broke


def test_an_agent_killed_with_9_again_and_again_still_sends_each_frame_once(
    session: Session, runtime: Runtime, card: Path
) -> None:
    _, headers = make_vehicle(session)
    key = headers["Authorization"].removeprefix("Bearer ")
    with serving(runtime) as port, dropping_link(port, 8, 100_000, 900_000) as bad_port:
        for at_least in (3, 12, 21):
            process = agent(card, bad_port, key)
            deadline = time.monotonic() + TIMEOUT_S
            while count(session) < at_least:
                assert process.poll() is None, (card.parent / "agent.log").read_text()
                assert time.monotonic() < deadline
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert count(session) < FRAMES
        assert agent(card, bad_port, key).wait(TIMEOUT_S) == 0, (card.parent / "agent.log").read_text()
    check_each_frame_is_there_once(session, card)

"""The real `panoramax_cli` against the real server: killed in the middle, it completes when it is run again."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.app import create_app
from service.core.runtime import Runtime
from service.intake.models import UploadSet, UploadSetFile
from service.surveys.models import Frame, FrameState
from tests.factories import DAMMAM, jpeg, make_vehicle
from tests.intake.test_panoramax_api import geotagged

PICTURES, TIMEOUT_S = 12, 120
BESIDE_PYTHON = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
CLIENT = shutil.which("panoramax_cli", path=BESIDE_PYTHON)
pytestmark = pytest.mark.skipif(CLIENT is None, reason="panoramax_cli is not installed")


@dataclass
class Gate:
    """The application behind a link that fails at one file: before it is taken, or before its answer is sent."""

    app: ASGIApp
    closes_at: int = 0  # the how-many-th file from now on; 0: never
    takes_it: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/files"):
            self.closes_at -= 1
            if self.closes_at == 0:
                await self._fail(scope, receive)
                return
        await self.app(scope, receive, send)

    async def _fail(self, scope: Scope, receive: Receive) -> None:
        async def lose(message: Message) -> None: ...

        if self.takes_it:
            await self.app(scope, receive, lose)
        self.reached.set()
        await asyncio.to_thread(self.opened.wait, TIMEOUT_S)

    def close(self, at: int, *, takes_it: bool) -> None:
        self.closes_at, self.takes_it = at, takes_it
        self.reached.clear()
        self.opened.clear()


@dataclass(frozen=True)
class Drive:
    """A folder of pictures, the client that sends it, and the server's address and gate."""

    folder: Path
    command: list[str]
    environment: dict[str, str]
    gate: Gate

    def run(self, *options: str) -> str:
        ended = subprocess.run(
            [*self.command, *options], env=self.environment, cwd=self.folder.parent, capture_output=True, text=True,
            timeout=TIMEOUT_S,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def run_and_kill(self, at: int, *, takes_it: bool) -> None:
        """`kill -9` while the server holds back its answer to the at-th file."""
        self.gate.close(at, takes_it=takes_it)
        client = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            reached = self.gate.reached.wait(TIMEOUT_S)
        finally:
            client.kill()
            said, _ = client.communicate()
            self.gate.opened.set()
        assert reached, said.decode()


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """The application on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture
def drive(runtime: Runtime, session: Session, tmp_path: Path) -> Iterator[Drive]:
    _, key = make_vehicle(session)
    folder = tmp_path / "شارع الملك"
    folder.mkdir()
    for number in range(PICTURES):
        (folder / f"{number:02d}.jpg").write_bytes(geotagged(DAMMAM[0] + number / 10_000))
    # it asks PyPI for a newer release first; the test has no network
    environment = os.environ | {
        "XDG_CONFIG_HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1",
        "PYTHONIOENCODING": "utf-8", "COLUMNS": "200",
    }  # fmt: skip
    gate = Gate(create_app(runtime))
    with serve(gate) as url:
        token = key["Authorization"].removeprefix("Bearer ")
        command = [str(CLIENT), "upload", str(folder), "--api-url", url, "--token", token, "--title", "morning drive"]
        yield Drive(folder, command, environment, gate)


def test_a_client_killed_in_the_middle_completes_when_run_again_and_doubles_nothing(
    drive: Drive, session: Session
) -> None:
    drive.run_and_kill(5, takes_it=True)  # the fifth is here, and the client never heard of it
    drive.run_and_kill(3, takes_it=False)
    half = session.scalar(select(func.count(Frame.id))) or 0
    assert half == 5 + 2
    said = drive.run()
    assert f"Skipped {half} already sent" in said and f"{PICTURES - half} pictures uploaded" in said
    session.rollback()
    upload_set = session.scalars(select(UploadSet)).one()
    assert upload_set.completed_at is not None and upload_set.survey.name == "morning drive"
    assert sorted(session.scalars(select(UploadSetFile.filename))) == [f"{n:02d}.jpg" for n in range(PICTURES)]
    frames = session.scalars(select(Frame)).all()
    assert len(frames) == len({frame.sha256 for frame in frames}) == PICTURES
    assert {frame.state for frame in frames} == {FrameState.RECEIVED}
    assert {frame.survey_id for frame in frames} == {upload_set.survey_id}


def test_a_folder_that_was_sent_whole_is_sent_no_second_time(drive: Drive, session: Session) -> None:
    drive.run()
    assert "Everything already uploaded" in drive.run()
    (drive.folder / "_panoramax.txt").unlink()  # as from another disk: the client knows nothing of its first run
    assert "Everything already uploaded" in drive.run()
    assert session.scalar(select(func.count(Frame.id))) == PICTURES


def test_a_picture_that_cannot_be_used_is_told_to_the_client_and_stops_no_other(drive: Drive, session: Session) -> None:
    (drive.folder / "05.jpg").write_bytes(jpeg())
    said = drive.run("--duplicates-checks", "disabled", "--parallel-uploads", "4", "--is-blurred")
    assert f"{PICTURES - 1} pictures uploaded" in said
    refused = session.scalars(select(UploadSetFile).join(Frame).where(Frame.state == FrameState.REFUSED)).one()
    assert (refused.filename, refused.frame.reason_code) == ("05.jpg", "position.missing")
    assert refused.told == {"isBlurred": True}


def test_places_from_the_client_s_csv_are_taken(drive: Drive, session: Session) -> None:
    (drive.folder / "05.jpg").write_bytes(jpeg())
    row = "05.jpg,26.5,50.2,2026-03-04T06:00:00+00:00,9000/100\n"
    (drive.folder / "panoramax.csv").write_text(f"file,lat,lon,capture_time,Exif.GPSInfo.GPSImgDirection\n{row}")
    drive.run()
    frame = session.scalars(select(Frame).where(Frame.filename == "05.jpg")).one()
    assert (frame.lat, frame.lon, frame.heading_deg) == (26.5, 50.2, 90.0)


def test_the_client_writes_its_report_from_what_the_server_says(drive: Drive, session: Session) -> None:
    drive.run("--write-report")
    set_id = session.scalars(select(UploadSet.public_id)).one()
    report = json.loads((drive.folder.parent / "reports" / f"{set_id}.json").read_text())
    assert (report["title"], report["nb_items"], report["completed"]) == ("morning drive", PICTURES, True)
    files = json.loads((drive.folder.parent / "reports" / f"{set_id}_files.json").read_text())["files"]
    assert len({file["picture_id"] for file in files}) == PICTURES

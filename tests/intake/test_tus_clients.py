"""Clients that other people wrote: they stop, are killed, resume, and check what they send."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader.uploader import Uploader

from service.core.runtime import Runtime
from service.surveys.models import Frame, FrameState
from tests.factories import jpeg, make_vehicle
from tests.intake.tus_support import PLACE, START_S, TUS, served

NODE = Path(__file__).parent / "node"
CHUNK_BYTES = 100_000
METADATA = PLACE | {"filename": "drive/0001.jpg", "filetype": "image/jpeg", "survey": "morning"}

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").is_dir(),
    reason="needs Node.js and `npm ci` in tests/intake/node",
)


@pytest.fixture
def base(runtime: Runtime) -> Iterator[str]:
    with served(runtime) as address:
        yield address


@pytest.fixture
def key(session: Session) -> dict[str, str]:
    return make_vehicle(session)[1]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Of more than 1 MB."""
    file = tmp_path / "0001.jpg"
    file.write_bytes(jpeg(np.random.default_rng(5).integers(0, 256, (900, 1200, 3), np.uint8)))
    assert file.stat().st_size > 10 * CHUNK_BYTES
    return file


def assert_arrived(session: Session, image: Path) -> Frame:
    frame = session.scalars(select(Frame)).one()
    assert frame.sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    assert (frame.state, frame.filename, frame.came_by) == (FrameState.RECEIVED, "0001.jpg", "tus")
    assert frame.survey.name == "morning"
    return frame


def tuspy(base: str, key: dict[str, str], image: Path, store: Path) -> Uploader:
    return TusClient(base + TUS, headers=dict(key)).uploader(
        str(image), chunk_size=CHUNK_BYTES, metadata=METADATA, store_url=True,
        url_storage=FileStorage(str(store)), upload_checksum=True,  # type: ignore[no-untyped-call]
    )  # fmt: skip


def test_tuspy_stops_and_another_run_resumes(
    base: str, session: Session, key: dict[str, str], image: Path, tmp_path: Path
) -> None:
    stop_at = 4 * CHUNK_BYTES
    first = tuspy(base, key, image, tmp_path / "urls.json")
    first.upload(stop_at=stop_at)
    second = tuspy(base, key, image, tmp_path / "urls.json")
    assert (second.url, second.offset) == (first.url, stop_at)
    second.upload()
    assert_arrived(session, image)


def test_tuspy_sends_a_damaged_part_again(
    base: str, session: Session, key: dict[str, str], image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader = tuspy(base, key, image, tmp_path / "urls.json")
    uploader.retries, uploader.retry_delay = 1, 0
    requests = import_module("requests")  # what tuspy sends with
    patch, sent = requests.patch, []

    def damage_the_third(url: str, data: bytes, **options: object) -> object:
        sent.append(len(data))
        answer = patch(url, data=bytes(len(data)) if len(sent) == 3 else data, **options)
        sent[-1] = answer.status_code
        return answer

    monkeypatch.setattr(requests, "patch", damage_the_third)
    uploader.upload()
    assert sent[2] == 460 and set(sent[:2] + sent[3:]) == {204}
    assert_arrived(session, image)


@needs_node
@pytest.mark.parametrize("chunk_bytes", [str(CHUNK_BYTES), "Infinity"])
def test_tus_js_client_killed_half_way_resumes_from_what_it_stored(
    base: str, session: Session, key: dict[str, str], image: Path, tmp_path: Path, chunk_bytes: str
) -> None:
    secret = key["Authorization"].removeprefix("Bearer ")
    arguments = ["node", "upload.js", base + TUS, secret, str(image), str(tmp_path / "urls.json"), json.dumps(METADATA)]

    def run(chunk: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*arguments, chunk], cwd=NODE, env=os.environ | environment, capture_output=True, text=True,
            timeout=START_S, check=False,
        )  # fmt: skip

    half = 5 * CHUNK_BYTES
    killed = run(str(CHUNK_BYTES), DIE_AT=str(half))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert session.scalars(select(Frame)).all() == []
    session.rollback()
    resumed = run(chunk_bytes)
    assert resumed.returncode == 0, resumed.stderr
    told = json.loads(resumed.stdout)
    assert told["resumedAt"] == half
    assert told["frame"] == str(assert_arrived(session, image).id)

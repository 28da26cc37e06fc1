"""Uploads against the real server: links that break, fall silent or trickle, many at once, and a killed process."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import numpy as np
import psutil
import pytest
from httpx2 import Client
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core.runtime import Runtime
from service.core.settings import Settings
from service.intake import receiving
from service.intake.models import UploadState
from service.intake.spool import Spool, SpoolFile
from service.surveys.models import Frame
from tests.factories import jpeg, make_vehicle
from tests.intake.tus_support import (
    BODY,
    START_S,
    TUS,
    VERSION,
    RawRequest,
    append,
    client_of,
    create,
    create_frame,
    free_port,
    head,
    offset_of,
    raw_append,
    served,
    served_process,
    spool_path,
    told,
    upload_row,
)

Key = dict[str, str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"tus_idle_s": 1.0, "max_image_bytes": 200_000_000})


@pytest.fixture
def base(runtime: Runtime) -> Iterator[str]:
    with served(runtime) as address:
        yield address


@pytest.fixture
def web(base: str) -> Iterator[Client]:
    with client_of(base) as client:
        yield client


@pytest.fixture
def key(session: Session) -> Key:
    return make_vehicle(session)[1]


def noise(size_bytes: int) -> bytes:
    return np.random.default_rng(size_bytes).bytes(size_bytes)


def test_what_came_before_the_link_broke_counts(base: str, web: Client, key: Key, runtime: Runtime) -> None:
    data = jpeg()
    url = create_frame(web, key, len(data))
    broken = raw_append(base, key, url, 0, len(data))
    broken.send(data[:3000])
    wait_for_bytes(spool_path(runtime, url), 3000)
    broken.close()
    assert offset_of(web, key, url) == 3000
    assert append(web, key, url, 3000, data[3000:]).headers["rasid-state"] == "finished"


def test_a_body_to_be_judged_by_a_checksum_counts_whole_or_not_at_all(
    base: str, web: Client, key: Key, runtime: Runtime
) -> None:
    url = create(web, key, 10_000).headers["location"]
    given = {**VERSION, **BODY, **key, "Upload-Offset": "0", "Content-Length": "10000"}
    broken = RawRequest(base, "PATCH", url, given | {"Upload-Checksum": "sha1 " + "A" * 27 + "="})
    broken.send(noise(5000))
    wait_for_bytes(spool_path(runtime, url), 5000)
    broken.close()
    assert offset_of(web, key, url) == 0
    assert spool_path(runtime, url).read_bytes() == b""


def test_a_request_that_falls_silent_is_ended_and_keeps_what_came(base: str, web: Client, key: Key) -> None:
    url = create(web, key, 10_000).headers["location"]
    silent = raw_append(base, key, url, 0, 10_000)
    silent.send(noise(5000))
    answer = silent.answer()  # ends because the server closes the link
    assert answer.startswith("HTTP/1.1 408 ") and "upload.silent" in answer
    assert "tus-resumable: 1.0.0" in answer.lower()
    assert offset_of(web, key, url) == 5000


def test_a_creation_that_falls_silent_leaves_no_upload(base: str, web: Client, key: Key) -> None:
    given = {**VERSION, **BODY, **key, "Upload-Length": "10000", "Content-Length": "10000"}
    silent = RawRequest(base, "POST", TUS, given)
    silent.send(noise(5000))
    assert silent.answer().startswith("HTTP/1.1 408 ")
    assert web.get("/api/v1/uploads", headers=key).json()["items"] == []


def test_a_vehicle_that_comes_back_takes_over_from_its_dead_request(
    base: str, web: Client, key: Key, monkeypatch: pytest.MonkeyPatch, settings: Settings, runtime: Runtime
) -> None:
    monkeypatch.setattr(receiving, "YIELD_AFTER_S", 0.1)
    monkeypatch.setattr(receiving, "WAIT_S", 60.0)
    object.__setattr__(settings, "tus_idle_s", 3600.0)
    data = jpeg()
    url = create_frame(web, key, len(data))
    dead = raw_append(base, key, url, 0, len(data))
    dead.send(data[:3000])
    wait_for_bytes(spool_path(runtime, url), 3000)
    came = offset_of(web, key, url)
    assert came == 3000
    assert append(web, key, url, came, data[came:]).headers["rasid-state"] == "finished"
    assert "upload.taken_over" in dead.answer()


def test_an_upload_that_is_being_sent_is_locked(
    base: str, web: Client, key: Key, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "WAIT_S", 0.0)
    url = create(web, key, 10).headers["location"]
    with receiving_elsewhere(runtime, url):
        locked = append(web, key, url, 0, b"01234")
        assert (locked.status_code, locked.json()["code"]) == (423, "upload.locked")
        assert web.delete(url, headers={**VERSION, **key}).status_code == 423
        assert offset_of(web, key, url) == 0
    assert append(web, key, url, 0, b"01234").status_code == 204


def wait_for_bytes(file: Path, size_bytes: int) -> None:
    """Bytes that the server has not read when a link breaks are lost; so be sure that it has."""
    deadline = time.monotonic() + START_S
    while not file.exists() or file.stat().st_size < size_bytes:
        assert time.monotonic() < deadline


def receiving_elsewhere(runtime: Runtime, url: str) -> SpoolFile:
    """As another server on the same folder holds it."""
    path = spool_path(runtime, url)
    return Spool(path.parent).take(UUID(path.name), 10)


def test_ten_requests_at_once_with_the_same_bytes_leave_one_frame(
    base: str, session: Session, key: Key, runtime: Runtime
) -> None:
    data = jpeg()
    with client_of(base) as web:
        url = create_frame(web, key, len(data))

    def send(_: int) -> int:
        with client_of(base) as web:
            return append(web, key, url, 0, data).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(send, range(10)))
    assert statuses.count(204) == 1
    assert set(statuses[1:]) <= {409, 423}
    assert upload_row(session, url).state is UploadState.FINISHED
    assert session.scalar(select(func.count(Frame.id))) == 1
    assert list(spool_path(runtime, url).parent.iterdir()) == []


def test_a_large_body_passes_through_little_memory(base: str, web: Client, key: Key, runtime: Runtime) -> None:
    part, parts = noise(1_000_000), 150
    url = create(web, key, part_total := len(part) * parts).headers["location"]
    process = psutil.Process()
    before = process.memory_info().rss
    peak = before

    def body() -> Iterator[bytes]:
        nonlocal peak
        for _ in range(parts):
            peak = max(peak, process.memory_info().rss)
            yield part

    answer = append(web, key, url, 0, body())
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(part_total))
    assert peak - before < 50_000_000


def test_bytes_count_while_they_come_so_that_a_killed_server_loses_seconds(
    base: str, web: Client, session: Session, key: Key, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(receiving, "SAVE_EVERY_BYTES", 100_000)
    object.__setattr__(settings, "tus_idle_s", 3600.0)
    url = create(web, key, 1_000_000).headers["location"]
    coming = raw_append(base, key, url, 0, 1_000_000)
    coming.send(noise(600_000))
    counted = 0
    while counted < 400_000:
        counted = upload_row(session, url).offset_bytes
    coming.close()


def test_a_killed_server_goes_on_from_what_it_had(session: Session, key: Key, runtime: Runtime, tmp_path: Path) -> None:
    data = jpeg(np.random.default_rng(1).integers(0, 256, (1200, 1600, 3), np.uint8))
    port, log = free_port(), tmp_path / "server.log"
    base = f"http://127.0.0.1:{port}"
    with served_process(runtime, port, log) as first, client_of(base) as web:
        url = create_frame(web, key, len(data))
        assert append(web, key, url, 0, data[:500_000]).status_code == 204
        dying = raw_append(base, key, url, 500_000, len(data) - 500_000)
        dying.send(data[500_000:900_000])
        first.send_signal(signal.SIGKILL)
        first.wait()
    with served_process(runtime, port, log), client_of(base) as web:
        came = offset_of(web, key, url)
        assert 500_000 <= came <= 900_000
        assert append(web, key, url, came, data[came:]).headers["rasid-state"] == "finished"
        assert head(web, key, url).headers["upload-offset"] == str(len(data))
    frame = session.scalars(select(Frame)).one()
    assert frame.blob_key is not None
    assert frame.size_bytes == len(data)


def test_metadata_goes_through_the_real_server_as_given(web: Client, key: Key) -> None:
    metadata = told(filename="شارع.jpg") + ",flag"
    url = create(web, key, 10, metadata).headers["location"]
    assert head(web, key, url).headers["upload-metadata"] == metadata

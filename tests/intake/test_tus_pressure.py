"""Vehicles are told to wait before the disk is full or the queue has no end."""

import asyncio
import errno
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.core.errors import TooManyRequests
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.intake.receiving import receive_body
from service.intake.spool import SpoolFile
from service.intake.uploads import spool_of
from service.surveys.models import FrameState
from service.surveys.pressure import StorageFull, refuse_under_pressure
from tests.factories import make_frame, make_survey, make_vehicle
from tests.intake.tus_support import append, create, offset_of, spool_path, upload_row

FREE = 10_000_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"min_free_disk_bytes": 1_000_000, "max_frames_waiting": 3})


@pytest.fixture
def leave_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def leave(free_bytes: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))

    return leave


def test_the_real_disk_of_this_machine_is_asked(runtime: Runtime, session: Session) -> None:
    refuse_under_pressure(session, runtime)
    free = shutil.disk_usage(runtime.settings.data_dir).free
    with pytest.raises(StorageFull):
        refuse_under_pressure(session, runtime, coming_bytes=free)


def test_a_nearly_full_disk_refuses_before_a_byte_is_written(
    client: TestClient, session: Session, runtime: Runtime, leave_free: Callable[[int], None]
) -> None:
    _, key = make_vehicle(session)
    leave_free(FREE)
    assert create(client, key, FREE).status_code == 507  # would leave nothing
    url = create(client, key, FREE - 2_000_000).headers["location"]
    append(client, key, url, 0, b"01234")
    leave_free(1_000_002)
    refused = append(client, key, url, 5, b"56789")
    assert (refused.status_code, refused.json()["code"]) == (507, "storage.full")
    assert int(refused.headers["retry-after"]) > 0 and refused.headers["tus-resumable"] == "1.0.0"
    assert offset_of(client, key, url) == 5
    assert spool_path(runtime, url).read_bytes() == b"01234"


def test_a_disk_that_fills_up_meanwhile_keeps_what_fitted(
    client: TestClient, session: Session, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = make_vehicle(session)
    url = create(client, key, 10).headers["location"]
    write = SpoolFile.write

    def full_after_five(file: SpoolFile, position: int, data: bytes) -> None:
        write(file, position, data[: 5 - position])
        if position + len(data) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")

    async def pieces() -> AsyncGenerator[bytes, None]:
        for piece in (b"01", b"23", b"45", b"67"):
            yield piece

    upload = upload_row(session, url)
    session.expunge(upload)
    with monkeypatch.context() as patched, spool_of(runtime.settings).take(upload.public_id, 10) as file:
        patched.setattr(SpoolFile, "write", full_after_five)
        with pytest.raises(StorageFull):
            in_a_loop_of_its_own(receive_body(runtime, upload, file, pieces(), 10, None))
    assert offset_of(client, key, url) == 4  # whole pieces count
    assert spool_path(runtime, url).read_bytes() == b"0123"
    assert append(client, key, url, 4, b"456789").status_code == 204


def test_a_long_queue_refuses_new_uploads_and_lets_begun_ones_end(
    client: TestClient, session: Session, runtime: Runtime, tmp_path: Path
) -> None:
    vehicle, key = make_vehicle(session)
    survey = make_survey(session, vehicle)
    begun = create(client, key, 10).headers["location"]
    frames = [make_frame(session, survey) for _ in range(4)]
    session.commit()
    with pytest.raises(TooManyRequests, match="at most 3 frames"):
        refuse_under_pressure(session, runtime)
    refused = create(client, key, 10)
    assert (refused.status_code, refused.json()["code"]) == (429, "queue.full")
    assert int(refused.headers["retry-after"]) > 0
    assert append(client, key, begun, 0, b"0123456789").status_code == 204
    frames[0].state = FrameState.PROCESSED
    session.commit()
    assert create(client, key, 10).status_code == 201


def in_a_loop_of_its_own(work: Coroutine[Any, Any, Any]) -> None:
    """In a thread: a browser test before this one leaves its loop running in the main one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()

"""Takes the body of one request into the spool as it comes, over a link that is slow, falls silent or breaks."""

import asyncio
import errno
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.intake.models import Upload
from service.intake.spool import Spool, SpoolBusy, SpoolFile, SpoolOverrun
from service.intake.tus import ALGORITHMS, Checksum, ChecksumMismatch, Locked, overrun
from service.intake.uploads import advance
from service.surveys.pressure import DISK_RETRY_S, StorageFull, refuse_full_disk

SAVE_EVERY_S, SAVE_EVERY_BYTES = 5.0, 64_000_000  # at most so much is sent again after kill -9
LOOK_EVERY_S = 0.25  # how often a silent request looks whether it should end, and a waiting one whether it may begin
YIELD_AFTER_S = 2.0  # a request that is silent for so long makes way for the next one
WAIT_S = 4.0  # longer than the time to yield: a client that comes back gets its upload, not a 423
DISK_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


class Ending(StrEnum):
    """How a body ended."""

    WHOLE = "whole"
    LINK_LOST = "link_lost"
    SILENT = "silent"
    TAKEN_OVER = "taken_over"


@asynccontextmanager
async def taken(spool: Spool, upload: Upload) -> AsyncIterator[SpoolFile]:
    """The upload's file, locked. Raises Locked when another request still sends after WAIT_S.

    A vehicle whose link broke without a word comes back while its dead request still has the file: asked to, a request
    that gets nothing gives it up.
    """
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            file = await run_in_threadpool(spool.take, upload.public_id, upload.length_bytes)
            break
        except SpoolBusy as error:
            if time.monotonic() >= deadline:
                spool.withdraw(upload.public_id)
                detail = f"expected no other request to send to this upload, one has for {WAIT_S:g} s; try again"
                raise Locked("upload.locked", detail) from error
            spool.wish(upload.public_id)
            await asyncio.sleep(LOOK_EVERY_S)
    try:
        yield file
    finally:
        file.close()


async def receive_body(
    runtime: Runtime, upload: Upload, file: SpoolFile, chunks: AsyncGenerator[bytes, None],
    declared_bytes: int | None, checksum: Checksum | None,
) -> Ending:  # fmt: skip
    """Adds the body behind `upload.offset_bytes`, which follows. What came before a broken link counts, unless a
    checksum was to judge the whole. Raises ChecksumMismatch, TooLarge and StorageFull; the first two keep nothing."""
    inflow = _Inflow(runtime, upload, file, checksum, saves_early=declared_bytes is not None and checksum is None)
    try:
        ending = await _pour(inflow, chunks, runtime.settings.tus_idle_s)
        await run_in_threadpool(inflow.end, whole=ending is Ending.WHOLE)
    except SpoolOverrun as error:
        await run_in_threadpool(inflow.forget)
        raise overrun(upload.length_bytes, upload.offset_bytes) from error
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        await run_in_threadpool(inflow.end, whole=False)
        detail = f"expected room for {upload.length_bytes} bytes, the disk is full; try again in {DISK_RETRY_S} s"
        raise StorageFull("storage.full", detail, retry_after_s=DISK_RETRY_S) from error
    return ending


async def _pour(inflow: "_Inflow", chunks: AsyncGenerator[bytes, None], idle_s: float) -> Ending:
    while True:
        chunk = await _next_chunk(chunks, idle_s, inflow.file)
        if isinstance(chunk, Ending):
            return chunk
        if chunk:
            await run_in_threadpool(inflow.add, chunk)


async def _next_chunk(chunks: AsyncGenerator[bytes, None], idle_s: float, file: SpoolFile) -> bytes | Ending:
    coming = asyncio.ensure_future(_pull(chunks))
    silent_since = time.monotonic()
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=min(LOOK_EVERY_S, idle_s))
            if done:
                return coming.result()
            silent_s = time.monotonic() - silent_since
            if silent_s >= idle_s:
                return Ending.SILENT
            if silent_s >= YIELD_AFTER_S and file.wanted():
                return Ending.TAKEN_OVER
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait({coming})


async def _pull(chunks: AsyncGenerator[bytes, None]) -> bytes | Ending:
    try:
        return await anext(chunks)
    except StopAsyncIteration:
        return Ending.WHOLE
    except ClientDisconnect:
        return Ending.LINK_LOST


class _Inflow:
    """One body on its way to disk; its methods block, so they run in a thread, one at a time."""

    def __init__(
        self, runtime: Runtime, upload: Upload, file: SpoolFile, checksum: Checksum | None, *, saves_early: bool
    ) -> None:
        self.file = file
        self._runtime, self._upload, self._checksum, self._saves_early = runtime, upload, checksum, saves_early
        self._digest = ALGORITHMS[checksum.algorithm]() if checksum else None
        self._pending_bytes = 0  # on disk, but not counted yet
        self._save_at = time.monotonic() + SAVE_EVERY_S

    def add(self, data: bytes) -> None:
        self.file.write(self._upload.offset_bytes + self._pending_bytes, data)
        self._pending_bytes += len(data)
        if self._digest:
            self._digest.update(data)
        due = self._pending_bytes >= SAVE_EVERY_BYTES or time.monotonic() >= self._save_at
        if due and self._saves_early:
            self._save()
            refuse_full_disk(self._runtime)

    def end(self, *, whole: bool) -> None:
        if self._checksum and self._digest:
            got = self._digest.digest()
            if not whole or got != self._checksum.digest:
                self.forget()
            if whole and got != self._checksum.digest:
                detail = (
                    f"expected {self._checksum.digest.hex()}, the bytes that came have {got.hex()}; send them again"
                )
                raise ChecksumMismatch("upload.checksum", f"{self._checksum.algorithm}: {detail}")
        self._save()

    def forget(self) -> None:
        self.file.cut(self._upload.offset_bytes)
        self._pending_bytes = 0

    def _save(self) -> None:
        if self._pending_bytes:
            self.file.sync()
            advance(self._runtime, self._upload, self._upload.offset_bytes + self._pending_bytes, utc_now())
        self._pending_bytes, self._save_at = 0, time.monotonic() + SAVE_EVERY_S

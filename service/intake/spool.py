"""Bytes that are not whole yet: a private file per upload, one writer at a time, never longer than was promised."""

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.wanted)?")


class SpoolBusy(Exception):
    """Another request or process is writing this file."""


class SpoolOverrun(Exception):
    """More bytes than the upload's length."""


class SpoolFile:
    """A spool file under its lock. The kernel gives the lock back when the process dies, so kill -9 leaves none behind,
    and it holds between all processes that share the folder."""

    def __init__(self, path: Path, descriptor: int, length_bytes: int) -> None:
        self.path, self.length_bytes, self._descriptor = path, length_bytes, descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def write(self, position: int, data: bytes) -> None:
        """All of `data` at `position`. Raises SpoolOverrun, and OSError for a full disk."""
        if position + len(data) > self.length_bytes:
            raise SpoolOverrun(f"expected at most {self.length_bytes} bytes, got {position + len(data)}")
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, position)
            view, position = view[written:], position + written

    def cut(self, size_bytes: int) -> None:
        """Forgets what lies behind `size_bytes`."""
        if self.size() > size_bytes:
            os.ftruncate(self._descriptor, size_bytes)

    def sync(self) -> None:
        """After this a power cut takes nothing that was written."""
        os.fsync(self._descriptor)

    def wanted(self) -> bool:
        """Whether somebody waits for the lock."""
        return _wish(self.path).exists()

    def remove(self) -> None:
        _wish(self.path).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


@dataclass(frozen=True)
class Spool:
    folder: Path

    def take(self, name: UUID, length_bytes: int) -> SpoolFile:
        """The file of that name, made if it is missing, locked until it is closed. Raises SpoolBusy."""
        path = self._path(name)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # raw images: the owner alone reads them
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(descriptor)
                raise SpoolBusy(f"expected nobody to write {path.name}, somebody does") from error
            if _is_at(path, descriptor):
                _wish(path).unlink(missing_ok=True)
                return SpoolFile(path, descriptor, length_bytes)
            os.close(descriptor)  # removed between open and lock

    def wish(self, name: UUID) -> None:
        """Asks whoever has the lock to give it up if nothing comes in."""
        _wish(self._path(name)).touch(mode=0o600)

    def withdraw(self, name: UUID) -> None:
        _wish(self._path(name)).unlink(missing_ok=True)

    def names(self) -> set[UUID]:
        """Of every upload that has a file here."""
        found = self.folder.iterdir() if self.folder.exists() else ()
        return {UUID(path.stem) for path in found if NAME.fullmatch(path.name)}

    def _path(self, name: UUID) -> Path:
        return self.folder / str(name)


def _wish(path: Path) -> Path:
    return path.with_suffix(".wanted")


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False

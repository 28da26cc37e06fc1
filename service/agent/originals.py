"""The files themselves: read only while they are what was noted, deleted only when told and only unchanged."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

BLOCK_BYTES = 1_048_576


class OriginalChanged(Exception):
    """The file is gone or is being written again; it is noted anew once it is whole."""


class Noted(Protocol):
    """What was noted of a file."""

    @property
    def path(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...


@contextmanager
def open_original(folder: Path, noted: Noted) -> Iterator[BinaryIO]:
    """Raises OriginalChanged unless it is, before and after, the file that was noted."""
    try:
        with (folder / noted.path).open("rb") as file:
            _check(file, noted)
            yield file
            _check(file, noted)
    except FileNotFoundError as error:
        raise OriginalChanged(f"{noted.path} is gone") from error


def hash_original(folder: Path, noted: Noted) -> str:
    """sha256 of the whole file."""
    digest = hashlib.sha256()
    with open_original(folder, noted) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def delete_original(folder: Path, noted: Noted, sha256: str) -> bool:
    """Whether it was deleted: only the very bytes that the server acknowledged are."""
    try:
        if hash_original(folder, noted) != sha256:
            return False
        (folder / noted.path).unlink()
    except (OriginalChanged, PermissionError):
        return False
    return True


def _check(file: BinaryIO, noted: Noted) -> None:
    status = os.fstat(file.fileno())
    if (status.st_size, status.st_mtime_ns) != (noted.size_bytes, noted.mtime_ns):
        raise OriginalChanged(f"{noted.path} is being written again")

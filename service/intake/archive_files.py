"""Where whole archives wait to be unpacked: private files named by their content, gone when they are unpacked."""

import os
import shutil
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

from service.core.settings import Settings

Kind: TypeAlias = Literal["zip", "video"]
ORPHAN_AGE = timedelta(days=1)  # longer than any upload takes
COMING = "coming-"  # begins the name of a file that is still being received
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
MOVIE_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # a MOV may begin with any of these
STILL_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}


def sniff(path: Path) -> Kind | None:
    """What the file is by its first bytes; the name says nothing."""
    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith(ZIP_STARTS):
        return "zip"
    kind = head[4:8]
    return "video" if kind in MOVIE_BOXES or (kind == b"ftyp" and head[8:12] not in STILL_BRANDS) else None


def folder(settings: Settings) -> Path:
    path = settings.data_dir / "spool" / "archives"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)  # raw images: the owner alone reads them
    return path


def coming_file(settings: Settings) -> Path:
    """A new name for a file that is being received."""
    return folder(settings) / f"{COMING}{uuid4()}"


def keep(settings: Settings, path: Path, name: str) -> None:
    """Makes the file at `path` also `name`, whole and durable; safe to repeat, and `path` stays the caller's."""
    kept = folder(settings) / name
    with path.open("rb") as file:
        os.fsync(file.fileno())
    linked = coming_file(settings)
    try:
        linked.hardlink_to(path)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, linked)
        with linked.open("rb") as file:
            os.fsync(file.fileno())
    linked.replace(kept)
    linked.unlink(missing_ok=True)  # where both names were one file already, replacing does nothing
    descriptor = os.open(kept.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(settings: Settings, name: str) -> None:
    (folder(settings) / name).unlink(missing_ok=True)


def remove_orphans(settings: Settings, wanted: AbstractSet[str], now: datetime) -> int:
    """Deletes the files that no archive names, once they are old; returns how many."""
    removed = 0
    for path in folder(settings).iterdir():
        try:
            old = path.stat().st_mtime < (now - ORPHAN_AGE).timestamp()
        except FileNotFoundError:
            continue
        if old and path.name not in wanted:
            path.unlink(missing_ok=True)
            removed += 1
    return removed

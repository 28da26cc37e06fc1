"""Which files of a folder are footage, whole, and ours to send."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a file seems to be by its name; the server judges by its content."""

    TRACK = "track"
    IMAGE = "image"
    ZIP = "zip"
    VIDEO = "video"


KINDS = {
    ".gpx": Kind.TRACK, ".jpg": Kind.IMAGE, ".jpeg": Kind.IMAGE, ".png": Kind.IMAGE, ".webp": Kind.IMAGE,
    ".zip": Kind.ZIP, ".mp4": Kind.VIDEO,
}  # fmt: skip
MAPILLARY_TRACK = "mapillary_image_description.json"
HIDDEN = (".", "~", "$", "@")  # .rasid, ._copies of macOS, ~$drafts, $RECYCLE.BIN, @eaDir
SYSTEM_FOLDERS = {"lost+found", "system volume information"}


@dataclass(frozen=True)
class FoundFile:
    """A file as it was seen; `path` is relative to the folder, parts joined by /."""

    path: str
    kind: Kind
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Found:
    files: list[FoundFile]
    unreadable: list[str]  # sub-folders, each with the reason


def find_files(folder: Path) -> Found:
    """Every regular file of a kind we send, however deep. Links are not followed: what lies outside stays outside,
    and what lies inside is found at its own place. Raises OSError if the folder itself cannot be read."""
    found = Found([], [])
    _walk(folder, "", found)
    return found


class Settling:
    """Tells files that are whole from those still being written: whole is what two looks, far enough apart, saw with
    one size and one time of change. An old time alone proves nothing: copying tools set it before the bytes are in."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._first_seen_s: dict[FoundFile, float] = {}

    def settled(self, found: Iterable[FoundFile], now_s: float) -> list[FoundFile]:
        """Those of the files seen at `now_s` (of a monotonic clock) that are whole."""
        self._first_seen_s = {file: self._first_seen_s.get(file, now_s) for file in found}
        return [file for file, seen_s in self._first_seen_s.items() if now_s >= seen_s + self._settle_s]


def _walk(folder: Path, prefix: str, found: Found) -> None:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.name.startswith(HIDDEN):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name.casefold() not in SYSTEM_FOLDERS:
                _walk_below(entry, f"{prefix}{entry.name}/", found)
        elif (kind := _kind(entry.name)) and entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                found.files.append(FoundFile(f"{prefix}{entry.name}", kind, status.st_size, status.st_mtime_ns))


def _walk_below(entry: os.DirEntry[str], prefix: str, found: Found) -> None:
    """A sub-folder that cannot be read stops no other."""
    try:
        _walk(Path(entry.path), prefix, found)
    except FileNotFoundError:
        return
    except OSError as error:
        found.unreadable.append(f"{prefix}: {error.strerror}")


def _kind(name: str) -> Kind | None:
    """None for what is not sent; a name that a writer will change (photo.jpg.part) has another ending until then."""
    if name.casefold() == MAPILLARY_TRACK:
        return Kind.TRACK
    return KINDS.get(Path(name).suffix.casefold())

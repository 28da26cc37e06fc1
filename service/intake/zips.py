"""Reads the images and tracks of a ZIP that anybody may have made: one bad entry stops no other, none fills memory.

Names inside are labels, never paths. The directory's sizes are only compared with the limits: what is read of an entry
ends at the limit whatever they say.
"""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from service.core.settings import Settings
from service.intake.pieces import ArchiveRefused, Contents, Passed, Picture, Piece, Spoilt, TrackFile
from service.surveys.schemas import FrameMetadata

DIRECTORY_BYTES_A_FILE = 160  # with a name of 80 characters: 16 MB for 100,000, which could hold 350,000 bare ones
LEAST_READ_BYTES = 70_000  # the directory is searched for behind a comment of up to 65,535 bytes
MAX_RATIO = 100  # a photograph shrinks by a few per cent; deflate reaches 1000 on zeros
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others decompress a block whole, however large it becomes
ENCRYPTED, STRONGLY_ENCRYPTED = 0x1, 0x40
LOCAL_HEADER_BYTES = 30
MAPILLARY_NAME = "mapillary_image_description.json"
# What cameras write as pictures. Those that Rasid cannot read become refused frames, so that somebody sees them.
PICTURES = {
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".dng",
}  # fmt: skip
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, NotImplementedError,
          RuntimeError, OverflowError, IndexError)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """How many files, how large one of each kind, how large all together; as the operator set them."""

    files: int
    image_bytes: int
    track_bytes: int
    unpacked_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(
            settings.zip_max_files,
            settings.max_image_bytes,
            settings.max_track_bytes,
            settings.zip_max_unpacked_bytes,
        )


def read_zip(path: Path, start: int, limits: Limits) -> Contents:
    """The entries from the `start`-th on: tracks first, then by name in natural order, the same every time.

    Raises ArchiveRefused for a file that is no whole ZIP or would unpack to more than the limits.
    """
    archive = _open(path, limits)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    _check_totals(entries, limits)
    buried = _overlapping(entries, archive.start_dir)
    entries.sort(key=lambda entry: (not _is_track(entry), natural(entry.filename), entry.header_offset))
    return Contents(len(entries), _pieces(archive, entries[start:], buried, limits))


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts `img2` before `img10`: digits count as numbers.

    >>> sorted(["b/img10.jpg", "b/img2.jpg", "a.jpg"], key=natural)
    ['a.jpg', 'b/img2.jpg', 'b/img10.jpg']
    """
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name.casefold())
    return tuple((int(part), "") if part[0] in "0123456789" else (0, part) for part in parts)


class _Guarded(io.FileIO):
    """A file that refuses to be read whole: the directory of a ZIP is read in one go, as long as it says it is."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(path)
        self._most_bytes, self._size_bytes = most_bytes, path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._size_bytes - self.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self._most_bytes:
            raise ArchiveRefused(
                "zip.too_many_entries",
                f"expected a directory of at most {self._most_bytes} bytes, got {wanted}; send fewer files in one ZIP",
            )
        return super().read(wanted) or b""


def _open(path: Path, limits: Limits) -> zipfile.ZipFile:
    file = _Guarded(path, LEAST_READ_BYTES + DIRECTORY_BYTES_A_FILE * limits.files)
    try:
        return zipfile.ZipFile(file)
    except ArchiveRefused:
        file.close()
        raise
    except BROKEN as error:
        file.close()
        detail = f"expected a ZIP with a whole directory at its end, got: {error}; send it again"
        raise ArchiveRefused("zip.unreadable", detail) from error


def _check_totals(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.files:
        raise ArchiveRefused(
            "zip.too_many_entries", f"expected at most {limits.files} files, got {len(entries)}; send several ZIPs"
        )
    total = sum(entry.file_size for entry in entries)
    if total > limits.unpacked_bytes:
        raise ArchiveRefused(
            "zip.too_large_inside",
            f"expected files of at most {limits.unpacked_bytes} bytes together, got {total}; send several ZIPs",
        )


def _overlapping(entries: list[zipfile.ZipInfo], directory_at: int) -> set[int]:
    """By identity the entries whose bytes are also another's: how a small file unpacks to a very large one."""
    found: set[int] = set()
    reached, reaching = 0, None
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < reached and reaching is not None:
            found |= {id(entry), id(reaching)}
        end = entry.header_offset + LOCAL_HEADER_BYTES + entry.compress_size
        if end > directory_at:
            found.add(id(entry))
        if end > reached:
            reached, reaching = end, entry
    return found


def _pieces(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], buried: set[int], limits: Limits
) -> Generator[Piece, None, None]:
    with archive:
        try:
            for entry in entries:
                yield _piece(archive, entry, id(entry) in buried, limits)
        finally:
            if archive.fp is not None:
                archive.fp.close()


def _piece(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, overlaps: bool, limits: Limits) -> Piece:
    name = entry.filename
    if not (_is_picture(entry) or _is_track(entry)):
        return Passed(name)
    max_bytes = limits.track_bytes if _is_track(entry) else limits.image_bytes
    code = "zip.overlapping" if overlaps else _fault(entry, max_bytes)
    if code:
        return Spoilt(name, code)
    try:
        with archive.open(entry) as file:
            data = file.read(max_bytes + 1)
    except BROKEN:
        return Spoilt(name, "zip.damaged")
    if len(data) > max_bytes:
        return Spoilt(name, "zip.entry_too_large")
    return TrackFile(name, data) if _is_track(entry) else Picture(name, data, FrameMetadata())


def _fault(entry: zipfile.ZipInfo, max_bytes: int) -> str | None:
    if entry.flag_bits & (ENCRYPTED | STRONGLY_ENCRYPTED):
        return "zip.encrypted"
    if entry.compress_type not in METHODS:
        return "zip.method"
    if entry.file_size > max_bytes:
        return "zip.entry_too_large"
    if entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        return "zip.ratio"
    return None


def _is_picture(entry: zipfile.ZipInfo) -> bool:
    return _is_file(entry) and PurePosixPath(entry.filename).suffix.lower() in PICTURES


def _is_track(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    return _is_file(entry) and (path.suffix.lower() == ".gpx" or path.name.lower() == MAPILLARY_NAME)


def _is_file(entry: zipfile.ZipInfo) -> bool:
    """Not a symbolic link, and not the shadow that macOS puts beside every file."""
    path = PurePosixPath(entry.filename)
    shadow = "__MACOSX" in path.parts or path.name.startswith("._")
    return not shadow and not stat.S_ISLNK(entry.external_attr >> 16)

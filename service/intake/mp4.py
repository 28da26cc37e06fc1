"""Reads the index of an MP4 or MOV: which tracks there are, and where in the file each of their samples lies.

Box layouts are those of ISO/IEC 14496-12 and of Apple's QuickTime File Format, where MOV differs. Only the index is
read, never the media; every number in it is distrusted.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from service.intake.pieces import ArchiveRefused

MAX_INDEX_BYTES = 64_000_000  # an hour at 60 frames/s has an index of about 4 MB
MAX_TOP_BOXES = 100_000
MAX_TRACKS = 64
MAX_SAMPLES = 4_000_000  # of all tracks, as each takes 32 bytes here and may take none in the index: 10 hours
HEADER_BYTES = 8


@dataclass(frozen=True, eq=False)
class MovieTrack:
    """One track: `kind` is the handler ("vide", "meta"), `format` the sample description ("avc1", "gpmd").

    Offsets and sizes are bytes in the file; starts_s and durations_s are the track's own timeline.
    """

    kind: str
    format: str
    width: int
    height: int
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    durations_s: NDArray[np.float64]


def read_tracks(file: BinaryIO) -> list[MovieTrack]:
    """The tracks of a file whose index is whole; raises ArchiveRefused where it is missing or broken."""
    try:
        index = _find_index(file)
        traks = [body for kind, body in _boxes(index) if kind == b"trak"]
        return _read_all(traks[:MAX_TRACKS])
    except (struct.error, ValueError, OverflowError) as error:
        raise _broken(str(error)) from error


def _read_all(traks: list[memoryview]) -> list[MovieTrack]:
    tracks: list[MovieTrack] = []
    for body in traks:
        track = _track(body)
        if track:
            tracks.append(track)
            _check_count(sum(len(one.sizes) for one in tracks))
    return tracks


def _find_index(file: BinaryIO) -> memoryview:
    """The body of `moov`, which stands before or after the media."""
    size_bytes = file.seek(0, 2)
    at = 0
    for _ in range(MAX_TOP_BOXES):
        if at + HEADER_BYTES > size_bytes:
            break
        file.seek(at)
        head = file.read(16)
        size, kind = struct.unpack_from(">I4s", head)
        header = HEADER_BYTES
        if size == 1:
            size, header = struct.unpack_from(">Q", head, 8)[0], 16
        elif size == 0:
            size = size_bytes - at
        if size < header:
            raise _broken(f"a box of {size} bytes at byte {at}")
        if kind == b"moov":
            return _read_index(file, at + header, size - header, size_bytes)
        at += size
    raise _broken("no moov box: the recording was not closed, or the file was cut")


def _read_index(file: BinaryIO, at: int, size: int, size_bytes: int) -> memoryview:
    if at + size > size_bytes:
        raise _broken(f"a moov box that ends {at + size - size_bytes} bytes after the file")
    if size > MAX_INDEX_BYTES:
        raise _broken(f"a moov box of {size} bytes, over {MAX_INDEX_BYTES}")
    file.seek(at)
    return memoryview(file.read(size))


def _boxes(body: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + HEADER_BYTES <= len(body):
        size, kind = struct.unpack_from(">I4s", body, at)
        header = HEADER_BYTES
        if size == 1:
            size, header = struct.unpack_from(">Q", body, at + 8)[0], 16
        elif size == 0:
            size = len(body) - at
        if size < header or at + size > len(body):
            return  # QuickTime ends some lists with four zero bytes; whatever it is, no box can follow
        yield kind, body[at + header : at + size]
        at += size


def _child(body: memoryview, *path: bytes) -> memoryview | None:
    found: memoryview | None = body
    for name in path:
        if found is None:
            return None
        found = next((inner for kind, inner in _boxes(found) if kind == name), None)
    return found


def _track(trak: memoryview) -> MovieTrack | None:
    """None for a track without what every track must have: it is as if it were not there."""
    mdhd, hdlr = _child(trak, b"mdia", b"mdhd"), _child(trak, b"mdia", b"hdlr")
    stbl = _child(trak, b"mdia", b"minf", b"stbl")
    if mdhd is None or hdlr is None or stbl is None:
        return None
    tables = dict(_boxes(stbl))
    if not {b"stsd", b"stts", b"stsz", b"stsc"} <= tables.keys():
        return None
    timescale = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)[0] or 1
    sizes = _sizes(tables[b"stsz"])
    offsets = _offsets(tables, sizes)
    ticks = _durations(tables[b"stts"], len(sizes))
    count = min(len(sizes), len(offsets), len(ticks))
    durations_s = ticks[:count] / timescale
    starts_s = np.concatenate([[0.0], np.cumsum(durations_s)[:-1]]) if count else durations_s
    name, width, height = _description(tables[b"stsd"])
    kind = bytes(hdlr[8:12]).decode("latin-1")
    return MovieTrack(kind, name, width, height, offsets[:count], sizes[:count], starts_s, durations_s)


def _description(stsd: memoryview) -> tuple[str, int, int]:
    """Format of the first sample description, and its width and height in pixels where it has any."""
    kind, body = next(_boxes(stsd[8:]), (b"", memoryview(b"")))
    width, height = struct.unpack_from(">HH", body, 24) if len(body) >= 28 else (0, 0)
    return kind.decode("latin-1"), width, height


def _sizes(stsz: memoryview) -> NDArray[np.int64]:
    each, count = struct.unpack_from(">II", stsz, 4)
    _check_count(count)
    if each:
        return np.full(count, each, np.int64)
    return _numbers(stsz, 12, count, ">u4")


def _offsets(tables: dict[bytes, memoryview], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each sample begins: its chunk's offset plus the samples before it in the chunk."""
    wide = b"co64" in tables
    table = tables.get(b"co64", tables.get(b"stco"))
    if table is None:
        raise _broken("a track without chunk offsets")
    count = struct.unpack_from(">I", table, 4)[0]
    _check_count(count)
    chunks = _numbers(table, 8, count, ">u8" if wide else ">u4")
    chunk_of_sample = np.repeat(np.arange(len(chunks)), _per_chunk(tables[b"stsc"], len(chunks)))[: len(sizes)]
    before = np.concatenate([[0], np.cumsum(sizes)])[: len(chunk_of_sample)]
    first = np.searchsorted(chunk_of_sample, chunk_of_sample)  # index of the chunk's first sample
    offsets: NDArray[np.int64] = chunks[chunk_of_sample] + before - before[first]
    return offsets


def _per_chunk(stsc: memoryview, chunks: int) -> NDArray[np.int64]:
    """Samples in each chunk; `stsc` names only the chunks where the number changes."""
    count = struct.unpack_from(">I", stsc, 4)[0]
    _check_count(count)
    runs = _numbers(stsc, 8, count * 3, ">u4").reshape(-1, 3)
    firsts, per = (runs[:, 0] - 1).clip(0), runs[:, 1]
    ends = np.append(firsts[1:], chunks).clip(0, chunks)
    lengths = (ends - firsts).clip(0)
    if lengths.sum() > chunks:  # before they are multiplied: the product of runs that go back and forth is beyond int64
        raise _broken("runs of chunks that overlap")
    _check_count(int((lengths * per).sum()))
    return np.repeat(per, lengths)[:chunks]


def _durations(stts: memoryview, samples: int) -> NDArray[np.int64]:
    count = struct.unpack_from(">I", stts, 4)[0]
    _check_count(count)
    runs = _numbers(stts, 8, count * 2, ">u4").reshape(-1, 2)
    repeats = runs[:, 0].clip(0, samples)
    _check_count(int(repeats.sum()))
    return np.repeat(runs[:, 1], repeats)


def _numbers(body: memoryview, at: int, count: int, kind: str) -> NDArray[np.int64]:
    if at + count * np.dtype(kind).itemsize > len(body):
        raise _broken(f"a table of {count} numbers that ends after its box")
    return np.frombuffer(body, kind, count, at).astype(np.int64)


def _check_count(count: int) -> None:
    if count > MAX_SAMPLES:
        raise _broken(f"{count} samples, over {MAX_SAMPLES}")


def _broken(got: str) -> ArchiveRefused:
    return ArchiveRefused("video.unreadable", f"expected an MP4 or MOV with a whole index, got {got}; send it again")

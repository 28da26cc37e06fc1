"""Videos whose index or telemetry lies: boxes and tables of absurd sizes, and positions that are none."""

import random
import struct
from collections.abc import Iterator
from functools import cache

from tests.fuzz import originals
from tests.fuzz.exif import EXTREMES
from tests.intake.videos import box, klv, nest, telemetry_track

PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"gmhd", b"udta"}
TABLES = {b"stsz", b"stsc", b"stts", b"stco", b"co64", b"stsd", b"mdhd", b"hdlr", b"tkhd", b"mvhd", b"elst"}
FULL = bytes(4)


def absurd_sizes(chance: random.Random, data: bytes) -> bytes:
    """The size of some boxes is not theirs."""
    changed = bytearray(originals.video(chance.randrange(4)))
    boxes = list(_boxes(bytes(changed), 0, len(changed)))
    for at, _, size in chance.sample(boxes, chance.choice((1, 1, 2, 5))):
        struct.pack_into(
            ">I", changed, at, chance.choice((*EXTREMES, size - 1, size + 1, size * 2, 9, 15)) & 0xFFFFFFFF
        )
    return bytes(changed)


def lying_tables(chance: random.Random, data: bytes) -> bytes:
    """Counts, offsets and durations of the sample tables replaced by extreme ones."""
    changed = bytearray(originals.video(chance.randrange(4)))
    tables = [one for one in _boxes(bytes(changed), 0, len(changed)) if one[1] in TABLES]
    for at, _, size in chance.sample(tables, chance.choice((1, 2, 4))):
        for _ in range(chance.choice((1, 3))):
            field = at + 8 + 4 * chance.randrange(max((size - 8) // 4, 1))
            if field + 4 <= len(changed):
                struct.pack_into(">I", changed, field, chance.choice((*EXTREMES, 4_000_000, 100_000)))
    return bytes(changed)


def garbage_telemetry(chance: random.Random, data: bytes) -> bytes:
    """A sound film whose GPMF is noise, or well formed and senseless."""
    payloads = [chance.choice((_noise, _senseless, _deep))(chance) for _ in range(4)]
    film = originals.video(0)
    at = film.rindex(b"moov") - 4  # its index is the last box
    offsets, place = [], at + 8
    for one in payloads:
        offsets.append(place)
        place += len(one)
    table = box(b"stco", FULL + struct.pack(f">I{len(offsets)}I", len(offsets), *offsets))
    index = box(b"moov", _picture_trak(film) + telemetry_track([len(one) for one in payloads], table, 1))
    return film[:at] + box(b"mdat", b"".join(payloads)) + index


def bomb(chance: random.Random, data: bytes) -> bytes:
    """A few kilobytes that claim millions of samples, chunks or payloads."""
    count = chance.choice((4_000_000, 2_000_000, 4_000_001, 2**32 - 1))
    return chance.choice(
        (
            many_samples(count, chance.choice((1, 8, 64))),
            runs_back_and_forth(chance.choice((0, 1, 2**31))),
            payload_over_and_over(),
        )
    )


@cache
def many_samples(count: int, traks: int) -> bytes:
    """Tracks whose samples take no byte of the index."""
    trak = _trak(b"vide", count, 1, struct.pack(">IIII", 1, 1, count, 1), [0])
    return box(b"ftyp", b"isom" + FULL) + box(b"moov", trak * traks)


@cache
def runs_back_and_forth(per_chunk: int) -> bytes:
    """Every second run of chunks begins at the first one again."""
    chunks, runs = 50_000, 20_000
    table = b"".join(struct.pack(">III", 1 if one % 2 == 0 else chunks, per_chunk, 1) for one in range(runs))
    trak = _trak(b"vide", 1, 1, struct.pack(">I", runs) + table, [0] * chunks)
    return box(b"ftyp", b"isom" + FULL) + box(b"moov", trak)


@cache
def payload_over_and_over() -> bytes:
    """One payload of telemetry that 50,000 samples share."""
    payload = klv(b"ABCD", "L", 4, 1, bytes(4)) * 20_000
    trak = _trak(b"meta", 50_000, len(payload), struct.pack(">IIII", 1, 1, 1, 1), [24] * 50_000)
    picture = _picture_trak(originals.video(0))
    return box(b"ftyp", b"isom" + FULL) + box(b"mdat", payload) + box(b"moov", picture + trak)


def _trak(kind: bytes, count: int, each: int, stsc: bytes, offsets: list[int]) -> bytes:
    """A track whose samples have one size and last a tick each."""
    mdhd = FULL + struct.pack(">IIIIHH", 0, 0, 1000, 1000, 0, 0)
    form = b"gpmd" if kind == b"meta" else b"avc1"
    stsd = FULL + struct.pack(">I", 1) + box(form, bytes(24) + struct.pack(">HH", 160, 120) + bytes(50))
    tables = {
        b"stsd": stsd,
        b"stts": FULL + struct.pack(">III", 1, count, 1),
        b"stsc": FULL + stsc,
        b"stsz": FULL + struct.pack(">II", each, count),
        b"stco": FULL + struct.pack(f">I{len(offsets)}I", len(offsets), *offsets),
    }
    stbl = box(b"stbl", b"".join(box(name, body) for name, body in tables.items()))
    head = box(b"mdhd", mdhd) + box(b"hdlr", FULL + b"mhlr" + kind + bytes(12))
    return box(b"trak", box(b"mdia", head + box(b"minf", stbl)))


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 3, 8, 500, 20_000)))


def _senseless(chance: random.Random) -> bytes:
    """Keys that are read, with types, scales and values that mean nothing."""
    nan, low, high = struct.pack(">d", float("nan")), -(2**31), 2**31 - 1
    rows = struct.pack(">10i", *(chance.choice((0, 1, low, high, 264_282_000, 500_910_000)) for _ in range(10)))
    scales = struct.pack(">5i", *(chance.choice((0, 1, -1, high, 10**7)) for _ in range(5)))
    items = klv(b"GPSU", "U", 16, 1, chance.choice((b"991399999999.999", b"\0" * 16, b"260304060000.000")))
    items += klv(b"STMP", "J", 8, 1, struct.pack(">Q", chance.choice((0, 2**64 - 1, 2**63))))
    items += klv(b"SCAL", chance.choice("lLfs?"), 4, 5, scales) + klv(b"GPS5", chance.choice("lLfcd?"), 20, 2, rows)
    items += klv(b"TYPE", "c", 1, 9, chance.choice((b"lllllllSS", b"ddddddddd", b"?????????", b"\xff" * 9)))
    items += klv(b"GPS9", "?", 32, 1, chance.randbytes(32)) + klv(b"GPSP", "d", 8, 1, nan)
    return nest(b"DEVC", nest(b"STRM", items))


def _deep(chance: random.Random) -> bytes:
    inner = klv(b"STRM", "\0", 255, 0, b"") + klv(b"\0\0\0\0", "l", 4, 1, bytes(4))
    for _ in range(200):
        inner = nest(chance.choice((b"STRM", b"DEVC")), inner)
    return inner


def _picture_trak(film: bytes) -> bytes:
    """The film's own box of its pictures."""
    boxes = _boxes(film, 0, len(film))
    at, _, size = next(one for one in boxes if one[1] == b"trak" and b"vide" in film[one[0] : one[0] + one[2]])
    return film[at : at + size]


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Place, name and size of every box, those inside too."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > end:
            return
        yield at, kind, size
        if kind in PARENTS:
            yield from _boxes(data, at + 8, at + size)
        at += size

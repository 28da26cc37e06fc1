"""EXIF directories that no camera writes: loops, giant counts, rationals without a value, text where numbers belong."""

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz import originals
from tests.fuzz.pictures import with_exif

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 11, 12
EXTREMES = (0, 1, 7, 8, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
TEXTS = (
    b"",
    b"\0",
    b"NaN",
    b"inf",
    b"N\0S",
    b"1e400",
    b"9" * 5000,
    "٢٦".encode(),
    b"\xff\xfe",
    b"2026:13:45",
    b"0000:00:00",
    b"9999:12:31",
    b"2026:03:04 25:61:61",
    b"+99:99",
    b"-23:59",
    b"%s%n",
    b"../../etc/passwd",
    b"A" * 60_000,
)
NUMBERS = (0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 90.0, 91.0, 180.1, 5e-324)


@dataclass(frozen=True)
class Entry:
    """One of a directory: `value` is the four bytes that are there, or the data that they point to."""

    tag: int
    kind: int
    count: int
    value: bytes


def hostile_exif(chance: random.Random, data: bytes) -> bytes:
    """A sound picture with such a directory; `data` tells nothing."""
    block = chance.choice((_loop, _giant_counts, _bad_values, _bad_values, _headers, _random_directory))(chance)
    return with_exif(originals.draw(chance, "jpeg", "jpeg", "png", "webp").data, block)


def tiff(directories: Sequence[Sequence[Entry]], *, little: bool = True, following: int = 0) -> bytes:
    """The directories one behind the other, then their data. An Entry of a pointer tag gives the place itself."""
    order, starts, at = "<" if little else ">", [], 8
    for entries in directories:
        starts.append(at)
        at += 6 + 12 * len(entries)
    body, heap = b"", b""
    for entries in directories:
        body += struct.pack(order + "H", len(entries) & 0xFFFF)
        for one in entries:
            inline = one.value if len(one.value) <= 4 else struct.pack(order + "I", at + len(heap))
            heap += one.value if len(one.value) > 4 else b""
            body += struct.pack(order + "HHI", one.tag, one.kind, one.count & 0xFFFFFFFF) + inline.ljust(4, b"\0")
        body += struct.pack(order + "I", following)
    return (b"II*\0" if little else b"MM\0*") + struct.pack(order + "I", 8) + body + heap


def _loop(chance: random.Random) -> bytes:
    """Directories that follow, contain or overlap themselves."""
    place = struct.pack("<I", chance.choice((0, 2, 8, 10, 20, 26, 40)))
    tags = [0x8769, 0x8825, 0xA005, 0x014A, 0x927C]
    entries = [Entry(chance.choice(tags), LONG, 1, place) for _ in range(chance.randint(1, 12))]
    return tiff([entries, entries], following=chance.choice((8, 0, 10, 2**32 - 1)))


def _giant_counts(chance: random.Random) -> bytes:
    entries = [
        Entry(
            chance.choice((0x0112, 0x010F, 0x8769, 0x8825, 0x9003, 0x9286)),
            chance.randint(0, 14),
            chance.choice(EXTREMES),
            struct.pack("<I", chance.choice(EXTREMES)),
        )
        for _ in range(chance.choice((1, 3, 300)))
    ]
    block = tiff([entries])
    return block[:8] + struct.pack("<H", chance.choice((0, 1, 0xFFFF))) + block[10:] if chance.random() < 0.4 else block


def _bad_values(chance: random.Random) -> bytes:
    """Pointers that lead where they should, to a GPS and an Exif directory full of nonsense."""
    little = chance.random() < 0.7
    order = "<" if little else ">"
    gps = [_bad(chance, tag, order) for tag in (1, 2, 3, 4, 7, 11, 12, 13, 15, 17, 29)]
    own = [_bad(chance, tag, order) for tag in (0x9003, 0x9011, 0x9291, 0x920A)]
    first = 8 + 6 + 12 * 3
    pointers = [Entry(0x8825, LONG, 1, struct.pack(order + "I", first)), _bad(chance, 0x0112, order)]
    pointers.append(Entry(0x8769, LONG, 1, struct.pack(order + "I", first + 6 + 12 * len(gps))))
    return tiff([pointers, gps, own], little=little)


def _bad(chance: random.Random, tag: int, order: str) -> Entry:
    kind = chance.choice((ASCII, RATIONAL, SRATIONAL, DOUBLE, FLOAT, SHORT, UNDEFINED))
    count = chance.choice((1, 2, 3, 3, 3, 4))
    if kind in (ASCII, UNDEFINED):
        text = chance.choice(TEXTS)
        return Entry(tag, kind, len(text), text)
    if kind in (RATIONAL, SRATIONAL):
        parts = [chance.choice((*EXTREMES, 0, 1, 26, 50)) for _ in range(2 * count)]
        return Entry(tag, kind, count, struct.pack(f"{order}{2 * count}I", *parts))
    if kind == SHORT:
        return Entry(
            tag, kind, count, struct.pack(f"{order}{count}H", *(chance.randrange(2**16) for _ in range(count)))
        )
    values = [chance.choice(NUMBERS) for _ in range(count)]
    values = [max(min(value, 3e38), -3e38) if kind == FLOAT and abs(value) < 1e309 else value for value in values]
    return Entry(tag, kind, count, struct.pack(f"{order}{count}{'f' if kind == FLOAT else 'd'}", *values))


def _headers(chance: random.Random) -> bytes:
    """The eight bytes at the start: BigTIFF, cut, an order that is none, a first directory outside of the block."""
    head = chance.choice((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IM*\0", b"\0\0\0\0", b"II\x2a", b""))
    return (head + struct.pack("<I", chance.choice(EXTREMES)) + chance.randbytes(40))[
        : chance.choice((0, 1, 4, 6, 8, 9, 48))
    ]


def _random_directory(chance: random.Random) -> bytes:
    return tiff(
        [
            [
                Entry(
                    chance.randrange(2**16), chance.randrange(16), chance.choice((1, 2, 4, 4000)), chance.randbytes(4)
                )
                for _ in range(chance.randint(1, 60))
            ]
        ],
        following=chance.choice((0, 8, 100)),
    )

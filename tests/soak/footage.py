"""What vehicles record for the soak: small frames, one in fifty of them bad in a way whose refusal is known."""

import hashlib
import random
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

STARTED_AT = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
BAD_SHARE, TWICE_SHARE = 0.02, 0.05
METRES_APART = 10.0
Spoil = Callable[[bytes, int], bytes]


@dataclass
class Card:
    """One vehicle's folder: file names of good frames, of repeats, and of bad ones with the code of their refusal.

    Repeats have the bytes of a good frame under another name.
    """

    folder: Path
    good: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        return len(self.good) + len(self.twice) + len(self.bad)

    def good_sha256s(self) -> set[str]:
        return {hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in self.good}

    def refusals(self) -> Counter[str]:
        return Counter(self.bad.values())


def write_card(folder: Path, frames: int, vehicle: int) -> Card:
    """Frames of one drive of vehicle number `vehicle`, the same for the same arguments."""
    folder.mkdir(parents=True)
    chance = random.Random(vehicle)
    card = Card(folder)
    for number in range(frames):
        name, kind = f"{number:06}.jpg", chance.random()
        data = _frame(vehicle, number)
        if kind < BAD_SHARE:
            code, spoil = chance.choice(sorted(SPOILT.items()))
            data = spoil(data, number)
            card.bad[name] = code
        elif kind < BAD_SHARE + TWICE_SHARE and card.good:
            data = (folder / chance.choice(card.good)).read_bytes()
            card.twice.append(name)
        else:
            card.good.append(name)
        (folder / name).write_bytes(data)
    return card


def _frame(vehicle: int, number: int) -> bytes:
    """160 x 120 pixels of noise: no two frames are alike, and each is a few kilobytes."""
    pixels = np.random.default_rng((vehicle, number)).integers(0, 256, (15, 20, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60, exif=_exif(vehicle, number))
    return file.getvalue()


def _exif(vehicle: int, number: int) -> Image.Exif:
    at = STARTED_AT + timedelta(seconds=number)
    lat = 26.3 + 0.01 * vehicle
    east_deg = 50.0 + number * METRES_APART / 99_700  # metres of a degree of longitude at 26.4 degrees north
    exif = Image.Exif()
    exif[0x010F] = "Rasid"
    exif.get_ifd(0x8825).update(
        {1: "N", 2: _degrees(lat), 3: "E", 4: _degrees(east_deg), 7: (at.hour, at.minute, at.second)}
        | {29: at.strftime("%Y:%m:%d")}
    )
    return exif


def _degrees(value: float) -> tuple[int, int, float]:
    return int(value), 0, round(value % 1 * 3600, 4)


def _without_place(data: bytes, number: int) -> bytes:
    file = BytesIO()
    Image.open(BytesIO(data)).save(file, "JPEG", quality=60, comment=str(number).encode())
    return file.getvalue()


def _huge(_: bytes, number: int) -> bytes:
    """A PNG whose header promises 65,000 x 65,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 65_000, 65_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    end = b"IEND"
    return b"\x89PNG\r\n\x1a\n" + chunk + bytes(4) + end + struct.pack(">I", zlib.crc32(end)) + str(number).encode()


SPOILT: dict[str, Spoil] = {
    "image.truncated": lambda data, _: data[: len(data) * 2 // 3],
    "image.unsupported_format": lambda _, number: f"#!/bin/sh\necho {number}\n".encode(),
    "image.too_many_pixels": _huge,
    "position.missing": _without_place,
}

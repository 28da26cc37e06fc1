"""Writes small videos as action cameras do: a real MP4 with pictures, and in it a GPMF telemetry track."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
TIMESCALE = 1000


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def klv(key: bytes, kind: str, size: int, repeat: int, data: bytes) -> bytes:
    assert len(data) == size * repeat
    return struct.pack(">4scBH", key, kind.encode("latin-1"), size, repeat) + data + bytes(-len(data) % 4)


def nest(key: bytes, data: bytes) -> bytes:
    """Nested items; their size is told as 4-byte units, which keeps repeats of long ones within 16 bits."""
    return klv(key, "\0", 4, len(data) // 4, data)


@dataclass(frozen=True)
class Second:
    """One payload: the fixes (lat, lon) of a second, and what the receiver says of them."""

    places: Sequence[tuple[float, float]]
    at: datetime | None
    fix: int = 3
    dop: float = 1.5
    stamp_us: int | None = None


def gps5(second: Second) -> bytes:
    rows = b"".join(struct.pack(">5i", *_degrees(lat, lon), 21_000, 10_000, 1_000) for lat, lon in second.places)
    items = klv(b"STMP", "J", 8, 1, struct.pack(">Q", second.stamp_us)) if second.stamp_us is not None else b""
    items += klv(b"GPSF", "L", 4, 1, struct.pack(">I", second.fix))
    if second.at:
        stamp = f"{second.at:%y%m%d%H%M%S}.{second.at.microsecond // 1000:03d}".encode()
        items += klv(b"GPSU", "U", 16, 1, stamp)
    items += klv(b"GPSP", "S", 2, 1, struct.pack(">H", round(second.dop * 100)))
    items += klv(b"SCAL", "l", 4, 5, struct.pack(">5i", 10**7, 10**7, 1000, 1000, 100))
    return _device(nest(b"STRM", items + klv(b"GPS5", "l", 20, len(second.places), rows)))


def gps9(second: Second) -> bytes:
    assert second.at is not None
    since = second.at - EPOCH_2000
    rows = b""
    for index, (lat, lon) in enumerate(second.places):
        millis = round((since.seconds + since.microseconds / 1e6 + index / len(second.places)) * 1000)
        numbers = (*_degrees(lat, lon), 21_000, 10_000, 1_000, since.days, millis, round(second.dop * 100), second.fix)
        rows += struct.pack(">7i2H", *numbers)
    items = klv(b"TYPE", "c", 1, 9, b"lllllllSS")
    items += klv(b"SCAL", "l", 4, 9, struct.pack(">9i", 10**7, 10**7, 1000, 1000, 100, 1, 1000, 100, 1))
    return _device(nest(b"STRM", items + klv(b"GPS9", "?", 32, len(second.places), rows)))


def exposures(stamp_us: int) -> bytes:
    """A stream of shutter times, whose stamp is that of the video's first frame."""
    items = klv(b"STMP", "J", 8, 1, struct.pack(">Q", stamp_us)) + klv(b"SHUT", "f", 4, 1, struct.pack(">f", 0.004))
    return _device(nest(b"STRM", items))


def draw_video(path: Path, frames: int, fps: int = 10, size: tuple[int, int] = (160, 120)) -> Path:
    """A film whose every frame differs from the others: a bar that wanders over a textured ground."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    ground = np.random.default_rng(7).integers(60, 200, (size[1] // 8, size[0] // 8, 3), np.uint8)
    ground = np.asarray(cv2.resize(ground, size), np.uint8)
    for index in range(frames):
        picture = ground.copy()
        left = index * (size[0] - 8) // max(frames - 1, 1)
        picture[:, left : left + 8] = (index * 5 % 256, 255 - index % 200, 40)
        writer.write(picture)
    writer.release()
    return path


def add_telemetry(path: Path, payloads: Sequence[bytes], *, wide: bool = False, per_chunk: int = 1) -> Path:
    """Appends a `gpmd` track, one payload a second; `wide` writes 64-bit chunk offsets.

    The writer puts `moov` last, so that its media keeps its place when `moov` is written anew behind more media.
    """
    data = path.read_bytes()
    at = data.rindex(b"moov") - 4
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in payloads])])[:-1] + at + 8
    table = box(b"co64" if wide else b"stco", _chunks([int(one) for one in offsets[::per_chunk]], wide))
    body = data[at + 8 :] + telemetry_track([len(one) for one in payloads], table, per_chunk)
    path.write_bytes(data[:at] + box(b"mdat", b"".join(payloads)) + box(b"moov", body))
    return path


def telemetry_track(sizes: Sequence[int], chunk_table: bytes, per_chunk: int) -> bytes:
    """trak/mdia/minf/stbl as GoPro's description of its files draws it."""
    count = len(sizes)
    full = bytes(4)  # version and flags
    duration = count * TIMESCALE
    tkhd = full + struct.pack(">IIIII", 0, 0, 3, 0, duration) + bytes(60)
    mdhd = full + struct.pack(">IIIIHH", 0, 0, TIMESCALE, duration, 0, 0)
    hdlr = full + b"mhlr" + b"meta" + bytes(12) + b"\x0bGoPro MET  "
    dref = full + struct.pack(">I", 1) + box(b"url ", struct.pack(">I", 1))
    stsd = full + struct.pack(">I", 1) + box(b"gpmd", bytes(6) + struct.pack(">HI", 1, 0))
    stts = full + struct.pack(">III", 1, count, TIMESCALE)
    runs = [(1, per_chunk)] + ([(count // per_chunk + 1, count % per_chunk)] if count % per_chunk else [])
    stsc = full + struct.pack(">I", len(runs)) + b"".join(struct.pack(">III", *run, 1) for run in runs)
    stsz = full + struct.pack(f">II{count}I", 0, count, *sizes)
    stbl = box(b"stsd", stsd) + box(b"stts", stts) + box(b"stsc", stsc) + box(b"stsz", stsz) + chunk_table
    gmhd = box(b"gmhd", box(b"gmin", bytes(16)) + box(b"gpmd", bytes(4)))
    minf = box(b"minf", gmhd + box(b"dinf", box(b"dref", dref)) + box(b"stbl", stbl))
    return box(b"trak", box(b"tkhd", tkhd) + box(b"mdia", box(b"mdhd", mdhd) + box(b"hdlr", hdlr) + minf))


def straight_drive(
    seconds: int, start: datetime, *, speed_mps: float = 10.0, rate_hz: int = 10, begin: tuple[float, float]
) -> list[Second]:
    """Due north at a constant speed."""
    degrees_a_fix = speed_mps / rate_hz / 111_195.08
    return [
        Second(
            [(begin[0] + (index * rate_hz + fix) * degrees_a_fix, begin[1]) for fix in range(rate_hz)],
            datetime.fromtimestamp(start.timestamp() + index, UTC),
        )
        for index in range(seconds)
    ]


def _degrees(lat: float, lon: float) -> tuple[int, int]:
    return round(lat * 1e7), round(lon * 1e7)


def _device(stream: bytes) -> bytes:
    items = klv(b"DVID", "L", 4, 1, struct.pack(">I", 1)) + klv(b"DVNM", "c", 1, 6, b"Camera")
    return nest(b"DEVC", items + stream)


def _chunks(offsets: list[int], wide: bool) -> bytes:
    return bytes(4) + struct.pack(f">I{len(offsets)}{'Q' if wide else 'I'}", len(offsets), *offsets)

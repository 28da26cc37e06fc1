"""ZIPs as people and attackers make them, small enough to unpack in a test."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"


def zip_of(
    files: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED
) -> bytes:
    buffer = io.BytesIO()
    pairs = files.items() if isinstance(files, Mapping) else files
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in pairs:
            archive.writestr(name, data)
    return buffer.getvalue()


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def directory_of(data: bytes) -> tuple[int, int]:
    """Where the central directory begins and how long it is, by the record at the end."""
    size, at = struct.unpack_from("<II", data, data.rindex(END) + 12)
    return at, size


def set_flag(data: bytes, bit: int) -> bytes:
    """Sets a general purpose flag on every entry, in the directory only: what a reader goes by."""
    changed, at = bytearray(data), data.find(CENTRAL)
    while at >= 0:
        changed[at + 8] |= bit
        at = data.find(CENTRAL, at + 4)
    return bytes(changed)


def quoting_bomb(kernel: bytes, entries: int) -> bytes:
    """Many directory entries over one and the same file: 100 images for the bytes of one."""
    one = zip_of({"a.jpg": kernel})
    at, size = directory_of(one)
    directory = one[at : at + size] * entries
    end = END + struct.pack("<HHHHIIH", 0, 0, entries, entries, len(directory), at, 0)
    return one[:at] + directory + end


def zip64_of(name: str, data: bytes) -> bytes:
    """Sizes and offset in the 64-bit fields, as a writer does that does not know how large the file will be."""
    local_extra = struct.pack("<HHQQ", 1, 16, len(data), len(data))
    crc = zlib.crc32(data)
    raw = name.encode()
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 45, 0, 0, 0, 33, crc, 2**32 - 1, 2**32 - 1, len(raw), 20)
    body = local + raw + local_extra + data
    extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0)
    sizes = (crc, 2**32 - 1, 2**32 - 1, len(raw), len(extra))
    central = struct.pack("<4sHHHHHHIIIHHHHHII", CENTRAL, 45, 45, 0, 0, 0, 33, *sizes, 0, 0, 0, 0, 2**32 - 1)
    directory = central + raw + extra
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), len(body))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(body) + len(directory), 1)
    end = END + struct.pack("<HHHHIIH", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    return body + directory + end64 + locator + end

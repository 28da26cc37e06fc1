"""What of a picture file's metadata may be kept: its place, time and way up, and nothing that can hold a picture.

A camera's file holds its picture more than once: a thumbnail in EXIF, previews in maker notes and XMP, whole images
behind the end. All lists here name what stays; whatever is not named is gone.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image

from inference.orientation import ORIENTATIONS

ORIENTATION = 0x0112
EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825
_LARGEST_VALUE_BYTES = 128
# Make, model, orientation, resolution, time.
_MAIN_TAGS = (0x010F, 0x0110, ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0132)
# Exposure, aperture, ISO, version, times with zone and fractions, focal lengths, sizes.
_EXIF_TAGS = (
    0x829A, 0x829D, 0x8827, 0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292, 0x920A, 0xA002,
    0xA003, 0xA405,
)  # fmt: skip
_GPS_TAGS = tuple(tag for tag in range(0x20) if tag not in (0x1B, 0x1C))  # without its two free texts
_DIRECTORIES = ((EXIF_DIRECTORY, _EXIF_TAGS), (GPS_DIRECTORY, _GPS_TAGS))
# What Pillow raises on directories that break their format.
_EXIF_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error
)  # fmt: skip

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# A marker that is neither a stuffed byte nor a restart; one 0xFF alone, for a run of them would be looked at again from
# each of its bytes.
_AFTER_SCAN = re.compile(b"\xff[^\x00\xd0-\xd7\xff]")
_EXIF_HEAD = b"Exif\0\0"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"iCCP", b"IDAT", b"IEND"}
)


class UnknownStructureError(Exception):
    """The file is not built as its format says; its picture has to be written anew."""


def kept_exif(image: Image.Image) -> bytes:
    """The EXIF block of an opened picture with only what may stay, as `save(exif=...)` takes it; empty for nothing."""
    kept, count = Image.Exif(), 0
    try:
        told = image.getexif()
        parts: list[tuple[int | None, dict[int, Any], tuple[int, ...]]] = [(None, dict(told), _MAIN_TAGS)]
        parts += [(one, dict(told.get_ifd(one)), tags) for one, tags in _DIRECTORIES]
    except _EXIF_ERRORS:
        return b""
    for directory, values, allowed in parts:
        sound = {tag: values[tag] for tag in allowed if tag in values and _is_sound(directory, tag, values[tag])}
        count += len(sound)
        if sound:
            (kept if directory is None else kept.get_ifd(directory)).update(sound)
    return kept.tobytes() if count else b""


def strip_jpeg(data: bytes, exif: bytes) -> bytes:
    """The same compressed picture with this EXIF block (of `kept_exif`) in place of all metadata but a colour profile.

    Raises UnknownStructureError.
    """
    parts = [_JPEG_START]
    if exif:
        parts.append(_jpeg_segment(0xE1, exif))
    parts += [data[start:end] for marker, start, end in _jpeg_parts(data) if _jpeg_keeps(marker, data[start:end])]
    return b"".join([*parts, _JPEG_END])


def strip_png(data: bytes, exif: bytes) -> bytes:
    """As strip_jpeg, of a PNG; further pictures of an animation go too."""
    parts = [_PNG_START]
    for kind, chunk in _png_chunks(data):
        if kind in _PNG_KEPT:
            parts.append(chunk)
        if kind == b"IHDR" and exif:
            parts.append(_png_chunk(b"eXIf", exif.removeprefix(_EXIF_HEAD)))
        if kind == b"IEND":
            return b"".join(parts)
    raise UnknownStructureError("a PNG file without an end")


def strip_webp(data: bytes, exif: bytes) -> bytes:
    """As strip_jpeg, of a WebP file with one picture; an animation is UnknownStructureError."""
    chunks = dict(_webp_chunks(data))
    if b"ANMF" in chunks or not (b"VP8 " in chunks or b"VP8L" in chunks):
        raise UnknownStructureError("a WebP file that is not one picture")
    kept: list[tuple[bytes, bytes]] = [
        (kind, chunks[kind]) for kind in (b"ICCP", b"ALPH", b"VP8 ", b"VP8L") if kind in chunks
    ]
    if exif:
        kept.append((b"EXIF", exif.removeprefix(_EXIF_HEAD)))
    if b"VP8X" in chunks:
        kept.insert(0, (b"VP8X", _webp_header(chunks[b"VP8X"], {kind for kind, _ in kept})))
    elif exif:
        raise UnknownStructureError("a WebP file without a header for its EXIF block")
    body = b"WEBP" + b"".join(_webp_chunk(kind, content) for kind, content in kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _is_sound(directory: int | None, tag: int, value: object) -> bool:
    """Small, and writable where it was read; a way up that no viewer knows is none."""
    if tag == ORIENTATION:
        return isinstance(value, int) and value in ORIENTATIONS
    alone = Image.Exif()
    (alone if directory is None else alone.get_ifd(directory))[tag] = value
    try:
        return len(alone.tobytes()) <= _LARGEST_VALUE_BYTES
    except _EXIF_ERRORS:
        return False


def _jpeg_parts(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of every segment behind the start of the image; a scan ends where the next one begins."""
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # filling
            at += 1
        if len(data) < at + 4 and data[at : at + 2] != _JPEG_END:
            raise UnknownStructureError("a JPEG file that ends between its segments")
        if data[at] != 0xFF:
            raise UnknownStructureError(f"no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xD9:
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            found = _AFTER_SCAN.search(data, end)
            if found is None:
                raise UnknownStructureError("a scan without an end")
            end = found.start()
        if end > len(data) or end < at + 4:
            raise UnknownStructureError(f"a segment at byte {at} that ends beyond the file")
        yield marker, at, end
        at = end


def _jpeg_keeps(marker: int, segment: bytes) -> bool:
    """What the decoder needs: frames, tables, scans, restarts; and of the rest that on which the colours hang."""
    if 0xC0 <= marker <= 0xCF or marker in (0xDA, 0xDB, 0xDD):
        return True
    named = {0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}.get(marker)
    return named is not None and segment[4:].startswith(named)


def _jpeg_segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_START)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise UnknownStructureError(f"a chunk at byte {at} that ends beyond the file")
        yield kind, data[at:end]
        at = end


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise UnknownStructureError(f"a chunk at byte {at} that ends beyond the file")
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _webp_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _webp_header(content: bytes, kinds: set[bytes]) -> bytes:
    """Its flags tell what follows: profile, transparency, EXIF; never XMP nor animation."""
    flags = sum(bit for kind, bit in {b"ICCP": 0x20, b"EXIF": 0x08}.items() if kind in kinds)
    return bytes([flags | content[0] & 0x10]) + content[1:10]

"""Pictures that lie about their size, unpack to far more than they are, or hold parts no format knows."""

import io
import random
import struct
import zlib
from functools import cache

from PIL import Image

from tests.fuzz import originals

CHUNKS = (
    b"cHRM",
    b"gAMA",
    b"sRGB",
    b"pHYs",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"iCCP",
    b"tRNS",
    b"PLTE",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"eXIf",
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"sPLT",
    b"tIME",
    b"\0\0\0\0",
    b"AbCd",
    b"\xff\xfe\xfd\xfc",
)
SIDES = (0, 1, 7072, 16_383, 30_000, 65_500, 65_535)


def with_exif(picture: bytes, block: bytes) -> bytes:
    """The picture with this TIFF block as its EXIF, whatever it had before."""
    if picture.startswith(b"\x89PNG"):
        at = picture.index(b"eXIf") - 4
        rest = picture[33:at] + picture[at + 12 + struct.unpack_from(">I", picture, at)[0] :]
        return picture[:33] + png_chunk(b"eXIf", block) + rest
    if picture.startswith(b"RIFF"):
        plain = _plain_webp(picture)
        header = webp_chunk(b"VP8X", b"\x08\0\0\0" + (159).to_bytes(3, "little") + (119).to_bytes(3, "little"))
        body = b"WEBP" + header + plain + webp_chunk(b"EXIF", block)
        return b"RIFF" + struct.pack("<I", len(body)) + body
    block = block[: 65_535 - 8]
    return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + picture[2:]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def huge_size(chance: random.Random, data: bytes) -> bytes:
    """A header that promises other dimensions than the picture has."""
    picture = originals.draw(chance, "jpeg", "png", "webp").data
    width, height = chance.choice(SIDES), chance.choice(SIDES)
    if picture.startswith(b"\x89PNG"):
        if chance.random() < 0.3:
            width, height = chance.choice(((2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (1, 2**32 - 1)))
        head = struct.pack(">II", width, height) + picture[24:29]
        return picture[:8] + png_chunk(b"IHDR", head) + picture[33:]
    if picture.startswith(b"RIFF"):
        plain, extended = _plain_webp(picture), chance.random() < 0.5
        size = (max(width, 1) - 1).to_bytes(3, "little") + (max(height, 1) - 1).to_bytes(3, "little")
        lying = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
        body = webp_chunk(b"VP8X", bytes(4) + size) + plain if extended else plain[:14] + lying + plain[18:]
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    at = next(i for i in range(len(picture)) if picture[i : i + 2] in (b"\xff\xc0", b"\xff\xc2")) + 5
    return picture[:at] + struct.pack(">HH", height, width) + picture[at + 4 :]


def bomb(chance: random.Random, data: bytes) -> bytes:
    """Small files that are large, or slow, once they are decoded."""
    if chance.random() < 0.25:
        return _at_the_limit(chance.choice(("PNG", "WEBP", "JPEG")), chance.choice((7_000, 7_072)))
    text = zlib.compress(bytes(10_000_000))
    inner = chance.choice(
        (
            png_chunk(b"zTXt", b"a\0\0" + text),
            png_chunk(b"iTXt", b"a\0\1\0\0\0" + text),
            png_chunk(b"iCCP", b"a\0\0" + text),
            png_chunk(b"zTXt", b"a\0\0" + text) * 50,
            png_chunk(b"tEXt", b"a\0" + b"b" * 200_000) * 20,
        )
    )
    picture = originals.draw(chance, "png").data
    spoilt = picture[:33] + inner + picture[33:] if chance.random() < 0.5 else picture[:-12] + inner + picture[-12:]
    return chance.choice((spoilt, many_scans(chance.choice((3, 200, 2000))), long_fill()))


def odd_parts(chance: random.Random, data: bytes) -> bytes:
    """Chunks and segments that are unknown, doubled, misplaced or of the wrong length, with checksums that hold."""
    picture = originals.draw(chance, "jpeg", "png", "webp").data
    body = chance.choice((b"", b"\0", b"\xff" * 5, chance.randbytes(13), chance.randbytes(26), b"a\0\0junk"))
    if picture.startswith(b"\x89PNG"):
        part = png_chunk(chance.choice(CHUNKS), body) * chance.choice((1, 1, 2, 300))
        at = chance.choice((8, 33, len(picture) - 12, len(picture)))
    elif picture.startswith(b"RIFF"):
        part = webp_chunk(
            chance.choice((b"ANMF", b"ANIM", b"ALPH", b"ICCP", b"VP8L", b"EXIF", b"XMP ", b"\0\0\0\0")), body
        )
        at = 12
        picture = picture[:4] + struct.pack("<I", len(picture) - 8 + chance.choice((0, len(part), 2**31))) + picture[8:]
    else:
        length = chance.choice((len(body) + 2, 0, 1, 65_535))
        part = b"\xff" + bytes([chance.randrange(0xC0, 0x100)]) + struct.pack(">H", length) + body
        at = chance.choice((2, picture.index(b"\xff\xda"), len(picture) - 2))
    return picture[:at] + part + picture[at:]


@cache
def many_scans(scans: int, side: int = 7_000) -> bytes:
    """A progressive JPEG of few bytes whose every scan is a pass over all its blocks."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    blocks = (-(-side // 8)) ** 2
    tables = segment(0xDB, b"\0" + b"\x10" * 64) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\x01\x11\0")
    tables += segment(0xC4, b"\0\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    runs = "".join("0" + "1" * 14 for _ in range(blocks // 32_767)) + "0" * 15
    runs += "1" * (-len(runs) % 8)
    coded = bytes(int(runs[at : at + 8], 2) for at in range(0, len(runs), 8)).replace(b"\xff", b"\xff\0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    return b"\xff\xd8" + tables + first + (segment(0xDA, b"\1\1\0\1\x3f\x10") + coded) * scans + b"\xff\xd9"


@cache
def _at_the_limit(file_format: str, side: int) -> bytes:
    """One grey, just under or just over 50 megapixels: some kilobytes."""
    file = io.BytesIO()
    Image.new("L" if file_format != "WEBP" else "RGB", (side, side), 99).save(file, file_format)
    return file.getvalue()


def long_fill() -> bytes:
    """A scan with a million fill bytes before a stuffed one: no marker, but each of them might begin one."""
    picture = originals.photo("jpeg", 1)
    return picture[:-2] + b"\xff" * 1_000_000 + b"\0" + picture[-2:]


def _plain_webp(picture: bytes) -> bytes:
    """The VP8 chunk alone."""
    at = picture.index(b"VP8 ")
    return picture[at : at + 8 + struct.unpack_from("<I", picture, at + 4)[0]]

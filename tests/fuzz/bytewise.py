"""Ways to spoil any file without knowing what it is."""

import random
from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image

from tests.fuzz import originals

Spoil = Callable[[random.Random, bytes], bytes]
HTML = b"<!DOCTYPE html><html><body><script>alert(document.domain)</script></body></html>"
STRANGERS = (
    b"#!/bin/sh\nrm -rf /\n",
    b"MZ\x90\0" + bytes(60) + b"PE\0\0",
    b"\x7fELF" + bytes(60),
    HTML,
    b"%PDF-1.7\n%\xe2\xe3\n",
    b"\x1f\x8b\x08\0" + bytes(20),
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"Rar!\x1a\x07\0",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
    b"GIF89a\1\0\1\0\0\0\0;",
    b"II*\0\x08\0\0\0\0\0",
    b"BM" + bytes(60),
    b"<?php system($_GET['c']); ?>",
    b"\xff\xd8",
    b"\x89PNG",
    b"RIFF\xff\xff\xff\xffWEBP",
    b"PK\x03\x04",
    b"\0" * 4096,
    b"7z\xbc\xaf\x27\x1c",
    b"qoif" + bytes(20),
    b"\xff\xd8\xff" * 5000,
    b"{}",
    b"[]",
    b"<gpx",
    b"\0\0\0\0moov",
    b"\xff" * 70_000,
)


def truncated(chance: random.Random, data: bytes) -> bytes:
    least = chance.choice((0, len(data) // 2, len(data) - 20))
    return data[: chance.randint(max(least, 0), max(len(data) - 1, 0))]


def bits_flipped(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    reach = len(data) if chance.random() < 0.5 else min(len(data), 400)  # half of them in the headers
    for _ in range(chance.choice((1, 1, 4, 16, 64))):
        changed[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwritten(chance: random.Random, data: bytes) -> bytes:
    at, size = chance.randrange(len(data)), chance.choice((1, 2, 4, 8, 100, 2000))
    filling = chance.choice((b"\0", b"\xff", b"\x7f", b"A"))
    return data[:at] + (filling * size if chance.random() < 0.7 else chance.randbytes(size)) + data[at + size :]


def grown(chance: random.Random, data: bytes) -> bytes:
    at = chance.choice((0, len(data), chance.randrange(len(data))))
    return data[:at] + chance.randbytes(chance.choice((1, 7, 300, 70_000))) + data[at:]


def repeated(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at : at + chance.choice((4, 30, 500))] * chance.choice((2, 10, 200)) + data[at:]


def spliced(chance: random.Random, data: bytes) -> bytes:
    other = originals.draw(chance, "jpeg", "png", "webp", "zip", "mp4", "gpx").data
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def emptied(chance: random.Random, data: bytes) -> bytes:
    return chance.choice((b"", b"\0", b"\n", b" ", b"\xef\xbb\xbf"))


def wrong_type(chance: random.Random, data: bytes) -> bytes:
    stranger = chance.choice(STRANGERS)
    return stranger + chance.randbytes(chance.choice((0, 10, 2000)))


def polyglot(chance: random.Random, data: bytes) -> bytes:
    """One file that two readers take for different things."""
    jpeg, png = (originals.draw(chance, form).data for form in ("jpeg", "png"))
    comment = b"\xff\xfe" + (len(HTML) + 2).to_bytes(2, "big") + HTML
    both = originals.zipped({"index.html": HTML, "inner.jpg": jpeg})
    return chance.choice(
        (
            jpeg + both,
            jpeg[:2] + comment + jpeg[2:],
            jpeg + HTML,
            both + jpeg,
            png + both,
            HTML + jpeg,
            png + jpeg,
            jpeg + originals.video(0),
            originals.video(1) + both,
            both + originals.gpx(0),
            originals.gpx(1) + both,
            b"GIF89a/*" + jpeg,
            b"%PDF-1.4\n" + jpeg,
            _gif(),
            originals.gpx(2).replace(b"<trk>", b"<!--" + HTML + b"--><trk>"),
        )
    )


def _gif() -> bytes:
    file = BytesIO()
    Image.new("L", (8, 8), 77).save(file, "GIF", comment=HTML)
    return file.getvalue()


SPOILS: Mapping[str, Spoil] = {
    "truncated": truncated,
    "bits flipped": bits_flipped,
    "bytes overwritten": overwritten,
    "bytes added": grown,
    "a part repeated": repeated,
    "spliced": spliced,
    "empty": emptied,
    "wrong type": wrong_type,
    "polyglot": polyglot,
}

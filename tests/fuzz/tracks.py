"""Tracks that attack their reader: entities, odd encodings, depth, and numbers and times that are none."""

import json
import random
from functools import cache
from typing import Any

from tests.fuzz import originals

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
ENCODINGS = (
    "utf-16",
    "utf-7",
    "shift_jis",
    "gb18030",
    "euc_kr",
    "undefined",
    "idna",
    "rot13",
    "hex",
    "x" * 300,
    "latin-1",
    "cp864",
)
NUMBERS = (
    "NaN",
    "inf",
    "-inf",
    "1e400",
    "91",
    "-90.0001",
    "180.5",
    "",
    " ",
    "٢٦",
    "0x1A",
    "26,4",
    "9" * 5000,
    "1_0",
    "26.4282",
)
TIMES = (
    "",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "24:00",
    "x" * 9000,
    "1970-01-01",
    "2026-03-04T06:00:00",
    "2026-W10-3T06:00:00Z",
    "\u202e2026-03-04T06:00:00Z",
    "2026-03-04T06:00:60Z",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    float("nan"),
    float("inf"),
    -1e308,
    10**400,
    "26",
    "\ud800",
    "a\0b",
    [],
    {},
    [[[]]],
    {"TrueHeading": "x"},
    "../../a",
)


def hostile_gpx(chance: random.Random, data: bytes) -> bytes:
    return chance.choice((_document, _document, _points, _points, _deep, _long))(chance)


def hostile_mapillary(chance: random.Random, data: bytes) -> bytes:
    """The list with values that are none, or JSON that is no such list."""
    if chance.random() < 0.02:
        return _crowd()
    if chance.random() < 0.3:
        other = (
            b"[" * 200_000,
            b'[{"a":' * 60_000,
            b"[" + b"9" * 100_000 + b"]",
            b"{}",
            b"[1,2,3]",
            b"[NaN]",
            b'["\\ud800"]',
        )
        return chance.choice((*other, b"\xff\xfe[\0]\0", b'{"MAPLatitude":1}', b"[{}]" * 3, b"[null]", b"[\0]"))
    rows = originals.mapillary_rows(chance.randrange(4))
    for _ in range(chance.choice((1, 5, 60))):
        row = chance.choice(rows)
        row[chance.choice((*row, "MAPAltitude", "\ud800", ""))] = chance.choice(VALUES)
    return json.dumps(rows).encode()


@cache
def _crowd() -> bytes:
    """Eight million empty objects in 24 MB: forty times that in memory."""
    return b"[" + b"{}," * 8_000_000 + b"{}]"


def _document(chance: random.Random) -> bytes:
    """What stands around the points."""
    body = originals.gpx(chance.randrange(4)).decode().partition("?>")[2]
    encoding = chance.choice(ENCODINGS)
    head = chance.choice(
        (
            f'<!DOCTYPE gpx [<!ENTITY l0 "ha">{LAUGHS}]>',
            '<!DOCTYPE gpx SYSTEM "file:///etc/passwd">',
            '<!DOCTYPE gpx [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]>',
            f'<?xml version="1.0" encoding="{encoding}"?>',
            f'<?xml version="1.0" encoding="{encoding}"?>',
            '<?xml version="1.1" standalone="no"?>',
            "<html>",
            "<!-- -- -->",
            "\0",
        )
    )
    text = head + body.replace("<trk>", chance.choice(("<trk>", "<trk>&l11;", "<trk><![CDATA[", "</trk>", "<trk>&#0;")))
    return text.encode(chance.choice(("utf-8", "utf-8", "utf-16", "utf-32")), "replace")


def _points(chance: random.Random) -> bytes:
    points = "".join(
        f'<trkpt lat="{chance.choice(NUMBERS)}" lon="{chance.choice((*NUMBERS, "50.09"))}">'
        f"<time>{chance.choice(TIMES)}</time></trkpt>"
        for _ in range(chance.choice((1, 20, 500)))
    )
    return f"<gpx><trk><trkseg>{points}</trkseg></trk></gpx>".encode("utf-8", "replace")


def _deep(chance: random.Random) -> bytes:
    depth = chance.choice((30, 33, 100_000))
    return b"<gpx>" + b"<a>" * depth + b"</a>" * chance.choice((depth, 0, depth - 1)) + b"</gpx>"


@cache
def _many(points: int) -> bytes:
    return b"<gpx>" + b'<trkpt lat="26.4" lon="50.1"><time>2026-03-04T06:00:00Z</time></trkpt>' * points + b"</gpx>"


def _long(chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        return _many(20_000)
    return (
        b'<gpx a="'
        + b"x" * chance.choice((10, 1_000_000))
        + b'"><'
        + b"y" * chance.choice((10, 1_000_000))
        + b"/></gpx>"
    )

"""What comes beside a file: names, metadata and whole requests that no client of ours would send."""

import json
import random

from tests.fuzz.zips import NAMES

METADATA = (
    "",
    "null",
    "[]",
    "{",
    "\0",
    "[" * 20_000,
    "1" * 6_000,
    '{"lat":NaN}',
    '{"lat":1e400,"lon":3}',
    '{"lat":"26","lon":"x"}',
    '{"captured_at":1e30}',
    '{"captured_at":"0001-01-01T00:00:00+23:59","lat":1,"lon":1}',
    '{"survey":"\\u0000"}',
    '{"captured_at":"9999-12-31T23:59:59-23:59","lat":1,"lon":1}',
    '{"survey":"\\ud800"}',
    '{"survey":"\u202e../.."}',
    '{"survey":"' + "x" * 5_000 + '"}',
    '{"\\ud800":1}',
    '{"lat":0,"lon":0}',
    '{"lat":91,"lon":181}',
    '{"heading_deg":1e308}',
    '{"lat":-90,"lon":180,"heading_deg":-1e-300}',
    '{"captured_at":-1e11,"lat":26,"lon":50}',
    '{"spacing_m":1e-9}',
    '{"captured_at":"2026-03-04T06:00:00+99:00"}',
    '{"lat":{"a":1}}',
    '{"survey":"/etc/passwd","lat":26.4,"lon":50.1}',
)
SURVEYS = (
    "drive",
    "../../etc",
    "a\0b",
    "\u202eevird",
    "x" * 121,
    "x" * 4_000,
    "9" * 30,
    "0",
    "شارع",
    "a/b/c",
    "..",
    "%2e%2e",
    "'--",
    " ",
)
FORMS = (
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=yy",
    "multipart/mixed; boundary=xx",
    "multipart/form-data; boundary=xx; charset=undefined",
    "multipart/form-data; boundary=xx; charset=punycode",
    "multipart/form-data; boundary=xx; charset=" + "a" * 500,
    "multipart/form-data; boundary=" + "b" * 3_000,
    "text/plain",
    "*/*",
    "application/json",
    "application/x-www-form-urlencoded",
    "image/jpeg",
    "multipart/form-data; boundary=xx",
)
PARTS = (
    b'Content-Disposition: form-data; name="%s"; filename="a.jpg"',
    b'Content-Disposition: form-data; name="%s"',
    b'Content-Disposition: form-data; name="%s"; filename="a\0b\r\n.jpg"',
    b"Content-Disposition: form-data",
    b": x",
    b"",
    b"Content-Disposition: form-data; name=\"%s\"; filename*=UTF-8''%%00%%ff",
    b"X-\0: x",
    b"A" * 20_000 + b": 1",
    b'Content-Disposition: attachment; name="%s"; filename="../../a"',
    b'Content-Disposition: form-data; name="%s"; filename=""',
    b'Content-Disposition: form-data; name="%s"; filename="a.jpg"\r\nContent-Transfer-Encoding: base64',
)


def hostile_name(chance: random.Random) -> str:
    return chance.choice(NAMES)[:3_000]  # of a header: servers close at some kilobytes of them


def hostile_metadata(chance: random.Random) -> str:
    return chance.choice(METADATA)


def hostile_pairs(chance: random.Random) -> dict[str, str]:
    """The same as keys and texts, for the ways in that take such."""
    try:
        told = json.loads(hostile_metadata(chance))
    except (ValueError, RecursionError):
        told = None
    pairs = (
        told
        if isinstance(told, dict)
        else {"survey": chance.choice(SURVEYS), "lat": chance.choice(("x", "NaN", "1e400"))}
    )
    texts = {key: str(value) for key, value in pairs.items()}
    return {_sendable(key): _sendable(text) for key, text in texts.items()}


def hostile_form(chance: random.Random, field: str, data: bytes) -> tuple[str, bytes]:
    """Content type and body of a form that is none."""
    body = b""
    for _ in range(chance.choice((1, 1, 2, 30))):
        head = chance.choice(PARTS)
        head = head.replace(b"%s", field.encode()).replace(b"%%", b"%")
        body += b"--xx\r\n" + head + b"\r\n\r\n" + data[:2_000] + b"\r\n"
    body += chance.choice((b"--xx--\r\n", b"--xx", b"", b"--yy--\r\n"))
    return chance.choice(FORMS), body


def _sendable(text: str) -> str:
    """Halves of characters cannot leave this machine."""
    return text.encode("utf-8", "replace").decode()

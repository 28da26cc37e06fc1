"""Reads a GeoJSON file feature by feature, so that a city's streets never stand in memory at once."""

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

CHUNK_BYTES = 1_000_000
MAX_FEATURE_CHARS = 4_000_000  # 100,000 points; the longest street has some thousand
WGS_84 = ("CRS84", "EPSG::4326", "EPSG:4326")
_SPACE = " \t\r\n"


class BadGeoJson(ValueError):
    """The file is no FeatureCollection in WGS 84; the message says where reading ended."""


def read_features(stream: BinaryIO) -> Iterator[object]:
    """What stands in "features" of a FeatureCollection, one by one. Raises BadGeoJson, maybe after some features."""
    scanner = _Scanner(stream)
    scanner.take("{")
    found = False
    while scanner.peek() != "}":
        member = scanner.value()
        scanner.take(":")
        if member == "features":
            found = True
            yield from _array(scanner)
        else:
            _check_member(member, scanner.value())
        if scanner.peek() != "}":
            scanner.take(",")
    scanner.take("}")
    if scanner.peek():
        scanner.refuse("the end of the file")
    if not found:
        raise BadGeoJson('expected a FeatureCollection, got an object without "features"')


def _array(scanner: "_Scanner") -> Iterator[object]:
    scanner.take("[")
    while scanner.peek() != "]":
        yield scanner.value()
        if scanner.peek() != "]":
            scanner.take(",")
    scanner.take("]")


def _check_member(member: object, value: object) -> None:
    if member == "type" and value != "FeatureCollection":
        raise BadGeoJson(f"expected a FeatureCollection, got {value!r:.60}")
    if member == "crs" and value is not None and not any(known in json.dumps(value) for known in WGS_84):
        raise BadGeoJson(f"expected WGS 84 (lon, lat), got the crs {json.dumps(value):.120}; reproject to EPSG:4326")


class _Scanner:
    """JSON values of a file one after another, holding little more than the value at hand."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_refuse_constant)
        self._text, self._at, self._dropped, self._ended = "", 0, 0, False

    def peek(self) -> str:
        """The next character that is no space; empty at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._read_on()

    def take(self, character: str) -> None:
        if self.peek() != character:
            self.refuse(repr(character))
        self._at += 1

    def value(self) -> object:
        self.peek()
        while True:
            try:
                found, end = self._json.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if self._ended or len(self._text) - self._at > MAX_FEATURE_CHARS:
                    self.refuse(f"JSON of at most {MAX_FEATURE_CHARS:,} characters a feature", error)
            else:
                if end < len(self._text) or self._ended:  # a number at the end of what was read may go on
                    self._at = end
                    return found
            self._read_on()

    def refuse(self, expected: str, cause: Exception | None = None) -> NoReturn:
        got = self._text[self._at : self._at + 40] or "the end of the file"
        why = f" ({cause})" if cause else ""
        raise BadGeoJson(f"expected {expected} at character {self._dropped + self._at:,}, got {got!r}{why}") from cause

    def _read_on(self) -> None:
        """Drops what was read and doubles what is held, so that a long value is not scanned again for every chunk."""
        rest = self._text[self._at :]
        data = self._stream.read(max(CHUNK_BYTES, len(rest)))
        try:
            more = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise BadGeoJson(f"expected UTF-8 after character {self._dropped + self._at:,}: {error.reason}") from error
        self._ended = not data
        self._dropped, self._text, self._at = self._dropped + self._at, rest + more, 0


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")

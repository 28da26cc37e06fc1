"""Streams a form with one large file to disk as it arrives: Starlette's own parser would put it into /tmp first."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from service.core.errors import TooLarge, Unprocessable, UnsupportedMedia

if TYPE_CHECKING:  # the library has no such name when it runs
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELD_BYTES = 10_000
MAX_HEADER_BYTES = 10_000
MAX_FIELDS = 20
FLUSH_BYTES = 1_000_000  # handed to the disk at a time, outside of the event loop


@dataclass
class Form:
    """The text fields, and of the file its name, SHA-256 and size; `filename` is None when there was no file."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    sha256: str = ""
    size_bytes: int = 0


async def receive_form(
    content_type: str, chunks: AsyncIterator[bytes], path: Path, file_field: str, max_bytes: int
) -> Form:
    """Writes the part named `file_field` to `path`, which is the caller's to delete, also when this raises.

    Raises UnsupportedMedia, Unprocessable or TooLarge for a body that is no such form, OSError for a full disk.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise UnsupportedMedia("request.media_type", f"expected multipart/form-data, got {content_type[:100]!r}")
    with path.open("xb") as file:
        reader = _Reader(file_field, max_bytes)
        digest = hashlib.sha256()

        def write(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        try:
            parser = MultipartParser(options[b"boundary"], reader.callbacks())
            async for chunk in chunks:
                parser.write(chunk)
                if len(reader.waiting) >= FLUSH_BYTES:
                    await run_in_threadpool(write, reader.take())
            parser.finalize()
        except (FormParserError, UnicodeDecodeError) as error:
            raise _malformed(str(error)) from error
        if not reader.ended:
            raise _malformed("a body that ends before its last boundary")
        await run_in_threadpool(write, reader.take())
    form = reader.form
    form.sha256 = digest.hexdigest()
    return form


class _Reader:
    """The parser's callbacks: text parts become fields, the file's bytes wait to be written."""

    def __init__(self, file_field: str, max_bytes: int) -> None:
        self.form, self.waiting, self.ended = Form(), bytearray(), False
        self._file_field, self._max_bytes = file_field, max_bytes
        self._header, self._value = bytearray(), bytearray()
        self._name, self._text, self._parts = "", bytearray(), 0

    def take(self) -> bytes:
        data, self.waiting = bytes(self.waiting), bytearray()
        return data

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part, "on_header_field": self._header_field,
            "on_header_value": self._header_value, "on_header_end": self._end_header, "on_part_data": self._data,
            "on_part_end": self._end_part, "on_end": self._end,
        }  # fmt: skip

    def _begin_part(self) -> None:
        self._name, self._text, self._parts = "", bytearray(), self._parts + 1
        if self._parts > MAX_FIELDS:
            raise _malformed(f"more than {MAX_FIELDS} parts")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > MAX_HEADER_BYTES:
            raise _malformed(f"a header of more than {MAX_HEADER_BYTES} bytes")

    def _end_header(self) -> None:
        name, value = bytes(self._header).lower(), bytes(self._value)
        self._header, self._value = bytearray(), bytearray()
        if name != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._name = options.get(b"name", b"").decode()
        if self._name == self._file_field:
            if self.form.filename is not None:
                raise _malformed(f"two parts named {self._file_field!r}")
            self.form.filename = options.get(b"filename", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == self._file_field:
            self.form.size_bytes += end - start
            if self.form.size_bytes > self._max_bytes:
                raise TooLarge("archive.too_many_bytes", f"expected at most {self._max_bytes} bytes, got more")
            self.waiting += data[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise _malformed(f"a field of more than {MAX_FIELD_BYTES} bytes")

    def _end_part(self) -> None:
        if self._name and self._name != self._file_field:
            self.form.fields[self._name] = bytes(self._text).decode()

    def _end(self) -> None:
        self.ended = True


def _malformed(got: str) -> Unprocessable:
    return Unprocessable("request.invalid", f"expected a whole multipart/form-data body, got {got}; send it again")

"""The rules of tus 1.0.0: what the headers of a request ask for, and what is refused before a byte is kept."""

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from service.core.errors import Conflict, RasidError, TooLarge, UnsupportedMedia

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
BODY_TYPE = "application/offset+octet-stream"
ALGORITHMS: Mapping[str, Callable[[], Any]] = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
MAX_METADATA_CHARS = 8_000
COUNT = re.compile(r"[0-9]{1,18}")  # fits a bigint
METADATA_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma


class VersionRefused(RasidError):
    status, title = 412, "Unknown version of the protocol"


class MethodRefused(RasidError):
    status, title = 405, "Method not allowed"


class StoppedShort(RasidError):
    status, title = 408, "The body did not come"


class Gone(RasidError):
    status, title = 410, "Gone"


class Locked(RasidError):
    status, title = 423, "Locked"


class ChecksumMismatch(RasidError):
    status, title = 460, "Checksum mismatch"


@dataclass(frozen=True)
class Checksum:
    """What a body must hash to."""

    algorithm: str
    digest: bytes


def options(max_bytes: int) -> dict[str, str]:
    """The headers that tell a client what it may do here."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def asked_method(headers: Mapping[str, str], method: str) -> str:
    """The method meant: a client behind a narrow proxy names it in X-HTTP-Method-Override."""
    return headers.get("x-http-method-override", method).strip().upper()


def check_version(headers: Mapping[str, str]) -> None:
    got = headers.get("tus-resumable")
    if got != VERSION:
        raise VersionRefused("tus.version", f"expected the header Tus-Resumable: {VERSION}, got {got!r}")


def check_body_type(headers: Mapping[str, str]) -> None:
    got = headers.get("content-type", "")
    if got.split(";")[0].strip().lower() != BODY_TYPE:
        raise UnsupportedMedia("tus.content_type", f"expected Content-Type: {BODY_TYPE}, got {got!r}")


def read_length(headers: Mapping[str, str], max_bytes: int) -> int:
    """Upload-Length of a new upload, bytes. The extensions creation-defer-length and concatenation are refused."""
    for unknown in ("upload-defer-length", "upload-concat"):
        if unknown in headers:
            raise RasidError(
                "tus.extension", f"expected none but the extensions {EXTENSIONS}, got the header {unknown}"
            )
    length = _count(headers, "upload-length")
    if length > max_bytes:
        raise TooLarge("upload.too_large", f"expected an upload of at most {max_bytes} bytes, got {length}; split it")
    return length


def read_offset(headers: Mapping[str, str]) -> int:
    return _count(headers, "upload-offset")


def declared_bytes(headers: Mapping[str, str]) -> int | None:
    """Content-Length, or None for a body that comes in pieces and does not say."""
    if "transfer-encoding" in headers:
        return None
    return _count(headers, "content-length") if "content-length" in headers else 0


def check_append(offset: int, declared: int | None, offset_now: int, length: int) -> None:
    """Refuses bytes for another place than the next one, and more of them than were promised."""
    if offset != offset_now:
        detail = f"expected Upload-Offset: {offset_now}, got {offset}; ask by HEAD and go on from there"
        raise Conflict("upload.offset", detail, offset_bytes=offset_now)
    if offset + (declared or 0) > length:
        raise overrun(length, offset)


def overrun(length: int, offset: int) -> TooLarge:
    return TooLarge("upload.overrun", f"expected at most {length - offset} more bytes of {length}, got more")


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    given = headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, encoded = given.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise RasidError("tus.checksum_algorithm", f"expected one of {', '.join(ALGORITHMS)}, got {algorithm!r}")
    digest = _decoded(encoded)
    if digest is None or len(digest) != ALGORITHMS[algorithm]().digest_size:
        raise RasidError("tus.checksum", f"expected {algorithm} and the digest in Base64, got {given!r}")
    return Checksum(algorithm, digest)


def parse_metadata(header: str) -> dict[str, str]:
    """Keys and values of an Upload-Metadata header; what is no UTF-8 in a value becomes a replacement character."""
    if len(header) > MAX_METADATA_CHARS:
        raise RasidError("tus.metadata", f"expected at most {MAX_METADATA_CHARS} characters, got {len(header)}")
    found: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else []:
        key, _, encoded = pair.strip().partition(" ")
        value = _decoded(encoded)
        if value is None or not METADATA_KEY.fullmatch(key) or key in found:
            detail = f"expected Upload-Metadata as pairs of a key and Base64, each key once, got {pair.strip()[:80]!r}"
            raise RasidError("tus.metadata", detail)
        found[key] = value.decode("utf-8", "replace")
    return found


def http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _count(headers: Mapping[str, str], name: str) -> int:
    given = headers.get(name)
    if given is None or not COUNT.fullmatch(given):
        raise RasidError("tus.header", f"expected the header {name} with a number of bytes, got {given!r}")
    return int(given)


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None

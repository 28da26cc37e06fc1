"""Sends a file in parts that survive a broken link: tus 1.0.0 with creation and checksum."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from service.agent.answers import WRONG_DOOR, LinkError, WrongServer, refusal_of
from service.agent.link import Link

VERSION = {"Tus-Resumable": "1.0.0"}
GONE = {404, 410}
CHECKSUM_MISMATCH = 460


class UploadGone(Exception):
    """The server knows this upload no more; begin another."""


@dataclass(frozen=True)
class Standing:
    """How far an upload is. `state`, `reason` and `frame_id` are the server's word on a whole one, None before."""

    offset_bytes: int
    state: str | None = None
    reason: str | None = None
    frame_id: int | None = None


def create_upload(link: Link, length_bytes: int, metadata: Mapping[str, str]) -> str:
    """The address of a new upload. Raises FileRefused where the server will not have a file of this size or kind."""
    door = f"{link.url}/api/v1/tus"
    headers = VERSION | {"Upload-Length": str(length_bytes), "Upload-Metadata": _encode(metadata)}
    answer = link.request("POST", door, headers)
    if answer.status_code in WRONG_DOOR:
        raise WrongServer(f"expected resumable uploads at {door}, got {answer.status_code}; check the address")
    if 400 <= answer.status_code < 500:
        raise refusal_of(answer)
    if answer.status_code != 201 or "location" not in answer.headers:
        raise WrongServer(f"expected 201 and a Location from {door}, got {answer.status_code}; check the network")
    return link.on_own_origin(answer.headers["location"], door)


def ask_standing(link: Link, upload_url: str) -> Standing:
    """Raises UploadGone."""
    answer = link.request("HEAD", upload_url, VERSION)
    _check_gone(answer, upload_url)
    return _standing(answer)


def append(link: Link, upload_url: str, offset_bytes: int, part: bytes) -> Standing:
    """Adds a part at an offset; an empty one asks a whole upload what became of it. Where the server stands elsewhere
    (a request arrived twice, an answer was lost) it is asked, and that is the answer. Raises UploadGone."""
    checksum = b64encode(hashlib.sha1(part, usedforsecurity=False).digest()).decode()
    headers = VERSION | {
        "Upload-Offset": str(offset_bytes),
        "Upload-Checksum": f"sha1 {checksum}",
        "Content-Type": "application/offset+octet-stream",
    }
    answer = link.request("PATCH", upload_url, headers, part)
    _check_gone(answer, upload_url)
    if answer.status_code == 409:
        return ask_standing(link, upload_url)
    if answer.status_code in {413, CHECKSUM_MISMATCH}:  # 413: a proxy's limit on one request
        link.chunk.broke(len(part))
        raise LinkError(f"a part of {len(part)} bytes was answered with {answer.status_code}")
    if 400 <= answer.status_code < 500:
        raise refusal_of(answer)
    standing = _standing(answer)
    if offset_bytes <= standing.offset_bytes <= offset_bytes + len(part):
        return standing
    return ask_standing(link, upload_url)


def _check_gone(answer: httpx2.Response, upload_url: str) -> None:
    """A 404 of a hotspot or a proxy is not the server's word: only an answer that speaks tus forgets an upload."""
    if answer.status_code not in GONE:
        return
    if "tus-resumable" not in answer.headers:
        raise WrongServer(f"expected Rasid, got {answer.status_code} from something before it; check the network")
    raise UploadGone(upload_url)


def _standing(answer: httpx2.Response) -> Standing:
    offset = answer.headers.get("upload-offset", "")
    if not answer.is_success or not (offset.isascii() and offset.isdigit()):
        raise WrongServer(f"expected an Upload-Offset, got {answer.status_code} without one; check the network")
    frame = answer.headers.get("rasid-frame-id", "")
    return Standing(
        int(offset),
        answer.headers.get("rasid-state"),
        answer.headers.get("rasid-reason"),
        int(frame) if frame.isascii() and frame.isdigit() else None,
    )


def _encode(metadata: Mapping[str, str]) -> str:
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in metadata.items())

"""Brings one file to the server, going on where an earlier attempt ended.

An image that fits into one request goes as a plain multipart form: one round trip, and the answer says at once what
became of it. tus needs two (create, then send) and earns them only where a break would cost more than the second trip:
for files larger than what the link lets through in one piece. Creation-with-upload would need one trip too, but a break
loses the address with the bytes, so it is no better than the form. The piece shrinks when requests break, so on a bad
link smaller and smaller files go by tus.
"""

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import httpx2

from service.agent.answers import WRONG_DOOR, FileRefused, LinkError, WrongServer, problem_of, refusal_of
from service.agent.clock import Clock
from service.agent.entries import Entry, Receipt
from service.agent.finding import Kind
from service.agent.link import Link
from service.agent.originals import hash_original, open_original
from service.agent.spool import Spool, printable
from service.agent.tus_client import Standing, UploadGone, append, ask_standing, create_upload

Progress = Callable[[int], None]  # how many bytes of the file the server has


class Sender:
    def __init__(self, folder: Path, spool: Spool, link: Link, clock: Clock) -> None:
        self._folder, self._spool, self._link, self._clock = folder, spool, link, clock

    def send(self, entry: Entry, progress: Progress) -> tuple[str, Receipt]:
        """The file's sha256 and the server's word that it has it. Raises LinkError, FileRefused, KeyRefused, Stopped,
        and OriginalChanged where the file is no longer what was noted."""
        if entry.size_bytes == 0:
            raise FileRefused("file.empty", "expected an image, a track or an archive, got no bytes")
        sha256 = entry.sha256 or self._hash(entry)
        if self._spool.is_acknowledged(entry, sha256):
            return sha256, Receipt("known")
        if self._fits_one_request(entry):
            return sha256, self._send_whole(entry, sha256, progress)
        return sha256, self._send_in_parts(entry, progress)

    def _hash(self, entry: Entry) -> str:
        sha256 = hash_original(self._folder, entry)
        self._spool.keep_sha256(entry, sha256)
        return sha256

    def _fits_one_request(self, entry: Entry) -> bool:
        small = entry.size_bytes <= self._link.chunk.size_bytes
        return entry.kind is Kind.IMAGE and entry.upload_url is None and small

    def _send_whole(self, entry: Entry, sha256: str, progress: Progress) -> Receipt:
        with open_original(self._folder, entry) as file:
            data = file.read()
        door = f"{self._link.url}/api/v1/frames"
        told = json.dumps({"survey": entry.survey})
        headers, body = self._link.form(_filename(entry), data, {"metadata": told})
        answer = self._link.request("POST", door, headers, body)
        if answer.status_code in WRONG_DOOR:
            raise WrongServer(f"expected Rasid at {door}, got {answer.status_code}; check the address")
        if answer.status_code == 413 and problem_of(answer) is None:  # a proxy's limit on one request
            self._link.chunk.broke(len(body))
            raise LinkError("something before the server takes no request of this size")
        if 400 <= answer.status_code < 500:
            raise refusal_of(answer)
        frame = _frame_of(answer, sha256)
        progress(entry.size_bytes)
        return Receipt("new" if answer.status_code == 201 else "again", frame)

    def _send_in_parts(self, entry: Entry, progress: Progress) -> Receipt:
        try:
            upload_url, standing = self._resume(entry) or self._begin(entry)
            progress(standing.offset_bytes)
            while standing.offset_bytes < entry.size_bytes:
                standing = self._send_part(entry, upload_url, standing.offset_bytes)
                progress(min(standing.offset_bytes, entry.size_bytes))
            if standing.state is None:  # the answer that told it was lost
                standing = append(self._link, upload_url, standing.offset_bytes, b"")
        except UploadGone as error:
            self._spool.keep_upload_url(entry, None)
            raise LinkError("the server has forgotten the part it had; the file is sent from its beginning") from error
        return self._conclude(entry, standing)

    def _resume(self, entry: Entry) -> tuple[str, Standing] | None:
        if entry.upload_url is None:
            return None
        try:
            return entry.upload_url, ask_standing(self._link, entry.upload_url)
        except UploadGone:
            return None

    def _begin(self, entry: Entry) -> tuple[str, Standing]:
        metadata = {"filename": _filename(entry), "survey": entry.survey}
        upload_url = create_upload(self._link, entry.size_bytes, metadata)
        self._spool.keep_upload_url(entry, upload_url)
        return upload_url, Standing(0)

    def _send_part(self, entry: Entry, upload_url: str, offset_bytes: int) -> Standing:
        with open_original(self._folder, entry) as file:
            file.seek(offset_bytes)
            part = file.read(self._link.chunk.size_bytes)
        began_s = self._clock.monotonic_s()
        standing = append(self._link, upload_url, offset_bytes, part)
        if standing.offset_bytes <= offset_bytes:
            raise LinkError(f"sent a part at {offset_bytes}, the server still stands at {standing.offset_bytes}")
        self._link.chunk.worked(len(part), self._clock.monotonic_s() - began_s)
        return standing

    def _conclude(self, entry: Entry, standing: Standing) -> Receipt:
        if standing.offset_bytes != entry.size_bytes:
            self._spool.keep_upload_url(entry, None)
            raise LinkError(f"expected {entry.size_bytes} bytes there, the server has {standing.offset_bytes}")
        if standing.state is None:
            raise LinkError("the server has the whole file and has not said what became of it")
        if standing.state == "refused":
            raise FileRefused(standing.reason or "refused", self._why(standing.frame_id), standing.frame_id)
        return Receipt("new", standing.frame_id)

    def _why(self, frame_id: int | None) -> str:
        """The server's own words on a refused frame; headers hold only the code."""
        if frame_id is None:
            return "the server gave no more than the code"
        answer = self._link.request("GET", f"{self._link.url}/api/v1/frames/{frame_id}", {})
        try:
            return str(answer.json()["reason_detail"])
        except (ValueError, KeyError, TypeError):
            return f"see frame {frame_id}"


def _filename(entry: Entry) -> str:
    return printable(PurePosixPath(entry.path).name)


def _frame_of(answer: httpx2.Response, sha256: str) -> int:
    """The frame's id, from an answer that proves to be Rasid's: it names the bytes that were sent."""
    try:
        body = answer.json()
        if answer.status_code in {200, 201} and body["sha256"] == sha256:
            return int(body["id"])
    except (ValueError, KeyError, TypeError):
        pass
    raise WrongServer(f"expected the frame that was sent, got {answer.status_code} with something else")

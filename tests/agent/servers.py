"""A small Rasid for the agent's tests: real sockets, and a link that breaks exactly where a test wants it to."""

import base64
import email.message
import email.parser
import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "rvk_test"
Answer = tuple[int, dict[str, str], bytes]
Trouble = Callable[["Handler"], Answer | None]  # None: the connection is cut without an answer


@dataclass
class Upload:
    length: int
    metadata: dict[str, str]
    data: bytearray = field(default_factory=bytearray)
    said: dict[str, str] = field(default_factory=dict)


class SmallRasid:
    """`files` counts how often each content was taken; `troubles` are used up, one a request that `meets` one."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.surveys: dict[str, str] = {}
        self.order: list[str] = []  # file names as they became whole
        self.uploads: dict[str, Upload] = {}
        self.requests: list[tuple[str, str]] = []
        self.troubles: list[tuple[str, Trouble]] = []
        self.refused: dict[str, str] = {}  # file name -> code
        self.body_bytes = self.created = 0
        self.url = ""
        self.lock = threading.RLock()

    def trouble(self, method: str, *troubles: Trouble) -> None:
        self.troubles += [(method, trouble) for trouble in troubles]

    def next_trouble(self, method: str) -> Trouble | None:
        with self.lock:
            for number, (meant, trouble) in enumerate(self.troubles):
                if meant in {method, "*"}:
                    del self.troubles[number]
                    return trouble
        return None

    def take(self, data: bytes, filename: str, survey: str) -> tuple[dict[str, Any], bool]:
        sha256 = hashlib.sha256(data).hexdigest()
        with self.lock:
            self.files[sha256] += 1
            self.surveys[filename] = survey
            self.order.append(filename)
            return {"id": list(self.files).index(sha256) + 1, "sha256": sha256}, self.files[sha256] == 1

    def count(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rasid: SmallRasid

    def handle_one_request(self) -> None:
        self.left = 0
        super().handle_one_request()

    def do_GET(self) -> None:
        self._do()

    do_POST = do_PATCH = do_HEAD = do_DELETE = do_GET  # noqa: N815  # the names http.server calls

    def log_message(self, *_: object) -> None:
        pass

    def _do(self) -> None:
        self.left = int(self.headers.get("Content-Length", 0))
        with self.rasid.lock:
            self.rasid.requests.append((self.command, self.path))
        trouble = self.rasid.next_trouble(self.command)
        answer = trouble(self) if trouble else self.act(self.body())
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, body = answer
        self.body()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self, limit: int | None = None) -> bytes:
        data = self.rfile.read(self.left if limit is None else min(limit, self.left))
        self.left -= len(data)
        with self.rasid.lock:
            self.rasid.body_bytes += len(data)
        return data

    def act(self, body: bytes) -> Answer:
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, "auth.required", "expected a vehicle's key")
        if self.command == "POST" and self.path == "/api/v1/frames":
            return self._take_frame(body)
        if self.command == "POST" and self.path == "/api/v1/tus":
            return self._create()
        if self.command == "GET":
            return 200, {}, json.dumps({"reason_detail": "expected lat and lon"}).encode()
        upload = self.rasid.uploads.get(self.path)
        if upload is None:
            return spoken(problem(404, "upload.unknown", "expected an upload of this vehicle"))
        if self.command == "PATCH":
            return self._append(upload, body)
        return 200, {"Upload-Offset": str(len(upload.data)), "Content-Length": "0"} | upload.said, b""

    def _take_frame(self, body: bytes) -> Answer:
        fields = _form(self.headers["Content-Type"], body)
        image = fields["image"]
        filename = image.get_filename() or ""
        if filename in self.rasid.refused:
            return problem(422, self.rasid.refused[filename], "expected lat and lon", frame_id=7)
        told = json.loads(bytes(fields["metadata"].get_payload(decode=True)))
        frame, new = self.rasid.take(bytes(image.get_payload(decode=True)), filename, told["survey"])
        return (201 if new else 200), {}, json.dumps(frame).encode()

    def _create(self) -> Answer:
        told = dict(pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
        metadata = {key: base64.b64decode(value).decode() for key, value in told.items()}
        with self.rasid.lock:
            self.rasid.created += 1
            path = f"/api/v1/tus/{self.rasid.created}"
            self.rasid.uploads[path] = Upload(int(self.headers["Upload-Length"]), metadata)
        return 201, {"Location": f"http://inside.example{path}"}, b""

    def _append(self, upload: Upload, body: bytes) -> Answer:
        with self.rasid.lock:
            if int(self.headers["Upload-Offset"]) != len(upload.data):
                return problem(409, "upload.offset", "expected another offset")
            digest = base64.b64encode(hashlib.sha1(body).digest()).decode()
            if self.headers["Upload-Checksum"] != f"sha1 {digest}":
                return problem(460, "tus.checksum", "expected other bytes")
            upload.data += body
            if len(upload.data) == upload.length and not upload.said:
                self._finish(upload)
        return 204, {"Upload-Offset": str(len(upload.data))} | upload.said, b""

    def _finish(self, upload: Upload) -> None:
        filename = upload.metadata["filename"]
        if filename in self.rasid.refused:
            upload.said = {
                "Rasid-State": "refused",
                "Rasid-Reason": self.rasid.refused[filename],
                "Rasid-Frame-Id": "7",
            }
            return
        frame, _ = self.rasid.take(bytes(upload.data), filename, upload.metadata["survey"])
        upload.said = {"Rasid-State": "finished", "Rasid-Frame-Id": str(frame["id"])}


def problem(status: int, code: str, detail: str, **extra: object) -> Answer:
    document = {"status": status, "code": code, "detail": detail, **extra}
    return status, {"Content-Type": "application/problem+json"}, json.dumps(document).encode()


def spoken(answer: Answer) -> Answer:
    """The same, as a server of tus says it."""
    status, headers, body = answer
    return status, headers | {"Tus-Resumable": "1.0.0"}, body


def says(status: int, body: bytes = b"", **headers: str) -> Trouble:
    """Something else than Rasid answers, or Rasid asks for patience."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: (status, named, body)


def cut_after(size_bytes: int, keep: bool = False) -> Trouble:
    """The link breaks inside the body; the server keeps what came of it, or nothing."""

    def cut(handler: Handler) -> None:
        came = handler.body(size_bytes)
        if keep:
            handler.rasid.uploads[handler.path].data += came

    return cut


def lose_answer(handler: Handler) -> None:
    """The server does as asked; the link breaks before the agent hears of it."""
    handler.act(handler.body())


def twice(handler: Handler) -> Answer:
    """The request arrives two times, the answer is that to the second."""
    body = handler.body()
    handler.act(body)
    return handler.act(body)


def claims_offset(offset: int) -> Trouble:
    """The bytes are kept, the number told is wrong."""

    def claim(handler: Handler) -> Answer:
        handler.act(handler.body())
        return 204, {"Upload-Offset": str(offset)}, b""

    return claim


def forget(handler: Handler) -> Answer:
    """The upload has expired."""
    handler.body()
    handler.rasid.uploads.pop(handler.path, None)
    return spoken(problem(410, "upload.expired", "expected an upload that has not expired"))


def after(event: threading.Event) -> Trouble:
    """The request is done late: after whatever sets the event."""

    def late(handler: Handler) -> Answer:
        body = handler.body()
        assert event.wait(20)
        return handler.act(body)

    return late


def then(event: threading.Event) -> Trouble:
    def done(handler: Handler) -> Answer:
        answer = handler.act(handler.body())
        event.set()
        return answer

    return done


@contextmanager
def running(rasid: SmallRasid) -> Iterator[str]:
    """Its address."""
    handler = type("OwnHandler", (Handler,), {"rasid": rasid})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a cut connection is the test's own doing
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        rasid.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield rasid.url
        finally:
            server.shutdown()
            thread.join()


def _form(content_type: str, body: bytes) -> dict[str, email.message.Message]:
    whole = email.parser.BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts: Any = whole.get_payload()
    return {str(part.get_param("name", header="content-disposition")): part for part in parts}

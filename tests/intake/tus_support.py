"""What the tus tests share: requests as a client makes them, and real servers, in a thread and in a process."""

import os
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from httpx2 import Client, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.app import create_app
from service.core.runtime import Runtime
from service.intake.models import Upload
from service.intake.uploads import spool_of
from tests.factories import DAMMAM, NOW

TUS = "/api/v1/tus"
VERSION = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}
PLACE = {"lat": str(DAMMAM[0]), "lon": str(DAMMAM[1]), "captured_at": NOW.isoformat()}
START_S = 120


def told(**values: str) -> str:
    """An Upload-Metadata header."""
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())


def create(client: Client, key: Mapping[str, str], length: int, metadata: str = "", **headers: str) -> Response:
    given = {**VERSION, **key, "Upload-Length": str(length), "Upload-Metadata": metadata}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request("POST", TUS, headers=given | named)


def create_frame(client: Client, key: Mapping[str, str], length: int, **values: str) -> str:
    """The address of a new upload with a full geotag."""
    answer = create(client, key, length, told(**({"filename": "a.jpg"} | PLACE | values)))
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def append(client: Client, key: Mapping[str, str], url: str, offset: int, data: Any = b"", **headers: str) -> Response:
    given = {**VERSION, **BODY, **key, "Upload-Offset": str(offset)}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request("PATCH", url, headers=given | named, content=data)


def head(client: Client, key: Mapping[str, str], url: str) -> Response:
    return client.request("HEAD", url, headers={**VERSION, **key})


def offset_of(client: Client, key: Mapping[str, str], url: str) -> int:
    return int(head(client, key, url).headers["upload-offset"])


def upload_row(session: Session, url: str) -> Upload:
    session.expire_all()
    return session.scalars(select(Upload).where(Upload.public_id == url.rsplit("/", 1)[1])).one()


def spool_path(runtime: Runtime, url: str) -> Path:
    return spool_of(runtime.settings).folder / url.rsplit("/", 1)[1]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def served(runtime: Runtime) -> Iterator[str]:
    """The application behind the real server; yields its address."""
    server = _Server(uvicorn.Config(create_app(runtime), port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.listening.wait(START_S)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(START_S)


@contextmanager
def served_process(runtime: Runtime, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`rasid serve` as an operator runs it, on the test's database and files; to be killed."""
    settings = {
        "RASID_DATABASE_URL": runtime.database.url.render_as_string(hide_password=False),
        "RASID_DATA_DIR": str(runtime.settings.data_dir),
        "RASID_MODEL": runtime.settings.model,
    }
    command = [sys.executable, "-m", "service", "serve", "--no-worker", "--port", str(port)]
    with log.open("ab") as sink:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=sink, stderr=sink)
    try:
        _wait_for(port, process, log)
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    raise AssertionError(f"the server did not start\n{log.read_text()[-3000:]}")


class RawRequest:
    """A request whose body is sent by hand, to be late, short, or broken off."""

    def __init__(self, base: str, method: str, path: str, headers: Mapping[str, str]) -> None:
        host, port = base.removeprefix("http://").split(":")
        self.link = socket.create_connection((host, int(port)), timeout=START_S)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
        self.link.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data: bytes) -> None:
        self.link.sendall(data)

    def answer(self) -> str:
        """All that comes until the server closes."""
        parts = []
        while part := self.link.recv(65536):
            parts.append(part)
        return b"".join(parts).decode()

    def close(self) -> None:
        self.link.close()


def raw_append(base: str, key: Mapping[str, str], url: str, offset: int, length: int) -> RawRequest:
    headers = {**VERSION, **BODY, **key, "Upload-Offset": str(offset), "Content-Length": str(length)}
    return RawRequest(base, "PATCH", url, headers)


def client_of(base: str) -> Client:
    return Client(base_url=base, timeout=START_S)

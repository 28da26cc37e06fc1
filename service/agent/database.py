"""The file under the agent's list: SQLite that has written to the disk what it says it has written."""

import sqlite3
from contextlib import suppress
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,  -- below the folder, as the file system spells it
    kind TEXT NOT NULL,
    rank INTEGER NOT NULL,  -- kinds of a lower rank are sent first
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    survey TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'refused', 'away')),
    sha256 TEXT,
    upload_url TEXT,
    reason_code TEXT,
    reason_detail TEXT,
    frame_id INTEGER,
    deleted INTEGER NOT NULL DEFAULT 0,
    changed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS file_state ON file (state, rank, path);
CREATE TABLE IF NOT EXISTS acknowledged (content TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Opens or makes it. One that power loss made unreadable is put aside under another name and begun again: the
    server takes the same bytes twice as one. Raises sqlite3.OperationalError where the disk cannot be written."""
    try:
        return _open(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        _put_aside(path)
        return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("expected a whole list, found damage")
        connection.executescript(SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _put_aside(path: Path) -> None:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).unlink()

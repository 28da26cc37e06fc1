"""What was found, what is on its way and what the server has: a list on disk that survives power loss at any point."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from threading import RLock
from typing import Any

from fasteners import InterProcessLock

from service.agent.database import open_database
from service.agent.drives import name_drives
from service.agent.entries import Entry, Receipt, RefusedFile, State
from service.agent.finding import FoundFile, Kind

KEEP_ENDED = timedelta(days=90)  # of files that are gone; the server would know them anyway
COLUMNS = "id, path, kind, size_bytes, mtime_ns, survey, sha256, upload_url"
RANKS = {Kind.TRACK: 0, Kind.IMAGE: 1, Kind.ZIP: 2, Kind.VIDEO: 2}  # a track places the frames beside it


class SpoolBusy(Exception):
    """Another agent sends this folder."""


class Spool:
    """The list of one folder for one server. Every change is on the disk when its method returns."""

    def __init__(self, folder: Path, server: str) -> None:
        """Opens it or makes it; each server (its address) has a list of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(server.encode()).hexdigest()[:12]
        self._alone = InterProcessLock(folder / f"{name}.lock")
        self._lock = RLock()
        self._db = open_database(folder / f"{name}.db")

    def claim(self) -> None:
        """Keeps other agents out until this process ends, in whatever way it ends. Raises SpoolBusy."""
        if not self._alone.acquire(blocking=False):
            raise SpoolBusy("expected to be alone, found another agent that sends this folder; end that first")

    def close(self) -> None:
        with self._lock:
            self._db.close()
        if self._alone.acquired:
            self._alone.release()

    def note(
        self, present: Iterable[FoundFile], whole: Iterable[FoundFile], survey: str | None, root: str, at: datetime
    ) -> int:
        """Brings the list up to date with the folder; returns how many files were new or had changed.

        `present` is every file there, `whole` those ready to be sent, `survey` what the owner calls this drive (else
        it is named by folder and day), `root` the name for files that lie in no sub-folder.
        """
        with self._transaction():
            listed = {os.fsdecode(row[0]): row[1:] for row in self._select("path, size_bytes, mtime_ns, state")}
            fresh = [file for file in whole if _is_news(file, listed.get(file.path))]
            surveys = dict.fromkeys((file.path for file in fresh), survey) if survey else self._surveys(fresh, root)
            for file in fresh:
                self._put(file, surveys[file.path] or root, at)
            there = {file.path for file in present}
            for path, (*_, state) in listed.items():
                if state == State.WAITING and path not in there:
                    self._db.execute("UPDATE file SET state = 'away' WHERE path = ?", [os.fsencode(path)])
        return len(fresh)

    def next_waiting(self, skipped: Collection[int]) -> Entry | None:
        """The next file to send: tracks first, then images, then archives, each in the order of their paths."""
        ids = ",".join(str(number) for number in skipped)
        found = self._select(COLUMNS, f"state = 'waiting' AND id NOT IN ({ids}) ORDER BY rank, path LIMIT 1")
        return _entry(found[0]) if found else None

    def keep_sha256(self, entry: Entry, sha256: str) -> None:
        self._change("UPDATE file SET sha256 = ? WHERE id = ?", sha256, entry.id)

    def keep_upload_url(self, entry: Entry, upload_url: str | None) -> None:
        """To be called before the first byte goes there."""
        self._change("UPDATE file SET upload_url = ? WHERE id = ?", upload_url, entry.id)

    def is_acknowledged(self, entry: Entry, sha256: str) -> bool:
        """Whether the server has these bytes, under whatever name they were sent."""
        with self._lock:
            found = self._db.execute("SELECT 1 FROM acknowledged WHERE content = ?", [_content(entry, sha256)])
            return found.fetchone() is not None

    def keep_sent(self, entry: Entry, sha256: str, receipt: Receipt, at: datetime) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO acknowledged VALUES (?, ?)", [_content(entry, sha256), at.isoformat()]
            )
            self._end(entry, State.SENT, at, frame_id=receipt.frame_id)

    def keep_refused(self, entry: Entry, code: str, detail: str, frame_id: int | None, at: datetime) -> None:
        with self._transaction():
            self._end(entry, State.REFUSED, at, code, detail, frame_id)

    def keep_away(self, entry: Entry, at: datetime) -> None:
        with self._transaction():
            self._end(entry, State.AWAY, at)

    def retry_refused(self) -> int:
        """Lets every refused file wait again; returns how many."""
        return self._change("UPDATE file SET state = 'waiting' WHERE state = 'refused'")

    def sent_and_kept(self) -> list[tuple[Entry, str]]:
        """Every sent file that this agent has not deleted, with the sha256 of what the server acknowledged."""
        rows = self._select(f"{COLUMNS}, sha256", "state = 'sent' AND deleted = 0 AND sha256 IS NOT NULL")
        return [(_entry(row[:-1]), row[-1]) for row in rows]

    def keep_deleted(self, entry: Entry) -> None:
        self._change("UPDATE file SET deleted = 1 WHERE id = ?", entry.id)

    def forget_old(self, present: Iterable[FoundFile], now: datetime) -> None:
        """Drops what ended long ago and lies in the folder no more, so that the list does not grow for ever."""
        there = {os.fsencode(file.path) for file in present}
        before = (now - KEEP_ENDED).isoformat()
        with self._transaction():
            old = self._select("id, path", "state <> 'waiting' AND changed_at < ?", before)
            self._db.executemany("DELETE FROM file WHERE id = ?", [[row[0]] for row in old if row[1] not in there])
            self._db.execute("DELETE FROM acknowledged WHERE at < ?", [before])

    def count(self) -> dict[State, tuple[int, int]]:
        """(files, bytes) in each state; a state without files is left out."""
        rows = self._select("state, count(*), total(size_bytes)", "1 GROUP BY state")
        return {State(state): (files, int(size_bytes)) for state, files, size_bytes in rows}

    def refused(self) -> list[RefusedFile]:
        rows = self._select("path, reason_code, reason_detail, frame_id", "state = 'refused' ORDER BY path")
        return [RefusedFile(printable(os.fsdecode(row[0])), *row[1:]) for row in rows]

    def _surveys(self, fresh: Sequence[FoundFile], root: str) -> dict[str, str | None]:
        known: dict[str, list[tuple[int, str]]] = {}
        for path, mtime_ns, survey in self._select("path, mtime_ns, survey"):
            known.setdefault(_folder(os.fsdecode(path)), []).append((mtime_ns, survey))
        surveys: dict[str, str | None] = {}
        for folder in {_folder(file.path) for file in fresh}:
            files = [file for file in fresh if _folder(file.path) == folder]
            names = name_drives(folder or root, [file.mtime_ns for file in files], known.get(folder, []))
            surveys |= {file.path: names[file.mtime_ns] for file in files}
        return surveys

    def _put(self, file: FoundFile, survey: str, at: datetime) -> None:
        """A file that comes back unchanged keeps what was known of it: its hash and its half-done upload."""
        same = "size_bytes = excluded.size_bytes AND mtime_ns = excluded.mtime_ns"
        self._db.execute(
            "INSERT INTO file (path, kind, rank, size_bytes, mtime_ns, survey, state, changed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?) ON CONFLICT (path) DO UPDATE SET"
            f" sha256 = CASE WHEN {same} THEN sha256 END, upload_url = CASE WHEN {same} THEN upload_url END,"
            " kind = excluded.kind, rank = excluded.rank,"
            " size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,"
            " survey = excluded.survey, state = 'waiting', reason_code = NULL, reason_detail = NULL,"
            " frame_id = NULL, deleted = 0, changed_at = excluded.changed_at",
            [
                os.fsencode(file.path),
                file.kind,
                RANKS[file.kind],
                file.size_bytes,
                file.mtime_ns,
                survey,
                at.isoformat(),
            ],
        )

    def _end(
        self, entry: Entry, state: State, at: datetime,
        code: str | None = None, detail: str | None = None, frame_id: int | None = None,
    ) -> None:  # fmt: skip
        """Only an upload whose file is away may still be gone on with."""
        self._db.execute(
            "UPDATE file SET state = ?, changed_at = ?, reason_code = ?, reason_detail = ?, frame_id = ?,"
            " upload_url = CASE WHEN ? = 'away' THEN upload_url END WHERE id = ?",
            [state, at.isoformat(), code, detail, frame_id, state, entry.id],
        )

    def _select(self, columns: str, where: str = "1", *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(f"SELECT {columns} FROM file WHERE {where}", values).fetchall()

    def _change(self, sql: str, *values: object) -> int:
        with self._transaction():
            return self._db.execute(sql, values).rowcount

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._db:
            yield


def printable(path: str) -> str:
    """The path for people and for JSON: what is no text in it becomes a question mark."""
    return path.encode("utf-8", "replace").decode()


def _content(entry: Entry, sha256: str) -> str:
    """What the server keeps once: a vehicle's bytes, but a track for every survey it is beside."""
    return f"{sha256} {entry.survey}" if entry.kind is Kind.TRACK else sha256


def _is_news(file: FoundFile, row: Sequence[Any] | None) -> bool:
    return row is None or row[2] == State.AWAY or (row[0], row[1]) != (file.size_bytes, file.mtime_ns)


def _entry(row: Sequence[Any]) -> Entry:
    number, path, kind, *rest = row
    return Entry(number, os.fsdecode(path), Kind(kind), *rest)


def _folder(path: str) -> str:
    folder = str(PurePosixPath(path).parent)
    return "" if folder == "." else folder

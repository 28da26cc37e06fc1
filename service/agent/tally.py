"""Counts bytes and files of a run, from several threads at once."""

from threading import Lock

from service.agent.display import Standings
from service.agent.entries import Entry


class Tally:
    def __init__(self) -> None:
        self._lock = Lock()
        self._there: dict[int, int] = {}  # id of an unfinished file -> its bytes that the server has
        self.bytes_sent = 0
        self._files_done = self._bytes_done = 0
        self._files_waiting = self._bytes_waiting = 0

    def progress(self, entry: Entry, there_bytes: int) -> int:
        """The server has so many bytes of the file now; returns how many of them were news. What an earlier run left
        there is the start, not news."""
        with self._lock:
            before = self._there.get(entry.id, there_bytes if entry.upload_url else 0)
            self._there[entry.id] = there_bytes
            news = max(there_bytes - before, 0)
            self.bytes_sent += news
        return news

    def ended(self, entry: Entry) -> None:
        with self._lock:
            self._there.pop(entry.id, None)
            self._files_done += 1
            self._bytes_done += entry.size_bytes
            self._files_waiting -= 1
            self._bytes_waiting -= entry.size_bytes

    def waiting(self, files: int, size_bytes: int) -> None:
        """How much is left to do, by the list."""
        with self._lock:
            self._files_waiting, self._bytes_waiting = files, size_bytes

    def standings(self) -> Standings:
        with self._lock:
            done = self._bytes_done + sum(self._there.values())
            files, size_bytes = self._files_done + self._files_waiting, self._bytes_done + self._bytes_waiting
            return Standings(self._files_done, files, done, size_bytes)

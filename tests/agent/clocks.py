"""A clock that passes days in no time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

BEGIN = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


class FakeClock:
    """Sleeping moves it on; `on_sleep` is told each time how many seconds have passed since it began."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda _: None
        self._lock = Lock()

    def monotonic_s(self) -> float:
        return self.now_s

    def utc_now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now_s)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now_s += max(seconds, 0.0)
            self.slept_s.append(seconds)
        self.on_sleep(self.now_s)

"""The time the agent lives by, so that tests pass days without waiting: one clock, one way to sleep."""

import time
from datetime import UTC, datetime
from threading import Event
from typing import Protocol


class Clock(Protocol):
    def monotonic_s(self) -> float: ...

    def utc_now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None:
        """Waits, or returns at once when the agent was asked to stop."""


class SystemClock:
    def __init__(self, stop: Event) -> None:
        self._stop = stop

    def monotonic_s(self) -> float:
        return time.monotonic()

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._stop.wait(seconds)
